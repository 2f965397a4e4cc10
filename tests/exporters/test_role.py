"""What every exporter must do, whatever it writes."""

from pathlib import Path

import pytest
import torch

from seplace.exporters import EXPORTERS
from seplace.exporters.fresh_process import LOADERS
from seplace.testing import exporters
from tests.exporters.networks import onnx_of_the_role

CHECKED_TWICE = (exporters.replaces_an_earlier_export,)
"""The fresh process of our own exporters has been tried by the check before."""


@pytest.mark.parametrize("name", EXPORTERS)
@pytest.mark.parametrize("check", exporters.CHECKS, ids=lambda check: check.__name__)
def test_an_entry_does_what_its_shelf_asks(name: str, check, monkeypatch) -> None:
    if check in CHECKED_TWICE and name in EXPORTERS.built_in:
        monkeypatch.setattr("seplace.exporters.verify._logits_in_fresh_process", logits_in_this_process)
    monkeypatch.setattr("seplace.exporters.onnx.onnx_of", lambda *_: onnx_of_the_role())
    check(name)


def logits_in_this_process(folder: Path, loader: str, images: dict[str, torch.Tensor], *, timeout_seconds: float):
    del timeout_seconds
    network = LOADERS[loader](folder)
    with torch.inference_mode():
        return {key: network(batch.clone()) for key, batch in images.items()}
