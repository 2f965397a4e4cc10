import io
import math

import pandas as pd
import pytest
from rich.console import Console

from seplace.metric import ACCURACY
from seplace.report.ablation_table import ablation_table


def row(label: str, *, n: int, paper: float = math.nan) -> dict[str, object]:
    scores = (
        "accuracy",
        "accuracy_se",
        "gain",
        "gain_se",
        "test_accuracy",
        "test_accuracy_se",
        "test_gain",
        "test_gain_se",
    )
    values = dict.fromkeys(scores, math.nan) | ({"accuracy": 81.25, "gain": 0.5, "gain_se": 0.2} if n else {})
    is_known = not math.isnan(paper)
    return {
        "list": "squeeze",
        "label": label,
        "n": n,
        **values,
        "params": 19_000,
        "macs": 1_600_000,
        "paper": "SE paper, tables 11 and 16" if is_known else "",
        "paper_top1_error": paper,
        "paper_top5_error": 6.03 if is_known else math.nan,
        "paper_gain": 1.02 if is_known else math.nan,
    }


TABLE = pd.DataFrame([row("plain", n=3), row("se4", n=3, paper=22.28), row("se[squeeze=pyramid]4", n=0)])


def printed(width: int) -> str:
    console = Console(file=io.StringIO(), width=width, force_terminal=True, color_system=None)
    console.print(ablation_table(TABLE, ACCURACY, name="mine", data="digits"))
    return console.file.getvalue()


@pytest.mark.parametrize("width", [80, 120, 160])
def test_figures_of_a_paper_are_marked_as_such_at_every_width(width: int) -> None:
    text = printed(width)
    assert max(map(len, text.splitlines())) <= width
    (se,) = [line for line in text.splitlines() if "se4" in line]
    assert "81.25" in se
    assert "+0.50 ± 0.20" in se or "+0.50" in se
    assert se.index("81.25") < se.index("22.28") < se.index("+1.02")
    assert "not of this study (squeeze: SE paper, tables 11 and 16)" in " ".join(text.split())
    (untrained,) = [line for line in text.splitlines() if "pyramid" in line]
    assert "22.28" not in untrained
