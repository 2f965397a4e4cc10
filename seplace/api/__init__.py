"""The results of a study as an object: DataFrames, figures and exported networks, all views of its ledger.

`stored` reads the ledger, `tables` makes DataFrames of it, `conclusions` says what they mean, and `Results` adds what
draws, trains and writes.
"""

from __future__ import annotations

from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Self

from seplace.api.conclusions import ResultsConclusions
from seplace.errors import check_type

if TYPE_CHECKING:
    from collections.abc import Callable

    from matplotlib.figure import Figure

    from seplace.overrides import Overrides
    from seplace.placement import Placement
    from seplace.search.progress import Observer
    from seplace.study.config import TrainedOn


class Results(ResultsConclusions):
    """The results of a study, finished or still running: views of the ledger in its folder.

    `verdict` says in a sentence whether any placement is better than the plain backbone. `front`, `placements`,
    `effects`, `recommended`, `evaluations` and `curves` are DataFrames, with accuracies in percent. `plot` and
    `plot_effects` draw figures, `export` writes a trained network.

    >>> import seplace
    >>> results = seplace.load("results/cifar10-effects")
    >>> results.finished
    True
    >>> results.front[["placement", "accuracy", "accuracy_lower", "accuracy_upper"]].shape[1]
    4
    >>> results.front["placement"].iloc[0]
    'none-none-none'

    Raises CorruptResults or DataError for a folder without the results of a study.
    """

    @classmethod
    def load(cls, folder: str | Path) -> Self:
        """Load the results in a folder."""
        return cls(Path(folder))

    def __repr__(self) -> str:
        state = "finished" if self.finished else "not finished"
        return f"<Results of {self.folder}: {self.count - len(self.failed):,} trainings, {state}>"

    def _repr_html_(self) -> str:
        from seplace.report.notebook import results_html

        return results_html(self)

    def plot(
        self,
        path: str | Path | None = None,
        *,
        kind: str = "front",
        absolute: bool = False,
        width: str | float | None = None,
        heading: bool = True,
        pick: str = "knee",
    ) -> Figure:
        """Draw a figure, by default the gain over the plain backbone against cost; a notebook shows it.

        With `absolute` the accuracy is drawn instead of the gain. The intervals of two accuracies may overlap although
        their difference is known well, since the placements share the effects of their seeds.

        >>> import seplace
        >>> results = seplace.load("results/cifar10-effects")
        >>> figure = results.plot("front.pdf", width="single", heading=False)  # for a paper  # doctest: +SKIP

        Args:
            path: A file to write too: .png, .svg or .pdf.
            kind: `front`, `effects` of each choice, the same as a `heat` map, the `history` of the front, learning
                `curves`, or what the `gates` of a network learned.
            absolute: Whether the front shows accuracies.
            width: `single` or `double` (a column or a page of a paper: 3.25 and 6.875 inches), or inches; by default
                the figure is made for a screen.
            heading: Whether title and verdict stand above; in a paper they belong into the caption.
            pick: The network whose gates are drawn: `best`, `knee`, `cheapest`, or a placement.

        """
        from seplace.report.figures.of_study import plot_study

        target = None if path is None else Path(path)
        return plot_study(self, target, kind=kind, absolute=absolute, width=width, heading=heading, pick=pick)

    def plot_effects(self, path: str | Path | None = None) -> Figure:
        """Draw the effects by stage; save it too where a path (.png, .svg, .pdf) is given."""
        return self.plot(path, kind="effects")

    def report(self, path: str | Path | None = None) -> Path:
        """Write all that is shown of the study as one HTML page, which opens without a network, and return its path.

        By default it is `report.html` in the folder of the results, where every run writes it too.
        """
        from seplace.report.page import NAME, write_page

        target = self.folder / NAME if path is None else Path(path)
        write_page(self, target)
        return target

    def front_as(self, form: str) -> str:
        """Return the front as a table for a paper, with a caption that explains its columns: `latex` or `markdown`."""
        from seplace.report.paper_tables import front_as

        return front_as(self, form)

    def train(
        self,
        placement: str | Placement,
        *,
        seeds: int = 3,
        epochs: int | None = None,
        on: TrainedOn = "train",
        beside_plain: bool = False,
        overrides: Overrides | None = None,
        observer: Observer | None = None,
        retry_failed: bool = False,
    ) -> Self:
        """Train a placement of the space, trained before or not, and return the results with it.

        By the study's own recipe its trainings become evaluations of the study. With other epochs, or on other images,
        they are kept in `trained/<recipe>` and shown in `trained`. Networks are scored on the test split at the end.
        What is interrupted goes on with the same call. The proposals of a search that goes on stay as they were.

        >>> import seplace
        >>> results = seplace.load("results/digits-quickstart")  # doctest: +SKIP
        >>> results.train("none-se4-eca", seeds=5, epochs=200, beside_plain=True).trained  # doctest: +SKIP

        Args:
            placement: A placement of the space or its text, `plain` or another baseline by name, or a front point.
            seeds: The number of seeds: it is trained on seeds 0, 1, …; those that are trained are kept.
            epochs: The epochs of a training, to which the schedule is stretched; None takes those of the study.
            on: The images: `train`, or `train+validation`, after which there is only a test score.
            beside_plain: Whether the plain backbone is trained alike, so that the gain is paired by seed.
            overrides: Where the trainings run, instead of what the study says.
            observer: A function that is called with each `Progress`; None shows a progress bar.
            retry_failed: Whether to repeat all failed trainings, not only those that the machine failed.

        Raises:
            InvalidPlacement: The placement is neither in the space nor a baseline.
            StudyBusy: Another process runs the study.
            StudyChanged: The data or the user's own code are not those of the study.
            DataError: Data are missing or damaged.
            TooManyFailures: Trainings fail one after another.

        """
        from seplace.search.further import Wanted, train_further

        chosen = self.placement_of(str(placement))
        plain = [self.baselines["plain"]] if beside_plain and not chosen.is_plain else []
        config = self.live_config if overrides is None else overrides.apply(self.live_config)
        wanted = Wanted(
            placements=[*plain, chosen],
            seeds=seeds,
            epochs=config.training.epochs if epochs is None else epochs,
            trained_on=on,
        )
        if observer is not None:
            name = train_further(config, self.folder, wanted, observer=observer, retry_failed=retry_failed)
        else:
            from seplace.report.images import tell
            from seplace.report.progress import progress_bar

            with progress_bar() as show:
                name = train_further(
                    config, self.folder, wanted, observer=show, retry_failed=retry_failed, on_workers=tell
                )
        results = self.load(self.folder)
        results.write(figures=name is None)
        return results

    def export(
        self,
        folder: str | Path | None = None,
        *,
        pick: str = "knee",
        flops_under: float | None = None,
        exporter: str | None = None,
        trained: str | None = None,
        overwrite: bool = False,
    ) -> Path:
        """Write a trained network as a folder (network, weights, configuration), verify it, and return the folder.

        `exporter` is a name of EXPORTERS; by default `source`, and `program` for the user's own network. `trained` is
        the name of another recipe by which `train` has trained the placement, such as `epochs200`. An export of another
        placement or of other weights in `folder` is replaced with `overwrite`, and an InputError without.
        """
        from seplace.api.exporting import export_network

        target = None if folder is None else Path(folder)
        return export_network(
            self,
            target,
            pick=pick,
            flops_under=flops_under,
            exporter=exporter,
            trained=trained,
            overwrite=overwrite,
        )

    def write(self, *, figures: bool = True) -> None:
        """Write the tables, the figures, the page and the provenance; all can be made again from the ledger."""
        from seplace.api.writing import note_in_optuna_file, write_tables

        # Each is drawn once for all its files: drawing takes longer than all else at the end of a short study.
        drawings = {kind: cache(partial(self.plot, kind=kind)) for kind in ("front", "effects")} if figures else {}
        write_tables(self, figures={kind: partial(self._draw, drawing) for kind, drawing in drawings.items()})
        self._keep_views()
        note_in_optuna_file(self)
        if figures:
            from seplace.report.page import NAME, write_page_or_warn

            write_page_or_warn(self, self.folder / NAME)

    def _draw(self, drawing: Callable[[], Figure], path: Path) -> None:
        if len(self.placements):
            from seplace.report.figures.saving import save_figure

            save_figure(drawing(), path)


def load(folder: str | Path) -> Results:
    """Load the results of a study that is finished or still running.

    >>> import seplace
    >>> seplace.load("results/cifar10-effects").finished
    True

    Args:
        folder: The folder of the results, such as `results/digits-quickstart`.

    Raises:
        DataError: There are no results in the folder.
        CorruptResults: A file is damaged, or newer than this version of seplace.

    """
    check_type("results", folder, str, Path, said="the path of a folder")
    return Results.load(folder)
