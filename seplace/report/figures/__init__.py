"""Figures: what each kind shows is computed as a record, and drawn by the file of its name. The door to matplotlib."""

KINDS = ("front", "effects", "heat", "history", "curves", "gates")
"""The kinds of figures of a study."""
