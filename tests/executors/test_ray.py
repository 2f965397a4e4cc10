"""Trainings on the nodes of a Ray cluster, which die, come late, and share no files."""

import pickle
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from seplace.datasets.image_set import load_image_set
from seplace.datasets.sent import SentImages
from seplace.errors import ClusterUnavailable, InputError, MissingPackage, MissingTestSplit
from seplace.executors.ray_cluster import Cluster, address_of, room_of
from seplace.executors.ray_worker import Mirror
from seplace.files.atomic import write_atomically
from seplace.files.scratch import Scratch
from seplace.study.study_file import RunSection
from tests.clusters import free_port, nodes
from tests.conftest import made_once
from tests.datasets.made_up import make_folder
from tests.executors.steady import LOG
from tests.faults.oracle import Oracle
from tests.faults.runs import Command, committed_in
from tests.studies import write_study

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(
    ("address", "error", "message"),
    [
        pytest.param("ray://10.0.0.1:10001", InputError, "by host:port or auto; seplace does not use Ray's client"),
        pytest.param("nonsense", ClusterUnavailable, "at nonsense cannot be joined: an address is host:port, or auto"),
        pytest.param(
            "127.0.0.1:{free}", ClusterUnavailable, r"at 127\.0\.0\.1:\d+ cannot be joined: Connection refused"
        ),
    ],
)
def test_a_wrong_address_is_one_line(monkeypatch, address, error, message):
    monkeypatch.setattr("ray.is_initialized", lambda: False)  # as another test of this process may have it
    address = address.format(free=free_port())
    with pytest.raises(error, match=message) as raised:
        joined(RunSection(executor="ray", address=address))
    assert "\n" not in str(raised.value)


def joined(run: RunSection) -> None:
    cluster = Cluster(run, workers=1)
    try:
        cluster.call(lambda: None)
    finally:
        cluster.leave(lambda: None)


@pytest.mark.parametrize(
    ("said", "message"),
    [
        pytest.param(
            "RuntimeError Version mismatch: The cluster was started with:\n    Ray: 2.59.0\n    Python: 3.11.7\n"
            "This process on node 10.0.0.2 was started with:\n    Ray: 2.60.0\n    Python: 3.11.7\n",
            "the Ray cluster at a:1 runs Ray 2.59.0, here it is 2.60.0: all machines need the same ones",
        ),
        pytest.param(
            "RuntimeError Failed to connect to GCS. RPC error: InvalidAuthToken: Authentication token is missing",
            "the Ray cluster at a:1 takes only those who have its token: set RAY_AUTH_MODE=token",
        ),
    ],
)
def test_a_cluster_that_does_not_fit_is_one_line(said, message):
    cluster = Cluster(RunSection(executor="ray", address="a:1"), workers=1)
    assert cluster.reason(ConnectionError(said)).startswith(message)
    cluster.leave(lambda: None)


def test_a_training_on_several_devices_holds_all_of_them():
    cluster = Cluster(RunSection(executor="ray", threads=3), workers=1, devices=2)
    assert cluster.wanted(0.0) == "6 CPUs"
    assert cluster.wanted(2.0) == "6 CPUs and 2 GPUs"
    cluster.leave(lambda: None)
    run = RunSection(executor="ray", threads=2)
    assert room_of(run, devices=2, cores=16, gpus=6) == 3
    assert room_of(run, devices=2, cores=16, gpus=0) == 4


def test_ray_is_needed_only_by_its_executor(monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None if name == "ray" else 1)
    with pytest.raises(MissingPackage, match=r"pip install 'seplace\[ray\]'"):
        Cluster(RunSection(executor="ray"), workers=1)


def test_the_address_of_the_environment_is_that_of_a_study_without_one(monkeypatch):
    monkeypatch.setenv("RAY_ADDRESS", "10.0.0.1:6379")
    assert address_of(RunSection()) == "10.0.0.1:6379"
    assert address_of(RunSection(address="10.0.0.2:1")) == "10.0.0.2:1"
    assert address_of(RunSection(address="local")) is None
    monkeypatch.setenv("RAY_ADDRESS", "")
    assert address_of(RunSection()) is None


def test_a_worker_sends_what_the_driver_does_not_have(tmp_path):
    mirror = Mirror(tmp_path)
    mirror.take({"checkpoints/a.ckpt": b"old"})
    assert mirror.changes() == {}
    write_atomically(tmp_path / "checkpoints" / "a.ckpt", b"new")
    (tmp_path / "checkpoints" / ".b.ckpt.abcdefgh").write_bytes(b"half")
    assert mirror.changes() == {"checkpoints/a.ckpt": b"new"}
    (tmp_path / "checkpoints" / "a.ckpt").unlink()
    (tmp_path / "weights" / "a.safetensors").write_bytes(b"whole")
    assert mirror.changes() == {"checkpoints/a.ckpt": None, "weights/a.safetensors": b"whole"}
    mirror.take({})
    assert mirror.changes() == {}
    assert not list((tmp_path / "weights").iterdir())


def test_images_are_the_same_after_they_were_sent():
    images = load_image_set(
        "digits", root=None, image_size=None, train_images=50, validation_images=20, noise=0.1, seed=0
    )
    sent = pickle.loads(pickle.dumps(SentImages.pack(images))).unpacked()
    for split in ("train", "validation"):
        before, after = getattr(images, split), getattr(sent, split)
        np.testing.assert_array_equal(before.images, after.images)
        np.testing.assert_array_equal(before.labels, after.labels)
    assert (sent.classes, sent.mean, sent.std) == (images.classes, images.mean, images.std)
    with pytest.raises(MissingTestSplit, match="only where the study was started"):
        sent.test()


def test_what_a_killed_process_leaves_is_removed_by_the_next(tmp_path):
    program = "import sys; from pathlib import Path; from seplace.files.scratch import Scratch; "
    program += "import os; Scratch('worker-', parent=Path(sys.argv[1])); os._exit(1)"
    subprocess.run([sys.executable, "-c", program, str(tmp_path)], check=False)
    assert len(list(tmp_path.iterdir())) == 1
    mine = Scratch("worker-", parent=tmp_path)
    other = Scratch("worker-", parent=tmp_path)
    assert sorted(tmp_path.iterdir()) == sorted([mine.path, other.path])
    mine.remove()
    other.remove()
    assert not list(tmp_path.iterdir())


STEADY = {"evaluator": {"name": "tests.executors.steady:Steady"}}
SMALL = {
    "training": {"epochs": 4},
    "search": {"sampler": "nsga2", "trainings": 14, "seeds": 2},
    "confirm": {"seeds": 2, "trainings": 4},
}


def write(folder: Path, *, executor: str, workers: int = 4, **changes) -> Path:
    run = {"executor": executor, "workers": workers, "threads": 1, "accelerator": "cpu"}
    return write_study(folder, **SMALL, **changes, run=run)


class Run(Command):
    """`seplace run` in the current folder of the tests, so that own evaluators are found."""

    def __init__(self, study: Path, folder: Path, *options: str) -> None:
        self.folder = folder
        super().__init__("run", str(study), "--results", str(folder), *options)

    def wait_for(self, committed: int, *, seconds: float = 120) -> None:
        until = time.monotonic() + seconds
        while len(committed_in(self.folder)) < committed and self.process.poll() is None:
            assert time.monotonic() < until, "the run does not get on"
            time.sleep(0.05)


@pytest.fixture
def log(tmp_path, monkeypatch) -> Path:
    monkeypatch.setenv(LOG, str(tmp_path / "log"))
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    return tmp_path / "log"


@pytest.fixture(scope="session")
def inline(tmp_path_factory) -> Path:
    """What the study leaves when it is trained in one process, with as many proposals at once."""
    with made_once(tmp_path_factory, "inline") as (folder, is_made):
        if not is_made:
            with Run(write(folder, executor="inline"), folder / "out") as run:
                assert run.end()[0] == 0
    return folder / "out"


UNLIKE = {"seconds", "attempts", "latency_ms", "latency_ms_lower", "latency_ms_upper", "extra_latency_ms"}


def evaluations(folder: Path) -> pd.DataFrame:
    """The table of all trainings in an order of its own, without what was timed."""
    frame = pd.read_csv(folder / "evaluations.csv")
    return frame[[name for name in frame if name not in UNLIKE]].sort_values(["placement", "seed"], ignore_index=True)


def epochs_in(log: Path) -> Counter[tuple[str, ...]]:
    words = [line.split() for line in log.read_text().splitlines()]
    return Counter(tuple(each[:3]) for each in words if each[0] != "timed")


@pytest.mark.long
def test_nodes_die_and_come_and_every_evaluation_arrives_once(tmp_path, log, inline, monkeypatch):
    with nodes(tmp_path) as cluster:
        for name, value in cluster.environment.items():
            monkeypatch.setenv(name, value)
        four = [cluster.add() for _ in range(4)]
        cluster.wait_for(5)
        study = write(tmp_path, executor="ray", **STEADY)
        with Run(study, tmp_path / "out", "--address", cluster.address) as run:
            run.wait_for(3)
            time.sleep(0.4)
            cluster.kill(four[0])
            run.wait_for(6)
            cluster.add()
            code, output = run.end(seconds=240)
    assert code == 0, output
    Oracle(tmp_path / "out").after(code, wanted=0)
    pd.testing.assert_frame_equal(evaluations(tmp_path / "out"), evaluations(inline))
    attempts = pd.read_csv(tmp_path / "out" / "evaluations.csv")["attempts"]
    assert set(attempts) <= {1, 2}
    assert (attempts == 2).sum() <= 1
    assert ("a worker of the Ray cluster was lost" in " ".join(output.split())) == (attempts == 2).any()
    counts = epochs_in(log)
    assert sum(counts.values()) - len(counts) <= 1, "a training began again from its start"


@pytest.mark.long
def test_a_driver_that_is_killed_goes_on_from_the_checkpoints(tmp_path, log, inline, monkeypatch):
    with nodes(tmp_path) as cluster:
        for name, value in cluster.environment.items():
            monkeypatch.setenv(name, value)
        for _ in range(4):
            cluster.add()
        cluster.wait_for(5)
        study = write(tmp_path, executor="ray", **STEADY)
        oracle = Oracle(tmp_path / "out")
        for _ in range(2):
            with Run(study, tmp_path / "out", "--address", cluster.address) as run:
                run.wait_for(len(committed_in(tmp_path / "out")) + 4)
                time.sleep(0.6)
                run.process.send_signal(signal.SIGKILL)
                run.process.wait()
                oracle.look()
        with Run(study, tmp_path / "out", "--address", cluster.address) as run:
            code, output = run.end(seconds=240)
        oracle.after(code, wanted=0)
    assert code == 0, output
    pd.testing.assert_frame_equal(evaluations(tmp_path / "out"), evaluations(inline))
    counts = epochs_in(log)
    # What a killed driver's workers trained after their last checkpoint is trained again: an epoch each, at most two.
    assert sum(counts.values()) - len(counts) <= 2 * 2 * 4


GATE = """
import torch
from nearby import scale


class Gate(torch.nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.full((channels, 1, 1), scale()))

    def forward(self, x):
        return x * self.weight
"""


def private_study(folder: Path, *, executor: str, **changes) -> Path:
    """A study whose images, modules, file and results lie in one folder, which other machines do not see."""
    folder.mkdir()
    make_folder(folder / "images", train=40, test=4, classes=2, test_name="test")
    (folder / "mygate.py").write_text(GATE)
    (folder / "nearby.py").write_text("def scale():\n    return 1.5\n")
    (folder / "own.yaml").write_text(
        'schema: 1\nbackbone: "cifar_resnet8[width=0.25]"\ngate: {init: paper}\n'
        'choices: {modules: [none, eca, "mygate:Gate"], attachments: [serial]}\n'
    )
    return write(
        folder,
        executor=executor,
        workers=2,
        space="own.yaml",
        data={
            "name": "image_folder",
            "root": "images",
            "image_size": 16,
            "train_images": None,
            "validation_images": 16,
        },
        **changes,
    )


@pytest.mark.long
def test_machines_that_share_no_files_get_images_and_modules_and_send_results(tmp_path, log, monkeypatch):
    whole = private_study(tmp_path / "whole", executor="inline")
    with Run(whole, tmp_path / "whole" / "out") as run:
        code, output = run.end()
    assert code == 0, output
    folder = tmp_path / "private"
    study = private_study(folder, executor="ray", **STEADY)
    with nodes(tmp_path) as cluster:
        for name, value in cluster.environment.items():
            monkeypatch.setenv(name, value)
        there = [cluster.add(hidden=folder) for _ in range(2)]
        cluster.wait_for(3)
        with Run(study, folder / "out", "--address", cluster.address) as run:
            run.wait_for(5)
            time.sleep(0.4)
            cluster.kill(there[0])
            code, output = run.end(seconds=240)
    assert code == 0, output
    Oracle(folder / "out").after(code, wanted=0)
    pd.testing.assert_frame_equal(evaluations(folder / "out"), evaluations(tmp_path / "whole" / "out"))
    counts = epochs_in(log)
    assert sum(counts.values()) - len(counts) <= 1, "the training on the machine that died began again from its start"


@pytest.mark.long
def test_placements_are_timed_on_the_machine_that_is_kept_for_it(tmp_path, log, monkeypatch):
    study = write(tmp_path, executor="ray", workers=1, **STEADY)
    with nodes(tmp_path) as cluster:
        for name, value in cluster.environment.items():
            monkeypatch.setenv(name, value)
        cluster.add()
        cluster.add(cpus=0, resources='{"seplace_latency": 1}')
        cluster.wait_for(3)
        with Run(study, tmp_path / "out", "--address", cluster.address) as run:
            driver = run.process.pid
            code, output = run.end(seconds=240)
    assert code == 0, output
    words = [line.split() for line in log.read_text().splitlines()]
    timed = {word[1] for word in words if word[0] == "timed"}
    assert len(timed) == 1
    assert not timed & {str(driver), *(word[-1] for word in words if word[0] != "timed")}


@pytest.mark.long
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGKILL, -9)])
def test_a_cluster_of_its_own_ends_with_the_run(tmp_path, log, monkeypatch, number, code):
    place = tempfile.mkdtemp(prefix="own-")  # short, as names of sockets are; in the command lines of all of Ray
    monkeypatch.setenv("RAY_TMPDIR", place)
    monkeypatch.setenv("RAY_AUTH_TOKEN", "0" * 32)
    with Run(write(tmp_path, executor="ray", workers=2, **STEADY), tmp_path / "out") as run:
        run.wait_for(2)
        run.process.send_signal(number)
        output, _ = run.process.communicate(timeout=60)
        assert run.process.returncode == code, output
        until = time.monotonic() + 20
        while subprocess.run(["pgrep", "-f", place], capture_output=True, check=False).stdout:
            assert time.monotonic() < until, "processes of Ray are left"
            time.sleep(0.1)
    shutil.rmtree(place, ignore_errors=True)
    assert log.exists()
