import random
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from seplace.attention.options import GateOptions
from seplace.backbones.describe import describe
from seplace.errors import InputError, InvalidPlacement, UnknownName
from seplace.models import build, create_model
from seplace.placement import Placement
from seplace.space import SearchSpace
from tests.networks import GATES, choice_of, network_of, takes
from tests.spaces import parse

BACKBONE = "cifar_resnet8[width=0.5]"
CHOICES = [
    "none",
    *(
        str(choice_of(name, attachment))
        for attachment in describe(BACKBONE).units[0].widths
        for name in (GATES if attachment == "serial" else ("se", "cbam", "simam"))
        if takes(name, attachment)
    ),
]
"""Every module in series, and three at every attachment; tests/test_catalogue.py holds the product."""

each_choice = pytest.mark.parametrize("choice", CHOICES)


def images(count: int = 2, size: int = 32) -> Tensor:
    return torch.randn(count, 3, size, size, generator=torch.Generator().manual_seed(1))


def tensors_of(network: nn.Module, *, gates: bool) -> dict[str, Tensor]:
    """The tensors inside the gates of a network, or all the others."""
    return {key: value for key, value in network.state_dict().items() if (".gate." in key) == gates}


def are_equal(one: dict[str, Tensor], other: dict[str, Tensor]) -> bool:
    return one.keys() == other.keys() and all(torch.equal(value, other[key]) for key, value in one.items())


@each_choice
def test_every_module_of_a_network_runs_and_learns(choice: str) -> None:
    network = network_of(BACKBONE, choice)
    idle = {key for key, module in network.named_modules() if not isinstance(module, nn.Identity)}
    for key, module in network.named_modules():
        module.register_forward_hook(lambda _module, _inputs, _output, key=key: idle.discard(key))
    with torch.autocast("cpu", torch.bfloat16):
        logits = network(images())
    assert logits.isfinite().all()
    assert not idle
    logits.float().square().sum().backward()
    for key, parameter in network.named_parameters():
        assert parameter.grad is not None, key
        assert parameter.grad.isfinite().all(), key


@each_choice
def test_the_backbone_is_the_same_whatever_is_placed(choice: str) -> None:
    plain = tensors_of(network_of("cifar_resnet8", seed=3), gates=False)
    assert are_equal(tensors_of(network_of("cifar_resnet8", choice, seed=3), gates=False), plain)


def test_every_tensor_of_a_plain_network_is_the_backbones() -> None:
    assert tensors_of(network_of("cifar_resnet8"), gates=True) == {}


@pytest.mark.parametrize("choice", [choice for choice in CHOICES if not choice.startswith(("none", "simam", "ge"))])
def test_a_gate_begins_alike_wherever_else_gates_are(choice: str) -> None:

    def gates_of_stage_2(placement: str) -> dict[str, Tensor]:
        gates = tensors_of(network_of("cifar_resnet14", placement, seed=3), gates=True)
        return {key: value for key, value in gates.items() if key.startswith("stages.1.")}

    alone = gates_of_stage_2(f"none-{choice}-none")
    assert alone
    assert are_equal(gates_of_stage_2(f"cbam8-{choice}-none"), alone)
    assert are_equal(gates_of_stage_2(f"{choice}-{choice}-se4.cross"), alone)


def test_the_attachments_give_a_gate_the_same_weights() -> None:
    serial, parallel, cross, post = (
        {
            key.rpartition("gate.")[2]: tensor
            for key, tensor in tensors_of(network_of("cifar_resnet8", f"none-se4{name}-none"), gates=True).items()
        }
        for name in ("", ".parallel", ".cross", ".post")
    )
    assert len(serial) == 2
    assert are_equal(serial, parallel)
    assert are_equal(serial, cross)
    assert are_equal(serial, post)


def test_gates_of_two_stages_and_of_two_blocks_differ() -> None:
    # The kernels of ECA have one shape in all three stages, so they can be compared.
    kernels = list(tensors_of(network_of("cifar_resnet14", "eca"), gates=True).values())
    assert len(kernels) == 6
    assert len({tuple(kernel.flatten().tolist()) for kernel in kernels}) == 6


@each_choice
def test_one_seed_gives_one_network(choice: str) -> None:
    one, other = (network_of("cifar_resnet8", choice, seed=5).state_dict() for _ in range(2))
    assert are_equal(one, other)


def test_another_seed_gives_another_network() -> None:
    one, other = (network_of("cifar_resnet8", "se4", seed=seed) for seed in (0, 1))
    for gates in (True, False):
        first, second = tensors_of(one, gates=gates), tensors_of(other, gates=gates)
        for key, tensor in first.items():
            if key.endswith("weight") and tensor.ndim > 1:
                assert not torch.equal(tensor, second[key]), key


def test_the_global_random_state_is_neither_read_nor_changed() -> None:
    torch.manual_seed(1)
    one = network_of("cifar_resnet8", "cbam4").state_dict()
    torch.manual_seed(2)
    states = torch.get_rng_state(), random.getstate(), np.random.get_state()[1].copy()
    assert are_equal(network_of("cifar_resnet8", "cbam4").state_dict(), one)
    assert torch.equal(torch.get_rng_state(), states[0])
    assert random.getstate() == states[1]
    assert np.array_equal(np.random.get_state()[1], states[2])


def test_the_random_state_of_an_accelerator_is_not_changed(monkeypatch) -> None:
    def refuse(_seed: int) -> None:
        raise AssertionError("an accelerator was seeded")

    monkeypatch.setattr(torch.cuda, "manual_seed_all", refuse)
    network_of("cifar_resnet8", "cbam4")


@each_choice
@pytest.mark.parametrize("training", [True, False])
def test_the_identity_init_leaves_the_logits_to_the_bit(choice: str, training: bool) -> None:
    plain = network_of("cifar_resnet8").train(training)
    network = network_of("cifar_resnet8", choice, init="identity").train(training)
    assert torch.equal(network(images(4, 16)), plain(images(4, 16)))


@pytest.mark.parametrize("choice", [choice for choice in CHOICES[1:] if not choice.startswith(("gct", "gc"))])
def test_the_papers_init_does_not_leave_the_logits(choice: str) -> None:
    logits = network_of("cifar_resnet8", choice).eval()(images(4, 16))
    assert not torch.allclose(logits, network_of("cifar_resnet8").eval()(images(4, 16)))


@pytest.mark.parametrize(
    ("backbone", "placement", "message"),
    [
        pytest.param("cifar_resnet8", "none-se4", "none-se4 has 2 stages, cifar_resnet8 has 3", id="too few"),
        pytest.param(
            "cifar_resnet8[width=0.5]",
            "none-none-none-eca",
            "none-none-none-eca has 4 stages, cifar_resnet8[width=0.5] has 3",
            id="too many",
        ),
    ],
)
def test_another_number_of_stages_is_refused_by_name(backbone: str, placement: str, message: str) -> None:
    with pytest.raises(InvalidPlacement) as caught:
        network_of(backbone, placement)
    assert str(caught.value) == f"placement {placement}" + message.removeprefix(placement)


def test_a_reduction_that_leaves_no_hidden_unit_is_refused() -> None:
    with pytest.raises(ValueError, match="a reduction ratio of 32 leaves 16 channels no hidden unit"):
        network_of("cifar_resnet8", "se32-none-none")


def test_pre_gates_are_as_wide_as_what_enters_the_block() -> None:
    network = network_of("cifar_resnet14", "none-se4.pre-none")
    widths = [block.residual.attention.gate.expand.out_features for block in network.stages[1]]
    assert widths == [16, 32]


def test_hidden_units_may_be_a_share_of_the_blocks_input() -> None:
    network = network_of("cifar_resnet14", "none-se[reduced_from=input]4-se4")
    hidden = [block.residual.attention.gate.reduce.out_features for stage in network.stages[1:] for block in stage]
    assert hidden == [16 // 4, 32 // 4, 64 // 4, 64 // 4]


def test_a_users_own_module_is_attached_unregistered() -> None:
    network = network_of("cifar_resnet8", "none-seplace.attention.se:SE4-none")
    assert are_equal(network.state_dict(), network_of("cifar_resnet8", "none-se4-none").state_dict())


def test_an_unknown_name_is_refused() -> None:
    with pytest.raises((UnknownName, InvalidPlacement), match="unknown attention module 'sse'"):
        network_of("cifar_resnet8", "none-sse4-none")


def test_a_model_is_created_from_texts_alone() -> None:
    network = create_model("cifar_resnet8", "none-se16-eca.parallel", num_classes=7, in_channels=1, seed=3)
    assert network.training
    same = build(
        describe("cifar_resnet8"),
        Placement.parse("none-se16-eca.parallel"),
        gate=GateOptions(init="paper"),
        num_classes=7,
        in_channels=1,
        seed=3,
    )
    assert are_equal(dict(network.state_dict()), dict(same.state_dict()))
    assert network(torch.zeros(2, 1, 32, 32)).shape == (2, 7)


def test_a_created_model_has_the_customary_number_of_classes() -> None:
    assert create_model("cifar_resnet8", "none-none-none")(images()).shape == (2, 10)


def test_a_model_is_created_for_a_candidate_of_a_space_with_a_choice_a_block() -> None:
    backbone = replace(describe("cifar_resnet8"), granularity="block")
    space = SearchSpace(
        name="blocks", backbone=backbone, choices=(parse("none", "eca"),) * 3, gate=GateOptions(init="paper")
    )
    network = create_model(space.backbone, space.placement_at(7), init=space.gate.init)
    assert are_equal(
        dict(network.state_dict()), dict(create_model("cifar_resnet8", "eca-eca-eca", granularity="block").state_dict())
    )


@pytest.mark.parametrize(
    ("arguments", "options", "kind", "message"),
    [
        (("cifar_resnet80", "none-none-none"), {}, UnknownName, "Did you mean 'cifar_resnet8'"),
        (("cifar_resnet8", "none-si16-none"), {}, InvalidPlacement, "stage 2: unknown attention module 'si'. Did you"),
        (("cifar_resnet8", "none-se16"), {}, InvalidPlacement, r"has 3 stages \(got 2\)$"),
        (("cifar_resnet8", "se16"), {}, InvalidPlacement, "write 'se16-se16-se16' for all of them"),
        (("cifar_resnet14", "-".join(["eca"] * 6)), {}, InvalidPlacement, "pass granularity='block'"),
        (("cifar_resnet8", "se64-none-none"), {}, InvalidPlacement, "stage 1: se64 leaves no hidden unit"),
        (("cifar_resnet8", "none-none-none@resnet18"), {}, InvalidPlacement, "is for the backbone resnet18"),
        (("cifar_resnet8", 3), {}, InputError, "placement is a text or a Placement"),
        ((nn.Identity(), "none"), {}, InputError, "use seplace.adopt"),
        (("cifar_resnet8", "none-none-none"), {"num_classes": 0}, InputError, "num_classes is a whole number"),
        (("cifar_resnet8", "none-none-none"), {"in_channels": 0}, InputError, "in_channels is a whole number"),
        (("cifar_resnet8", "none-none-none"), {"init": "zero"}, InputError, "init is one of paper, identity"),
        (("cifar_resnet8", "none-none-none"), {"granularity": "net"}, InputError, "granularity is stage or block"),
    ],
)
def test_what_no_model_can_be_created_from_is_refused(arguments, options, kind, message) -> None:
    with pytest.raises(kind, match=message):
        create_model(*arguments, **options)


def test_threads_draw_the_weights_of_their_seed():
    def total() -> float:
        return sum(float(each.detach().sum()) for each in create_model("cifar_resnet8", "se4-none-eca").parameters())

    with ThreadPoolExecutor(4) as pool:
        assert {each.result() for each in [pool.submit(total) for _ in range(8)]} == {total()}
