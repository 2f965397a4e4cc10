"""The standing of a run: placements compete by adjusted means, and the best is shown with its own accuracy."""

from seplace.metric import ACCURACY
from seplace.search.progress import standing_of
from tests.results.test_evaluation import SE, rows


def test_the_accuracy_of_the_best_is_that_of_its_own_trainings() -> None:
    # Seed 0 is a point below the average of both, so 81 on seed 0 alone is worth 82, and more than plain's 81.5.
    standing = standing_of(rows(plain=[80.5, 82.5], se=[81.0]), "flops", None, metric=ACCURACY)
    assert (str(standing.best), standing.best_value, standing.best_seeds) == (SE, 81.0, 1)
