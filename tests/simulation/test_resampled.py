import numpy as np
import pytest

from seplace.errors import DataError
from seplace.results.noise import components
from seplace.simulation.replay import Phases, replay
from seplace.simulation.resampled import resampled_problem
from seplace.simulation.tabular import tabular_problem
from tests.simulation.tables import write_scored_table


@pytest.mark.parametrize("truth", ["shrunken", "effects"])
def test_the_noise_of_a_benchmark_may_be_drawn_again(table, truth):
    problem, other = (resampled_problem(table, truth, seed=seed) for seed in range(2))
    candidates = [problem.space.placement_at(index) for index in range(8)]
    seeds = range(400)
    drawn = np.array([[problem.observe(placement, seed) for seed in seeds] for placement in candidates])
    assert problem.seeds is None
    assert (problem.truth == other.truth).all()
    assert drawn.mean(axis=1) == pytest.approx(problem.truth, abs=0.3)
    found = components(drawn)
    recorded = components(
        np.array([[tabular_problem(table, seed=0).observe(p, s) for s in range(3)] for p in candidates])
    )
    assert found.residual == pytest.approx(recorded.residual, rel=0.15)
    assert found.seed == pytest.approx(recorded.seed, rel=0.15)
    assert problem.observe(candidates[3], 5) == problem.observe(candidates[3], 5) != other.observe(candidates[3], 5)
    # An early score belongs to the same training as the last one: its seed effect and its noise are alike.
    early = np.array([problem.early(candidates[0], seed, 1) for seed in seeds])
    assert np.corrcoef(early, drawn[0])[0, 1] > 0.9
    assert early.mean() == pytest.approx(31, abs=0.3)
    with pytest.raises(DataError, match="not all was scored after 2 epochs, but after 1"):
        problem.early(candidates[0], 0, 2)
    assert replay(problem, Phases(trainings=12, seeds=5), sampler="effects", seed=0).searched == 12


def test_a_truth_of_effects_keeps_the_rest_without_its_noise(tmp_path):
    random = np.random.default_rng(0)
    gates = np.array([[int(bit) for bit in f"{candidate:03b}"] for candidate in range(8)])
    additive = 50 + gates @ np.array([1.0, 2.0, 3.0])
    private = 2 * (-1.0) ** gates.sum(axis=1)  # the interaction of all three stages
    noise = 0.5 * random.standard_normal((8, 3))
    for name, truth in (("additive", additive), ("private", additive + private)):
        folder = write_scored_table(tmp_path / name, truth[:, None] + noise)
        effects = resampled_problem(folder, "effects", seed=0).truth
        shrunken = resampled_problem(folder, "shrunken", seed=0).truth
        interaction = np.abs(effects @ (-1.0) ** gates.sum(axis=1)) / 8
        assert interaction == pytest.approx(0.0 if name == "additive" else 2.0, abs=0.3)
        assert np.abs(effects - truth).max() < 1
        assert np.corrcoef(shrunken, (truth[:, None] + noise).mean(axis=1))[0, 1] == pytest.approx(1.0)


def test_a_benchmark_with_one_seed_is_refused(tmp_path):
    folder = write_scored_table(tmp_path, np.arange(8.0)[:, None])
    with pytest.raises(DataError, match="one seed cannot tell noise from placements"):
        resampled_problem(folder, "effects", seed=0)


def test_a_cross_entropy_belongs_to_the_same_training(tmp_path):
    scores = 50 + np.random.default_rng(0).standard_normal((8, 3))
    problem = resampled_problem(
        write_scored_table(tmp_path, scores, lose=lambda score: 3 - score / 45), "effects", seed=0
    )
    placement = problem.space.placement_at(5)
    drawn = np.array([[problem.observe(placement, seed), problem.cross_entropy(placement, seed)] for seed in range(40)])
    assert np.ptp(drawn[:, 0]) > 1
    assert drawn[:, 1] == pytest.approx(3 - drawn[:, 0] / 45)
