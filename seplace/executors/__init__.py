"""Executors: where trainings run. One file and one line add an entry.

An entry is a class `Executor(maker, *, workers, max_retries, on_progress)` with `submit(job)`, `wait()` that returns
finished evaluations, `close()`, and the numbers `running` and `epochs_done`. `evaluate_job(maker.make(worker), job,
on_epoch=…)` evaluates a job.
"""

from seplace.registry import Entry, Registry

EXECUTORS = Registry(
    "executor",
    Entry,
    group="seplace.executors",
    entries={
        "inline": "seplace.executors.inline:Inline",
        "processes": "seplace.executors.processes:Processes",
        "ray": "seplace.executors.ray:Ray",
    },
)
