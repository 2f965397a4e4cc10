"""The inspection of a study's data; it needs no torch."""

from __future__ import annotations

from typing import TYPE_CHECKING

from seplace.datasets.look import Look, look_at_data

if TYPE_CHECKING:
    from seplace.study.config import StudyConfig


def look_at_study(config: StudyConfig, *, whole: bool) -> Look:
    """Inspect every split that a study uses; see `look_at_data`."""
    data = config.data
    return look_at_data(
        data.name,
        root=config.data_root,
        image_size=data.image_size,
        train_images=data.train_images,
        validation_images=data.validation_images,
        seed=data.seed,
        skip_damaged=data.skip_damaged,
        whole=whole,
    )
