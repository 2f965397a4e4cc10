"""Run the steps, each in a process of its own with a limit of time, and write the figures: `tests/gpu/run.sh`."""

from __future__ import annotations

import argparse
import contextlib
import importlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
import traceback
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from seplace.files.atomic import write_atomically
from tests.gpu.figures import Figure, Setting, figures_in, machine_record


@dataclass(frozen=True)
class Step:
    """A step, a module of tests.gpu.steps, and the most seconds that it may take on a GPU and on a processor."""

    name: str
    gpu: float
    cpu: float


STEPS = (
    Step("doctor", 20, 90),
    Step("determinism", 70, 240),
    Step("throughput", 130, 300),
    Step("memory", 80, 240),
    Step("kill", 110, 480),
    Step("latency", 70, 300),
    Step("export", 60, 300),
    Step("quickstart", 120, 480),
)
SECONDS = 545.0
"""The time of all steps on a GPU, by default; on a processor there is no limit."""

_LEAST = 10.0
"""A step that has less time left is not begun."""


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What became of a step."""

    step: str
    state: str
    """`ok`, `failed`, `out of time` or `not begun`."""
    seconds: float
    figures: list[Figure]
    message: str = ""


def main(arguments: Sequence[str]) -> int:
    """Run all steps and return 0 if none failed."""
    parser = argparse.ArgumentParser(prog="tests/gpu/run.sh")
    parser.add_argument("out", nargs="?", default=os.environ.get("OUT", "gpu-figures"))
    parser.add_argument("--cpu", action="store_true")
    parser.add_argument("--data")
    parser.add_argument("--seconds", type=float, default=None)
    parser.add_argument("--only", action="append", choices=[step.name for step in STEPS])
    parser.add_argument("--step", choices=[step.name for step in STEPS], help=argparse.SUPPRESS)
    parser.add_argument("--accelerator", choices=("cpu", "gpu"), help=argparse.SUPPRESS)
    given = parser.parse_args(arguments)
    out = Path(given.out).absolute()
    data = None if given.data is None else str(Path(given.data).absolute())
    if given.step is not None:
        return run_step(given.step, Setting(folder=out, accelerator=given.accelerator, data=data))
    accelerator = "cpu" if given.cpu or not _has_gpu() else "gpu"
    seconds = given.seconds or (SECONDS if accelerator == "gpu" else float("inf"))
    steps = [step for step in STEPS if given.only is None or step.name in given.only]
    return run_all(steps, out, accelerator=accelerator, data=data, seconds=seconds)


def _has_gpu() -> bool:
    import torch

    return torch.cuda.is_available()


def run_all(steps: Sequence[Step], out: Path, *, accelerator: str, data: str | None, seconds: float) -> int:
    """Run steps one after the other; what is known is written after each, so that an early end loses nothing."""
    out.mkdir(parents=True, exist_ok=True)
    machine = machine_record(accelerator)
    print(f"{machine['device']}; figures in {out}", flush=True)
    until = time.monotonic() + seconds
    outcomes: list[Outcome] = []
    for step in steps:
        limit = min(step.gpu if accelerator == "gpu" else step.cpu, until - time.monotonic())
        outcomes.append(_outcome(step, out, accelerator=accelerator, data=data, limit=limit))
        last = outcomes[-1]
        print(f"{last.step}: {last.state}, {last.seconds:.0f} s {last.message}".rstrip(), flush=True)
        record = {"machine": machine, "steps": [asdict(each) for each in outcomes]}
        write_atomically(out / "summary.json", json.dumps(record, indent=1) + "\n")
        write_atomically(out / "summary.md", summary(machine, outcomes))
    return int(any(each.state != "ok" for each in outcomes))


def _outcome(step: Step, out: Path, *, accelerator: str, data: str | None, limit: float) -> Outcome:
    if limit < _LEAST:
        return Outcome(step=step.name, state="not begun", seconds=0.0, figures=[], message="no time is left")
    folder = out / step.name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    command = [sys.executable, "-m", "tests.gpu", str(folder), "--step", step.name, "--accelerator", accelerator]
    command += [] if data is None else ["--data", data]
    start = time.monotonic()
    one_gpu = {"CUDA_VISIBLE_DEVICES": os.environ.get("CUDA_VISIBLE_DEVICES", "0").split(",")[0]}
    environment = os.environ | (one_gpu if accelerator == "gpu" else {})
    with (out / f"{step.name}.log").open("w") as log:
        process = subprocess.Popen(
            command, stdout=log, stderr=subprocess.STDOUT, start_new_session=True, env=environment
        )
        try:
            code: int | None = process.wait(timeout=limit)
        except subprocess.TimeoutExpired:
            code = None
        finally:
            _end(process)
    figures = figures_in(folder)
    shutil.rmtree(folder, ignore_errors=True)
    lines = (out / f"{step.name}.log").read_text(errors="replace").strip().splitlines() or [""]
    states = {0: ("ok", ""), None: ("out of time", f"after {limit:.0f} s")}
    state, message = states.get(code, ("failed", lines[-1]))
    return Outcome(step=step.name, state=state, seconds=time.monotonic() - start, figures=figures, message=message)


def _end(process: subprocess.Popen[bytes]) -> None:
    """End a step with all that it has started."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def run_step(name: str, setting: Setting) -> int:
    """Run one step in this process."""
    try:
        importlib.import_module(f"tests.gpu.steps.{name}").run(setting)
    except Exception:
        traceback.print_exc()
        return 1
    return 0


def summary(machine: dict[str, Any], outcomes: Sequence[Outcome]) -> str:
    """Return all figures as a Markdown page."""
    known = ", ".join(f"{name} {version}" for name, version in machine["versions"].items() if name != "python")
    cuda = f", CUDA {machine['cuda']}, driver {machine.get('driver')}" if machine["accelerator"] == "gpu" else ""
    lines = [f"# seplace on {machine['device']}", "", f"Python {machine['python']}, {known}{cuda}.", ""]
    if machine["accelerator"] == "cpu":
        lines += ["**No GPU was used: this is the small form on a processor.**", ""]
    lines += ["| step | figure | value | unit | n | spread |", "| --- | --- | ---: | --- | ---: | ---: |"]
    for each in outcomes:
        message = f": {each.message}" if each.message else ""
        lines.append(f"| **{each.step}** | {each.state}{message.replace('|', '/')} | {each.seconds:.0f} | s | | |")
        lines += [f"| | {' | '.join(cell.replace('|', '/') for cell in figure.cells)} |" for figure in each.figures]
    return "\n".join([*lines, ""])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
