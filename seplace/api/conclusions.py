"""What the tables of a study mean, in sentences: the verdict, the advice, claims, and where the numbers come from."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

from seplace.api.tables import ResultsTables
from seplace.results.advice import advice, command_of, failed
from seplace.results.pairing import pairing_note
from seplace.results.provenance import provenance_of
from seplace.results.verdict import (
    alike_sentence,
    claim_of,
    gap_sentence,
    measured,
    regret_sentence,
    rungs_sentence,
    unused_sentence,
    verdict,
)
from seplace.results.views import Views
from seplace.search.of_study import failure_rules_of
from seplace.version import __version__

if TYPE_CHECKING:
    import pandas as pd

    from seplace.placement import Placement
    from seplace.results.advice import Advice
    from seplace.results.both_splits import Gap


class ResultsConclusions(ResultsTables):
    """The tables of a study with the sentences that follow from them; a notebook shows the front with its verdict."""

    @cached_property
    def front(self) -> pd.DataFrame:
        """The front points, cheapest first, and after them the baselines that are not on the front."""
        from seplace.report.frames import shown_by

        return shown_by(self._front(), self._front_html)

    def _front_html(self) -> str:
        from seplace.report.notebook import front_html

        return front_html(self)

    @cached_property
    def recommended(self) -> pd.DataFrame:
        """The front that the model recommends over the space, trained or not, in the order of what each adds."""
        from seplace.report.frames import shown_by

        return shown_by(self._recommended(), self._recommended_html)

    def _recommended_html(self) -> str:
        from seplace.report.notebook import recommended_html

        return recommended_html(self)

    @property
    def verdict(self) -> str:
        """Sentences: whether any placement is better than the plain backbone, and than the baselines."""
        if self.plain_failure is not None:
            failure = failure_rules_of(self.config).describe(self.plain_failure)
            return f"Nothing can be compared with the plain backbone: {failure}."
        if self._views is not None:
            return self._views.verdict
        confirm = self.config.confirm
        said = verdict(
            self.estimates,
            self.baselines,
            run=self._run,
            confirm_trainings=0 if confirm is None else confirm.trainings,
            confirm_seeds=0 if confirm is None else confirm.seeds,
            is_to_be_confirmed=confirm is not None and confirm.seeds > 1 and not self._is_over,
        )
        return " ".join(each for each in (said, pairing_note(self.rows), self.test_note) if each)

    @property
    def confirm_note(self) -> str:
        """A sentence: why the confirmation made fewer trainings than it had; empty where it made all of them."""
        confirm = self.config.confirm
        if confirm is None or not self._is_over:
            return ""
        return unused_sentence(self._confirm_rounds, trainings=confirm.trainings, seeds=confirm.seeds)

    @cached_property
    def advice(self) -> Advice:
        """What to make of the study: one sentence, the placement to take, and the next steps as commands."""
        if self.plain_failure is not None:
            return failed(self.folder)
        if self._views is not None:
            return self._views.advice
        confirm = self.config.confirm
        return advice(
            self.estimates,
            self.baselines,
            cost=self.cost,
            folder=self.folder,
            run=self._run,
            is_over=self._is_over,
            epochs=self.config.training.epochs if self.config.trains else 0,
            confirm_trainings=0 if confirm is None else confirm.trainings,
            confirm_seeds=0 if confirm is None else confirm.seeds,
        )

    @property
    def _run(self) -> str:
        """The command that goes on with the study."""
        return command_of(self.config, self.folder, noted=self.command, settings=self.settings)

    @property
    def _is_over(self) -> bool:
        return self._reached_its_end or bool(self.untested)

    @property
    def measured(self) -> str:
        """What the estimates are about: the metric on new images, or on the validation split where not known."""
        return measured(self.metric, self.estimates) if self._views is None else self._views.measured

    def claim(self, placement: Placement) -> str:
        """Return a sentence: whether a trained placement is better than the plain backbone, and by how much."""
        plain = self.baselines["plain"]
        if self.estimates is None or not {placement, plain} <= self.estimates.position.keys():
            return f"{placement} cannot be compared with the plain backbone: one of them was not trained."
        return claim_of(placement, self.estimates, plain=plain)

    @cached_property
    def gap(self) -> Gap | None:
        """Validation gains of the front minus its test gains; None where the images of a split are not known."""
        estimates, plain = self.estimates, self.both_splits.plain
        if estimates is None or plain is None:
            return None
        draws = estimates.scores
        gains = {
            placement: draws[:, estimates.position[placement]] - draws[:, estimates.position[plain]]
            for placement in estimates.front
        }
        return self.both_splits.gap(gains, noise_sd=estimates.posterior.noise_sd)

    @property
    def test_check(self) -> str:
        """Two sentences: whether the test split agrees with the estimated gains of the front; empty where not known."""
        if self._views is not None:
            return self._views.test_check
        if self.gap is None or alike_sentence(self.estimates):
            return ""
        return gap_sentence(self.gap, self.metric)

    @property
    def outlook(self) -> str:
        """The expected hypervolume regret of the recommended front, as sentences; empty before the search has ended."""
        if self._regret is None or (self._views is None and alike_sentence(self.estimates)):
            return ""
        return regret_sentence(self._regret)

    @property
    def rungs_note(self) -> str:
        """One sentence: which rungs were on at the end; empty without rungs or before the search has ended."""
        return "" if self._rungs is None else rungs_sentence(self._rungs)

    @property
    def provenance(self) -> dict[str, Any]:
        """Where the numbers come from, as plain JSON types."""
        return {
            "study": self.config.name,
            "seplace": self.command,
            **({"settings": list(self.settings)} if self.settings else {}),
            "finished": self.finished,
            **provenance_of(self.rows, self.rung_rows),
            **({"workers": self.workers} if self.workers else {}),
            "estimated_with": f"seplace {__version__}",
            "latency": self.latencies,
            "proxy_seconds": {
                name: round(row.seconds + row.shared_seconds, 1) for name, row in self.proxy_records.items()
            },
            "verdict": self.verdict,
            "outlook": self.outlook,
            "rungs": self.rungs_note,
            "test_check": self.test_check,
        }

    def _keep_views(self) -> None:
        """Keep what commands show where it takes long to make."""
        if self._views is not None or self.estimates is None or self.estimates.has_all:
            return
        trained, on_front = self.trained_and_on_front
        views = Views(
            metric=self.metric.column,
            front=self.front,
            verdict=self.verdict,
            advice=self.advice,
            measured=self.measured,
            test_check=self.test_check,
            has_test_images=self.has_test_images,
            trained=trained,
            on_front=on_front,
        )
        views.write(self.folder, of=self._digest)
