"""Training: the fit with Lightning, its checkpoints, scores and devices."""
