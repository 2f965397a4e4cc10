"""Trains placements of the two controls on paired seeds, in this one thread."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import torch

from seplace.config import load_study
from seplace.evaluators.stand_alone import StandAlone
from seplace.placement import Placement
from seplace.results import Evaluation, Job


def evaluations(study: str, placements: Sequence[str], *, seeds: int, folder: Path) -> Iterator[Evaluation]:
    """Train each placement of a study with each seed, seed by seed; what is kept is kept in `folder`."""
    torch.set_num_threads(1)
    config = load_study(study)
    evaluator = StandAlone(config, folder, device="cpu")
    for seed in range(seeds):
        for text in placements:
            job = Job(placement=Placement.parse(text), seed=seed, epochs=config.training.epochs)
            evaluation = evaluator.evaluate(job, on_epoch=lambda _: None)
            assert evaluation.state == "complete", evaluation.message
            yield evaluation
