"""What every exporter must do, whatever it writes."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import torch

from seplace.attention.options import GateOptions
from seplace.backbones.describe import describe
from seplace.costs import COSTS
from seplace.datasets.preprocessing import Preprocessing
from seplace.errors import ExportMismatch, InputError
from seplace.exporters import EXPORTERS
from seplace.exporters.trained import TrainedNetwork
from seplace.models import build
from seplace.placement import Placement
from seplace.testing.expectations import expect, expect_error

_SIDE = 16
_CLASSES = ("cat", "dog", "newt")


def trained_network() -> TrainedNetwork:
    """Return a small network as a training leaves it."""
    backbone, gate = describe("cifar_resnet8[width=0.5]"), GateOptions(init="paper")
    placement = Placement.parse("none-se4-eca.parallel")
    network = build(backbone, placement, gate=gate, num_classes=len(_CLASSES), in_channels=3, seed=7)
    with torch.no_grad():
        for buffer in network.buffers():
            if buffer.is_floating_point():
                buffer += 0.1
    return TrainedNetwork(
        backbone=backbone,
        placement=placement,
        gate=gate,
        num_classes=len(_CLASSES),
        in_channels=3,
        image_size=_SIDE,
        classes=_CLASSES,
        preprocessing=Preprocessing(
            channel_order="RGB",
            size=_SIDE,
            resampling="pillow",
            mean=(0.5, 0.4, 0.3),
            std=(0.2, 0.2, 0.25),
        ),
        state=network.state_dict(),
        flops=int(COSTS["flops"].measure(network.eval(), torch.zeros(1, 3, _SIDE, _SIDE))),
        provenance={"study": "role", "seed": 0, "n": 1, "accuracy": 90.0, "cross_entropy": float("nan")},
    )


def writes_a_folder(name: str) -> None:
    """Check that an export is a folder with files, whose resolved path is returned, and nothing beside it."""
    with _folder() as parent:
        folder = parent / "export"
        trained = trained_network()
        returned = _export(name)(trained, folder)
        expect(returned == folder.resolve(), f"exporter {name} returns {returned}, wanted: {folder.resolve()}")
        expect(_files(folder), f"exporter {name} writes no file")
        others = [path.name for path in parent.iterdir() if path.name != "export"]
        expect(not others, f"exporter {name} leaves {', '.join(others)} beside its folder")


def replaces_an_earlier_export(name: str) -> None:
    """Check that an earlier export is replaced, by the same bytes for the same network."""
    with _folder() as parent:
        folder = parent / "export"
        trained = trained_network()
        _export(name)(trained, folder)
        first = _files(folder)
        _export(name)(trained, folder)
        expect(_files(folder) == first, f"exporter {name} writes other files for the same network")


def leaves_other_folders_alone(name: str) -> None:
    """Check that a folder with something else in it raises InputError and stays as it is."""
    with _folder() as parent:
        folder = parent / "export"
        folder.mkdir()
        (folder / "thesis.tex").write_text("the only copy")
        with expect_error(InputError, f"exporter {name} to a folder that holds thesis.tex"):
            _export(name)(trained_network(), folder)
        expect(_files(folder) == {"thesis.tex": b"the only copy"}, f"exporter {name} changes a folder that it refuses")


def leaves_nothing_after_a_failure(name: str) -> None:
    """Check that weights which do not fit the network raise ExportMismatch, and that nothing is left."""
    with _folder() as parent:
        trained = trained_network()
        wrong = {key: tensor for key, tensor in trained.state.items() if "bias" not in key}
        with expect_error(ExportMismatch, f"exporter {name} with weights that do not fit"):
            _export(name)(replace(trained, state=wrong), parent / "export")
        expect(not list(parent.iterdir()), f"exporter {name} leaves files behind after it failed")


def refuses_another_network(name: str) -> None:
    """Check that an export whose FLOPs are not those of the cost table raises ExportMismatch and leaves nothing."""
    with _folder() as parent:
        trained = trained_network()
        assert trained.flops is not None
        with expect_error(ExportMismatch, f"exporter {name} with other FLOPs than the cost table"):
            _export(name)(replace(trained, flops=trained.flops + 1), parent / "export")
        expect(not list(parent.iterdir()), f"exporter {name} leaves files behind after it failed")


CHECKS = (
    writes_a_folder,
    replaces_an_earlier_export,
    leaves_other_folders_alone,
    leaves_nothing_after_a_failure,
    refuses_another_network,
)


def _export(name: str) -> Callable[[TrainedNetwork, Path], Path]:
    export: Callable[[TrainedNetwork, Path], Path] = EXPORTERS[name]
    return export


def _files(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


@contextmanager
def _folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as temporary:
        yield Path(temporary)
