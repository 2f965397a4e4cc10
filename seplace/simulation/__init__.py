"""Searches on problems with a known truth: tabular benchmarks of real trainings, and landscapes drawn at random."""
