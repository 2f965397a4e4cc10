"""Examine an export, of any exporter, on the machine where it is: whether it still gives what was recorded."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.machinery import EXTENSION_SUFFIXES
from io import BytesIO
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
import torch
from torch import Tensor

from seplace.costs import COSTS
from seplace.datasets.decoding import decode_images
from seplace.datasets.image_set import resized
from seplace.datasets.preprocessing import Preprocessing
from seplace.errors import ExportMismatch, InputError
from seplace.exporters import fresh_process, predict
from seplace.exporters.code_check import check_code
from seplace.exporters.trained import shape_of
from seplace.exporters.verify import load_code
from seplace.files.atomic import sha256_of

_SECONDS = 600


@dataclass(frozen=True)
class Finding:
    """One check of an export."""

    subject: str
    passed: bool | None
    """None where the check does not apply to the export."""
    text: str
    """What was found."""


def examine_export(folder: Path) -> Iterator[Finding]:
    """Check an export, one finding after the other.

    The files must be those that were written. A fresh process, which cannot import seplace, loads the network by
    predict.py, and its logits of the images in check.safetensors must be those recorded: to the bit on the same kind of
    machine, and to a ten-thousandth of the largest on others. Code of the export is run, once its files are known to be
    unchanged.

    Raises:
        InputError: The folder holds no export of this version.

    """
    config = _config_of(folder)
    files = _check_sums(folder, config)
    yield files
    if not files.passed:
        return
    if (folder / "model.py").exists():
        yield _caught("code", lambda: _code(folder))
    found = _caught_report(folder, config)
    if isinstance(found, Finding):
        yield found
        return
    yield Finding("network", True, "loaded in a fresh Python that cannot import seplace")
    difference, outputs = found["difference"], found.get("outputs")
    text = "equal to those recorded, to the bit" if not difference else f"those recorded, to {difference:.1e}"
    yield Finding("outputs" if outputs else "logits", True, text)
    yield _params(found["params"], config)
    yield _caught("FLOPs", lambda: _flops(folder, config))
    yield _preprocessing(found.get("input"), config)
    if outputs:
        shapes = ", ".join(str(tuple(each)) for each in outputs)
        yield Finding("predict", True, f"predict.py gives outputs of shape {shapes} for two inputs")
    elif found["class"] is None:
        yield Finding("predict", None, "the preprocessing of images is not recorded")
    else:
        name, probability = found["class"]
        yield Finding("predict", True, f"predict.py tells classes (noise: {name}, {100 * probability:.1f} %)")


def _config_of(folder: Path) -> dict[str, Any]:
    try:
        config = json.loads((folder / "config.json").read_bytes())
    except FileNotFoundError as error:
        raise InputError(f"{folder} holds no export: there is no config.json") from error
    except (OSError, ValueError, RecursionError) as error:
        raise InputError(f"{folder / 'config.json'} cannot be read: {error}") from error
    if not isinstance(config, dict) or not isinstance(config.get("sha256"), dict) or "format" not in config:
        raise InputError(f"{folder} holds no export of seplace: config.json has no format or no check sums")
    if "predict.py" not in config["sha256"]:
        raise InputError(f"{folder} is an export of seplace {config.get('seplace', '?')}: export it anew to verify it")
    return config


def _check_sums(folder: Path, config: dict[str, Any]) -> Finding:
    wrong = []
    for name, wanted in config["sha256"].items():
        path = PurePosixPath(name)
        if path.is_absolute() or ".." in path.parts:
            raise InputError(f"{folder / 'config.json'}: {name!r} is outside of the export")
        if (folder / path).exists() and not (folder / path).is_file():
            wrong.append(f"{name} is no file")
            continue
        try:
            content = (folder / path).read_bytes()
        except OSError as error:
            wrong.append(f"{name} cannot be read ({error.strerror})")
        else:
            wrong += [] if sha256_of(content) == wanted else [f"{name} was changed"]
    # Python looks into the folder of predict.py first: a file there can stand in for torch.
    own = {PurePosixPath(name).parts[0] for name in config["sha256"]}
    strange = (each.name for each in folder.iterdir() if each.name not in own and _can_be_imported(each))
    wrong += [f"{name!r} is no part of the export, and Python would import it" for name in sorted(strange)]
    if wrong:
        return Finding("files", False, f"{', '.join(wrong)}; nothing was run")
    return Finding("files", True, f"{len(config['sha256'])} files with their check sums")


def _can_be_imported(path: Path) -> bool:
    if path.is_dir():
        return path.name.isidentifier() and path.name != "__pycache__"
    return path.name.endswith((".py", ".pyc", *EXTENSION_SUFFIXES))


def _code(folder: Path) -> Finding:
    check_code((folder / "model.py").read_text(encoding="utf-8"))
    return Finding("code", True, "model.py imports torch and Python's own modules alone")


def _caught(subject: str, check: Callable[[], Finding]) -> Finding:
    try:
        return check()
    except Exception as error:  # the code of the export may raise anything
        return Finding(subject, False, _short(error))


def _caught_report(folder: Path, config: dict[str, Any]) -> dict[str, Any] | Finding:
    """Return what a fresh process says, or the finding that it failed."""
    with tempfile.TemporaryDirectory() as temporary:
        image = _write_image(Path(temporary), config)
        written = Path(temporary, "report.json")
        try:
            # -I: neither the environment nor the working folder reaches it; -B: it leaves no bytecode behind.
            subprocess.run(
                [sys.executable, "-I", "-B", fresh_process.__file__, folder.resolve(), image, written],
                check=True,
                capture_output=True,
                text=True,
                errors="replace",
                timeout=_SECONDS,
            )
        except subprocess.CalledProcessError as error:
            reason = (error.stderr.strip() or f"exit status {error.returncode}").splitlines()[-1]
            subject = next((each for each in ("logits", "outputs") if each in reason), "network")
            return Finding(subject, False, reason.removeprefix("ValueError: "))
        except subprocess.TimeoutExpired:
            return Finding("network", False, f"no answer in {_SECONDS:g} s")
        report: dict[str, Any] = json.loads(written.read_text(encoding="utf-8"))
        return report


def _params(found: int | None, config: dict[str, Any]) -> Finding:
    if found is None:
        return Finding("parameters", None, "the network in this form has none to count")
    wanted = config["params"]
    return Finding("parameters", found == wanted, f"{found:,}" + ("" if found == wanted else f", recorded: {wanted:,}"))


def _flops(folder: Path, config: dict[str, Any]) -> Finding:
    wanted = config["flops"]
    if wanted is None:
        return Finding("FLOPs", None, "the study did not count them")
    if not (folder / "model.py").exists():
        return Finding("FLOPs", None, f"{wanted:,} recorded; the network in this form is not counted again")
    network = load_code((folder / "model.py").read_text(encoding="utf-8")).build().eval()
    shape = shape_of(config["in_channels"], config["image_size"])
    found = int(COSTS["flops"].measure(network, torch.zeros(1, *shape)))
    return Finding("FLOPs", found == wanted, f"{found:,}" + ("" if found == wanted else f", recorded: {wanted:,}"))


def _write_image(folder: Path, config: dict[str, Any]) -> str:
    """Write an image that is not square, and return its path; empty where images are not prepared or not opened."""
    if config["preprocessing"] is None:
        return ""
    try:
        from PIL import Image
    except ImportError:
        return ""
    path = folder / "image.png"
    pixels = _image(config)
    Image.fromarray(pixels if pixels.shape[2] == 3 else pixels[:, :, 0]).save(path)
    return str(path)


def _image(config: dict[str, Any]) -> np.ndarray[Any, np.dtype[np.uint8]]:
    """Return noise (H, W, C) that is twice as wide as high, and larger than the network takes."""
    side = config["image_size"] + 5
    return np.random.default_rng(0).integers(0, 256, (side, 2 * side, config["in_channels"]), dtype=np.uint8)


def _preprocessing(found: Any, config: dict[str, Any]) -> Finding:
    """Compare an image as predict.py prepares it with the same image as a data set of seplace has it."""
    if config["preprocessing"] is None:
        of_data = "the data of the training prepare their inputs themselves"
        return Finding("preprocess", None, of_data if config.get("module") else "not recorded")
    if found is None:
        return Finding("preprocess", None, "not compared: opening images needs pillow")
    steps = Preprocessing.of_record(config["preprocessing"])
    wanted = predict.normalize(_pixels(config, steps), steps.to_record())
    is_equal = torch.equal(torch.tensor(found), wanted)
    text = "an image as the study prepares it, to the bit" if is_equal else "another image than the study prepares"
    return Finding("preprocess", is_equal, text)


def _pixels(config: dict[str, Any], steps: Preprocessing) -> Tensor:
    """Return the image (C, H, W) as the study would have it."""
    from PIL import Image

    pixels = _image(config)
    if steps.resampling == "torch":
        return torch.from_numpy(resized(pixels.transpose(2, 0, 1)[None], steps.size)[0])
    stream = BytesIO()
    Image.fromarray(pixels if pixels.shape[2] == 3 else pixels[:, :, 0]).save(stream, "PNG")
    decoded = decode_images([stream.getvalue()], where=str, image_size=steps.size, channels=steps.channels)
    return torch.from_numpy(decoded[0])


def _short(error: Exception) -> str:
    line = next(iter(str(error).strip().splitlines()), "")
    return line if isinstance(error, ExportMismatch | InputError) else f"{type(error).__name__}: {line}"
