"""What learns in a network that is frozen."""

from pathlib import Path

import pytest
import torch
from torch import nn

import seplace
from seplace.backbones.describe import describe
from seplace.errors import InputError, StudyChanged
from seplace.evaluators.new_parts import new_modules
from seplace.evaluators.study_networks import StudyNetworks
from seplace.placement import Placement
from seplace.results.evaluation import Evaluation
from seplace.results.ledger import Ledger
from seplace.search.meaning import learning_of, refuse_other_learning, sentence_of
from seplace.study.config import load_study
from tests.foreign import trained
from tests.studies import write_study

HERE = "tests.foreign.trained"


@pytest.mark.parametrize(
    ("name", "num_classes", "paths"),
    [
        pytest.param("loaded", 10, {"fc"}, id="a new head"),
        pytest.param("loaded", 1000, set(), id="nothing"),
        pytest.param("headed", 10, {"stem", "fc", "fc.0", "fc.1", "fc.2", "fc.3"}, id="a head of layers, and a stem"),
        pytest.param("drawn", 10, None, id="all of it"),
    ],
)
def test_what_was_drawn_is_new(name: str, num_classes: int, paths: set[str] | None) -> None:
    backbone = describe(f"{HERE}:{name}[image_size=8,in_channels=1]".replace(",in_channels=1" * (name == "drawn"), ""))
    state = torch.get_rng_state()
    assert new_modules(backbone, num_classes, 1) == paths
    assert torch.equal(torch.get_rng_state(), state)


def frozen_study(folder: Path, name: str) -> Path:
    options = "[image_size=8]" if name == "drawn" else "[image_size=8,in_channels=1]"
    (folder / "space.yaml").write_text(
        f'schema: 1\nbackbone: "{HERE}:{name}{options}"\ngate: {{init: identity}}\n'
        "choices: {modules: [none, se, eca], ratios: [4], attachments: [serial]}\n"
    )
    return write_study(
        folder, space="./space.yaml", training={"freeze": "backbone"}, search={"trainings": 7, "seeds": 1}
    )


def test_a_new_head_learns_while_the_backbone_is_frozen(tmp_path: Path) -> None:
    config = load_study(frozen_study(tmp_path, "headed"))
    networks = StudyNetworks(config, device="cpu")
    start = networks.startable(Placement.parse("se4"), seed=0)
    learning = {name for name, parameter in start.named_parameters() if parameter.requires_grad}
    gates = {name for name in learning if ".attention." in name}
    assert len(gates) == 4
    assert {name.partition(".")[0] for name in learning - gates} == {"stem", "fc"}
    start.train()
    assert start.fc[1].training
    assert not start.steps[0].norm.training
    text = config.search_space.backbone.text
    learning = learning_of(config, networks.describe_images())
    assert learning == {text: ["fc", "stem"]}
    assert sentence_of(text, learning[text]) == f"freeze: of {text} fc, stem learns too: it was drawn, and not loaded"


def test_a_network_without_trained_weights_is_said(tmp_path: Path) -> None:
    config = load_study(frozen_study(tmp_path, "drawn"))
    networks = StudyNetworks(config, device="cpu")
    ((text, paths),) = learning_of(config, networks.describe_images()).items()
    assert "comes without trained weights" in sentence_of(text, paths)
    start = networks.startable(Placement.parse("se4"), seed=0)
    assert all(".attention." in name for name, parameter in start.named_parameters() if parameter.requires_grad)


def test_a_study_of_the_catalogue_freezes_all_of_it(tmp_path: Path) -> None:
    config = load_study(write_study(tmp_path, training={"freeze": "backbone"}))
    assert learning_of(config, {"classes": range(10), "channels": 1}) == {}
    start = StudyNetworks(config, device="cpu").startable(Placement.parse("none-none-none"), seed=0)
    assert not any(parameter.requires_grad for parameter in start.parameters())


def test_trainings_in_which_something_else_learned_are_not_mixed(tmp_path: Path) -> None:
    row = Evaluation(placement=Placement.parse("none"), seed=0, epochs=1, state="failed", reason="error")
    with Ledger(tmp_path / "ledger.sqlite") as ledger:
        refuse_other_learning(tmp_path, ledger, {"a:b": ["fc"]})
        ledger.add(row)
        refuse_other_learning(tmp_path, ledger, {"a:b": None})
        refuse_other_learning(tmp_path, ledger, {})
        with pytest.raises(StudyChanged, match=r"training\.freeze: of a:b fc learns, and nothing did"):
            refuse_other_learning(tmp_path, ledger, {"a:b": ["fc"]})
        ledger.set_fact("learning", {"a:b": ["fc"]})
        refuse_other_learning(tmp_path, ledger, {"a:b": ["fc"]})


IMAGES = torch.zeros(2, 1, 8, 8)


def test_new_parts_of_an_adopted_network_are_named() -> None:
    adopted = seplace.adopt(trained.headed(), IMAGES)
    learning = {
        name
        for name, parameter in adopted.insert("se4", freeze="backbone", new=["fc"]).named_parameters()
        if parameter.requires_grad and ".attention." not in name
    }
    assert learning == {f"fc.{name}" for name in ("0.weight", "0.bias", "1.weight", "1.bias", "3.weight", "3.bias")}
    with pytest.raises(InputError, match=r"new: there is no module 'fd'\. Did you mean 'fc'"):
        adopted.insert("se4", freeze="backbone", new=["fd"])


def test_a_head_that_looks_drawn_is_warned_of() -> None:
    torch.manual_seed(0)
    model = trained.loaded(10)
    adopted = seplace.adopt(model, IMAGES)
    with pytest.warns(UserWarning, match=r"fc is frozen with values as they are drawn: .* new=\['fc'\]"):
        adopted.insert("se4", freeze="backbone")
    adopted.insert("se4", freeze="backbone", new=[])
    with torch.no_grad():
        model.fc.weight.mul_(1.5)
    assert isinstance(adopted.insert("se4", freeze="backbone"), nn.Module)
