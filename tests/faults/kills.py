"""Studies of short trainings that are killed at random moments: the driver, a worker under it, or a node of a cluster.

    python -m tests.faults.kills 200
    python -m tests.faults.kills 20 ray

kills so often and prints what was lost. Each study is compared with the same one that nobody disturbs.
"""

import os
import random
import shutil
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from seplace import running
from tests.faults import quick
from tests.faults.oracle import Oracle, same_results
from tests.faults.runs import Run, children_of
from tests.faults.zygote import ForkedRun, Zygote
from tests.studies import write_study

SETTINGS = (("inline", "random"), ("processes", "nsga2"), ("processes", "random"), ("inline", "tpe"))
"""The executor and the sampler of each study."""

EARLY = 0.2
"""The share of the kills that come while a run starts, whatever it has done by then."""


@dataclass
class Tally:
    """What several studies went through."""

    kills: Counter[str] = field(default_factory=Counter)
    starts: int = 0
    results: int = 0
    again: int = 0
    """Acknowledged results that were trained again."""
    unfinished: int = 0
    """Trainings that were begun again, since they were killed on their way."""
    resumed: int = 0
    """Those of them that went on from a checkpoint."""


def write(folder: Path, *, executor: str, sampler: str, trainings: int, seconds: float, workers: int = 2) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    quick.behave(folder, seconds=seconds)
    return write_study(
        folder,
        evaluator={"name": quick.NAME},
        training={"epochs": 3},
        search={"sampler": sampler, "trainings": trainings},
        confirm={"seeds": 3, "trainings": trainings // 10},
        run={"executor": executor, "workers": workers, "stop_after_failures": 1000, "max_retries": 5},
    )


def undisturbed(folder: Path, *, sampler: str, trainings: int, workers: int = 2) -> Path:
    """What the study leaves that nobody kills. Where trainings run is no part of it; how many at once is."""
    study = write(folder, executor="inline", sampler=sampler, trainings=trainings, seconds=0.0, workers=workers)
    running.run(study, folder=folder / "whole", observer=lambda _: None)
    return folder / "whole"


def kill_worker(_: str, run: Run, chance: random.Random) -> bool:
    """Kill a worker process of a run; return whether there was one."""
    workers = children_of(run.process.pid)
    if workers:
        os.kill(chance.choice(workers), signal.SIGKILL)
    return bool(workers)


def kill_again_and_again(
    study: Path,
    folder: Path,
    *,
    launch: Callable[[Path, Path], Run],
    kill: Callable[[str, Run, random.Random], bool] = kill_worker,
    kills: Sequence[str],
    whole: Path,
    chance: random.Random,
    tally: Tally,
) -> None:
    """Run a study, kill what `kills` says at random moments, and check all that must hold after each and at the end."""
    beside = study.parent
    oracle, length = Oracle(folder), len(_read_keys(whole))
    run: Run | None = None
    known: list[tuple[int, set[tuple[str, int, int]]]] = []
    for number, what in enumerate(kills):
        if run is None:
            known.append((len(quick.begun(beside)), oracle.complete))
            run = launch(study, folder)
            tally.starts += 1
        with run.killed_on_error():
            if chance.random() < EARLY:
                time.sleep(chance.uniform(0, 3))
            else:
                run.wait_for(chance.randrange(length * number // len(kills), length * (number + 1) // len(kills)))
                time.sleep(chance.uniform(0, 0.3))
            if what != "driver" and kill(what, run, chance):
                tally.kills[what] += 1
                continue
            run.process.send_signal(signal.SIGKILL)
            code, output = run.end()
        run = None
        if code == 0:
            break
        assert code == -signal.SIGKILL, output
        tally.kills["driver"] += 1
        oracle.after(code, wanted=-signal.SIGKILL, is_whole=False)
    if run is None:
        known.append((len(quick.begun(beside)), oracle.complete))
        run = launch(study, folder)
        tally.starts += 1
    with run.killed_on_error():
        code, output = run.end(seconds=600)
    assert code == 0, output
    oracle.after(code, wanted=0)
    same_results(folder, whole)
    tally.results += len(oracle.complete)
    begun = quick.begun(beside)
    for since, done in known:
        tally.again += sum(key in done for key, _, _ in begun[since:])
    tally.unfinished += len(begun) - len(oracle.complete)
    tally.resumed += sum(reached > 0 for _, reached, _ in begun)


def _read_keys(folder: Path) -> set[tuple[str, int, int]]:
    oracle = Oracle(folder)
    oracle.look()
    return oracle.complete


def main(count: int, *, trainings: int = 300) -> None:
    started = time.monotonic()
    tally, seed = Tally(), int(time.time())
    print(f"{count} kills, seed {seed}", flush=True)
    chance = random.Random(seed)
    with tempfile.TemporaryDirectory(prefix="kills") as temporary, Zygote() as zygote:
        number = 0
        while tally.kills.total() < count:
            executor, sampler = SETTINGS[number % len(SETTINGS)]
            folder, number = Path(temporary) / str(number), number + 1
            left = min(count - tally.kills.total(), -(-count // len(SETTINGS)))
            whole = undisturbed(folder / "whole", sampler=sampler, trainings=trainings)
            study = write(folder / "killed", executor=executor, sampler=sampler, trainings=trainings, seconds=0.01)
            kills = [chance.choice(["driver", "worker"]) if executor != "inline" else "driver" for _ in range(left)]
            kill_again_and_again(
                study,
                folder / "out",
                launch=partial(ForkedRun, zygote),
                kills=kills,
                whole=whole,
                chance=chance,
                tally=tally,
            )
            print(f"{executor} {sampler}: {dict(tally.kills)}, {tally.results} results so far", flush=True)
            shutil.rmtree(folder)
    report(tally, studies=number, seconds=time.monotonic() - started)


def report(tally: Tally, *, studies: int, seconds: float) -> None:
    """Print what was killed and what was lost."""
    assert tally.again == 0, f"{tally.again} acknowledged results were trained again"
    killed = ", ".join(f"{number} of a {what}" for what, number in tally.kills.items())
    print(
        f"{tally.kills.total()} kills ({killed}) in {studies} studies with {tally.results} results, started "
        f"{tally.starts} times, in {seconds:.0f} s:\n"
        f"0 acknowledged results lost, 0 altered, 0 duplicated; {tally.again} trained again;\n"
        f"{tally.unfinished} unfinished trainings were begun again, {tally.resumed} of them from a checkpoint;\n"
        "all tables are byte for byte those of the undisturbed studies, but for the columns of seconds and attempts"
    )


def main_of_ray(count: int, *, trainings: int = 100) -> None:
    """Kill drivers, workers and nodes of a Ray cluster on this machine; a node comes for each that went."""
    from tests.clusters import descendants_of, nodes

    tally, seed = Tally(), int(time.time())
    print(f"{count} kills of runs on a Ray cluster, seed {seed}", flush=True)
    chance, started = random.Random(seed), time.monotonic()
    with tempfile.TemporaryDirectory(prefix="kills") as temporary, nodes(Path(temporary)) as cluster:
        os.environ.update(cluster.environment)
        there = [cluster.add() for _ in range(4)]

        def kill(what: str, _: Run, chance: random.Random) -> bool:
            number = chance.randrange(len(there))
            if what == "node":
                cluster.kill(there[number])
                there[number] = cluster.add()
                return True
            pids = [pid for node in there for pid in descendants_of(node.pid) if _is_of_an_actor(pid)]
            if pids:
                os.kill(chance.choice(pids), signal.SIGKILL)
            return bool(pids)

        studies = 0
        while tally.kills.total() < count:
            folder, studies = Path(temporary) / str(studies), studies + 1
            settings = {"sampler": "random", "trainings": trainings, "workers": 4}
            whole = undisturbed(folder / "whole", **settings)
            study = write(folder / "killed", executor="ray", seconds=0.2, **settings)
            left = count - tally.kills.total()
            kill_again_and_again(
                study,
                folder / "out",
                launch=lambda study, folder: Run(study, folder, "--address", cluster.address),
                kill=kill,
                kills=[chance.choice(["driver", "worker", "node"]) for _ in range(left)],
                whole=whole,
                chance=chance,
                tally=tally,
            )
            print(f"ray random: {dict(tally.kills)}, {tally.results} results so far", flush=True)
    report(tally, studies=studies, seconds=time.monotonic() - started)


def _is_of_an_actor(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().startswith(b"ray::")
    except OSError:
        return False


if __name__ == "__main__":
    (main_of_ray if "ray" in sys.argv else main)(int(sys.argv[1]))
