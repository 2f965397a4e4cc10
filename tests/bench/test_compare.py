import json
import subprocess
import sys
from io import StringIO
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from rich.console import Console

from seplace.bench.compare import compare_placements, read_cases
from seplace.bench.measuring import Timing
from seplace.cli import main
from seplace.costs import COSTS
from seplace.errors import InputError
from seplace.report.bench_tables import counts_table, measured_table, published_notes, published_table
from seplace.report.figures.bench import plot_bench
from tests.bench.released import released
from tests.networks import placed, shaped_network_of

SMALL, OTHER = "cifar_resnet8[width=0.25]", "resnet18[width=0.125]"
COUNTED = ["backbone", "name", "placement", "image_size"] + [
    column.format(name) for name in ("params", "macs", "flops") for column in ("{}", "extra_{}", "extra_{}_percent")
]
MEASURED = [
    "peak_tensor_bytes",
    *(
        f"{column}{end}"
        for column in ("latency_ms", "latency_ratio", "images_per_second", "throughput_ratio")
        for end in ("", "_lower", "_upper")
    ),
    *("batch", "repeats", "device", "threads", "torch"),
]


def cases_of(*texts: str, by_block: bool = False, image_size: int | None = 16):
    return read_cases(texts, by_block=by_block, image_size=image_size, num_classes=3)


def placements(*texts: str, **options) -> list[tuple[str, str, str]]:
    return [
        (case.backbone.text, name, str(placement))
        for case in cases_of(*texts, **options)
        for name, placement in case.placements.items()
    ]


@pytest.fixture(scope="module")
def records() -> list[dict]:
    """A backbone measured with two rounds, on images of 16 pixels."""
    return compare_placements(
        cases_of(SMALL, "none", "se4", "none-eca-cbam4.pre"), Timing(device="cpu", batch=2, repeats=2)
    )


@pytest.fixture
def cli(monkeypatch, capsys):
    """A function that runs `seplace bench` and returns exit code, output and errors."""

    def call(*arguments: object) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["seplace", "bench", *map(str, arguments)])
        code = 0
        try:
            main()
        except SystemExit as stop:
            code = int(stop.code or 0)
        printed = capsys.readouterr()
        return code, printed.out, printed.err

    return call


def test_one_backbone_with_placements_after_it() -> None:
    assert placements("cifar_resnet8", "se16-none-eca", "none") == [
        ("cifar_resnet8", "se16-none-eca", "se16-none-eca"),
        ("cifar_resnet8", "plain", "none-none-none"),
    ]


@pytest.mark.parametrize(
    ("texts", "by_block", "name", "placement", "warning"),
    [
        pytest.param(
            ("mobilenet_v3_large", "native"),
            False,
            "native in stages 3-5",
            "none-none-native-native-native",
            "and not in 1-2: stage 1: mobilenet_v3_large has no native attention there",
            id="native attention",
        ),
        pytest.param(
            ("mobilenet_v3_small", "native"), True, None, None, "native stands in blocks 1, 4-11 of", id="by block"
        ),
        pytest.param(
            ("resnet18", "se400"), False, "se400 in stage 4", "none-none-none-se400", "no hidden unit", id="a ratio"
        ),
    ],
)
def test_a_single_choice_stands_where_it_fits(texts, by_block, name, placement, warning) -> None:
    with pytest.warns(UserWarning, match=warning):
        ((_, named, text),) = placements(*texts, by_block=by_block, image_size=None)
    assert name in (None, named)
    assert placement in (None, text)


def test_a_single_choice_that_fits_nowhere_is_refused() -> None:
    with pytest.raises(InputError, match="native stands in no stage of resnet18: stage 1: "):
        placements("resnet18", "native", image_size=None)


def test_every_backbone_has_every_placement_and_a_single_choice_stands_everywhere() -> None:
    assert placements("cifar_resnet8", "eca.cross", "resnet18", "se[bias=yes]8", image_size=32) == [
        ("cifar_resnet8", "eca.cross everywhere", "eca.cross-eca.cross-eca.cross"),
        ("cifar_resnet8", "se[bias=yes]8 everywhere", "se[bias=yes]8-se[bias=yes]8-se[bias=yes]8"),
        ("resnet18", "eca.cross everywhere", "eca.cross-eca.cross-eca.cross-eca.cross"),
        ("resnet18", "se[bias=yes]8 everywhere", "-".join(["se[bias=yes]8"] * 4)),
    ]


def test_without_placements_there_are_the_baselines() -> None:
    rows = placements(SMALL, OTHER, SMALL, image_size=32)
    assert len(rows) == 2 * 7
    assert [name for _, name, _ in rows[:3]] == ["plain", "SE everywhere", "SE in the last stage"]
    # Stages of 4, 8 and 16 channels: a ratio of 16 would leave the first two without a hidden unit.
    assert rows[1][2] == "se4-se8-se16"


def test_by_block_a_placement_has_a_choice_a_block() -> None:
    # ResNet-18 has two blocks in each of its four stages.
    assert placements("resnet18", "none-none-none-none-none-none-none-eca", "se8", by_block=True, image_size=32) == [
        ("resnet18", "none-none-none-none-none-none-none-eca", "none-none-none-none-none-none-none-eca"),
        ("resnet18", "se8 everywhere", "-".join(["se8"] * 8)),
    ]
    with pytest.raises(InputError, match=r"8 blocks \(got 4\)"):
        cases_of("resnet18", "eca-eca-eca-eca", by_block=True, image_size=32)


def test_counts_are_those_of_the_costs_and_extras_are_over_the_plain_backbone() -> None:
    rows = compare_placements(cases_of(SMALL, "se4", "none", OTHER, image_size=32), None)
    assert [list(row) for row in rows] == [COUNTED] * 4
    assert [row["image_size"] for row in rows] == [32] * 4
    images = torch.zeros(1, 3, 32, 32)
    for row in rows:
        for name in ("params", "macs", "flops"):
            value, plain = (
                COSTS[name].measure(shaped_network_of(row["backbone"], text, num_classes=3), images)
                for text in (str(placed(row["backbone"], row["placement"])), "none")
            )
            assert (row[name], row[f"extra_{name}"]) == (value, value - plain)
            assert row[f"extra_{name}_percent"] == pytest.approx(100 * (value / plain - 1))
    # 2Ch for one block in each of three stages of 4, 8 and 16 channels, h = C/4.
    assert rows[0]["extra_params"] == 2 * (4 * 1 + 8 * 2 + 16 * 4)


def test_measured_columns(records: list[dict]) -> None:
    assert [list(row) for row in records] == [COUNTED + MEASURED] * 3
    for row in records:
        for column in ("latency_ms", "latency_ratio", "images_per_second", "throughput_ratio"):
            assert 0 < row[f"{column}_lower"] <= row[column] <= row[f"{column}_upper"]
        assert (row["batch"], row["repeats"]) == (2, 2)
    plain, gated, _ = records
    assert plain["latency_ratio_lower"] == plain["throughput_ratio_upper"] == 1
    assert gated["peak_tensor_bytes"] > plain["peak_tensor_bytes"]


def test_figures_of_a_placement_do_not_depend_on_whether_none_is_in_the_list(records: list[dict]) -> None:
    (alone,) = compare_placements(cases_of(SMALL, "se4"), Timing(device="cpu", batch=2, repeats=2))
    exact = [*COUNTED, "peak_tensor_bytes"]
    assert [alone[column] for column in exact] == [records[1][column] for column in exact]


def shown(content: object, width: int) -> str:
    console = Console(width=width, file=StringIO(), highlight=False)
    console.print(content, markup=False)
    return console.file.getvalue()


@pytest.mark.parametrize("width", [80, 200])
def test_tables_cut_nothing(records: list[dict], width: int) -> None:
    cells = "".join(shown(counts_table(records), width).split())
    for figure in ("none-eca-cbam4.pre", "se4everywhere"):
        assert figure in cells or width == 80
    for text in (shown(counts_table(records), width), shown(measured_table(records), width)):
        assert "…" not in text
        assert max(map(len, text.splitlines())) <= width
    rows = released()
    text = shown(published_table(rows), width)
    assert "…" not in text
    assert max(map(len, text.splitlines())) <= width
    for row in rows:
        assert text.count(row["published"]) == 2  # the figure of the paper, and ours


def test_a_measured_table_says_what_it_holds_for(records: list[dict]) -> None:
    text = " ".join(shown(measured_table(records), 200).split())
    assert f"Measured on {records[0]['device']}, {records[0]['threads']} thread" in text
    assert f"torch {records[0]['torch']}: median and quartiles of n = 2 interleaved rounds" in text
    assert "live tensors" in text
    assert text.count("batch 2") == 2
    allocated = [
        {("peak_allocated_bytes" if key == "peak_tensor_bytes" else key): value for key, value in row.items()}
        for row in records
    ]
    assert "CUDA allocator" in shown(measured_table(allocated), 200)


@pytest.mark.parametrize(
    ("percent", "text"),
    [(0.0, ""), (9.8414, "+9.84 %"), (0.00123, "+0.00123 %"), (0.0009, "<0.001 %"), (-2.5, "-2.5 %")],
)
def test_an_extra_in_percent(records: list[dict], percent: float, text: str) -> None:
    row = records[0] | {f"extra_{name}_percent": percent for name in ("params", "macs", "flops")}
    last = shown(counts_table([row]), 200).rstrip().splitlines()[-2]
    assert last.count("%") == 3 * text.count("%")
    assert text in last


def made_row(**changes: object) -> dict[str, object]:
    row = {"source": "se", "table": "SE 2", "network": "A", "backbone": "a", "placement": "none", "quantity": "FLOPs"}
    row |= {"unit": "G", "published": "3.86", "ours": "3.86", "difference": 0.0, "convention": "a rule"}
    return row | {"verdict": "equal"} | changes


def test_reasons_are_numbered_notes() -> None:
    rows = [
        made_row(),
        made_row(ours="3.87", difference=0.01, verdict="differs: first"),
        made_row(ours="3.85", difference=-0.01, verdict="differs: second", quantity="params"),
        made_row(ours="3.88", difference=0.02, verdict="differs: first"),
    ]
    text = shown(published_table(rows), 100)
    assert "se: 1 of 4 published figures" in text
    assert [text.count(part) for part in ("equal", "+0.01 [1]", "-0.01 [2]", "+0.02 [1]")] == [1, 1, 1, 1]
    assert published_notes(rows).splitlines() == [
        "[1] differs: first",
        "[2] differs: second",
        "FLOPs: a rule",
        "params: a rule",
    ]


FIGURE = pd.DataFrame(
    [
        ("one", "plain", 0.0, 0.0, 1.0, 1.0, 1.0),
        ("one", "SE", 1.0, 9.0, 1.2, 1.1, 1.4),
        ("two", "SE", 2.0, 8.0, 1.1, 1.0, 1.3),
        ("two", "ECA", 0.5, 0.1, 0.9, 0.8, 1.0),
    ],
    columns=[
        *("backbone", "name", "extra_flops_percent", "extra_params_percent"),
        *("latency_ratio", "latency_ratio_lower", "latency_ratio_upper"),
    ],
)


@pytest.mark.parametrize("has_latency", [True, False])
def test_the_figure_shows_every_placement_but_none(has_latency: bool) -> None:
    table = FIGURE if has_latency else FIGURE.iloc[:, :4]
    figure = plot_bench(table, title="a title")
    (axes,) = figure.axes
    lines = [container.lines[0] for container in axes.containers]
    y = "latency_ratio" if has_latency else "extra_params_percent"
    expected = FIGURE.iloc[1:][["extra_flops_percent", y]].to_numpy().tolist()
    assert [line.get_xydata()[0].tolist() for line in lines] == expected
    assert lines[0].get_color() != lines[1].get_color() == lines[2].get_color()
    assert lines[0].get_marker() == lines[1].get_marker() != lines[2].get_marker()
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["plain backbone", "one", "two", "SE", "ECA"]
    assert axes.get_title(loc="left") == "a title"
    assert ("latency" in axes.get_ylabel()) == has_latency
    if has_latency:
        bars = np.array([container.lines[2][0].get_segments()[0] for container in axes.containers])
        assert bars[:, :, 1] == pytest.approx(np.array([(1.1, 1.4), (1.0, 1.3), (0.8, 1.0)]))


def test_the_command_writes_a_table_and_a_figure(cli, tmp_path: Path) -> None:
    table, figure = tmp_path / "bench.csv", tmp_path / "bench.svg"
    code, output, error = cli(SMALL, "se4", "--image-size", 16, "--output", table, "--plot", figure)
    assert (code, error) == (0, "")
    assert "se4 everywhere" in output
    assert f"{SMALL}, 16x16" in output
    assert list(pd.read_csv(table).columns) == COUNTED
    assert "<svg" in figure.read_text()


def test_the_command_measures_under_the_conditions_of_its_options(cli) -> None:
    options = ("--latency", "--batch", 3, "--repeats", 2, "--accelerator", "cpu", "--image-size", 16)
    code, output, _ = cli(SMALL, "none", "eca", *options, "--format", "json")
    assert code == 0
    rows = json.loads(output)
    assert [list(row) for row in rows] == [COUNTED + MEASURED] * 2
    assert {(row["batch"], row["repeats"]) for row in rows} == {(3, 2)}


@pytest.mark.long
def test_published_figures_on_the_command_line(cli, monkeypatch: pytest.MonkeyPatch) -> None:
    code, output, _ = cli("--published", "released", "--format", "csv")
    assert code == 0
    rows = pd.read_csv(StringIO(output), dtype=str)
    assert len(rows) == 23
    assert rows["published"].tolist() == rows["ours"].tolist()
    assert set(rows["verdict"]) == {"equal"}
    monkeypatch.setattr("seplace.bench.compare.compare_published", lambda _: released())
    assert "23 of 23 published figures" in cli("--paper", "released")[1]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        pytest.param((), "name at least one backbone", id="nothing"),
        pytest.param(("cifar_resnet9",), "Did you mean 'cifar_resnet8'?", id="unknown backbone"),
        pytest.param(("se16", "cifar_resnet8"), "unknown backbone 'se16'", id="no backbone first"),
        pytest.param(
            ("cifar_resnet8", "resnet81"), "'resnet81' is not a backbone. Did you mean", id="unknown second backbone"
        ),
        pytest.param(("cifar_resnet8", "none-none-see16"), "Did you mean 'se'?", id="unknown module"),
        pytest.param(("cifar_resnet8", "see16"), "Did you mean 'se'?", id="unknown module everywhere"),
        pytest.param(("cifar_resnet8", "none-none"), "3 stages (got 2)", id="too few stages"),
        pytest.param(("cifar_resnet8", "resnet18", "eca-eca-eca"), "4 stages (got 3)", id="does not fit the second"),
        pytest.param(("cifar_resnet14", "eca-eca-eca", "--by-block"), "6 blocks (got 3)", id="not by block"),
        pytest.param(("cifar_resnet8", "--image-size", "1"), "pixels (got 1)", id="too small"),
        pytest.param(("cifar_resnet8", "--output", "a.txt"), "--output: write a file that ends in .csv", id="output"),
        pytest.param(("cifar_resnet8", "--plot", "a.gif"), "--plot: write a file that ends in .png", id="plot"),
        pytest.param(("--paper", "see"), "Did you mean 'se'?", id="unknown paper"),
        pytest.param(
            ("--published", "--latency"), "--published takes --format and --output alone", id="paper and latency"
        ),
    ],
)
def test_nonsense_is_exit_2(cli, arguments: tuple[str, ...], message: str) -> None:
    code, output, error = cli(*arguments)
    assert (code, output) == (2, "")
    assert message in error


def test_help_and_bad_input_need_no_torch() -> None:
    lines = [
        (["--help"], 0),
        (["resnet9"], 2),
        (["resnet18", "see16"], 2),
        (["--published", "see"], 2),
        (["resnet18", "--plot", "a.gif"], 2),
    ]
    program = (
        "import json, sys\n"
        "from seplace.cli import main\n"
        "for arguments, expected in json.loads(sys.argv.pop()):\n"
        "    sys.argv = ['seplace', 'bench', *arguments]\n"
        "    code = 0\n"
        "    try: main()\n"
        "    except SystemExit as stop: code = stop.code or 0\n"
        "    heavy = {'torch', 'pytorch_lightning', 'matplotlib', 'fvcore', 'optuna'} & set(sys.modules)\n"
        "    assert (code, heavy) == (expected, set()), (arguments, code, heavy)\n"
    )
    subprocess.run([sys.executable, "-c", program, json.dumps(lines)], check=True, capture_output=True)


def test_each_module_is_compared_in_each_stage_alone_and_in_all():
    (case,) = read_cases([SMALL, "eca-se4-none"], by_block=False, by_stage=True, image_size=16, num_classes=3)
    assert {name: str(placement) for name, placement in case.placements.items()} == {
        "eca in stage 1": "eca-none-none",
        "eca in stage 2": "none-eca-none",
        "eca in stage 3": "none-none-eca",
        "eca in stages 1-3": "eca-eca-eca",
        "se4 in stage 1": "se4-none-none",
        "se4 in stage 2": "none-se4-none",
        "se4 in stage 3": "none-none-se4",
        "se4 in stages 1-3": "se4-se4-se4",
    }
    rows = {record["name"]: record for record in compare_placements([case], None)}
    for module in ("eca", "se4"):
        alone = [rows[f"{module} in stage {stage}"] for stage in (1, 2, 3)]
        for column in ("extra_params", "extra_macs", "extra_flops"):
            assert sum(row[column] for row in alone) == rows[f"{module} in stages 1-3"][column], "costs add up"
    (own,) = read_cases([SMALL], by_block=False, by_stage=True, image_size=16, num_classes=3)
    assert {"eca in stage 1", "eca in stages 1-3"} <= own.placements.keys()  # of the baselines
