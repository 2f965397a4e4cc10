"""A Bayesian model of scores over a search space, learned from noisy trainings: what each choice is worth.

A score is modeled as a sum: an intercept, effects of each stage's module, reduction ratio and attachment, interactions
of pairs of modules in two stages, an effect private to one placement, a seed effect common to all placements, and
noise. The scale of each kind of effect is learned from the data too. NumPy and SciPy only.
"""
