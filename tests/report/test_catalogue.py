"""Lists of names: what they show, and that they import no framework for it."""

import functools
import json
import subprocess
import sys

import pytest

from seplace.errors import UnknownName
from seplace.files.shipped import shipped
from seplace.report.catalogue import KINDS, lines_of

ROWS = {kind: functools.cache(each.rows) for kind, each in KINDS.items()}


@pytest.mark.parametrize("kind", KINDS)
def test_every_name_is_listed_with_what_it_is(kind: str) -> None:
    rows = ROWS[kind]()
    first, *_, last = KINDS[kind].columns
    assert [row[first] for row in rows] == list(KINDS[kind].names())
    assert all(str(row[last]).strip() for row in rows)
    assert json.loads(json.dumps(rows)) == rows


@pytest.mark.parametrize("width", [80, 120])
def test_a_list_fits_its_terminal(width: int) -> None:
    for kind, rows_of in ROWS.items():
        rows = rows_of()
        room = width + 8 * (kind == "spaces" and width == 80)  # the last column keeps 24 characters
        lines = lines_of(rows, KINDS[kind].columns, width=room)
        assert max(map(len, lines)) <= room, kind
        unfolded = lines_of(rows, KINDS[kind].columns, width=None)
        assert len(unfolded) == len(rows) + 1
        assert "".join(" ".join(unfolded).split()) == "".join(" ".join(lines).split()), "nothing is cut"


def test_columns_of_numbers_are_flush_right() -> None:
    rows = [{"name": "a", "images": 12_345, "about": "one two three four five six seven"}, {"name": "bc", "images": 6}]
    assert lines_of(rows, ["name", "images", "about"], width=42) == [
        "name  images  about",
        "a     12,345  one two three four five six",
        "              seven",
        "bc         6",
    ]


def test_patterns() -> None:
    names = [row["backbone"] for row in KINDS["backbones"].rows(["resnet5", "vgg1[13]*"])]
    assert names == ["cifar_resnet56", "resnet50", "resnet50_v1", "vgg11_bn", "vgg13_bn"]
    assert [row["module"] for row in KINDS["modules"].rows(["se"])] == ["se", "ese"]
    with pytest.raises(UnknownName, match=r"unknown study 'cifar11'\. Did you mean"):
        KINDS["studies"].rows(["cifar11"])


def test_what_is_said_of_some() -> None:
    (row,) = KINDS["backbones"].rows(["resnet50_v1*"])
    assert (row["image"], row["blocks"], row["params"], row["macs"]) == (224, "3-4-6-3", 25_557_032, 3_857_973_248)
    (row,) = KINDS["modules"].rows(["cbam"])
    assert (row["extra_params"], row["source"]) == ("2Ch + C + h + 100", "1807.06521")
    assert row["about"] == "Convolutional block attention module"
    (row,) = KINDS["datasets"].rows(["plain_tiles"])
    assert row["about"] == "The negative control: the same images with other labels"
    rows = {row["study"]: row for row in KINDS["studies"].rows()}
    assert rows["digits-quickstart"]["trainings"] == "36 + 16"
    assert rows.keys() == shipped("studies").keys()


def test_a_list_needs_no_framework() -> None:
    code = (
        "import sys; from seplace.report.catalogue import KINDS; [each.rows() for each in KINDS.values()]; "
        "print([each for each in ('torch', 'optuna', 'pytorch_lightning', 'fvcore', 'pandas') if each in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
