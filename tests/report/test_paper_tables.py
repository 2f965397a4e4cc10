import re

import pandas as pd
import pytest

from seplace.metric import ACCURACY
from seplace.report.paper_tables import PaperTable, _cell, paper_table, to_latex, to_markdown

LONG = "my_gates.of_a_long_name:GateThatIsHis4-none@mine:net[width=1.1]"
ROWS = pd.DataFrame(
    {
        "placement": ["none-none", "none-se4", LONG, "cbam4-cbam4"],
        "baseline": ["plain", "", "", "CBAM everywhere"],
        "best_baseline": ["", "plain", "CBAM everywhere", "plain"],
        "on_front": [True, True, True, False],
        "n": [3, 2, 1, 1],
        **{f"accuracy{end}": [80.0, 81.0, 82.0, 79.0] for end in ("", "_lower", "_upper")},
        "gain": [0.0, 1.0, 2.0, -0.001],
        "gain_lower": [0.0, 0.5, -0.001, -1.0],
        "gain_upper": [0.0, 1.5, 3.0, 1.0],
        "gain_vs_baseline": [float("nan"), 1.0, 0.5, -0.001],
        "gain_vs_baseline_lower": [float("nan"), 0.5, -0.5, -1.0],
        "gain_vs_baseline_upper": [float("nan"), 1.5, 1.5, 1.0],
        "flops": [2_000_000, 2_008_290, 2_054_400, 2_238_000],
        "extra_flops": [0, 8_290, 54_400, 238_000],
        "test_accuracy": [80.0, float("nan"), 81.0, 79.0],
        "test_accuracy_se": [0.5] * 4,
        "test_gain": [0.0, float("nan"), 1.0, -1.0],
        "test_gain_se": [0.5, float("nan"), float("nan"), 0.25],
    }
)


def table_of(rows: pd.DataFrame = ROWS, **changes) -> PaperTable:
    options = {
        "name": "a_study & more",
        "cost": "flops",
        "unit": "FLOPs",
        "backbone": "net[width=0.5]",
        "measured": "accuracy on new images",
        "better": {"none-se4"},
        "has_test_images": True,
    }
    return paper_table(rows, ACCURACY, **(options | changes))


def test_the_caption_explains_every_column_and_mark():
    table = table_of()
    headings = ["Placement", "Baseline", "n", "Accuracy (%)", "Gain", "Gain vs. baseline", "Extra FLOPs", "Test gain"]
    assert table.headings == headings
    for said in (
        "A placement is one choice a stage",
        "n: training seeds",
        "Accuracy on new images, and the gain in points over the plain backbone, and over the best baseline",
        "90 % credible intervals",
        "Extra FLOPs: over the plain backbone, which has 2M",
        "†: better than the plain backbone at 95 %",
        "over seeds and new images",
    ):
        assert said in table.caption
    assert [row[4] for row in table.rows] == [
        "",
        "+1.00 [+0.50, +1.50]†",
        "+2.00 [+0.00, +3.00]",
        "+0.00 [-1.00, +1.00]",
    ]


def test_what_is_not_known_has_neither_column_nor_words():
    nothing = ROWS.assign(test_gain=float("nan"), gain_vs_baseline=float("nan"), baseline="", best_baseline="plain")
    table = table_of(nothing, better=None)
    assert table.headings == ["Placement", "n", "Accuracy (%)", "Gain", "Extra FLOPs"]
    assert "†" not in table.caption
    assert "est gain" not in table.caption


def test_latex_is_well_formed():
    text = to_latex(table_of())
    assert re.sub(r"\\[{}]", "", text).count("{") == re.sub(r"\\[{}]", "", text).count("}")
    begun, ended = (re.findall(rf"\\{word}{{(.*?)}}", text) for word in ("begin", "end"))
    assert begun == ended[::-1] == ["table*", "tabular"]
    rows = [line for line in text.split("\n") if line.endswith("\\\\")]
    assert {len(re.findall(r"(?<!\\)&", row)) for row in rows} == {7}
    assert text.count("\\midrule") == 2  # below the headings, and above the baselines
    assert "a\\_study \\& more" in text
    assert not re.search(r"(?<!\\)[#~^<>|]", re.sub(r"\$\^", "", text))
    assert "$+1.00$ {\\scriptsize [$+0.50$, $+1.50$]}$^{\\dagger}$" in text
    assert "$-1.00 \\pm 0.25$" in text
    assert "\\parbox" in text  # the long one is broken between its parts
    assert "\\usepackage{booktabs,graphicx}" in text


@pytest.mark.parametrize("character", '\\{}$&#%_~^<>|"`')
def test_no_character_of_a_name_is_a_command_of_latex(character):
    text = to_latex(table_of(ROWS.assign(baseline=f"a{character}b"), name=f"a{character}b"))
    for found in re.findall(r"a(.{1,22}?)b", text):
        assert found != character or character == '"'


def test_markdown_is_a_table_and_names_are_text():
    rows = ROWS.assign(baseline="a|b <i>c</i> [d](e) *f*")
    lines = to_markdown(table_of(rows)).split("\n")
    assert {len(re.findall(r"(?<!\\)\|", line)) for line in lines[:7]} == {9}
    assert lines[2].startswith("| `none-none` | a\\|b \\<i\\>c\\</i\\> [d\\](e) \\*f\\* |")
    assert lines[5].startswith("| *not on the front:* |")
    assert lines[8].startswith("a\\_study & more: attention placements")
    assert "-0.00" not in "".join(lines)


def test_small_numbers_are_products_with_a_power_of_ten_in_latex():
    made = _cell("+1.2e-10 [-3.0e-12, +2.4e-10]")
    assert made == r"$+1.2 \cdot 10^{-10}$ {\scriptsize [$-3.0 \cdot 10^{-12}$, $+2.4 \cdot 10^{-10}$]}"
    assert _cell("1.2e-10 ± 3.4e-12") == r"$1.2 \cdot 10^{-10} \pm 3.4 \cdot 10^{-12}$"
