"""Made-up folders of images, and a clock that measures nothing."""

from pathlib import Path

import numpy as np

from seplace.backbones.describe import describe
from seplace.draft.found import Found, Split


class ToyClock:
    """A machine with a given speed, in MACs a second."""

    def __init__(self, *, macs_per_second: float = 1e10, cores: int = 2, has_gpu: bool = False) -> None:
        self.macs_per_second = macs_per_second
        self.cores = cores
        self.has_gpu = self.has_bf16 = has_gpu
        self.name = "a GPU" if has_gpu else "cpu"
        self.measured: list[tuple[str, int]] = []

    def seconds_per_step(self, backbone: str, *, classes: int, channels: int, image_size: int, batch: int) -> float:
        assert classes >= 2
        assert channels in (1, 3)
        self.measured.append((backbone, image_size))
        channels_of_last = describe(backbone).units[-1].channels
        return 3 * batch * image_size**2 * channels_of_last**2 / self.macs_per_second


def found(
    *,
    counts: tuple[int, ...] = (100, 100),
    side: int = 32,
    validation: int = 0,
    test: int = 0,
) -> Found:
    """A folder with some images of each class."""

    def split(name: str, of: tuple[int, ...]) -> Split:
        return Split(place=name, counts=of, looked_at=sum(of), damaged=())

    return Found(
        folder=Path("a"),
        name="image_folder",
        classes=tuple(f"class_{at}" for at in range(len(counts))),
        train=split("train", counts),
        validation=split("val", (validation,) * len(counts)) if validation else None,
        test=split("test", (test,) * len(counts)) if test else None,
        has_test_beside_validation=bool(validation and test),
        sizes=np.array([[side, side], [side + 20 * (side > 40), side]]),
        colored=1.0,
        duplicates=(),
        compared=0,
        notes=(),
    )
