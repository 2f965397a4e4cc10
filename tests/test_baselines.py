import pytest

import seplace
from seplace.backbones import BACKBONES
from seplace.backbones.describe import describe
from seplace.baselines import baselines, own_baselines
from seplace.space import check_placement
from seplace.study.config import load_study
from tests.spaces import parse
from tests.studies import write_study


def test_of_a_wide_network_with_four_stages():
    assert {name: str(placement) for name, placement in baselines(describe("resnet50")).items()} == {
        "plain": "none-none-none-none",
        "SE everywhere": "se16-se16-se16-se16",
        "SE in the last stage": "none-none-none-se16",
        "CBAM everywhere": "cbam16-cbam16-cbam16-cbam16",
        "CBAM in the last stage": "none-none-none-cbam16",
        "ECA everywhere": "eca-eca-eca-eca",
        "ECA in the last stage": "none-none-none-eca",
    }


def test_a_narrow_stage_gets_the_greatest_ratio_that_leaves_a_hidden_unit():
    marks = baselines(describe("cifar_resnet8[width=0.25]"))  # 4, 8 and 16 channels
    assert str(marks["SE everywhere"]) == "se4-se8-se16"
    assert str(marks["CBAM in the last stage"]) == "none-none-cbam16"


@pytest.mark.parametrize("name", BACKBONES)
def test_they_fit_every_backbone_and_differ(name):
    backbone = describe(name)
    marks = baselines(backbone)
    assert next(iter(marks)) == "plain"
    assert marks["plain"].is_plain
    assert len(set(marks.values())) == 7
    for placement in marks.values():
        check_placement(backbone, placement, init="paper")


def own(*stages: tuple[str, ...], last: int = 1) -> dict[str, str]:
    marks = own_baselines([parse(*texts) for texts in stages], last=last)
    return {name: str(placement) for name, placement in marks.items()}


def test_the_users_own_modules_are_baselines_of_a_space_that_lists_them():
    listed = ("none", "se4", "nets:Gate", "nets:Other8", "nets:Other16", "nets:Other16.post")
    assert own(listed, listed) == {
        "nets:Gate everywhere": "nets:Gate-nets:Gate",
        "nets:Gate in the last stage": "none-nets:Gate",
        "nets:Other everywhere": "nets:Other16-nets:Other16",
        "nets:Other in the last stage": "none-nets:Other16",
    }


def test_they_are_members_of_the_space():
    gate, plain = ("none", "nets:Gate"), ("none", "eca")
    assert own(plain, gate) == {"nets:Gate everywhere": "none-nets:Gate"}  # which is the last stage, too
    assert own(gate, plain) == {"nets:Gate everywhere": "nets:Gate-none"}
    assert own(("nets:Gate",), ("nets:Gate",)) == {"nets:Gate everywhere": "nets:Gate-nets:Gate"}
    assert own(("eca",), gate) == {}
    assert own(gate, gate, gate, last=2) == {
        "nets:Gate everywhere": "nets:Gate-nets:Gate-nets:Gate",
        "nets:Gate in the last stage": "none-nets:Gate-nets:Gate",
    }
    assert own(("none", "se4"), plain) == {}


GATE = "tests.search.own_costs:Half"
SPACE = (
    f'schema: 1\nbackbone: cifar_resnet8[width=0.25]\ngate: {{init: paper}}\nchoices: {{modules: [none, "{GATE}"]}}\n'
)


@pytest.mark.parametrize(("trainings", "names"), [(8, 0), (9, 2)])
def test_a_budget_that_is_too_small_leaves_them_out(tmp_path, trainings, names):
    (tmp_path / "own.yaml").write_text(SPACE)
    config = load_study(write_study(tmp_path, space="own.yaml", search={"trainings": trainings, "seeds": 1}))
    assert len(config.own_baselines) == names
    assert len(config.search_space.baselines) == 7


def test_they_are_trained_first_and_named_in_the_tables(tmp_path):
    (tmp_path / "own.yaml").write_text(SPACE)
    path = write_study(tmp_path, space="own.yaml", search={"trainings": 9, "seeds": 1})
    results = seplace.run(path, folder=tmp_path / "results", observer=lambda _progress: None)
    named = results.placements.set_index("baseline")["placement"]
    assert named[f"{GATE} everywhere"] == "-".join([GATE] * 3)
    assert named[f"{GATE} in the last stage"] == f"none-none-{GATE}"
    assert len(results.rows) == 9
    # Those that the space does not have are compared with, and no answers to it.
    assert not results.placements.set_index("baseline").loc["CBAM everywhere", "on_front"]
    for pick in ("best", "knee", "cheapest"):
        assert results.pick(pick).placement in results.config.search_space
