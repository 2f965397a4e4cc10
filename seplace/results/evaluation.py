"""Evaluations: one training of one placement each.

Values of the metric are in its unit (accuracy: percent of the images of a split), cross-entropies in nats, costs in the
units of the cost table.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from typing import Any, Literal, Self

from seplace.arrays import ImageBits
from seplace.files.atomic import safe_name
from seplace.files.former_words import current_record, former_placement
from seplace.placement import Placement
from seplace.results.ledger_content import check_record
from seplace.sample_scores import Samples, SampleScores, check_samples

EvaluationKey = tuple[str, int, int]
"""(placement, seed, epochs): the key of an evaluation, unique in a ledger."""

TestValues = tuple[float, float | None]
"""The metric on the test split, in its unit, and the cross-entropy in nats, which a task may not have."""


@dataclass(frozen=True, kw_only=True)
class Job:
    """A training to be made: of a placement, on a seed, for a number of epochs."""

    placement: Placement
    seed: int
    epochs: int

    @property
    def key(self) -> EvaluationKey:
        """The key of its evaluation."""
        return (str(self.placement), self.seed, self.epochs)

    @property
    def file_name(self) -> str:
        """A file name without suffix, short and safe on every system; the ledger says which placement it is."""
        return f"{safe_name(str(self.placement))}_seed{self.seed}_epochs{self.epochs}"

    @property
    def former_file_names(self) -> tuple[str, str]:
        """The names that versions 0.11 and 0.10 gave, the latter with an import path's colon as a plus sign."""
        placement = former_placement(str(self.placement))
        return (
            f"{safe_name(placement)}_seed{self.seed}_epochs{self.epochs}",
            f"{placement}_seed{self.seed}_epochs{self.epochs}".replace(":", "+"),
        )


@dataclass(frozen=True, kw_only=True)
class Tested:
    """A trained network on the test split."""

    value: float
    """The metric, in its unit: accuracy in percent with the built-in recipe."""
    cross_entropy: float | None = None
    """In nats; None where the task is not classification."""
    correct: ImageBits | None = None
    """Which images it classified right; None where that is not known."""
    sample_scores: SampleScores | None = None
    """The metric of each sample, where it is not accuracy; None where that is not known."""
    top5_accuracy: float | None = None
    """In percent; None for five classes or fewer, and where it is not known."""

    @property
    def samples(self) -> Samples | None:
        """What is known of each sample: whether it was classified right, or its score."""
        return self.sample_scores if self.correct is None else self.correct

    def __post_init__(self) -> None:
        """Raise TypeError or ValueError where `correct` or `sample_scores` are something else, or have another mean."""
        check_samples(self.correct, self.sample_scores, self.value)


@dataclass(frozen=True, kw_only=True)
class Evaluation:
    """One training of one placement, or the reason why it gave no result."""

    placement: Placement
    seed: int
    epochs: int
    state: Literal["complete", "failed"]
    value: float | None = None
    """The metric on the validation split, in its unit: accuracy in percent with the built-in recipe."""
    cross_entropy: float | None = None
    """Validation cross-entropy in nats; None where the task is not classification."""
    correct: ImageBits | None = None
    """Which validation images it got right, in the same order for all trainings of a study.

    None before version 0.13, at a rung, and where the evaluator does not say.
    """
    sample_scores: SampleScores | None = None
    """The metric of each validation sample, where it is not accuracy, in the same order for all trainings of a study.

    Its mean is the value. None at a rung, and where the evaluator does not say.
    """
    top5_accuracy: float | None = None
    """Validation top-5 accuracy in percent; None for five classes or fewer, at a rung, and where it is not known."""
    curve: tuple[Mapping[str, float | None], ...] = ()
    """epoch, value, cross_entropy and train_loss at the recipe's check epochs and the study's rungs."""
    costs: Mapping[str, float] = field(default_factory=dict)
    seconds: float = 0.0
    device: str = ""
    threads: int = 0
    weights: str | None = None
    """File name in the study's `weights` folder."""
    weights_sha256: str | None = None
    reason: str = ""
    """One word for a failure: diverged, oom, crashed, timeout, error."""
    message: str = ""
    attempts: int = 1
    versions: Mapping[str, str] = field(default_factory=dict)
    batches: str | None = None
    """The digest of the first batches of a training of the user's own; None where seplace orders the data itself.

    Trainings of one seed are paired where theirs are equal.
    """

    def __post_init__(self) -> None:
        """Raise TypeError or ValueError where `correct` or `sample_scores` are something else, or have another mean."""
        check_samples(self.correct, self.sample_scores, self.value)

    @property
    def samples(self) -> Samples | None:
        """What is known of each validation sample: whether it was classified right, or its score."""
        return self.sample_scores if self.correct is None else self.correct

    @property
    def key(self) -> EvaluationKey:
        """The key that no other evaluation of a ledger has."""
        return (str(self.placement), self.seed, self.epochs)

    def value_after(self, epochs: int) -> float | None:
        """Return the metric on the validation split after a number of epochs; None where it was not scored then."""
        if epochs == self.epochs:
            return self.value
        return next((point.get("value") for point in self.curve if point["epoch"] == epochs), None)

    def to_record(self) -> dict[str, Any]:
        """Return the evaluation as plain JSON types."""
        record = {each.name: getattr(self, each.name) for each in fields(self)}
        if self.top5_accuracy is None:
            del record["top5_accuracy"]  # as records before version 0.15
        if self.batches is None:
            del record["batches"]
        del record["sample_scores"]  # as records before version 0.16
        return record | {
            "placement": str(self.placement),
            "correct": None if self.correct is None else self.correct.to_record(),
            **({} if self.sample_scores is None else {"sample_scores": self.sample_scores.to_record()}),
            "curve": tuple(map(dict, self.curve)),
            "costs": dict(self.costs),
            "versions": dict(self.versions),
        }

    @classmethod
    def from_record(cls, record: Mapping[str, Any], *, read: Callable[[str], Placement] = Placement.parse) -> Self:
        """Read a record of `to_record`; raises ValueError, TypeError or KeyError for anything else.

        `read` reads the text of a placement: a PlacementReader where there are many.
        """
        record = current_record(record)
        check_record(record)
        bits, scores = record.get("correct"), record.get("sample_scores")
        values = {
            "placement": read(record["placement"]),
            "curve": tuple(record["curve"]),
            "correct": None if bits is None else ImageBits.from_record(bits),
            "sample_scores": None if scores is None else SampleScores.from_record(scores),
            "device": record.get("device") or "",
        }
        return cls(**{**record, **values})
