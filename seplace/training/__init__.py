"""Training: Lightning, checkpoints and scores. Lightning is imported here only."""
