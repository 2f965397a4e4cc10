"""How much less noise there is in what cross-entropies tell of accuracies, in every study under results/.

`python -m tests.benchmarks.denoised`. The noise is what differs between trainings of one placement, beside what their
seeds give to all; a study that trained next to nothing twice is left out, and one that another's table answered.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from seplace.effects.denoised import denoised
from seplace.effects.design import Design
from seplace.effects.model import Observation
from seplace.evaluators.tabular_benchmark import TabularBenchmark
from seplace.metric import ACCURACY
from seplace.results.observations import observations_of

_FREEDOM = 10
"""With fewer degrees of freedom the noise is not known."""


def noise_in(observations: list[Observation]) -> tuple[float, int]:
    """Return the variance of the noise, in points squared, and its degrees of freedom."""
    names = [f"{each.placement}" for each in observations]
    seeds = [f"seed {each.seed}" for each in observations]
    columns = np.hstack([np.array(labels)[:, None] == np.unique(labels) for labels in (names, seeds)], dtype=np.float64)
    values = np.array([each.value for each in observations])
    found, _, rank, _ = np.linalg.lstsq(columns, values, rcond=None)
    freedom = len(values) - int(rank)
    return float(np.sum((values - columns @ found) ** 2)) / max(freedom, 1), freedom


def main() -> None:
    """Print a line a study."""
    for folder in sorted(path.parent for path in Path("results").glob("*/ledger.sqlite")):
        table = TabularBenchmark.load(folder)
        space, epochs = table.config.search_space, table.config.training.epochs
        before = observations_of((row for row in table.rows.values() if row.epochs == epochs), ACCURACY)
        after = denoised(Design(space), before)
        (noise, freedom), (less, _) = noise_in(before), noise_in(after)
        if freedom < _FREEDOM or table.config.evaluator_folder is not None:
            continue
        drawn = np.mean([one.value != other.value for one, other in zip(before, after, strict=True)])
        rest = np.std([one.value - other.value for one, other in zip(before, after, strict=True)])
        losses = [np.nan if each.cross_entropy is None else each.cross_entropy for each in before]
        explained = np.corrcoef(losses, [each.value for each in before])[0, 1] ** 2
        print(
            f"{folder.name:26} {len(before):4} trainings, {freedom:3} degrees of freedom: {explained:.2f} explained,",
            f"noise {noise**0.5:.2f} points, on the line {less**0.5:.2f} (of its variance {less / noise:.2f});",
            f"{100 * drawn:.0f} % are drawn to it, by {rest:.2f} points",
            flush=True,
        )


if __name__ == "__main__":
    main()
