"""A study whose images are decoded in each epoch, through the evaluator that trains."""

import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from seplace.datasets import decoding
from seplace.datasets.decode_ahead import THREAD_NAME
from seplace.datasets.streamed_images import JoinedImages, StreamedImages
from seplace.errors import DataError
from seplace.evaluators import study_networks
from seplace.evaluators.stand_alone import StandAlone, make
from seplace.evaluators.study_networks import StudyNetworks
from seplace.placement import Placement
from seplace.results.evaluation import Evaluation, Job
from seplace.study.config import StudyConfig, load_study
from seplace.study.differences import differences
from tests.studies import write_study

PLACEMENT = Placement.parse("none-none-se4")


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    random = np.random.default_rng(0)
    for split, count in (("train", 22), ("test", 4)):
        for label in range(3):
            folder = tmp_path / "photos" / split / f"class_{label}"
            folder.mkdir(parents=True)
            for number in range(count):
                pixels = random.integers(80 * label, 80 * label + 96, (14, 18, 3), dtype=np.uint8)
                Image.fromarray(pixels).save(folder / f"{number:02d}.jpg")
    return tmp_path / "photos"


def study(photos: Path, **changes: Any) -> StudyConfig:
    data = {"name": "image_folder", "root": str(photos), "image_size": 12, "train_images": 48, "validation_images": 18}
    training = {"epochs": 3, "batch_size": 8, "crop_padding": 1, "flip": True, "cutout": 3}
    changes["data"] = data | {"noise": 0.05} | changes.get("data", {})
    changes["training"] = training | changes.get("training", {})
    return load_study(write_study(photos.parent, **changes))


def trained(config: StudyConfig, folder: Path, *, stops: tuple[int, ...] = ()) -> tuple[StandAlone, Evaluation]:
    job = Job(placement=PLACEMENT, seed=1, epochs=3)
    for epochs in stops:  # another process goes on from each
        StandAlone(config, folder, device="cpu").evaluate(replace(job, epochs=epochs), on_epoch=lambda _: None)
    evaluator = StandAlone(config, folder, device="cpu")
    return evaluator, evaluator.evaluate(job, on_epoch=lambda _: None)


def test_a_streamed_training_gives_the_numbers_of_one_in_memory(photos: Path, tmp_path: Path) -> None:
    at_once, whole = trained(study(photos, data={"in_memory": True}), tmp_path / "memory")
    config = study(photos, data={"in_memory": False})
    streams, streamed = trained(config, tmp_path / "streamed", stops=(1, 2))
    assert isinstance(at_once.networks.images.train.images, np.ndarray)
    assert isinstance(streams.networks.images.train.images, StreamedImages)
    assert streamed.curve == whole.curve
    assert streamed.correct == whole.correct is not None
    assert streamed.weights_sha256 == whole.weights_sha256
    assert streams.test(streamed) == at_once.test(whole)
    assert not [thread for thread in threading.enumerate() if thread.name.startswith(THREAD_NAME)]
    (note,) = streams.describe_images()["notes"]
    assert note.startswith("images are decoded anew in each epoch, ahead of the training; in memory they would take")
    assert at_once.describe_images()["notes"] == []
    assert at_once.config.fingerprint() == config.fingerprint()
    cropped = {"training": {"crop_padding": 0, "random_resized_crop": {}}}
    of_files, again, of_squares = (
        study(photos, data={"in_memory": in_memory}, **cropped) for in_memory in ("auto", False, True)
    )
    assert of_files.fingerprint() == again.fingerprint()
    assert differences(of_files.fingerprint(), of_squares.fingerprint()) == ["data.in_memory: absent -> true"]
    assert StudyNetworks(of_files, device="cpu").training_batches(seed=0)._crops_files
    on_both = StudyNetworks(replace(config, trained_on="train+validation"), device="cpu")
    assert len(on_both.training_batches(seed=0)) == (48 + 18) // 8
    assert isinstance(on_both._training_split.images, JoinedImages)


def test_streams_where_the_memory_that_is_free_is_too_small_for_all_workers(
    photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    needed = 4 * 3 * (48 + 18) * 3 * 12 * 12  # a quarter of it for three workers
    config = study(photos, run={"executor": "processes", "workers": 3})
    for free, kind in ((needed, np.ndarray), (needed - 12, StreamedImages)):
        monkeypatch.setattr(study_networks, "available_bytes", lambda free=free: free)
        assert isinstance(StudyNetworks(config, device="cpu").images.train.images, kind)


def test_an_image_that_vanishes_during_a_training_ends_the_run_and_is_named(photos: Path, tmp_path: Path) -> None:
    evaluator = make(study(photos, data={"in_memory": False}, run={"decode_threads": 3}), tmp_path, worker=0)
    assert decoding.decode_threads() == 3
    decoding._chosen_threads = None
    (path, *_) = evaluator.networks.images.train.images.sources  # type: ignore[union-attr]

    def remove(epoch: int) -> None:
        if epoch == 1:
            Path(str(path)).unlink()

    with pytest.raises(DataError, match=rf"{path}: cannot be read any more"):
        evaluator.evaluate(Job(placement=PLACEMENT, seed=1, epochs=3), on_epoch=remove)
    assert not [thread for thread in threading.enumerate() if thread.name.startswith(THREAD_NAME)]
