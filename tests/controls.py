"""Trains placements of the two controls on paired seeds, in this one thread."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import torch

from seplace.evaluators.stand_alone import StandAlone
from seplace.placement import Placement
from seplace.results.evaluation import Evaluation, Job
from seplace.study.config import load_study


def evaluations(
    study: str, placements: Sequence[str], *, seeds: int, epochs: int | None, folder: Path
) -> Iterator[Evaluation]:
    """Train each placement of a study with each seed, seed by seed; what is kept is kept in `folder`.

    By default for the epochs of the study.
    """
    torch.set_num_threads(1)
    config = load_study(study)
    if epochs is not None:
        training = config.training.model_copy(update={"epochs": epochs})
        config = replace(config, file=config.file.model_copy(update={"training": training}))
    evaluator = StandAlone(config, folder, device="cpu")
    for seed in range(seeds):
        for text in placements:
            job = Job(placement=Placement.parse(text), seed=seed, epochs=config.training.epochs)
            evaluation = evaluator.evaluate(job, on_epoch=lambda _: None)
            assert evaluation.state == "complete", evaluation.message
            yield evaluation
