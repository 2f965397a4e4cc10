"""The scores of single samples that a module of the user's own offers, so that intervals are about new samples.

The contract: after a validation, or a test, `module.sample_scores` (an attribute or a method) is a 1-D tensor, an array
or a list with one number for each sample, in the order of the loader, and their mean is the metric that was logged. The
module begins them anew in `on_validation_epoch_start`, and in `on_test_epoch_start` for the test. An empty list, and
None, say that they are not known. A metric that is no mean over samples, such as the IoU of all pixels together, has
none.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from seplace.arrays import Floats
from seplace.errors import UserCodeError
from seplace.metric import Metric
from seplace.sample_scores import SampleScores, has_mean
from seplace.training.door import lightning
from seplace.user_code import user_errors


def read_sample_scores(
    trainer: lightning.Trainer, module: lightning.LightningModule, *, metric: Metric, name: str, reported: float
) -> SampleScores | None:
    """Return the score of each sample in the metric's unit, after a validation or a test; None without any.

    `reported` is what the module logged as `name`. On several devices each has some of the samples: they are not read.

    Raises:
        UserCodeError: They are no finite numbers, or their mean is another.

    """
    of = f"{type(module).__name__}.sample_scores"
    found = getattr(module, "sample_scores", None)
    if trainer.num_devices > 1 or found is None:
        return None
    if callable(found):
        with user_errors(f"{of} fails"):
            found = found()
    if found is None:
        return None
    scores = _numbers(found, of=of)
    if not len(scores):
        return None
    if not np.isfinite(scores).all():
        at = int(np.flatnonzero(~np.isfinite(scores))[0])
        raise UserCodeError(f"{of}: a score is a finite number (sample {at} of {len(scores):,} has {scores[at]})")
    if not has_mean(scores, reported):
        raise UserCodeError(
            f"{of} has {len(scores):,} numbers with a mean of {scores.mean():.6g}, and {name} is {reported:.6g}: it "
            "needs one number for each sample, begun anew in each epoch, whose mean is the metric; leave it out where "
            "the metric is no mean over samples"
        )
    return SampleScores.of(np.array([metric.value_of(score) for score in scores.tolist()]))


def _numbers(found: Any, *, of: str) -> Floats:
    try:
        if isinstance(found, list | tuple) and any(isinstance(each, Tensor) for each in found):
            found = torch.cat([torch.as_tensor(each).detach().cpu().reshape(-1) for each in found])
        if isinstance(found, Tensor):
            found = found.detach().cpu().double().numpy()
        scores = np.asarray(found, dtype=np.float64)
    except (TypeError, ValueError, RuntimeError) as error:
        raise UserCodeError(f"{of} is a 1-D tensor or a list of numbers (got a {type(found).__name__})") from error
    if scores.ndim != 1:
        raise UserCodeError(f"{of} is a 1-D tensor or a list of numbers (got the shape {scores.shape})")
    return scores
