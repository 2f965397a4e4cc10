"""Write the folder of an export beside its final place, verify it, and then move it there."""

from __future__ import annotations

import contextlib
import json
import math
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import safetensors.torch
from torch import Tensor, nn

from seplace.costs import COSTS
from seplace.errors import InputError, UnwritableFolder
from seplace.exporters.form import BESIDE, Form
from seplace.exporters.prediction import check_images, predict_text
from seplace.exporters.readme import readme_text
from seplace.exporters.trained import TrainedNetwork
from seplace.files.atomic import sha256_of, write_atomically
from seplace.version import __version__

_FORMAT_VERSION = 2


def refuse_foreign(folder: Path, form: Form) -> None:
    """Raise InputError unless `folder` is absent, empty, or holds an earlier export of this form and nothing else.

    Raises UnwritableFolder where the system refuses the path.
    """
    try:
        if not folder.exists():
            return
        if not folder.is_dir():
            raise InputError(f"{folder} is a file; an export is a folder")
        names = {path.name for path in folder.iterdir()}
    except OSError as error:
        raise UnwritableFolder(f"{folder}: no folder can be made there ({error.strerror})") from error
    if not names:
        return
    foreign = sorted(names.difference(form.files, {BESIDE, "__pycache__"}))
    if foreign:
        raise InputError(f"{folder} holds {foreign[0]!r}, which is no part of such an export: choose another folder")
    try:
        config = json.loads((folder / "config.json").read_bytes())
    except (OSError, ValueError):
        config = None
    if not isinstance(config, dict) or config.get("format") != form.mark:
        raise InputError(f"{folder} is not empty and holds no earlier export: choose another folder")


def refuse_other_network(folder: Path, trained: TrainedNetwork) -> None:
    """Raise InputError where `folder` holds an export of another placement, or of other weights."""
    try:
        config = json.loads((folder / "config.json").read_bytes())
        earlier = (config["backbone"], config["placement"], config["sha256"]["model.safetensors"])
    except (OSError, ValueError, LookupError, TypeError):
        return  # whatever it is, `refuse_foreign` judges it
    if earlier == (trained.backbone.text, str(trained.placement), sha256_of(weights(trained))):
        return
    held = f"{earlier[1]}{' with other weights' * (earlier[1] == str(trained.placement))}"
    raise InputError(
        f"{folder} holds an export of {held}, and this one is of {trained.placement}: choose another folder, or let it "
        "be replaced (--force, in Python overwrite=True)"
    )


def write_folder(
    trained: TrainedNetwork,
    folder: Path,
    *,
    form: Form,
    network: nn.Module,
    content: bytes,
    verify: Callable[[Path, TrainedNetwork], None],
    extras: Mapping[str, bytes] = MappingProxyType({}),
    config: Mapping[str, Any] = MappingProxyType({}),
    card: str = "",
) -> Path:
    """Write the files of an export and return the folder, which appears once `verify` has accepted the files.

    `content` is that of the network's file, `network` what was trained, and `extras` the contents of the further files
    of the form. `config` is added to config.json, and `card` stands before the README. What is in the folder is
    replaced, so that `refuse_foreign` comes first; on any error nothing is changed and nothing is left.
    """
    params = int(COSTS["params"].measure(network, None))
    files: dict[str, bytes] = {
        form.network_file: content,
        "model.safetensors": weights(trained),
        **({BESIDE: _serialize(trained.beside, trained)} if trained.beside else {}),
        **extras,
        "predict.py": predict_text(form, is_own=bool(trained.module)).encode(),
        "check.safetensors": check_images(trained, network),
        "README.md": (card + readme_text(trained, form=form, params=params, version=__version__)).encode(),
    }
    files["config.json"] = _config(trained, form=form, params=params, files=files, more=config).encode()
    with _sibling(folder) as temporary:
        for name, data in files.items():
            write_atomically(temporary / name, data)
        verify(temporary, trained)
        if folder.exists():
            with _sibling(folder) as earlier:
                folder.rename(earlier / folder.name)
                try:
                    temporary.rename(folder)
                except BaseException:
                    (earlier / folder.name).rename(folder)
                    raise
        else:
            temporary.rename(folder)
    return folder


def weights(trained: TrainedNetwork) -> bytes:
    """Return the weights in the safetensors format, the same bytes for the same weights."""
    return _serialize(trained.state, trained)


def _serialize(state: Mapping[str, Tensor], trained: TrainedNetwork) -> bytes:
    tensors = {name: tensor.detach().cpu().clone().contiguous() for name, tensor in state.items()}
    data = safetensors.torch.save(tensors, {"format": "pt", "placement": str(trained.placement)})
    # The library writes the metadata in a random order, so the header, after its length, is written anew.
    start = 8 + int.from_bytes(data[:8], "little")
    header = json.loads(data[8:start])
    metadata = dict(sorted(header.pop("__metadata__").items()))
    text = json.dumps({"__metadata__": metadata, **header}, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    return len(text).to_bytes(8, "little") + text + data[start:]


def _config(
    trained: TrainedNetwork, *, form: Form, params: int, files: Mapping[str, bytes], more: Mapping[str, Any]
) -> str:
    config: dict[str, Any] = {
        "format": form.mark,
        "format_version": _FORMAT_VERSION,
        "seplace": __version__,
        "backbone": trained.backbone.text,
        "placement": str(trained.placement),
        "granularity": trained.backbone.granularity,
        "gate": {"init": trained.gate.init, "min_hidden": trained.gate.min_hidden},
        "num_classes": trained.num_classes,
        "in_channels": trained.in_channels,
        "image_size": trained.image_size,
        **({"module": trained.module} if trained.module else {}),
        "preprocessing": None if trained.preprocessing is None else trained.preprocessing.to_record(),
        "classes": trained.classes,
        "flops": trained.flops,
        "params": params,
        "sha256": {name: sha256_of(content) for name, content in files.items()},
        # JSON has no NaN; a spread of one training, for example, is no number.
        "provenance": {
            key: None if isinstance(value, float) and not math.isfinite(value) else value
            for key, value in trained.provenance.items()
        },
        **more,
    }
    return json.dumps(config, indent=2, allow_nan=False) + "\n"


@contextlib.contextmanager
def _sibling(folder: Path) -> Iterator[Path]:
    """Yield an empty temporary folder beside `folder`, and remove it at the end."""
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        temporary = Path(tempfile.mkdtemp(dir=folder.parent, prefix=f".{folder.name}."))
    except OSError as error:
        raise UnwritableFolder(f"{folder}: no folder can be made there ({error.strerror})") from error
    temporary.chmod(0o755)
    try:
        yield temporary
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
