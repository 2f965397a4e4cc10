"""Evaluators: what turns (placement, seed, epochs) into a result. One file and one line add a member.

A member is a class `Evaluator(config, folder, *, device)` with `evaluate(job, on_epoch=…) -> Evaluation` and
`test(evaluation) -> Score`.
"""

from seplace.registry import Registry

EVALUATORS = Registry(
    "evaluator",
    {
        "stand_alone": "seplace.evaluators.stand_alone:StandAlone",
    },
)
