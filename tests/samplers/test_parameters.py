import optuna
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seplace.placement import Placement
from seplace.samplers.parameters import Parameters
from seplace.study.space_file import load_space

SPACES = {
    name: load_space(name) for name in ("digits-resnet8", "cifar-resnet8-or-wider", "resnet50-blocks", "resnet50")
}


@pytest.mark.parametrize("space", SPACES.values(), ids=SPACES)
@given(data=st.data())
def test_parameters_stand_for_one_placement_each(space, data):
    parameters = Parameters(space)
    placement = space.placement_at(data.draw(st.integers(0, len(space) - 1)))
    values = parameters.of(placement)
    assert list(values) == list(parameters.distributions)
    assert parameters.placement(values) == placement
    for name, value in values.items():
        assert parameters.distributions[name]._contains(parameters.distributions[name].to_internal_repr(value))


def test_names_and_choices_are_as_a_user_writes_them():
    assert Parameters(SPACES["cifar-resnet8-or-wider"]).distributions == {
        **{
            f"stage{number}": optuna.distributions.CategoricalDistribution(["none", "se4", "cbam4", "eca"])
            for number in (1, 2, 3)
        },
        "backbone": optuna.distributions.CategoricalDistribution(
            ["cifar_resnet8", "cifar_resnet8[width=1.02]", "cifar_resnet8[width=1.06]"]
        ),
    }
    assert list(Parameters(SPACES["resnet50-blocks"]).distributions) == [f"block{number}" for number in range(1, 17)]
    assert "backbone" not in Parameters(SPACES["digits-resnet8"]).distributions


def test_the_first_backbone_has_no_name_in_a_placement():
    parameters = Parameters(SPACES["cifar-resnet8-or-wider"])
    values = {"stage1": "none", "stage2": "se4", "stage3": "eca", "backbone": "cifar_resnet8"}
    assert parameters.placement(values) == Placement.parse("none-se4-eca")
    wider = values | {"backbone": "cifar_resnet8[width=1.06]"}
    assert parameters.placement(wider) == Placement.parse("none-se4-eca@cifar_resnet8[width=1.06]")
    assert parameters.placement({**values, "dropout": 0.1}) == Placement.parse("none-se4-eca")


def test_no_two_candidates_have_equal_parameters():
    space = SPACES["cifar-resnet8-or-wider"]
    parameters = Parameters(space)
    assert len({tuple(parameters.of(placement).items()) for placement in space}) == len(space)


@pytest.mark.parametrize("name", ["stage1", "stage3"])
def test_a_missing_parameter_is_an_error(name):
    parameters = Parameters(SPACES["digits-resnet8"])
    values = parameters.of(SPACES["digits-resnet8"].placement_at(5))
    del values[name]
    with pytest.raises(KeyError, match=name):
        parameters.placement(values)
