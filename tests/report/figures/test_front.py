import pandas as pd
import pytest
from matplotlib.legend import Legend

from seplace.errors import InputError
from seplace.metric import ACCURACY
from seplace.report.figures.effects import plot_effects
from seplace.report.figures.front import Pick, plot_front
from seplace.report.figures.saving import save_figure
from seplace.report.figures.simulation import plot_simulation
from seplace.report.figures.style import ORANGE

TABLE = pd.DataFrame(
    [
        ("none-none", "plain", True, 3, 80.0, 79.5, 81.0, 0.0, 0.0, 0.0, 2_000_000, 0),
        ("none-se4", "", True, 2, 82.0, 81.8, 82.1, 2.0, 1.9, 2.5, 2_050_000, 50_000),
        ("se4-none", "", False, 1, 81.0, 80.9, 81.1, 1.0, 0.9, 1.2, 2_070_000, 70_000),
        ("cbam4-cbam4", "CBAM everywhere", False, 1, 79.0, 78.7, 79.3, -1.0, -1.5, -0.6, 2_200_000, 200_000),
    ],
    columns=[
        "placement",
        "baseline",
        "on_front",
        "n",
        *(f"{quantity}{end}" for quantity in ("accuracy", "gain") for end in ("", "_lower", "_upper")),
        "flops",
        "extra_flops",
    ],
)


def axes_of(table: pd.DataFrame, **options):
    return plot_front(
        table, ACCURACY, cost="flops", unit="FLOPs", measured="validation accuracy", title="a study", **options
    ).axes[0]


def points(axes) -> dict[str, list[tuple[float, float]]]:
    """What each entry of the legend shows."""
    with_intervals = {container.get_label(): container.lines[0] for container in axes.containers}
    marks = {line.get_label(): line for line in axes.lines if not line.get_label().startswith("_")}
    return {
        label: [tuple(point) for point in line.get_xydata().tolist()]
        for label, line in (with_intervals | marks).items()
    }


def legend_of(axes) -> list[str]:
    return [text.get_text() for legend in legends(axes.figure) for text in legend.get_texts()]


def legends(figure) -> list[Legend]:
    return figure.findobj(Legend)


def heading_of(figure) -> list[str]:
    return [text.get_text() for text in figure.texts]


def test_the_points_are_the_gains_of_the_table():
    axes = axes_of(TABLE)
    assert points(axes) == {
        "front": [(0.0, 0.0), (50.0, 2.0)],
        "other trained": [(70.0, 1.0)],
        "plain": [(0.0, 0.0)],
        "CBAM everywhere": [(200.0, -1.0)],
    }
    assert {text.get_text(): tuple(text.xy) for text in axes.texts} == {"1": (0.0, 0.0), "2": (50.0, 2.0)}
    assert legend_of(axes)[-2:] == ["1  none-none (n = 3)", "2  none-se4 (n = 2)"]
    assert heading_of(axes.figure) == ["a study", "7 trainings of 4 placements, 1 to 3 seeds each (n)"]


def test_accuracies_are_drawn_on_demand():
    axes = axes_of(TABLE, absolute=True)
    assert points(axes)["front"] == [(0.0, 80.0), (50.0, 82.0)]
    assert points(axes)["CBAM everywhere"] == [(200.0, 79.0)]
    assert axes.get_ylabel() == "validation accuracy in %"


def test_the_plain_backbone_is_a_line_where_gains_are_drawn():
    def dashed(axes) -> list[list[float]]:
        return [list(line.get_ydata()) for line in axes.lines if line.get_linestyle() == "--"]

    assert dashed(axes_of(TABLE)) == [[0.0, 0.0]]
    assert dashed(axes_of(TABLE, absolute=True)) == []


def test_the_headline_and_the_trainings_stand_under_the_title():
    axes = axes_of(TABLE, verdict="No placement costs $1: +0.5 points.")
    heading = ["a study", "No placement costs \\$1", "7 trainings of 4 placements, 1 to 3 seeds each (n)"]
    assert heading_of(axes.figure) == heading
    assert heading_of(axes_of(TABLE, heading=False).figure) == []


def test_numbers_of_points_that_almost_coincide_stand_together():
    values, costs = [0.0, 2.0, 2.01, 4.0], [0, 50_000, 50_001, 200_000]
    close = TABLE.assign(on_front=True, gain=values, gain_lower=values, gain_upper=values, extra_flops=costs)
    axes = axes_of(close)
    assert {text.get_text() for text in axes.texts} == {"1", "2, 3", "4"}
    assert [name[:1] for name in legend_of(axes)[-4:]] == ["1", "2", "3", "4"]


def test_the_verdict_and_the_pick_are_marked_and_the_legend_says_how():
    pick = Pick(placement="none-se4", name="take", reason="the advised placement")
    axes = axes_of(TABLE, better={"none-se4"}, pick=pick)
    shown = points(axes)
    assert shown["front, better than plain at 95 %"] == [(50.0, 2.0)]
    assert "front, not shown to be better" not in shown  # plain is no claim
    assert [tuple(line.get_xydata()[0]) for line in axes.lines if line.get_label() == "_pick"] == [(50.0, 2.0)]
    assert "2 take" in {text.get_text() for text in axes.texts}
    assert "take: the advised placement" in legend_of(axes)
    (hollow,) = [line for line in axes_of(TABLE, better=set()).containers if "not shown" in line.get_label()]
    assert hollow.lines[0].get_markerfacecolor() == "white"


def test_baselines_stand_under_their_own_heading_which_explains_hollow_markers():
    table = TABLE.assign(baseline=["plain", "", "SE in the last stage", "CBAM everywhere"])
    headings = [legend.get_title().get_text() for legend in legends(axes_of(table).figure)]
    assert headings == ["", "Baselines (hollow: last stage only)", "Front points (n seeds)"]
    assert [legend.get_title().get_text() for legend in legends(axes_of(TABLE).figure)][1] == "Baselines"


def test_a_dear_baseline_does_not_squeeze_the_front():
    costs = [0, 4_000, 8_000, 900_000]
    table = TABLE.assign(extra_flops=costs, on_front=[True, True, True, False])
    axes = axes_of(table)
    assert axes.get_xscale() == "symlog"
    assert axes.get_xlabel().endswith("(log scale beyond 2)")
    at = axes.transAxes.inverted().transform(axes.transData.transform([(4, 0), (8, 0)]))[:, 0]
    assert 0.2 < at[0] < at[1] - 0.05
    assert axes_of(TABLE).get_xscale() == "linear"


def test_plain_networks_of_other_backbones_have_markers_of_their_own():
    rows = TABLE.iloc[[1, 3]].assign(
        placement=["none-none@a[width=1.1]", "none-none@b"],
        baseline=["plain on a[width=1.1]", "plain on b"],
        gain=[3.0, -2.0],
        gain_lower=[2.0, -3.0],
        gain_upper=[4.0, -1.0],
        extra_flops=[100_000, 300_000],
    )
    axes = axes_of(pd.concat([TABLE, rows], ignore_index=True))
    markers = {line.get_label(): line.get_marker() for line in axes.lines}
    assert len({markers["plain on a[width=1.1]"], markers["plain on b"]}) == 2
    assert "3  none-none@a[width=1.1] (n = 2)" in legend_of(axes)


def test_bars_are_intervals_of_the_gain_and_one_a_placement():
    axes = axes_of(TABLE)
    bars = {container.get_label(): container.lines[2][0].get_segments() for container in axes.containers}
    ends = {label: [each[:, 1].tolist() for each in segments] for label, segments in bars.items()}
    assert ends["front"] == [[0.0, 0.0], pytest.approx([1.9, 2.5])]
    assert ends["other trained"] == [pytest.approx([0.9, 1.2])]
    beside = [
        list(line.get_ydata()) for line in axes.lines if line.get_color() == ORANGE and len(line.get_xdata()) == 2
    ]
    assert beside == [[0.0, 0.0], [-1.5, -0.6]]  # the line of the plain backbone, and CBAM: on the front is one already


def test_an_interval_that_is_cut_has_an_arrow_and_a_mean_beyond_the_axis_its_value():
    rows = [TABLE.iloc[[2]].assign(extra_flops=1000 * at, gain=at / 20, gain_lower=at / 20 - 1) for at in range(20)]
    far = TABLE.iloc[[2]].assign(gain=-41.0, gain_lower=-44.0, gain_upper=-38.0)
    unsure = TABLE.iloc[[2]].assign(gain_lower=-30.0, gain_upper=30.0)
    axes = axes_of(pd.concat([TABLE, *rows, far, unsure], ignore_index=True))
    arrows = [(line.get_marker(), line.get_ydata()[0]) for line in axes.lines if line.get_marker() in "^v"]
    bottom, top = axes.get_ylim()
    assert arrows == [("v", bottom), ("v", bottom), ("^", top)]
    assert -3 < bottom < top < 4
    assert [text.get_text() for text in axes.texts if text.get_text()[0] == "\N{MINUS SIGN}"] == ["\N{MINUS SIGN}41.0"]
    assert heading_of(axes.figure)[-1].endswith("; 2 intervals cut at the arrows")


@pytest.mark.parametrize(
    ("factor", "label"),
    [
        (1, "extra kFLOPs over the plain backbone, which has 2 MFLOPs"),
        (1000, "extra MFLOPs over the plain backbone, which has 2 GFLOPs"),
        (10**6, "extra GFLOPs over the plain backbone, which has 2000 GFLOPs"),
    ],
)
def test_the_axis_names_its_unit(factor, label):
    axes = axes_of(TABLE.assign(flops=TABLE["flops"] * factor, extra_flops=TABLE["extra_flops"] * factor))
    assert axes.get_xlabel() == label
    assert axes.get_ylabel() == "gain over plain, in points of validation accuracy"
    assert "posterior mean, 90 % credible interval of the gain" in [" ".join(each.split()) for each in legend_of(axes)]
    assert points(axes)["other trained"] == [(70.0, 1.0)]


def test_latency_may_be_the_cost():
    table = TABLE.assign(latency_ms=[1.0, 1.1, 1.2, 1.3], extra_latency_ms=[0.0, 0.1, 0.2, 0.3])
    axes = plot_front(table, ACCURACY, cost="latency_ms", unit="ms", measured="validation accuracy", title="").axes[0]
    assert axes.get_xlabel() == "extra ms over the plain backbone, which has 1 ms"


def test_one_placement_is_enough():
    assert points(axes_of(TABLE[:1])) == {"front": [(0.0, 0.0)], "plain": [(0.0, 0.0)]}


@pytest.mark.parametrize("suffix", ["png", "svg", "pdf"])
def test_the_same_table_gives_the_same_file(tmp_path, suffix):
    for name in ("one", "other"):
        save_figure(
            plot_front(TABLE, ACCURACY, cost="flops", unit="FLOPs", measured="validation accuracy", title="a"),
            tmp_path / f"{name}.{suffix}",
        )
    assert (tmp_path / f"one.{suffix}").read_bytes() == (tmp_path / f"other.{suffix}").read_bytes()


def test_a_figure_can_be_saved_twice(tmp_path):
    figure = plot_front(TABLE, ACCURACY, cost="flops", unit="FLOPs", measured="validation accuracy", title="a")
    for name in ("one.svg", "other.svg"):
        save_figure(figure, tmp_path / name)
    assert (tmp_path / "one.svg").read_bytes() == (tmp_path / "other.svg").read_bytes()


def test_an_unknown_format_is_an_input_error(tmp_path):
    with pytest.raises(InputError, match=r"a\.xyz: figures are written as \.png, \.svg, \.pdf"):
        save_figure(
            plot_front(TABLE, ACCURACY, cost="flops", unit="FLOPs", measured="validation accuracy", title="a"),
            tmp_path / "a.xyz",
        )


def test_effects_have_a_panel_a_stage_and_a_color_a_module():
    table = pd.DataFrame(
        [
            ("choice", 1, "se4", 0.5, 0.1, 0.9, 0.99),
            ("choice", 1, "eca", 0.0, -0.4, 0.4, 0.5),
            ("choice", 2, "se8.parallel", -0.5, -0.9, -0.1, 0.01),
            ("module", 0, "se", 0.0, -0.4, 0.4, 0.5),
            ("backbone", 0, "cifar_resnet20", 1.0, 0.5, 1.5, 1.0),
        ],
        columns=["kind", "stage", "name", "effect", "effect_lower", "effect_upper", "p_positive"],
    )
    figure = plot_effects(table, ACCURACY, title="a study")
    assert [axes.get_title(loc="left") for axes in figure.axes] == ["stage 1", "stage 2", "backbone, over the first"]
    first = figure.axes[0]
    assert [label.get_text() for label in first.get_yticklabels()] == ["se4", "eca", "se8.parallel"]
    assert first.get_ylim()[0] > first.get_ylim()[1]  # from above
    markers = [line for line in first.lines if line.get_marker() == "o"]
    assert [line.get_xdata()[0] for line in markers] == [0.5, 0.0]
    assert [line.get_markerfacecolor() == "white" for line in markers] == [False, True]
    (other,) = [line for line in figure.axes[1].lines if line.get_marker() == "o"]
    assert other.get_color() == markers[0].get_color() != markers[1].get_color()


def test_a_simulation_has_a_panel_a_recommendation():
    rows = [
        ("usual", sampler, recommendation, trainings, 0.5 + trainings / 1000, 0.4, 0.7, 50)
        for sampler in ("effects", "random")
        for recommendation in ("observed", "posterior")
        for trainings in (10, 50)
    ]
    columns = [
        "problem",
        "sampler",
        "recommendation",
        "trainings",
        "hypervolume",
        "hypervolume_lower",
        "hypervolume_upper",
        "repetitions",
    ]
    figure = plot_simulation(pd.DataFrame(rows, columns=columns), title="a comparison")
    titles = [axes.get_title(loc="left") for axes in figure.axes]
    assert titles == ["usual: observed front", "usual: posterior front"]
    assert [line.get_ydata().tolist() for line in figure.axes[0].lines] == [[0.51, 0.55]] * 2
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["effects, n = 50", "random, n = 50"]
