"""What each choice is worth: a Bayesian model of accuracy over a search space, learned from noisy trainings.

Accuracy is modelled as a sum: an intercept, what each stage's module, reduction ratio and attachment add, what pairs of
modules in two stages add together, what is private to one placement, what a seed gives to all placements alike, and
noise. How large each of these kinds is, is learned from the data too. NumPy and SciPy only.
"""
