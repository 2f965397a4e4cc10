"""Lightning, for trainings of the user's own; importing it tells nothing of its own deprecations."""

import logging
import warnings

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import pytorch_lightning as lightning

for package in ("pytorch_lightning", "lightning_fabric"):
    logging.getLogger(package).setLevel(logging.ERROR)

__all__ = ["lightning"]
