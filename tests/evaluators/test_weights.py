from pathlib import Path

import torch
from safetensors.torch import save

from seplace.evaluators.weights import read_weights
from seplace.files.atomic import sha256_of
from seplace.placement import Placement
from seplace.results.evaluation import Evaluation
from tests.networks import network_of


def test_weights_of_version_0_1_are_read(tmp_path: Path) -> None:
    """Gates stood in the join of a block then, and those of `pre` at the head of its residual branch."""
    placement = "se4-eca.parallel-cbam4.cross-se4.pre"
    tensors = network_of("resnet18[width=0.125]", placement, num_classes=3).state_dict()
    earlier = {
        name.replace("stages.0.0.residual.attention.", "stages.0.0.join.")
        .replace("stages.0.1.residual.attention.", "stages.0.1.join.")
        .replace(".shortcut.attention.", ".join.")
        .replace(".residual.attention.", ".residual.pre."): tensor
        for name, tensor in tensors.items()
    }
    assert sum(".join.gate." in name for name in earlier) == 2 * (2 + 1 + 4 + 6)
    assert sum(".residual.pre.gate." in name for name in earlier) == 2 * 2
    content = save(earlier)
    (tmp_path / "weights").mkdir()
    (tmp_path / "weights" / "old.safetensors").write_bytes(content)
    evaluation = Evaluation(
        placement=Placement.parse(placement),
        seed=0,
        epochs=1,
        state="complete",
        weights="old.safetensors",
        weights_sha256=sha256_of(content),
    )
    read = read_weights(tmp_path, evaluation)
    assert read.keys() == tensors.keys()
    assert all(torch.equal(tensor, tensors[name]) for name, tensor in read.items())
