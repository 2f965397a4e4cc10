"""Searches replayed where the truth is known: on tables of real trainings, and on landscapes drawn at random."""
