"""The quickstart of the first page, on the GPU; on a processor with as little as shows it."""

import time

from seplace.api import Results
from seplace.files.shipped import locate
from tests.gpu.figures import Figure, Setting, seplace


def run(setting: Setting) -> None:
    text = locate("studies", "digits-quickstart", relative_to=None).read_text()
    if setting.is_small:
        for line, less in (("  trainings: 36", "  trainings: 10"), ("  trainings: 16", "  trainings: 4")):
            assert line in text
            text = text.replace(line, less)
        text = text.replace("epochs: 12", "epochs: 3")
    study, folder = setting.folder / "quickstart.yaml", setting.folder / "results"
    study.write_text(text)
    start = time.perf_counter()
    workers = 2 if setting.is_small else 4
    seplace("run", study, "--results", folder, "--accelerator", setting.accelerator, "--workers", str(workers))
    seconds = time.perf_counter() - start
    results = Results.load(folder)
    assert results.finished
    setting.note(
        Figure(what=f"quickstart with {workers} workers", value=seconds, unit="s"),
        Figure(what="trainings", value=len(results.rows)),
        Figure.of("one training", [row.seconds for row in results.rows], "s"),
        Figure(what="device", value=", ".join(sorted({row.device for row in results.rows}))),
        Figure(what="verdict", value=results.verdict),
    )
