"""Evaluators: they turn (placement, seed, epochs) into a result. One file and one line add an entry.

An entry is called as `make(config, folder, *, worker)`, with the study, the folder of its results and the number of a
worker, and returns an `Evaluator` (`seplace.evaluators.evaluator`). An evaluation may say which validation images its
training got right (`correct`, a `seplace.arrays.ImageBits`), or the metric of each sample (`sample_scores`, a
`seplace.sample_scores.SampleScores`): without either, what a study concludes is about its validation split alone.
"""

from seplace.evaluators.entry import EvaluatorEntry
from seplace.registry import Registry

EVALUATORS = Registry(
    "evaluator",
    EvaluatorEntry,
    group="seplace.evaluators",
    entries={
        "stand_alone": "seplace.evaluators.stand_alone:make",
        "lightning": "seplace.evaluators.lightning:make",
        "tabular": EvaluatorEntry("seplace.evaluators.tabular:TabularEvaluator", takes_folder=True, needs_folder=True),
    },
)
