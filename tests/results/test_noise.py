import dataclasses
import math

import numpy as np
import pytest

from seplace.errors import DataError
from seplace.metric import ACCURACY
from seplace.placement import Placement
from seplace.results.evaluation import Evaluation
from seplace.results.noise import complete_block, components, main_effects_share, noise_frame


def table(placements: int, seeds: int, *, sd: tuple[float, float, float], early: float = 0.0) -> list[Evaluation]:
    """Scores of placement + seed + residual, with an early score that is `early` times as far as the last."""
    random = np.random.default_rng(0)
    texts = [
        f"{one}-{other}" for one in ("none", "eca", "simam", "srm") for other in ("none", "eca", "simam", "se4", "se8")
    ]
    worth, kindness = sd[0] * random.standard_normal(placements), sd[1] * random.standard_normal(seeds)
    rows = []
    for at in range(placements):
        for seed in range(seeds):
            accuracy = 50 + worth[at] + kindness[seed] + sd[2] * random.standard_normal()
            first = 30 + early * accuracy + (1 - early) * random.standard_normal()
            rows.append(
                Evaluation(
                    placement=Placement.parse(texts[at]),
                    seed=seed,
                    epochs=2,
                    state="complete",
                    value=accuracy,
                    cross_entropy=2 - accuracy / 100,
                    curve=(
                        {"epoch": 1, "value": first, "cross_entropy": 2 - first / 100, "train_loss": 1.0},
                        {"epoch": 2, "value": accuracy, "cross_entropy": 2 - accuracy / 100, "train_loss": 1.0},
                    ),
                )
            )
    return rows


def test_components_by_arithmetic():
    found = components(np.array([[1.0, 3.0], [2.0, 6.0], [6.0, 6.0]]))
    # Means: 2, 4, 6 of placements, 3 and 5 of seeds, 4 in all; residuals 0 0, -1 1, 1 -1.
    assert found.residual == pytest.approx(np.sqrt(4 / 2))
    assert found.ratio == pytest.approx((2 * 4) / 2)
    assert found.placement == pytest.approx(np.sqrt((8 - 2) / 2))
    assert found.seed == pytest.approx(np.sqrt((3 * 2 - 2) / 3))
    assert found.reliability(1) == pytest.approx(3 / (3 + 2))
    assert found.reliability(4) == pytest.approx(3 / (3 + 0.5))


def test_what_the_scores_were_made_of_is_found():
    rows = noise_frame(table(20, 6, sd=(1.0, 0.5, 0.7)), ACCURACY).set_index(["score", "quantity"])["value"]
    assert rows["accuracy", "sd of residuals"] == pytest.approx(0.7, rel=0.15)
    assert rows["accuracy", "sd of placements"] == pytest.approx(1.0, rel=0.35)
    # Cross-entropy is in hundredths of a nat, which here are points.
    assert rows["cross_entropy", "sd of residuals"] == pytest.approx(rows["accuracy", "sd of residuals"])
    assert rows["both", "tau between accuracy and cross-entropy, means over seeds"] == pytest.approx(1.0)
    assert rows["accuracy", "p value of F"] < 1e-6


def test_where_placements_tie_the_report_says_so():
    rows = noise_frame(table(15, 4, sd=(0.0, 0.5, 0.7)), ACCURACY).set_index(["score", "quantity"])["value"]
    assert rows["accuracy", "p value of F"] > 0.01
    assert rows["accuracy", "reliability of one seed"] < 0.3


def test_where_all_trainings_end_alike_nothing_is_told_and_nothing_breaks():
    alike = [
        dataclasses.replace(row, value=95.0, cross_entropy=0.25, curve=({**row.curve[0], "value": 90.0}, {}))
        for row in table(5, 2, sd=(1, 1, 1))
    ]
    rows = noise_frame(alike, ACCURACY).set_index(["score", "quantity"])["value"]
    assert rows["accuracy", "sd of placements"] == rows["accuracy", "sd of residuals"] == 0
    for quantity in (
        "F statistic of placements",
        "tau between two seeds",
        "adjusted R² of main effects, means over seeds",
    ):
        assert math.isnan(rows["accuracy", quantity])


def test_without_residuals_the_ratio_is_beyond_all_bounds():
    found = components(np.array([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]))
    assert (found.residual, found.ratio, found.chance) == (0.0, math.inf, 0.0)


def test_early_ranks_are_compared_on_the_same_and_on_other_seeds():
    rows = noise_frame(table(20, 3, sd=(0.2, 0.5, 1.5), early=0.95), ACCURACY).set_index(["score", "quantity"])["value"]
    assert rows["accuracy", "tau between epoch 1 and the last, same seed"] > 0.7
    assert rows["accuracy", "tau between epoch 1 and the last, other seed"] < 0.4
    assert noise_frame(table(8, 2, sd=(1, 1, 1)), ACCURACY)["placements"].tolist()[0] == 8


def test_additive_worth_is_all_main_effects():
    texts = [f"{one}-{other}" for one in ("none", "eca", "srm") for other in ("none", "eca", "srm")]
    placements = [Placement.parse(text) for text in texts]
    additive = np.add.outer([0.0, 1.0, 3.0], [0.0, 2.0, 0.5]).ravel()
    assert main_effects_share(placements, additive) == pytest.approx(1.0)
    crossed = np.multiply.outer([-1.0, 0.0, 1.0], [-1.0, 0.0, 1.0]).ravel()
    assert main_effects_share(placements, crossed) < 0.0


def test_the_block_leaves_out_what_lacks_a_seed():
    rows = [row for row in table(6, 3, sd=(1, 1, 1)) if (str(row.placement), row.seed) != ("none-eca", 2)]
    block = complete_block(rows, ACCURACY, score="accuracy")
    assert (len(block.placements), len(block.seeds)) == (5, 3)
    with pytest.raises(DataError, match="at least three placements"):
        noise_frame([row for row in rows if row.seed == 0], ACCURACY)
