"""Studies that list their placements: exactly these are trained, and printed as an ablation table."""

import pandas as pd
import pytest

from seplace.api import Results
from seplace.errors import InputError, InvalidPlacement
from seplace.study.config import load_study
from seplace.study.differences import differences
from tests.search.toy import go, keys_in, left_in
from tests.studies import write_small_space, write_study
from tests.study_texts import TINY_SPACE, problems_of, replaced, write

LISTS = {"stage": ["none", "none-none-eca", "eca"], "squeeze": ["eca", "eca-none-none"]}
DISTINCT = ["none-none-none", "none-none-eca", "eca-eca-eca", "eca-none-none"]


def study(folder, **search):
    values = {"sampler": "exhaustive", "placements": LISTS, "trainings": 2 * 4 + 4, "seeds": 2} | search
    return write_study(folder, name="listed", space=write_small_space(folder), search=values)


@pytest.mark.usefixtures("no_optuna_file", "toy")
def test_a_list_is_trained_on_every_seed_and_made_a_table(tmp_path):
    go(study(tmp_path), tmp_path / "out")
    keys = keys_in(tmp_path / "out")
    assert len(keys) == 12
    proposed = [str(placement) for placement in left_in(tmp_path / "out")["proposals"].values()]
    assert set(proposed) == set(DISTINCT)
    assert {(text, seed) for text, seed, _ in keys} >= {(text, seed) for text in DISTINCT for seed in (0, 1)}
    results = Results.load(tmp_path / "out")
    table = results.ablation
    assert table["list"].tolist() == ["squeeze"] * 2 + ["stage"] * 3
    assert table["label"].tolist() == ["eca", "eca-none-none", "plain", "none-none-eca", "eca"]
    assert table["n"].tolist() == [2] * 5
    plain = results.placements.set_index("placement").loc["none-none-none"]
    assert table.loc[2, "accuracy"] == plain["observed_accuracy"]
    assert (table["extra_params"] >= 0).all()
    some = results.compare("none", "eca", "none-none-eca")
    assert some["n"].tolist() == [2, 2, 2]
    assert some["paper"].tolist() == ["", "", ""]
    with pytest.raises(InvalidPlacement, match=r"stage 1 has no eca\.parallel"):
        results.compare("eca.parallel")
    results.write(figures=False)
    assert pd.read_csv(tmp_path / "out" / "ablation.csv")["placement"].tolist() == table["placement"].tolist()


@pytest.mark.usefixtures("no_optuna_file", "toy")
def test_a_study_without_lists_says_how_to_write_them(tmp_path):
    go(write_study(tmp_path, search={"trainings": 7}), tmp_path / "out")
    with pytest.raises(InputError, match=r"lists no placements; name some, or write lists as `search\.placements`"):
        _ = Results.load(tmp_path / "out").ablation


SMALL = replaced("  seed: 0", "  seed: 0\n  placements: {mine: [none, PLACED]}").replace(
    "space: digits-resnet8", "space: ./tiny.yaml"
)


@pytest.mark.parametrize(
    ("placed", "sampler", "trainings", "problem"),
    [
        pytest.param("se8", "exhaustive", 9, "mine[2]: se8-se8-se8 is not in space tiny: stage 1 has no se8", id="out"),
        pytest.param("se", "exhaustive", 9, "mine[2]: se: se needs a reduction ratio, such as se16", id="no placement"),
        pytest.param("eca-none-none", "nsga2", 9, "are trained by `sampler: exhaustive` alone", id="another sampler"),
        pytest.param(
            "eca-none-none",
            "exhaustive",
            99,
            "is more than the list can use: the list has 2 placements, which with at most 3 seeds each and one of each "
            "of 6 baselines beside it allows 12 trainings (got 99)",
            id="more than the list",
        ),
    ],
)
def test_what_a_list_may_not_hold_is_located(tmp_path, placed, sampler, trainings, problem):
    write(tmp_path, TINY_SPACE, "tiny.yaml")
    text = SMALL.replace("PLACED", placed).replace("nsga2", sampler).replace("trainings: 60", f"trainings: {trainings}")
    (said,) = problems_of(write(tmp_path, text))
    assert problem in said
    assert said.startswith("a.yaml:")


def test_a_list_is_part_of_the_meaning_of_a_study_and_none_is_not(tmp_path):
    others = {"a": ["none", "eca"]}
    one, other = (load_study(study(tmp_path, placements=each, trainings=9)).fingerprint() for each in (LISTS, others))
    assert not any(key.startswith("search.placements") for key in load_study("digits-quickstart").fingerprint())
    assert differences(one, one) == []
    assert any(line.startswith("search.placements.a: absent -> ") for line in differences(one, other))
