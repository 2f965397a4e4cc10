import pytest

from seplace.api import Results
from seplace.backbones.describe import describe
from seplace.baselines import baselines
from seplace.results.ledger import Ledger
from seplace.results.verdict import CONFIRMED
from seplace.search import confirmation
from seplace.search.confirmation import CANDIDATES
from tests.search.toy import Stop, go, read_on_test_split
from tests.studies import write_study

BASELINES = {str(placement) for placement in baselines(describe("cifar_resnet8[width=0.5]")).values()}


@pytest.mark.usefixtures("no_optuna_file")
def test_confirmation_is_paired_with_the_plain_backbone_and_bounded_by_seeds(tmp_path, toy):
    path = write_study(tmp_path, search={"trainings": 12}, confirm={"seeds": 3, "trainings": 200})
    go(path, tmp_path / "out")
    confirming = toy.trained[12:]
    seeds = {text: {seed for other, seed, _ in toy.trained if other == text} for text, _, _ in toy.trained}
    assert confirming
    assert {len(each) for each in seeds.values()} <= {1, 2, 3}
    assert {seed for _, seed, _ in confirming} <= seeds["none-none-none"]
    # The accuracies of this toy are so noisy that most of the front stays in doubt to the last seed.
    candidates = read_on_test_split(tmp_path / "out") - BASELINES
    assert max(len(seeds[text]) for text in candidates) == 3
    assert min(len(seeds[text]) for text in candidates) > 1


@pytest.mark.usefixtures("no_optuna_file")
def test_confirmation_ends_when_nothing_is_in_doubt(tmp_path, toy, monkeypatch):
    monkeypatch.setattr("tests.search.toy.NOISE", 0.02)
    path = write_study(tmp_path, search={"trainings": 20}, confirm={"seeds": 9, "trainings": 200})
    go(path, tmp_path / "out")
    assert len(toy.trained) < 20 + 100
    left = f"{200 - (len(toy.trained) - 20)} of the 200 trainings to confirm were not used: its rule found "
    assert Results.load(tmp_path / "out").confirm_note.startswith(left)


@pytest.mark.usefixtures("no_optuna_file")
def test_confirmation_keeps_its_budget(tmp_path, toy):
    go(write_study(tmp_path, search={"seeds": 1}, confirm={"seeds": 9, "trainings": 16}), tmp_path / "out")
    assert len(toy.trained) == 10 + 16


@pytest.mark.usefixtures("no_optuna_file")
@pytest.mark.parametrize("is_former", [False, True])
def test_a_training_of_the_plain_backbone_is_counted_once_but_in_studies_that_began_before(
    tmp_path, toy, monkeypatch, is_former
):
    ask = confirmation._questions
    monkeypatch.setattr(
        confirmation, "_questions", lambda *given: sorted(ask(*given), key=lambda each: not each.placement.is_plain)
    )
    study = write_study(tmp_path, search={"seeds": 1}, confirm={"seeds": 2, "trainings": 6})
    toy.stop_after = 5
    with pytest.raises(Stop):
        go(study, tmp_path / "out")
    toy.stop_after = None
    if is_former:
        with Ledger(tmp_path / "out" / "ledger.sqlite") as ledger:
            ledger.set_fact("confirms_each_once", False)
    go(study, tmp_path / "out")
    assert len(toy.trained) == 10 + 6 - is_former
    go(study, tmp_path / "out")
    assert len(toy.trained) == 10 + 6 - is_former
    note = Results.load(tmp_path / "out").confirm_note
    assert note.startswith("1 of the 6 trainings to confirm was not used: ") if is_former else not note


@pytest.mark.usefixtures("no_optuna_file")
def test_second_seeds_of_the_front_come_before_placements_that_were_not_trained(tmp_path, toy):
    folder = tmp_path / "out"
    go(write_study(tmp_path, search={"seeds": 1}), folder)
    assert Results.load(folder).verdict.startswith("No verdict yet")
    wanted = 1 + len({"none-none-none", *map(str, Results.load(folder).estimates.front)})
    go(write_study(tmp_path, search={"seeds": 1}, confirm={"seeds": 2, "trainings": wanted}), folder)
    assert {seed for _, seed, _ in toy.trained[10:13]} == {1}
    assert not Results.load(folder).verdict.startswith("No verdict yet")


def test_a_verdict_advises_trainings_for_all_that_a_confirmation_takes():
    assert CONFIRMED == CANDIDATES + 1
