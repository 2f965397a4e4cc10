"""The controls trained for real: `python -m tests.benchmarks.controls [seeds]`, 5 seeds unless told, an hour.

Prints the paired differences to none in points with their standard errors. On the positive control SE and ECA in the
last stage are worth at least 3 points, by more than 4 standard errors, and in another stage clearly less; CBAM's
spatial gate and maximum see further. On the negative control no placement differs from none by more than noise: with 4
degrees of freedom one in nine is beyond 2 standard errors by chance alone.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
from collections import defaultdict
from pathlib import Path

from tests.benchmarks.figures import show_machine
from tests.controls import evaluations

PLAIN = "none-none-none"
IN_ONE_STAGE = [
    "-".join(module if stage == place else "none" for stage in (1, 2, 3))
    for module in ("se2", "eca", "cbam2")
    for place in (1, 2, 3)
]
PLACEMENTS = [PLAIN, *IN_ONE_STAGE, "se2-se2-se2"]


def main() -> None:
    seeds = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    show_machine()
    for study in ("positive-control", "negative-control"):
        accuracies: dict[str, list[float]] = defaultdict(list)
        with tempfile.TemporaryDirectory() as folder:
            for evaluation in evaluations(study, PLACEMENTS, seeds=seeds, epochs=None, folder=Path(folder)):
                assert evaluation.value is not None
                accuracies[str(evaluation.placement)].append(evaluation.value)
        plain = accuracies[PLAIN]
        print(f"\n{study}: {PLAIN} {statistics.mean(plain):.2f} %, sd {statistics.stdev(plain):.2f}, n = {seeds}")
        for placement in PLACEMENTS[1:]:
            gains = [gated - without for gated, without in zip(accuracies[placement], plain, strict=True)]
            error = statistics.stdev(gains) / seeds**0.5
            print(f"{placement:<20} {statistics.mean(gains):+7.2f} ± {error:.2f} points  n = {seeds}")


if __name__ == "__main__":
    main()
