"""Verify that an exported folder reproduces its network: equal logits, FLOPs and parameters."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from seplace.costs import COSTS
from seplace.errors import ExportMismatch
from seplace.exporters import fresh_process
from seplace.exporters.code_check import check_code
from seplace.exporters.form import Form
from seplace.exporters.fresh_process import as_one
from seplace.exporters.trained import TrainedNetwork

_MODULE_NAME = "_seplace_exported_model"


def verify(folder: Path, trained: TrainedNetwork, *, timeout_seconds: float = 600) -> None:
    """Raise ExportMismatch unless the code and weights in `folder` reproduce `trained`.

    A fresh process, which cannot import seplace, builds the network and reads the weights; its logits of
    random images must be equal to the bit. FLOPs and parameters of the written code are counted here, where
    fvcore is.
    """
    text = (folder / "model.py").read_text(encoding="utf-8")
    check_code(text)
    network = trained.build()
    check_costs(load_code(text).build(), network, trained)
    _check_logits(folder, trained, network=network, loader="model.py", batches=(4,), seconds=timeout_seconds)


def verify_program(folder: Path, trained: TrainedNetwork, *, timeout_seconds: float = 600) -> None:
    """Raise ExportMismatch unless the program in `folder` reproduces `trained`.

    A fresh process, which cannot import seplace, loads the program; its weights must be those in model.safetensors,
    and its logits of several numbers of random images equal to the bit. FLOPs are counted of what it was made from.
    """
    network = trained.build()
    _check_flops(network, trained)
    _check_logits(folder, trained, network=network, loader="model.pt2", batches=(1, 2, 5), seconds=timeout_seconds)


def verify_onnx(folder: Path, trained: TrainedNetwork, *, timeout_seconds: float = 600) -> None:
    """Raise ExportMismatch unless the ONNX file in `folder` reproduces `trained` in ONNX Runtime.

    Its logits of one, two and seven random images, in a fresh process that cannot import seplace, must be those of
    torch to 1e-4: ONNX Runtime adds in another order. FLOPs are counted of what it was made from.
    """
    network = trained.build()
    _check_flops(network, trained)
    _check_logits(
        folder,
        trained,
        network=network,
        loader="model.onnx",
        batches=(1, 2, 7),
        seconds=timeout_seconds,
        tolerance=1e-4,
    )


def verify_form(folder: Path, trained: TrainedNetwork, *, form: Form, timeout_seconds: float = 600) -> None:
    """Raise ExportMismatch unless a folder of any form reproduces `trained`; for exporters of your own.

    A fresh process, which cannot import seplace, runs `form.loading` in the folder; the logits of its `network` for
    several numbers of random images must be equal to the bit. FLOPs are counted of the network that was trained.
    """
    network = trained.build()
    _check_flops(network, trained)
    _check_logits(folder, trained, network=network, loader=form.loading, batches=(1, 2, 5), seconds=timeout_seconds)


def load_code(text: str) -> ModuleType:
    """Execute the text of a model.py that `check_code` accepts, as a module that cannot be imported."""
    module = ModuleType(_MODULE_NAME)
    exec(compile(text, "model.py", "exec"), module.__dict__)
    return module


def check_costs(exported: nn.Module, network: nn.Module, trained: TrainedNetwork) -> None:
    """Raise ExportMismatch unless the FLOPs equal the cost table's and the parameters the trained network's."""
    _check_flops(exported.eval(), trained)
    params = [COSTS["params"].measure(each, None) for each in (exported, network)]
    if params[0] != params[1]:
        raise ExportMismatch(f"the exported network has {params[0]:,} parameters, the trained one {params[1]:,}")


def _check_flops(network: nn.Module, trained: TrainedNetwork) -> None:
    if trained.flops is None:
        return
    image = torch.zeros(1, *trained.input_shape)
    flops = COSTS["flops"].measure(network, image)
    if flops != trained.flops:
        raise ExportMismatch(f"the exported network takes {flops:,} FLOPs, the table says {trained.flops:,}")


def _check_logits(
    folder: Path,
    trained: TrainedNetwork,
    *,
    network: nn.Module,
    loader: str,
    batches: Sequence[int],
    seconds: float,
    tolerance: float = 0.0,
) -> None:
    """Compare the logits of random images, `batches` of them at a time, with those of a fresh process.

    The `tolerance` is absolute for logits up to 1, and relative beyond; 0 asks for equal bits.
    """
    generator = torch.Generator().manual_seed(0)
    images = {
        f"images_{count}": torch.randn(count, *trained.input_shape, generator=generator, dtype=torch.float32)
        for count in batches
    }
    with as_in_a_fresh_process(), torch.inference_mode():
        expected = {name: as_one(network(batch)) for name, batch in images.items()}
    if not all(bool(logits.isfinite().all()) for logits in expected.values()):
        raise ExportMismatch("the trained network's logits are not finite, so there is nothing to compare")
    found = _logits_in_fresh_process(folder, loader, images, timeout_seconds=seconds)
    if not all(_are_equal(found[name], logits, tolerance=tolerance) for name, logits in expected.items()):
        raise ExportMismatch("the exported network gives other logits than the trained one")


def _are_equal(found: Tensor, expected: Tensor, *, tolerance: float) -> bool:
    if not tolerance:
        return torch.equal(found, expected)
    scale = max(1.0, float(expected.abs().max()))
    return found.shape == expected.shape and torch.allclose(found, expected, rtol=0.0, atol=tolerance * scale)


def _logits_in_fresh_process(
    folder: Path, loader: str, images: dict[str, Tensor], *, timeout_seconds: float
) -> dict[str, Tensor]:
    with tempfile.TemporaryDirectory() as temporary:
        images_path, logits_path = (
            Path(temporary, "images.safetensors"),
            Path(temporary, "logits.safetensors"),
        )
        save_file(images, images_path)
        try:
            # -I: neither the environment nor the working folder reaches it; -B: it leaves no bytecode behind.
            subprocess.run(
                [sys.executable, "-I", "-B", fresh_process.__file__, folder, loader, images_path, logits_path],
                check=True,
                capture_output=True,
                text=True,
                errors="replace",
                timeout=timeout_seconds,
            )
        except subprocess.CalledProcessError as error:
            reason = (error.stderr.strip() or f"exit status {error.returncode}").splitlines()[-1]
            raise ExportMismatch(f"the exported network does not run in a fresh process: {reason}") from error
        except subprocess.TimeoutExpired as error:
            raise ExportMismatch(f"the exported network did not answer in {timeout_seconds:g} s") from error
        return {name: logits.clone() for name, logits in load_file(logits_path).items()}


@contextmanager
def as_in_a_fresh_process() -> Iterator[None]:
    """Compute with one thread and full precision, as the fresh process does; sums in another order differ."""
    threads, precision = torch.get_num_threads(), torch.get_float32_matmul_precision()
    torch.set_num_threads(1)
    torch.set_float32_matmul_precision("highest")
    try:
        yield
    finally:
        torch.set_num_threads(threads)
        torch.set_float32_matmul_precision(precision)
