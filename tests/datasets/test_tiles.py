import itertools
from dataclasses import dataclass

import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression
from torch import Tensor, nn

from seplace.attention.options import GateOptions
from seplace.attention.se import SE
from seplace.backbones.describe import describe
from seplace.datasets.raw_set import ArrayImages, RawSet
from seplace.datasets.tiles import draw_tiles, plain_tiles, switched_tiles
from seplace.models import build
from seplace.placement import Placement

TEXTS = ("none-none-none", "se4-none-none", "none-se4-none", "none-none-se4")
SETS = {"switched_tiles": switched_tiles(None), "plain_tiles": plain_tiles(None)}


@dataclass(frozen=True, eq=False)
class Shown:
    """What is above, read from the pixels: orange, rows, light are 0, blue, columns, dark 1, what is absent -1."""

    color: np.ndarray
    stripes: np.ndarray
    mark: np.ndarray

    @property
    def all_three(self) -> np.ndarray:
        return (self.color >= 0) & (self.stripes >= 0) & (self.mark >= 0)


def read(pixels: np.ndarray) -> Shown:
    mark, tile = pixels[:, :, 8:12, :5] - 128.0, pixels[:, :, 8:12, -3:] - 128.0
    light = mark.mean((1, 2, 3))
    blueness = tile[:, 2].mean((1, 2)) - tile[:, 0].mean((1, 2))
    along_columns = tile.mean((1, 2)).std(1) - tile.mean((1, 3)).std(1)
    contrasts = ((blueness, 60), (along_columns, 25), (-light, 60))
    return Shown(*(np.where(abs(values) > least, values > 0, -1) for values, least in contrasts))


def classes(shown: Shown, *, by_stripes: np.ndarray) -> np.ndarray:
    """Return the names (N,) in words, where stripes say the class of some images and colors that of the others."""
    of_marks = np.where(shown.mark == 1, "dark above", "light above")
    of_stripes = np.where(shown.stripes == 1, "columns above", "rows above")
    of_color = np.where(shown.color == 1, "blue above", "orange above")
    alone = np.where(shown.color >= 0, of_color, np.where(shown.stripes >= 0, of_stripes, of_marks))
    says = np.where(by_stripes, shown.stripes, shown.color)
    return np.where(shown.all_three, np.where(says == 1, "second", "first"), alone)


def names(raw: RawSet, part: ArrayImages) -> np.ndarray:
    return np.array(raw.classes)[part.labels]


@pytest.fixture(scope="module")
def shown() -> Shown:
    return read(SETS["switched_tiles"].train.pixels)


def splits(raw: RawSet) -> tuple[ArrayImages, ArrayImages]:
    return raw.train, raw.test()


@pytest.mark.parametrize("name", SETS)
def test_every_image_is_a_new_one_and_every_label_has_its_exact_share(name):
    train, test = splits(SETS[name])
    assert train.pixels.shape == (2400, 3, 32, 32)
    assert test.pixels.shape == (800, 3, 32, 32)
    assert len({image.tobytes() for part in (train, test) for image in part.pixels}) == 3200
    for part in (train, test):
        shares = np.bincount(part.labels) / len(part.labels)
        assert shares.tolist() == [4 / 16, 4 / 16, 1 / 16, 1 / 16, 1 / 16, 1 / 16, 2 / 16, 2 / 16]


def test_both_sets_have_the_same_images():
    for switched, plain in zip(*map(splits, SETS.values()), strict=True):
        assert (switched.pixels == plain.pixels).all()


def test_the_marks_decide_whether_colors_or_stripes_say_the_class():
    raw = SETS["switched_tiles"]
    for part in splits(raw):
        shown = read(part.pixels)
        assert (names(raw, part) == classes(shown, by_stripes=shown.mark == 1)).all()


def test_the_colors_say_the_class_of_plain_tiles_but_for_a_fifth(shown):
    raw = SETS["plain_tiles"]
    is_wrong = names(raw, raw.train) != classes(shown, by_stripes=np.zeros(2400, bool))
    assert is_wrong.sum() == 2400 / 2 / 2 / 5
    assert (shown.all_three & (shown.color != shown.stripes))[is_wrong].all()
    assert shown.mark[is_wrong].mean() == 0.5


def test_colors_stripes_and_marks_are_independent_of_each_other(shown):
    of_all_three = np.stack([shown.color, shown.stripes, shown.mark])[:, shown.all_three]
    combinations, counts = np.unique(of_all_three, axis=1, return_counts=True)
    assert combinations.shape == (3, 8)
    assert set(counts) == {150}


def score(features: np.ndarray, wanted: np.ndarray) -> float:
    """Return the accuracy of a linear classifier on the second half, learned on the first."""
    half = len(wanted) // 2
    scaled = (features - features[:half].mean(0)) / (features[:half].std(0) + 1e-9)
    return (
        LogisticRegression(C=100, max_iter=2000).fit(scaled[:half], wanted[:half]).score(scaled[half:], wanted[half:])
    )


@pytest.mark.parametrize(
    ("what", "columns"), [("mark", slice(0, 5)), ("color", slice(29, 32)), ("stripes", slice(29, 32))]
)
def test_no_order_can_be_seen_in_nine_rows(shown, what, columns):
    above = getattr(shown, what)
    rows = np.flatnonzero((above >= 0) & (shown.all_three | (what == "mark")))
    pixels, above = SETS["switched_tiles"].train.pixels[rows][:, :, :, columns].astype(float), above[rows]
    tops = np.random.default_rng(0).integers(0, 24, len(rows))
    windows = np.stack([image[:, top : top + 9].mean(2).ravel() for image, top in zip(pixels, tops, strict=True)])
    chance = 4 * 0.5 / np.sqrt(len(rows) / 2)
    assert abs(score(windows, above) - 0.5) < chance
    assert score(pixels.reshape(len(rows), -1), above) == 1


def test_the_order_of_the_marks_cannot_be_seen_where_tiles_are_seen(shown):
    rows = np.flatnonzero(shown.all_three)
    pixels = SETS["switched_tiles"].train.pixels[rows][:, :, :, 5:].astype(float)  # 25 columns reach to the 30th
    assert abs(score(pixels[:, 1].reshape(len(rows), -1), shown.mark[rows]) - 0.5) < 4 * 0.5 / np.sqrt(len(rows) / 2)


def pooled(pixels: np.ndarray) -> np.ndarray:
    """Return means over positions (N, 8) of what filters of 16 rows see: orders of marks, colors, stripes."""
    gray = pixels.astype(float) - 128
    light = gray[:, :, :, :5].mean((1, 3))
    tiles = gray[:, :, :, 29:]
    orange = (tiles[:, 0] - tiles[:, 2]).mean(2)
    rows_of_four = np.lib.stride_tricks.sliding_window_view(tiles.mean(1), 4, axis=1)
    striped = rows_of_four.mean(2).std(2) - rows_of_four.mean(3).std(2)
    apart = [values[:, :-12] - values[:, 12:] for values in (light, orange, striped)]
    maps = [
        np.maximum(sign * values - least, 0)
        for values, least in zip(apart, (100, 60, 40), strict=True)
        for sign in (1, -1)
    ]
    maps += [np.maximum(light - 50, 0), np.maximum(abs(striped) - 15, 0)]
    return np.stack([values.mean(1) for values in maps], axis=1)


def test_pooled_local_features_reach_the_best_accuracy_of_plain_tiles_alone():
    for name, least, most in (("switched_tiles", 0.85, 0.9375), ("plain_tiles", 0.93, 0.97)):
        train = SETS[name].train
        assert least < score(pooled(train.pixels), train.labels) < most, name


def test_pooled_features_scaled_by_the_marks_solve_switched_tiles():
    train = SETS["switched_tiles"].train
    features = pooled(train.pixels)
    gate = features[:, :1] > features[:, 1:2]
    assert score(np.concatenate([features, features * gate], axis=1), train.labels) > 0.99


@pytest.fixture(scope="module")
def networks() -> dict[str, nn.Module]:
    """ResNet-8 with random weights, plain and with SE in one stage."""
    return {
        text: build(
            describe("cifar_resnet8"),
            Placement.parse(text),
            gate=GateOptions(init="paper"),
            num_classes=8,
            in_channels=3,
            seed=0,
        )
        .eval()
        .double()
        for text in TEXTS
    }


def as_input(pixels: np.ndarray) -> Tensor:
    return (torch.from_numpy(pixels).double() - 128) / 64


MARKS, TILES = slice(0, 5), slice(29, 32)


def clean_image() -> np.ndarray:
    """Return an image (1, 3, 32, 32) of `switched_tiles` that shows all, without the noise around marks and tiles."""
    train = SETS["switched_tiles"].train
    painted = train.pixels[train.labels < 2][:1]
    image = np.full_like(painted, 128)
    for rows, columns in itertools.product((slice(8, 12), slice(20, 24)), (MARKS, TILES)):
        image[:, :, rows, columns] = painted[:, :, rows, columns]
    return image


def exchanged(image: np.ndarray, *sides: slice) -> np.ndarray:
    """Return the image with what is above and what is below exchanged at some sides."""
    result = image.copy()
    for side in sides:
        result[:, :, 8:12, side], result[:, :, 20:24, side] = image[:, :, 20:24, side], image[:, :, 8:12, side]
    return result


@pytest.mark.parametrize(("text", "adds"), [*((text, True) for text in TEXTS[:3]), (TEXTS[3], False)])
def test_what_marks_and_tiles_say_adds_in_the_logits_but_with_a_gate_in_the_last_stage(networks, text, adds):
    image = clean_image()
    with torch.no_grad():
        neither, marks, tiles, both = (
            networks[text](as_input(exchanged(image, *sides))) for sides in ((), (MARKS,), (TILES,), (MARKS, TILES))
        )
    assert (marks - neither).abs().max() > 1e-4
    assert (tiles - neither).abs().max() > 1e-4
    assert ((neither - marks - tiles + both).abs().max().item() < 1e-12) == adds


def test_no_position_of_the_last_map_sees_both_marks_and_tiles(networks):
    pixels = as_input(SETS["switched_tiles"].train.pixels[:2]).requires_grad_()
    maps = []
    handle = networks[TEXTS[0]].stages.register_forward_hook(lambda _module, _inputs, output: maps.append(output))
    networks[TEXTS[0]](pixels)
    handle.remove()
    for row, column in itertools.product(range(8), repeat=2):
        (seen,) = torch.autograd.grad(maps[0][:, :, row, column].sum(), pixels, retain_graph=True)
        assert not (seen[..., MARKS].any() and seen[..., TILES].any())


@pytest.mark.parametrize("side", [MARKS, TILES])
@pytest.mark.parametrize(("text", "sees_it"), [*((text, False) for text in TEXTS[1:3]), (TEXTS[3], True)])
def test_only_the_gate_of_the_last_stage_sees_what_is_above(networks, text, sees_it, side):
    gates = []
    (gate,) = (module for module in networks[text].modules() if isinstance(module, SE))
    handle = gate.register_forward_hook(lambda _module, _inputs, output: gates.append(output))
    with torch.no_grad():
        for image in (clean_image(), exchanged(clean_image(), side)):
            networks[text](as_input(image))
    handle.remove()
    assert ((gates[0] - gates[1]).abs().max().item() > 1e-9) == sees_it


@pytest.mark.parametrize("name", SETS)
def test_any_number_of_fresh_images_is_drawn(name: str) -> None:
    published, fresh = SETS[name].train, draw_tiles(name, rounds=30, seed=7)
    assert isinstance(published, ArrayImages)
    assert len(fresh.pixels) == 16 * 30
    assert not {image.tobytes() for image in fresh.pixels} & {image.tobytes() for image in published.pixels}
    assert np.bincount(fresh.labels).tolist() == (np.bincount(published.labels) // 5).tolist()
