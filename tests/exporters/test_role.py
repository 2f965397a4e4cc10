"""What every exporter must do, whatever it writes."""

from pathlib import Path

import pytest
import torch

from seplace.exporters import EXPORTERS
from seplace.exporters.fresh_process import LOADERS
from seplace.testing import exporters
from tests.exporters.networks import onnx_of_the_role

AS_SOURCE = ("huggingface", "timm")
"""The forms whose network is that of `source`, which a fresh process tries."""


@pytest.mark.parametrize("name", EXPORTERS)
@pytest.mark.parametrize("check", exporters.CHECKS, ids=lambda check: check.__name__)
def test_an_entry_does_what_its_shelf_asks(name: str, check, monkeypatch) -> None:
    # The fresh process of our own exporters has been tried by the check before.
    is_tried = check is exporters.replaces_an_earlier_export and name in EXPORTERS.built_in
    if is_tried or name in AS_SOURCE:
        monkeypatch.setattr("seplace.exporters.verify._logits_in_fresh_process", logits_in_this_process)
    monkeypatch.setattr("seplace.exporters.onnx.onnx_of", lambda *_: onnx_of_the_role())
    check(name)


def logits_in_this_process(folder: Path, loader: str, images: dict[str, torch.Tensor], *, timeout_seconds: float):
    del timeout_seconds
    network = LOADERS[loader](folder)
    with torch.inference_mode():
        return {key: network(batch.clone()) for key, batch in images.items()}
