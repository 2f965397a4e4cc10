"""Find the stages of a network of the user's own by running it, and insert gates into copies of it."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Literal

import pandas as pd
import torch
from torch import Tensor, nn

from seplace.attention.options import GateOptions, Init
from seplace.backbones.backbone import Granularity
from seplace.backbones.foreign.copying import copy_of
from seplace.backbones.foreign.describing import describe_blocks
from seplace.backbones.foreign.traced import TracedBackbone, TracedSite
from seplace.errors import InputError, check_type, did_you_mean
from seplace.freezing import freeze_backbone
from seplace.models import place
from seplace.placement import Placement
from seplace.space import check_placement

Freeze = Literal["nothing", "backbone"]


@dataclass(frozen=True, kw_only=True)
class AdoptedBackbone(TracedBackbone):
    """The backbone of an existing network: it builds copies of the network, with its weights."""

    model: nn.Module = field(repr=False, compare=False)

    def plain(self, *, num_classes: int, in_channels: int) -> nn.Module:
        """Return a copy; raises InputError for another number of classes or channels than the network has."""
        if (num_classes, in_channels) != (self.num_classes, self.in_channels):
            raise InputError(
                f"{self.text} has {self.num_classes} classes and {self.in_channels} image channels "
                f"(got {num_classes} and {in_channels})"
            )
        return copy_of(self.model)


class Adopted:
    """A network of your own with its stages; `insert` returns copies of it with attention modules in them.

    Printed, it lists the stages: the first and last block, the channels, and the attachments that the blocks take.
    """

    def __init__(self, backbone: AdoptedBackbone) -> None:
        self.backbone = backbone

    @cached_property
    def table(self) -> pd.DataFrame:
        """The stages, one a row; a placement has one choice for each."""
        rows = []
        for number, stage in enumerate(self.backbone.stages, start=1):
            first, last = stage.sites[0], stage.sites[-1]
            assert isinstance(last, TracedSite)
            rows.append(
                {
                    "stage": number,
                    "blocks": len(stage.sites),
                    "block type": last.block_type,
                    "first": first.path,
                    "last": last.path,
                    "channels": last.channels,
                    "resolution": "x".join(map(str, last.size)),
                    "attachments": " ".join(stage.widths),
                }
            )
        return pd.DataFrame(rows)

    def __str__(self) -> str:
        lines = [f"{self.backbone.text}, {len(self.backbone.stages)} stages", self.table.to_string(index=False)]
        return "\n".join([*lines, *(f"left out: {sentence}" for sentence in self.backbone.left_out)])

    __repr__ = __str__

    def insert(
        self,
        placement: str | Placement,
        *,
        init: Init = "identity",
        min_hidden: int = 1,
        seed: int = 0,
        freeze: Freeze = "nothing",
        new: Sequence[str] | None = None,
        granularity: Granularity = "stage",
    ) -> nn.Module:
        """Return a copy of the network with the modules of a placement in its blocks.

        Args:
            placement: The text of a placement, one choice a stage, or a `Placement`.
            init: With `identity` the copy computes what the network computes until it is trained; `paper` starts each
                module as its paper does.
            min_hidden: The least number of hidden units of a module with a reduction ratio.
            seed: The seed of the modules' weights.
            freeze: With `backbone` only the inserted modules learn, and the parts at the paths `new`.
            new: The paths of parts that were not trained before, such as `["fc"]`. Where it is None and the last linear
                layer has values as torch draws them, a warning says that this layer is frozen too.
            granularity: `block` for a placement with one choice a block.

        Raises:
            InvalidPlacement: The placement cannot be read, or the blocks do not take it.
            InputError: Another argument is out of its range, or a path in `new` is not that of a module.

        """
        if freeze not in ("nothing", "backbone"):
            raise InputError(f"freeze is nothing or backbone (got {freeze!r})")
        if granularity not in ("stage", "block"):
            raise InputError(f"granularity is stage or block (got {granularity!r})")
        gate = GateOptions(init=init, min_hidden=min_hidden)
        backbone = replace(self.backbone, granularity=granularity)
        chosen = Placement.parse(placement) if isinstance(placement, str) else placement
        check_placement(backbone, chosen, init=init)
        network = backbone.build(num_classes=backbone.num_classes, in_channels=backbone.in_channels)
        own = set(network.modules())
        place(network, backbone, chosen, gate=gate, seed=seed)
        device = next((parameter.device for parameter in self.backbone.model.parameters()), torch.device("cpu"))
        for module in [module for module in network.modules() if module not in own]:
            module.to(device).train(network.training)
        if freeze == "backbone":
            paths = {path for path, _ in network.named_modules()}
            for path in new or ():
                if path not in paths:
                    raise InputError(f"new: there is no module {path!r}{did_you_mean(path, paths)}")
            within = [path for path in paths if any(f"{path}.".startswith(f"{one}.") for one in new or ())]
            freeze_backbone(network, new=within)
            if new is None and (drawn := drawn_head(self.backbone.model)):
                warnings.warn(
                    f"{drawn} is frozen with values as they are drawn: if it was not trained, let it learn with "
                    f"new=[{drawn!r}], else say new=[]",
                    stacklevel=2,
                )
        return network


def drawn_head(network: nn.Module) -> str | None:
    """Return the path of the last linear layer of a network if its values look as torch draws them, uniformly."""
    layers = [(path, module) for path, module in network.named_modules() if isinstance(module, nn.Linear)]
    if not layers:
        return None
    path, layer = layers[-1]
    bound = layer.in_features**-0.5
    values = [layer.weight.detach(), *([] if layer.bias is None else [layer.bias.detach()])]
    if any(value.is_meta or float(value.abs().max()) > bound for value in values):
        return None
    # The deviation of as many uniform numbers: four standard errors around 1/√3, whose own is √(1/15n) of the bound.
    deviation = float(values[0].float().square().mean().sqrt()) / bound
    return path if abs(deviation - 3**-0.5) < 4 * (15 * values[0].numel()) ** -0.5 else None


def adopt(model: nn.Module, example_input: Tensor, *, blocks: Sequence[str] | None = None) -> Adopted:
    """Find the stages of your own CNN, so that attention modules can be inserted into copies of it.

    The network is run once, on the example, and is not changed.

    >>> import seplace, torch
    >>> network = seplace.create_model("cifar_resnet20", "none-none-none")  # stands for any CNN
    >>> adopted = seplace.adopt(network, torch.zeros(1, 3, 32, 32))
    >>> adopted.table[["stage", "blocks", "channels"]].values.tolist()
    [[1, 3, 16], [2, 3, 32], [3, 3, 64]]
    >>> with_attention = adopted.insert("none-none-se16")

    Args:
        model: The network, trained or not.
        example_input: Images of shape (N, C, H, W) that the network takes.
        blocks: The paths of the blocks, such as `["layer1.0", "layer2.*"]`, where other blocks are found than you mean;
            `*` stands for any text without a dot.

    Raises:
        InputError: The example is not a batch of images, the network cannot be traced, or no stage is found.
        InvalidBlocks: A path in `blocks` does not name a block.

    """
    check_type("model", model, nn.Module, said="a network, a torch.nn.Module")
    check_type("example_input", example_input, Tensor, said="a tensor of images (N, C, H, W)")
    if isinstance(model, torch.jit.ScriptModule):
        raise InputError(f"{type(model).__name__}: a scripted network has no code to trace; adopt it before scripting")
    if example_input.ndim != 4:
        raise InputError(f"example_input is images (N, C, H, W), got {example_input.ndim} dimensions")
    if isinstance(blocks, str):
        raise InputError(f"blocks is a list of paths (got {blocks!r})")
    _, in_channels, height, width = example_input.shape
    description = describe_blocks(copy_of(model).eval(), example_input, paths=blocks)
    output = description.output
    backbone = AdoptedBackbone(
        text=type(model).__name__,
        stages=description.stages,
        left_out=description.left_out,
        blocks=tuple(blocks or ()),
        image_size=max(height, width),
        num_classes=output.shape[-1] if isinstance(output, Tensor) and output.ndim == 2 else 0,
        min_image_size=min(height, width),
        network=f"{type(model).__module__}:{type(model).__qualname__}",
        arguments={},
        in_channels=in_channels,
        takes=(),
        model=model,
    )
    return Adopted(backbone)
