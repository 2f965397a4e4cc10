"""Gates that are made up."""

import numpy as np

from seplace.gates.record import GateRecord, GateValues

LABELS = np.arange(60) % 3


def gate(values, *, stage=1, block=1, module="se4", part="", positions_sd=0.0, start=0.5, bounds=(0.0, 1.0)):
    values = np.asarray(values, dtype=np.float32)
    return GateValues(
        stage=stage,
        block=block,
        site=f"stages.{stage - 1}.{block - 1}",
        module=module,
        part=part,
        values=values,
        least=values.min(0) - np.float32(positions_sd),
        most=values.max(0) + np.float32(positions_sd),
        positions_sd=positions_sd,
        maps=np.full((1, 4, 4), values.mean(), dtype=np.float32) if part == "spatial" else None,
        start=start,
        bounds=bounds,
    )


def record(*gates, labels=LABELS, classes=("cat", "dog", "newt"), others=(), noun="stage"):
    return GateRecord(
        backbone="cifar_resnet8",
        placement="se4-none-none",
        noun=noun,
        images=f"{len(labels)} images",
        classes=classes,
        labels=labels,
        gates=gates,
        others=others,
        examples=np.zeros((1, 3, 8, 8), dtype=np.uint8),
        example_classes=classes[:1],
    )


def noise(channels=8, *, sd=0.1, mean=0.5):
    return mean + sd * np.random.default_rng(1).standard_normal((len(LABELS), channels))
