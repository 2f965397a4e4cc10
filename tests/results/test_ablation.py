import pytest

from seplace.placement import Placement
from seplace.results.ablation import label_of
from seplace.results.published_ablations import PUBLISHED
from seplace.study.config import load_study


@pytest.mark.parametrize(
    ("title", "placement", "errors", "gain"),
    [
        pytest.param("reduction ratio", "se8-se8-se8", (22.26, 5.99), 1.04, id="a ratio"),
        pytest.param("reduction ratio", "se3-se3-se3", None, None, id="a ratio that the paper lacks"),
        pytest.param("squeeze", "se[squeeze=none]4-se[squeeze=none]4", (22.93, 6.39), 0.37, id="at any ratio"),
        pytest.param("squeeze", "se4-none", None, None, id="not in all stages"),
        pytest.param("excitation", "se[excitation=relu]4-se[excitation=relu]4", (23.47, 6.98), -0.17, id="worse"),
        pytest.param("stage", "none-se4-none", (23.04, 6.32), 0.26, id="one stage: the paper's stage 3"),
        pytest.param("stage", "se4-se4-se4", (22.28, 6.03), 1.02, id="all stages"),
        pytest.param("stage", "eca-none-none", None, None, id="not SE"),
        pytest.param("stage", "se4-se4-none", None, None, id="two of three stages"),
        pytest.param("integration", "se4.parallel-se4.parallel", (22.20, 6.15), 1.10, id="a place"),
        pytest.param("integration", "none-none", (23.30, 6.55), 0.0, id="plain"),
        pytest.param(
            "pools", "cbam[pools=max,spatial=no]8-cbam[pools=max,spatial=no]8", (23.20, 6.83), 1.36, id="pool"
        ),
        pytest.param("order", "cbam8-cbam8", (22.66, 6.31), 1.90, id="an order"),
        pytest.param("kernel", "cbam[kernel=3]8-cbam[kernel=3]8", (22.68, 6.41), 1.88, id="a kernel"),
    ],
)
def test_the_figures_of_a_paper_stand_beside_the_like_variant(title, placement, errors, gain) -> None:
    published = PUBLISHED[title]
    assert published.of(Placement.parse(placement)) == errors
    assert published.gain(Placement.parse(placement)) == gain


def test_every_variant_of_a_paper_is_one_of_seplace() -> None:
    for published in PUBLISHED.values():
        for variant in () if published.has_stages else published.errors:
            text = (
                variant if published.has_ratios else variant.replace(".", "16.") if "." in variant else f"{variant}16"
            )
            placement = Placement.parse(f"{text}-{text}")
            assert published.of(placement) == published.errors[variant]


@pytest.mark.parametrize(
    ("placement", "label"), [("none-none", "plain"), ("se4.pre-se4.pre", "se4.pre"), ("se4-none", "se4-none")]
)
def test_a_label_is_the_choice_of_all_stages(placement: str, label: str) -> None:
    assert label_of(Placement.parse(placement)) == label


@pytest.mark.parametrize("name", ["digits-ablation", "cifar10-ablation"])
def test_a_shipped_ablation_trains_its_list_whole_and_stands_beside_figures(name: str) -> None:
    config = load_study(name)
    seeds, beside = config.search.seeds, config.search_space.baselines.values()
    listed = {placement for part in config.listed.values() for placement in part}
    assert config.search.trainings == len(listed) * seeds + sum(each not in listed for each in beside)
    for title, placements in config.listed.items():
        assert all(PUBLISHED[title].of(placement) is not None for placement in placements)
