import itertools
import math

import pytest
import torch
from torch import nn

from seplace.backbones.describe import describe
from seplace.freezing import freeze_backbone
from seplace.placement import Placement, StageChoice
from seplace.proxies.supernet import SharedWeights, Supernet, make, recalibrate
from tests.networks import network_of
from tests.proxies.toy import EFFORT, networks_for
from tests.studies import write_small_space

TEXTS = ("none", "se2", "eca.parallel")
CHOICES = tuple(map(StageChoice.parse, TEXTS))


def supernet_of(backbone: str, *, seed: int = 0) -> Supernet:
    units = describe(backbone).units
    networks = [network_of(backbone, text, num_classes=4) for text in TEXTS]
    return Supernet(networks, units, [CHOICES] * len(units), seed=seed)


def images_of(backbone: str) -> torch.Tensor:
    size = min(describe(backbone).image_size, 32)
    return torch.randn(4, 3, size, size, generator=torch.Generator().manual_seed(0))


def mixed(backbone: str) -> Placement:
    """Another choice in each stage than in its neighbor."""
    return Placement(tuple(CHOICES[(at + 1) % 3] for at in range(len(describe(backbone).units))))


@pytest.mark.parametrize(
    "backbone",
    [
        "cifar_resnet8[width=0.25]",
        "cifar_resnet14[shortcut=B,width=0.25]",
        "mobilenet_v2[width=0.25]",
        "shufflenet_g3[width=0.25]",
        "vgg11_bn[width=0.1]",
    ],
)
def test_a_path_is_the_network_of_its_placement(backbone: str) -> None:
    """Before training for the same seed, and after a change of all weights with those weights."""
    supernet, images, placement = supernet_of(backbone).eval(), images_of(backbone), mixed(backbone)
    supernet.path = supernet.path_of(placement)
    own = network_of(backbone, str(placement), num_classes=4).eval()
    with torch.no_grad():
        assert torch.equal(supernet(images), own(images))
        for tensor in supernet.state_dict().values():
            tensor.mul_(1.1) if tensor.is_floating_point() else tensor.add_(1)
        other = network_of(backbone, str(placement), num_classes=4, seed=9).eval()
        other.load_state_dict(supernet.state_of(placement))
        assert torch.equal(supernet(images), other(images))
        assert not torch.equal(supernet(images), own(images))


def test_each_batch_trains_one_path_drawn_at_random() -> None:
    backbone = "cifar_resnet8[width=0.25]"
    supernet, images = supernet_of(backbone), images_of(backbone)[:, :, :8, :8]
    before = torch.get_rng_state()
    paths = []
    for step in range(40):
        supernet.zero_grad()
        supernet(images).square().sum().backward()
        paths.append(supernet.path)
        touched = {
            (unit, at)
            for unit, at in itertools.product(range(3), range(3))
            for parameter in supernet.network.stages[unit][0].blocks[at].parameters()
            if parameter.grad is not None and (step > 0 or parameter.grad.any())
        }
        assert touched == set(enumerate(supernet.path))
    assert torch.equal(torch.get_rng_state(), before)
    assert len(set(paths)) > 15
    assert all({path[unit] for path in paths} == {0, 1, 2} for unit in range(3))
    again = supernet_of(backbone)
    other = supernet_of(backbone, seed=1)
    with torch.no_grad():
        assert [(again(images), again.path)[1] for _ in range(10)] == paths[:10]
        assert [(other(images), other.path)[1] for _ in range(10)] != paths[:10]
        assert [(again.eval()(images), again.path)[1] for _ in range(3)] == [paths[9]] * 3


def test_what_is_shared_is_shared() -> None:
    supernet = supernet_of("cifar_resnet8[width=0.25]")
    one, other = (supernet.state_of(Placement.parse(text)) for text in ("none-se2-none", "se2-se2-none"))
    shared = [name for name in one if other.get(name) is not None and one[name].data_ptr() == other[name].data_ptr()]
    assert {name.split(".")[0] for name in shared} == {"stem", "stages", "classifier"}
    assert {name.split(".")[1] for name in shared if name.startswith("stages")} == {"1", "2"}


def test_batch_norms_get_the_average_statistics_of_the_batches() -> None:
    network = nn.Sequential(nn.BatchNorm2d(3, momentum=0.3), nn.Dropout(0.9))
    network[0].running_mean.fill_(50.0)
    batches = [torch.randn(6, 3, 4, 4, generator=torch.Generator().manual_seed(at)) + at for at in range(4)]
    before = torch.get_rng_state()
    recalibrate(network, itertools.islice(((batch, torch.zeros(6)) for batch in batches), 3))
    means = torch.stack([batch.mean((0, 2, 3)) for batch in batches[:3]]).mean(0)
    variances = torch.stack([batch.var((0, 2, 3)) for batch in batches[:3]]).mean(0)
    torch.testing.assert_close(network[0].running_mean, means)
    torch.testing.assert_close(network[0].running_var, variances)
    assert network[0].momentum == 0.3
    assert not any(module.training for module in network.modules())
    assert torch.equal(torch.get_rng_state(), before)


def test_frozen_batch_norms_keep_theirs() -> None:
    network = network_of("cifar_resnet8[width=0.25]", "cbam4-none-none")
    freeze_backbone(network)
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    batches = [(torch.randn(4, 3, 8, 8), torch.zeros(4))]
    recalibrate(network, itertools.islice(batches, 1))
    changed = {name for name, tensor in network.state_dict().items() if not torch.equal(tensor, before[name])}
    assert changed
    assert all(".gate." in name for name in changed)


def test_a_path_is_scored_with_its_weights_and_statistics(tmp_path) -> None:
    networks = networks_for(tmp_path)
    shared = make(networks, seed=3, effort=EFFORT)
    assert isinstance(shared, SharedWeights)
    placement = Placement.parse("se4-none-cbam4.parallel")
    supernet = shared.supernets[""]
    untrained = Supernet.build(networks, "", seed=3)
    start, end = untrained.state_of(placement), supernet.state_of(placement)
    assert start.keys() == end.keys() == networks.build(placement, seed=3).state_dict().keys()
    assert not torch.equal(start["classifier.weight"], end["classifier.weight"])
    network = networks.build(placement, seed=0)
    network.load_state_dict(end)
    recalibrate(network, itertools.islice(networks.training_batches(seed=3), 2))
    images = torch.from_numpy(networks.images.validation.images).float() / 255
    mean, std = (torch.tensor(values)[:, None, None].float() for values in (networks.images.mean, networks.images.std))
    with torch.no_grad():
        logits = network((images - mean) / std)
    loss = nn.functional.cross_entropy(logits, torch.from_numpy(networks.images.validation.labels))
    assert shared.score(placement) == pytest.approx(-float(loss), rel=1e-4)


def test_baselines_and_other_backbones_have_paths(tmp_path) -> None:
    space = write_small_space(tmp_path, variants=["cifar_resnet8[width=0.5]"])
    networks = networks_for(tmp_path, space=space)
    shared = make(networks, seed=3, effort=EFFORT)
    for placement in networks.config.search_space.baselines.values():
        assert math.isfinite(shared.score(placement))
    wide = shared.score(Placement.parse("none-eca-none@cifar_resnet8[width=0.5]"))
    assert wide != shared.score(Placement.parse("none-eca-none"))


def test_a_path_that_overflows_is_the_worst(tmp_path) -> None:
    networks = networks_for(tmp_path)
    supernet = Supernet.build(networks, "", seed=3)
    nn.init.constant_(supernet.network.classifier.weight, math.nan)
    shared = SharedWeights(networks, {"": supernet}, seed=3, recalibration_batches=1)
    assert shared.score(Placement.parse("none-none-none")) == -math.inf
