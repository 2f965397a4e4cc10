"""A network that was trained on the GPU, exported and verified on the processor."""

from seplace.api import Results
from tests.gpu.figures import Figure, Setting, seplace
from tests.gpu.trainings import PLAIN, resnet20


def run(setting: Setting) -> None:
    few = {"train_images": 256, "validation_images": 128}
    study = resnet20(
        setting,
        name="export",
        data=few,
        training={"epochs": 1},
        search={"trainings": 7},
        run={"executor": "inline", "workers": 1},
    )
    seplace("run", study, "--results", setting.folder / "out")
    results = Results.load(setting.folder / "out")
    setting.note(Figure(what="device of the trainings", value=", ".join(sorted({row.device for row in results.rows}))))
    for pick in (str(PLAIN), "best"):
        said = seplace("export", setting.folder / "out", "--pick", pick, "--output", setting.folder / pick)
        assert "exported and verified" in said
        setting.note(Figure(what=f"exported and verified: {pick}", value=str(results.pick(pick).placement)))
