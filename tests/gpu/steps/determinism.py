"""The same training twice, in each precision and augmented: equal to the bit, or how far off; and how long it takes."""

import importlib.util
import time
from typing import Any

import torch

from seplace.evaluators.stand_alone import StandAlone
from seplace.evaluators.weights import read_weights
from seplace.results.evaluation import Job
from seplace.study.config import load_study
from tests.gpu.figures import Figure, Setting
from tests.gpu.trainings import DEAREST, resnet20

AUGMENTED: dict[str, Any] = {
    "gradient_clip_norm": 1.0,
    "crop_padding": 0,
    "random_resized_crop": {"scale": [0.3, 1.0]},
    "mixup": {"alpha": 0.2, "probability": 0.5},
    "cutmix": {"alpha": 1.0, "probability": 0.5},
}
OPERATIONS: dict[str, Any] = {"randaugment": {"layers": 2, "magnitude": 9}}


def run(setting: Setting) -> None:
    if setting.accelerator == "gpu":
        setting.note(
            Figure(what="TF32 in convolutions", value=str(torch.backends.cudnn.allow_tf32)),
            Figure(what="TF32 in matrix products", value=str(torch.backends.cuda.matmul.allow_tf32)),
            Figure(what="cuDNN measures its algorithms", value=str(torch.backends.cudnn.benchmark)),
        )
    for precision in ("fp32", "bf16", "fp16") if setting.accelerator == "gpu" else ("fp32", "bf16"):
        _twice(setting, precision, {"precision": precision})
    _twice(setting, "augmented", AUGMENTED | (OPERATIONS if importlib.util.find_spec("kornia") is not None else {}))
    if setting.accelerator == "gpu":
        torch.backends.cudnn.deterministic = True
        _twice(setting, "fp32 with deterministic cuDNN", {"precision": "fp32"})


def _twice(setting: Setting, name: str, training: dict[str, Any]) -> None:
    study = resnet20(setting, name=name.replace(" ", "-"), training=training)
    config = load_study(study)
    job = Job(placement=DEAREST, seed=0, epochs=config.training.epochs)
    weights, accuracies, seconds = [], [], []
    for number in range(3):  # the first one also warms up
        folder = setting.folder / f"{name}-{number}"
        evaluator = StandAlone(config, folder, device=setting.device)
        (folder / "weights").mkdir(parents=True)
        (folder / "checkpoints").mkdir()
        start = time.perf_counter()
        evaluation = evaluator.evaluate(job, on_epoch=lambda _: None)
        seconds.append(time.perf_counter() - start)
        assert evaluation.value is not None, evaluation.message
        weights.append(read_weights(folder, evaluation))
        accuracies.append(evaluation.value)
    first, *others = weights
    apart = max(float((first[name].double() - other[name].double()).abs().max()) for other in others for name in first)
    setting.note(
        Figure.of(f"{name}: validation accuracy of the same training", accuracies, "%"),
        Figure.of(f"{name}: one training after the first", seconds[1:], "s"),
        Figure(what=f"{name}: largest difference of a weight between equal trainings", value=apart, n=len(others)),
        Figure(what=f"{name}: equal to the bit", value=str(apart == 0.0), n=len(others)),
    )
