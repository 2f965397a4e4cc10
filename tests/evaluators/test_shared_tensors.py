"""Networks whose tensors have several names, through all that becomes of them."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import nn

import seplace
from seplace.adoption import Adopted
from seplace.errors import InputError
from seplace.evaluators.stand_alone import StandAlone
from seplace.evaluators.weights import read_weights, serialize_weights
from seplace.exporters.program import export_program
from seplace.files.atomic import sha256_of
from seplace.placement import Placement
from seplace.results.evaluation import Evaluation, Job
from seplace.study.config import load_study
from tests.exporters.networks import trained_network
from tests.foreign import images, shared
from tests.studies import write_study

HERE = "tests.foreign.shared"


def adopted(name: str) -> Adopted:
    return seplace.adopt(getattr(shared, name)(), images(2, 8))


@pytest.mark.parametrize("name", shared.SHARING)
def test_weights_are_written_and_read_back(tmp_path: Path, name: str) -> None:
    network = adopted(name).insert("se4", init="paper")
    other = adopted(name).insert("se4", init="paper", seed=1)
    data = serialize_weights(network)
    (tmp_path / "weights").mkdir()
    (tmp_path / "weights" / "a.safetensors").write_bytes(data)
    evaluation = Evaluation(
        placement=Placement.parse("se4"),
        seed=0,
        epochs=1,
        state="complete",
        weights="a.safetensors",
        weights_sha256=sha256_of(data),
    )
    assert other.load_state_dict(read_weights(tmp_path, evaluation)).missing_keys == []
    assert torch.equal(other.eval()(images(2, 8)), network.eval()(images(2, 8)))
    assert sum("gate.reduce" in key for key, _ in network.named_parameters()) == shared.SHARING[name]


def test_a_block_at_two_places_is_left_out_and_said() -> None:
    table = adopted("one_step_twice")
    assert table.table["blocks"].tolist() == [2]
    assert (
        str(table).splitlines()[-1] == "left out: steps.0 (Step) is called 2 times in one pass, and a block only once"
    )


@pytest.mark.long
@pytest.mark.parametrize("name", ["tied", "Renamed"])
def test_it_is_exported_as_a_program(tmp_path: Path, name: str) -> None:
    trained = trained_network(f"{HERE}:{name}[image_size=8]", "se4", image_size=8)
    folder = export_program(trained, tmp_path / "export")
    program = torch.export.load(folder / "model.pt2").module()
    assert torch.equal(program(images(3, 8)), trained.build()(images(3, 8)))


SPACE = f"""\
schema: 1
backbone: "{HERE}:tied[image_size=8,in_channels=1]"
gate: {{init: paper}}
choices: {{modules: [none, se, eca], ratios: [4], attachments: [serial]}}
"""


def test_a_training_goes_on_from_its_checkpoint(tmp_path: Path) -> None:
    (tmp_path / "space.yaml").write_text(SPACE)
    changes = {"space": "./space.yaml", "search": {"trainings": 7, "seeds": 1, "rungs": [1]}}
    config = load_study(write_study(tmp_path, training={"epochs": 2}, **changes))
    whole = Job(placement=Placement.parse("se4"), seed=0, epochs=2)
    rows = []
    for name in ("once", "resumed"):
        evaluator = StandAlone(config, tmp_path / name, device="cpu")
        if name == "resumed":
            evaluator.evaluate(replace(whole, epochs=1), on_epoch=lambda _epoch: None)
        row = evaluator.evaluate(whole, on_epoch=lambda _epoch: None)
        assert evaluator.trained(row)(evaluator.networks.example).shape == (1, 10)
        rows.append(row)
    assert rows[0].weights_sha256 == rows[1].weights_sha256


class WithNotes(shared.Body):
    """Keeps more than tensors in its state."""

    def __init__(self, num_classes: int = 3) -> None:
        super().__init__(shared.Step(8), shared.Step(8), num_classes=num_classes)

    def get_extra_state(self) -> dict[str, int]:
        return {"version": 1}

    def set_extra_state(self, state: dict[str, int]) -> None:
        assert state == {"version": 1}


def test_a_state_that_cannot_be_kept_is_refused() -> None:
    network: nn.Module = seplace.adopt(WithNotes(), images(2, 8)).insert("se4")
    with pytest.raises(InputError, match="WithNotes: its state holds _extra_state, a dict; only tensors can be kept"):
        serialize_weights(network)
