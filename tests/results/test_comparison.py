import io
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from seplace.effects.design import Design
from seplace.effects.estimates import Estimates
from seplace.errors import DataError, InputError, UnwritableFolder
from seplace.interval import Interval
from seplace.metric import ACCURACY, Metric
from seplace.placement import Placement
from seplace.report.comparison_table import comparison_table
from seplace.report.figures.comparison import plot_comparison
from seplace.report.figures.saving import refuse_unwritable
from seplace.results.comparison import Comparison, Side
from seplace.space import SearchSpace
from tests.effects.toy import SMALL, WIDER, cost_table_of, observed, space_with
from tests.spaces import parse

PLAIN, SE, ECA = (Placement.parse(text) for text in ("none-none-none", "none-none-se4", "eca-eca-eca"))


def effects(placement: Placement, *, of_se: float, of_eca: float) -> float:
    """Scores to which each SE and each ECA adds."""
    names = [choice.name for choice in placement.choices]
    return 50.0 + of_se * names.count("se") + of_eca * names.count("eca")


def at_one_seed(known: Estimates) -> Estimates:
    """The first training of each placement alone."""
    first = {each.placement: each for each in reversed(known._observations)}
    costs = dict(zip(known.placements, known.costs, strict=True))
    return Estimates(Design(SMALL), list(first.values()), costs)


def side(
    name: str,
    *,
    of_se: float,
    of_eca: float,
    space: SearchSpace = SMALL,
    every: int = 1,
    metric: Metric = ACCURACY,
    without: Placement | None = None,
) -> Side:
    """A study of every n-th candidate, the plain backbone among them."""
    truth = {each: effects(each, of_se=of_se, of_eca=of_eca) for each in list(space)[::every] if each != without}
    observations = observed(truth, seeds=2, noise=0.3, random=np.random.default_rng(len(name)))
    table = cost_table_of(space)
    return Side(
        name=name,
        space=space,
        estimates=Estimates(Design(space), observations, {each: table.costs_of(each)["flops"] for each in truth}),
        baselines=space.baselines,
        recommended=[SE, ECA],
        cost="flops",
        cost_table=table,
        metric=metric,
    )


ERROR = Metric(name="val_error", goal="minimize", unit="mm", label="error", test_name="test_error")
FIRST = side("first", of_se=1.0, of_eca=2.0)


@pytest.fixture(scope="module")
def alike() -> Comparison:
    """The other study has an error in millimeters, of which a third as much is gained, and trained some candidates."""
    return Comparison(one=FIRST, other=side("other", of_se=0.4, of_eca=0.7, every=2, metric=ERROR))


@pytest.fixture(scope="module")
def opposed() -> Comparison:
    return Comparison(one=FIRST, other=side("opposed", of_se=2.0, of_eca=-1.0))


def test_a_common_winner_is_said_with_its_gain_in_each_unit(alike: Comparison):
    won, ranks = alike.sentences
    assert won.startswith(f"Both studies have the same winner, {ECA}: it gains +")
    assert " points of accuracy in first and +" in won
    assert won.endswith(" mm of error in other.")
    assert 5 < alike.gain(ECA, FIRST).value < 7
    assert alike.tau.lower > 0.5
    assert ranks.endswith("over all 27 candidates, 14 of them trained in both: they rank placements alike.")


def test_other_winners_are_each_measured_in_the_other_study(opposed: Comparison):
    there, back, ranks = opposed.sentences
    best = Placement.parse("se4-se4-se4")
    assert there.startswith(f"The winner of first, {ECA} (+")
    assert f" in opposed, where its own winner, {best}, gains +" in there
    assert f": {best} is better there (difference +" in there
    assert back.startswith(f"The winner of opposed, {best} (+")
    assert opposed.tau.upper < 0
    assert ranks.endswith("they rank placements the other way round.")


def test_a_lead_within_the_noise_is_none_and_the_plain_backbone_may_win():
    level = side("level", of_se=0.0, of_eca=0.0)
    sentences = Comparison(one=FIRST, other=level).sentences
    assert "the two cannot be told apart there" in sentences[0] or "where the plain backbone wins" in sentences[0]
    assert sentences[-1].endswith("whether they rank placements alike is not shown.")
    worse = side("worse", of_se=-1.0, of_eca=-2.0)
    there, back, _ = Comparison(one=FIRST, other=worse).sentences
    assert there.endswith(" in worse, where the plain backbone wins: nothing is estimated above it.")
    assert back.startswith(f"The winner of worse is the plain backbone; in first its own winner, {ECA}, gains +")
    assert Comparison(one=worse, other=worse).sentences[0].startswith("In neither study is any placement estimated")


def test_two_studies_of_the_same_noise_are_not_taken_to_agree():
    """Both posteriors draw from the same random numbers; only what was trained may make their ranks alike."""
    nothing = [side(name, of_se=0.0, of_eca=0.0, every=9) for name in ("some noise", "other noise here")]
    tau = Comparison(one=nothing[0], other=nothing[1]).tau
    assert 0 in tau
    assert abs(tau.value) < 0.3


def test_what_is_not_shown_to_be_better_than_plain_does_not_win():
    once = replace(FIRST, name="once", estimates=at_one_seed(FIRST.estimates))
    both = Comparison(one=once, other=FIRST)
    assert both.sentences[0].startswith(
        f"Both studies have the same best placement, {ECA}, which only first shows to be better than the plain backbone"
    )
    assert "best in A" in both.table.set_index("placement").loc[str(ECA), "mark"]
    other = side("opposed", of_se=2.0, of_eca=-1.0)
    there, back, _ = Comparison(one=once, other=other).sentences
    assert there.startswith(f"The best of once, {ECA} (+")
    assert " of accuracy), is not shown to be better than the plain backbone; it gains -" in there
    assert f" in once, where its own best, {ECA}, gains +" in back


def test_a_figure_that_cannot_be_written_is_refused_before_anything_is_read(tmp_path: Path):
    from seplace.cli.compare import compare

    for path, error in ((tmp_path / "x.xyz", InputError), (tmp_path / "made.png", UnwritableFolder)):
        (tmp_path / "made.png").mkdir(exist_ok=True)
        with pytest.raises(error, match=path.name):
            compare(tmp_path / "nowhere", tmp_path / "nowhere", plot=path)
    with pytest.raises(UnwritableFolder, match=r"x\.png: no figure can be written there"):
        refuse_unwritable(Path("/proc/x.png"))


def test_the_table_has_winners_recommended_placements_and_baselines(alike: Comparison):
    table = alike.table.set_index("placement")
    assert Interval.of_row(table.loc[str(SE)].to_dict(), "gain_other") == alike.gain(SE, alike.other)
    assert table.loc[str(ECA), "mark"] == "wins A and B, recommended by A and B, ECA everywhere"
    assert table.loc[str(PLAIN), "mark"] == "plain"
    assert table.loc[str(PLAIN), ["gain_one", "gain_other", "extra_one"]].tolist() == [0, 0, 0]
    assert table["extra_one"].is_monotonic_increasing
    # Every second candidate was trained in the other study; the rest is estimated.
    assert table.loc[str(SE), ["n_one", "n_other"]].tolist() == [2, 0]
    for name, gain in (("one", 1.0), ("other", 0.4)):
        row = table.loc[str(SE)]
        assert row[f"gain_{name}_lower"] < gain < row[f"gain_{name}_upper"]


def test_the_figure_has_both_gains_and_both_winners(alike: Comparison, opposed: Comparison):
    (axes,) = plot_comparison(alike).axes
    assert axes.get_xlabel() == "gain in points of accuracy (first)"
    assert axes.get_ylabel() == "gain in mm of error (other)"
    for comparison, winners in ((alike, 1), (opposed, 2)):
        figure = plot_comparison(comparison, width="single")
        assert len(figure.axes[0].containers) == winners


@pytest.mark.parametrize("width", [80, 120])
def test_the_printed_table_fits_its_terminal(alike: Comparison, width: int):
    output = io.StringIO()
    Console(file=output, width=width).print(comparison_table(alike))
    printed = output.getvalue()
    assert all(len(line) <= width for line in printed.splitlines())
    assert "A: first, in points of accuracy; B: other, in mm of error" in " ".join(printed.split())


def test_other_stages_or_choices_are_refused():
    pairs = space_with(parse("none", "eca"), *[parse("none", "se4", "eca")] * 2)
    with pytest.raises(InputError, match=r"stage 1 has se4 only in first$"):
        Comparison(one=FIRST, other=side("pairs", of_se=0, of_eca=0, space=pairs))
    eca = space_with(*[parse("none", "eca")] * 3)
    with pytest.raises(InputError, match=r"there is the backbone cifar_resnet8\[width=1.06\] only in wider$"):
        Comparison(one=side("eca", of_se=0, of_eca=0, space=eca), other=side("wider", of_se=0, of_eca=0, space=WIDER))
    blocks = replace(FIRST, space=replace(SMALL, backbone=replace(SMALL.backbone, granularity="block")))
    with pytest.raises(InputError, match="first has 3 stages, first 3 blocks"):
        Comparison(one=FIRST, other=blocks)
    with pytest.raises(DataError, match="unplain: the plain backbone was not trained"):
        Comparison(one=FIRST, other=side("unplain", of_se=0, of_eca=0, without=PLAIN))


def test_the_command_says_it_of_two_folders(capsys: pytest.CaptureFixture[str]):
    from seplace.cli.compare import compare
    from seplace.cli.options import Format

    results = Path(__file__).resolve().parents[2] / "results"
    compare(results / "positive-control", results / "negative-control", output_format=Format.csv)
    header, *rows = capsys.readouterr().out.splitlines()
    compare(results / "positive-control", results / "negative-control", as_json=True)
    assert len(json.loads(capsys.readouterr().out)) == len(rows)
    assert header.startswith("placement,mark,gain_one,gain_one_lower")
    assert len(rows) > 10
    with pytest.raises(InputError, match="pilot-32px do not choose among the same placements"):
        compare(results / "positive-control", results / "pilot-32px")
