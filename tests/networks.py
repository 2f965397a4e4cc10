"""Networks as the tests of several folders need them."""

from torch import nn

from seplace.attachments import ATTACHMENTS
from seplace.attention import ATTENTION
from seplace.attention.options import GateOptions
from seplace.backbones.describe import describe
from seplace.models import build, without_weights
from seplace.placement import Placement, StageChoice

GATES = [name for name in ATTENTION if name not in ("none", "native", "sk")]
"""The attention modules that any backbone takes: `native` and `sk` need a block that has a place for them."""


def gate_arguments(name: str, *, init: str) -> dict[str, object]:
    """The arguments of a gate: with ratio 4 where it takes one."""
    return {"ratio": 4, "init": init} if ATTENTION.entry(name).takes_ratio else {"init": init}


def choice_of(name: str, attachment: str = "serial") -> StageChoice:
    """The choice of a module: with ratio 4 where it takes one."""
    return StageChoice(name, 4 if ATTENTION.entry(name).takes_ratio else None, attachment)


def takes(name: str, attachment: str) -> bool:
    """Whether a module can stand at an attachment."""
    taken = ATTENTION.entry(name).attachments
    return attachment in taken if taken is not None else ATTACHMENTS.entry(attachment).takes_gates


def placed(backbone: str, text: str) -> Placement:
    """The placement of a text; the text of a single choice stands for all stages."""
    if "-" in text:
        return Placement.parse(text)
    return Placement.uniform(StageChoice.parse(text), len(describe(backbone).units))


def network_of(
    backbone: str,
    placement: str = "none",
    *,
    init: str = "paper",
    num_classes: int | None = None,
    in_channels: int = 3,
    seed: int = 0,
) -> nn.Module:
    """Build a network from texts, in training mode, for the backbone's customary number of classes."""
    described = describe(backbone)
    return build(
        described,
        placed(backbone, placement),
        gate=GateOptions(init=init),
        num_classes=described.num_classes if num_classes is None else num_classes,
        in_channels=in_channels,
        seed=seed,
    )


def shaped_network_of(
    backbone: str, placement: str = "none", *, num_classes: int | None = None, in_channels: int = 3
) -> nn.Module:
    """Build a network in eval mode whose shapes are right and whose weights are arbitrary, which is cheap."""
    network = weightless_network_of(backbone, placement, num_classes=num_classes, in_channels=in_channels)
    return network.to_empty(device="cpu").eval()


def weightless_network_of(
    backbone: str, placement: str = "none", *, num_classes: int | None = None, in_channels: int = 3
) -> nn.Module:
    """Build a network on no device, in training mode: it maps shapes to shapes."""
    with without_weights():
        return network_of(backbone, placement, num_classes=num_classes, in_channels=in_channels)
