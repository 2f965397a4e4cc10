"""Latency as the objective of a study, and how well it is measured."""

from seplace.api import Results
from seplace.evaluators.stand_alone import StandAlone
from seplace.study.config import load_study
from tests.gpu.figures import Figure, Setting, seplace
from tests.gpu.trainings import DEAREST, PLAIN, resnet20

TIMES = 5


def run(setting: Setting) -> None:
    study = resnet20(
        setting, name="latency", objective={"cost": "latency_ms"}, run={"executor": "inline", "workers": 1}
    )
    config = load_study(study)
    backbone = config.search_space.backbone.text
    evaluator = StandAlone(config, setting.folder, device=setting.device)
    for what, placement in ((str(PLAIN), PLAIN), (str(DEAREST), DEAREST)):
        measured = [evaluator.latencies([placement])[str(placement)] for _ in range(TIMES)]
        setting.note(
            Figure.of(f"latency of {backbone}, {what}", [each["latency_ms"] for each in measured], "ms"),
        )
    seplace("run", study, "--results", setting.folder / "out")
    results = Results.load(setting.folder / "out")
    assert results.finished
    front = results.front
    setting.note(
        Figure(what="trainings of the study", value=len(results.rows)),
        Figure(what="front points by latency", value=int(front["on_front"].sum())),
        *(
            Figure.of(f"latency of {row.placement} in the study", [row.costs["latency_ms"]], "ms")
            for row in results.rows
            if row.placement in (PLAIN, DEAREST)
        ),
    )
