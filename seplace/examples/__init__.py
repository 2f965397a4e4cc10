"""Data, networks and trainings of the example studies: plain PyTorch and Lightning, to be copied."""
