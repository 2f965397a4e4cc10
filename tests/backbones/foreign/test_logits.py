"""Networks that return more than their logits: what is trained, scored, counted and exported are the logits."""

from collections import OrderedDict, namedtuple
from dataclasses import dataclass

import pytest
import torch
from torch import Tensor, nn

from seplace.backbones.describe import describe
from seplace.backbones.foreign.logits import as_plain, find_logits
from seplace.errors import InputError
from tests.foreign.residual import basic_resnet

HERE = "tests.backbones.foreign.test_logits"
LOGITS, AUXILIARY, FEATURES, MAP = torch.zeros(2, 5), torch.ones(2, 5), torch.zeros(2, 9), torch.zeros(2, 5, 4, 4)
Pair = namedtuple("Pair", ["aux", "logits"])


@dataclass
class Output:
    hidden: Tensor
    logits: Tensor


class Holder:
    def __init__(self, **values):
        vars(self).update(values)


@pytest.mark.parametrize(
    ("output", "place"),
    [
        pytest.param(LOGITS, (), id="logits alone"),
        pytest.param((LOGITS, AUXILIARY), (0,), id="the first of a tuple"),
        pytest.param([LOGITS, AUXILIARY, AUXILIARY], (0,), id="the first of a list"),
        pytest.param((FEATURES, LOGITS), (1,), id="the first of their shape"),
        pytest.param((MAP, LOGITS), (1,), id="a map is not logits"),
        pytest.param({"aux": AUXILIARY, "out": LOGITS}, ("out",), id="by name"),
        pytest.param({"output": AUXILIARY, "logits": LOGITS}, ("logits",), id="by the first name"),
        pytest.param(OrderedDict(classes=LOGITS, hidden=FEATURES), ("classes",), id="the only one of their shape"),
        pytest.param(Pair(aux=AUXILIARY, logits=LOGITS), ("logits",), id="a field of a named tuple"),
        pytest.param(Output(hidden=AUXILIARY, logits=LOGITS), ("logits",), id="a field of a data class"),
        pytest.param(Holder(logits=LOGITS, aux=AUXILIARY), ("logits",), id="an attribute"),
        pytest.param(((LOGITS, FEATURES), AUXILIARY), (0, 0), id="inside a tuple"),
        pytest.param({"out": {"logits": LOGITS}, "aux": AUXILIARY}, ("out", "logits"), id="inside a mapping"),
        pytest.param({"one": LOGITS, "two": AUXILIARY}, None, id="two of other names"),
        pytest.param((FEATURES, MAP), None, id="none of their shape"),
        pytest.param(None, None, id="nothing"),
        pytest.param((LOGITS.long(),), None, id="whole numbers"),
    ],
)
def test_logits_are_found_by_name_or_by_their_place(output, place):
    assert find_logits(as_plain(output), images=2, num_classes=5) == place


class Auxiliary(nn.Module):
    """A network with a second head, and what it makes of both in training and in inference."""

    def __init__(self, num_classes, form):
        super().__init__()
        self.body = basic_resnet()
        width = self.body.fc.in_features
        self.body.fc = nn.Identity()
        self.head, self.aux = nn.Linear(width, num_classes), nn.Linear(width, num_classes)
        self.form = form

    def forward(self, x):
        x = self.body(x)
        return self.form(self.head(x), lambda: self.aux(x), self.training)


def tuple_in_training(num_classes=5):
    return Auxiliary(num_classes, lambda logits, aux, training: (logits, aux()) if training else logits)


def auxiliary_first(num_classes=5):
    return Auxiliary(num_classes, lambda logits, aux, training: [aux(), logits] if training else logits)


def mapping(num_classes=5):
    return Auxiliary(num_classes, lambda logits, aux, _: {"aux": aux(), "out": logits})


def fields(num_classes=5):
    return Auxiliary(num_classes, lambda logits, aux, training: Output(aux(), logits) if training else (logits, None))


def as_many_features(num_classes=5):
    """Has auxiliary outputs first, which are as many as the classes that it is described with."""

    def form(logits, _, __):
        return torch.zeros(len(logits), 5), logits

    return Auxiliary(num_classes, form)


def two_heads(num_classes=5):
    return Auxiliary(num_classes, lambda logits, aux, _: {"one": aux(), "two": logits})


def nothing_in_training(num_classes=5):
    return Auxiliary(num_classes, lambda logits, _, training: None if training else logits)


def raises_in_training(num_classes=5):
    def form(logits, _, training):
        if training:
            raise RuntimeError("no targets")
        return logits

    return Auxiliary(num_classes, form)


@pytest.mark.parametrize(
    ("name", "note"),
    [
        ("tuple_in_training", "which are element 1 in training: the other outputs"),
        ("auxiliary_first", "which are element 2 in training: the other outputs"),
        ("mapping", "which are 'out': the other outputs"),
        ("as_many_features", "which are element 2: the other outputs"),
        ("fields", "which are element 1 in inference and 'logits' in training"),
    ],
)
def test_a_network_of_a_study_returns_its_logits_alone(name, note):
    backbone = describe(f"{HERE}:{name}[image_size=32]")
    assert backbone.num_classes == 5
    assert note in backbone.note
    network = backbone.build(num_classes=7)
    images = torch.randn(2, 3, 32, 32)
    for is_training in (True, False):
        assert network.train(is_training)(images).shape == (2, 7)
    with torch.no_grad():
        assert torch.equal(network(images), network.head(network.body(images)))
    nn.functional.cross_entropy(network.train()(images), torch.tensor([1, 2])).backward()
    assert network.aux.weight.grad is None
    assert "head.weight" in network.state_dict()


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("two_heads", "does not map images .* in inference it returns entries one, two; let the logits be"),
        ("nothing_in_training", "in training it returns a NoneType"),
        ("raises_in_training", r"cannot be run in training mode: RuntimeError: no targets \(test_logits\.py:\d+\)"),
    ],
)
def test_where_no_rule_fits_it_is_refused_before_anything_starts(name, message):
    with pytest.raises(InputError, match=message):
        describe(f"{HERE}:{name}[image_size=32]")
