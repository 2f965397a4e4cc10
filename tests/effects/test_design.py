import itertools
from collections import Counter
from collections.abc import Callable

import numpy as np
import pytest

from seplace.effects.design import SCALES, Design
from seplace.effects.level_tables import Tables
from seplace.placement import Placement, StageChoice
from seplace.space import SearchSpace
from seplace.study.space_file import load_space
from tests.effects.toy import SMALL, WIDER, all_levels, parse, space_with

SPACES = {name: load_space(name) for name in ("digits-resnet8", "cifar-resnet20", "cifar-resnet8-or-wider")}
SPACES |= {"small": SMALL, "wider": WIDER, "resnet50-blocks": load_space("resnet50-blocks")}
each_space = pytest.mark.parametrize("space", SPACES.values(), ids=SPACES)


def some_placements(space: SearchSpace, count: int = 40) -> list[Placement]:
    random = np.random.default_rng(0)
    candidates = [space.placement_at(int(index)) for index in random.integers(len(space), size=count)]
    return list(dict.fromkeys([*candidates, *space.baselines.values()]))


def any_levels(design: Design, count: int = 3000) -> np.ndarray:
    """Levels of candidates, and of placements that make choices of baselines beside those of the space."""
    random = np.random.default_rng(0)
    sizes = [len(design.variants), *map(len, design.stages)]
    return np.stack([random.integers(size, size=count) for size in sizes], axis=1)


def gram(design: Design, placements: list[Placement], group: str) -> np.ndarray:
    """What an effect of size 1 makes two placements share: it does not depend on how columns are arranged."""
    rows = design.rows(design.levels(placements))[:, np.array(design.groups) == group]
    return rows @ rows.T


def by_hand(placements: list[Placement], shared: Callable[[Placement, Placement], float]) -> np.ndarray:
    return np.array([[shared(one, other) for other in placements] for one in placements])


def modules(placement: Placement) -> list[str]:
    return [choice.module for choice in placement.choices]


@each_space
def test_a_module_is_worth_something_wherever_it_stands(space):
    placements = some_placements(space)

    def shared(one: Placement, other: Placement) -> float:
        counts, others = Counter(modules(one)), Counter(modules(other))
        return sum(counts[module] * others[module] for module in counts if module != "none")

    assert gram(Design(space), placements, "module") == pytest.approx(by_hand(placements, shared))


@each_space
def test_a_module_is_worth_something_in_its_stage(space):
    placements = some_placements(space)

    def shared(one: Placement, other: Placement) -> float:
        pairs = zip(modules(one), modules(other), strict=True)
        return sum(own == its for own, its in pairs if own != "none")

    assert gram(Design(space), placements, "module in its stage") == pytest.approx(by_hand(placements, shared))


@each_space
def test_attention_is_worth_something_whatever_the_module(space):
    placements = some_placements(space)

    def attended(placement: Placement) -> np.ndarray:
        return np.array([module != "none" for module in modules(placement)], dtype=int)

    anywhere = by_hand(placements, lambda one, other: attended(one).sum() * attended(other).sum())
    assert gram(Design(space), placements, "attention") == pytest.approx(anywhere)
    in_place = by_hand(placements, lambda one, other: attended(one) @ attended(other))
    assert gram(Design(space), placements, "attention in its stage") == pytest.approx(in_place)


@each_space
def test_a_backbone_is_worth_something_beside_the_first(space):
    placements = some_placements(space)
    shared = by_hand(placements, lambda one, other: float(one.variant == other.variant != ""))
    assert gram(Design(space), placements, "backbone") == pytest.approx(shared)


@each_space
def test_attention_in_two_stages_is_a_pair(space):
    placements = some_placements(space)

    def pairs(placement: Placement) -> int:
        attended = sum(module != "none" for module in modules(placement))
        return attended * (attended - 1) // 2

    shared = by_hand(placements, lambda one, other: pairs(one) * pairs(other))
    assert gram(Design(space), placements, "pair") == pytest.approx(shared)


@each_space
def test_the_same_modules_in_the_same_two_places_are_a_pair_of_modules(space):
    """Between candidates: what baselines hold beside the space's own modules needs no columns."""
    placements = [placement for placement in some_placements(space) if placement in space]

    def named(placement: Placement) -> list[str]:
        return [placement.variant or "none", *modules(placement)]

    def shared(one: Placement, other: Placement) -> int:
        same = sum(own == its != "none" for own, its in zip(named(one), named(other), strict=True))
        return same * (same - 1) // 2

    assert gram(Design(space), placements, "pair of modules") == pytest.approx(by_hand(placements, shared))


@each_space
def test_a_choice_is_worth_something_beyond_its_module(space):
    placements = some_placements(space)
    known = [
        Counter(choice.module for choice in {*listed, *(mark.choices[stage] for mark in space.baselines.values())})
        for stage, listed in enumerate(space.choices)
    ]

    def shared(one: Placement, other: Placement) -> float:
        pairs = enumerate(zip(one.choices, other.choices, strict=True))
        return sum(own == its for stage, (own, its) in pairs if own.module != "none" and known[stage][own.module] > 1)

    assert gram(Design(space), placements, "choice") == pytest.approx(by_hand(placements, shared))


@pytest.mark.parametrize("name", ["digits-resnet8", "cifar-resnet20"])
def test_attachments_are_compared_with_serial(name):
    """Serial stands first in these spaces."""
    space = SPACES[name]
    placements = some_placements(space)

    def others(placement: Placement) -> Counter[str]:
        return Counter(each.attachment for each in placement.choices if each.attachment != "serial")

    def shared(one: Placement, other: Placement) -> float:
        counts, found = others(one), others(other)
        return sum(counts[attachment] * found[attachment] for attachment in counts)

    def private(one: Placement, other: Placement) -> float:
        return sum(
            (own.module, own.attachment) == (its.module, its.attachment)
            for own, its in zip(one.choices, other.choices, strict=True)
            if own.attachment != "serial"
        )

    assert gram(Design(space), placements, "attachment") == pytest.approx(by_hand(placements, shared))
    assert gram(Design(space), placements, "attachment in its stage") == pytest.approx(by_hand(placements, private))


def test_ratios_lie_on_a_smooth_curve():
    """Of mean zero over the ratios 4, 8 and 16, of mean variance 1, the same for all modules but drawn for each."""
    space = SPACES["cifar-resnet20"]
    placements = some_placements(space)
    ratios = np.log2([4, 8, 16])
    kernel = np.exp(-0.5 * ((ratios[:, None] - ratios) / 2.0) ** 2)
    kernel = kernel - kernel.mean(axis=0) - kernel.mean(axis=1)[:, None] + kernel.mean()
    kernel *= 3 / np.trace(kernel)
    at = {4: 0, 8: 1, 16: 2}

    def likeness(own: StageChoice, its: StageChoice) -> float:
        return kernel[at[own.ratio], at[its.ratio]] if own.module == its.module and own.ratio and its.ratio else 0.0

    def anywhere(one: Placement, other: Placement) -> float:
        return sum(likeness(own, its) for own, its in itertools.product(one.choices, other.choices))

    def in_place(one: Placement, other: Placement) -> float:
        return sum(likeness(own, its) for own, its in zip(one.choices, other.choices, strict=True))

    # Curves of less than a hundredth of the greatest are left out.
    assert gram(Design(space), placements, "ratio") == pytest.approx(by_hand(placements, anywhere), abs=0.15)
    assert gram(Design(space), placements, "ratio in its stage") == pytest.approx(
        by_hand(placements, in_place), abs=0.05
    )


@each_space
def test_nothing_is_worth_nothing(space):
    design = Design(space)
    none = Placement.uniform(StageChoice(), len(space.choices))
    assert not design.rows(design.levels([none])).any()


@each_space
def test_tables_are_rows_times_coefficients(space):
    design = Design(space)
    random = np.random.default_rng(1)
    coefficients = random.standard_normal(len(design.groups))
    tables = design.tables(coefficients)
    levels = any_levels(design)
    assert tables.at(levels) == pytest.approx(design.rows(levels) @ coefficients, abs=1e-9)
    everywhere = tables.everywhere()
    assert everywhere.shape == (len(space),)
    candidates = all_levels(design.shape) if len(space) < 20_000 else levels % design.shape
    at = np.ravel_multi_index(tuple(candidates.T), design.shape)
    assert everywhere[at] == pytest.approx(design.rows(candidates) @ coefficients, abs=1e-9)
    assert tables.highest >= everywhere.max() - 1e-9


@each_space
def test_tables_say_what_another_level_of_one_factor_changes(space):
    design = Design(space)
    random = np.random.default_rng(2)
    coefficients = random.standard_normal(len(design.groups))
    tables = design.tables(coefficients)
    levels = np.stack([random.integers(size, size=7) for size in design.shape], axis=1)
    for factor, count in enumerate(design.shape):
        change = tables.for_factor(factor, levels)
        assert change.shape == (7, count)
        moved = np.repeat(levels[:, None], count, axis=1)
        moved[:, :, factor] = np.arange(count)
        sums = (design.rows(moved.reshape(-1, len(design.shape))) @ coefficients).reshape(7, count)
        assert change - change[:, :1] == pytest.approx(sums - sums[:, :1], abs=1e-9)


def test_the_bound_is_exact_for_sums_over_factors():
    main = (np.array([3.0]), np.array([0.0, 2.0, 99.0]), np.array([1.0, -1.0]))
    tables = Tables(shape=(1, 2, 2), main=main, pairs={})
    assert tables.highest == 6.0 == tables.everywhere().max()


@each_space
def test_levels_are_the_indices_of_the_space(space):
    placements = [placement for placement in some_placements(space) if placement in space]
    assert Design(space).levels(placements).tolist() == [list(space.indices(placement)) for placement in placements]


def test_no_placement_has_no_rows():
    design = Design(SMALL)
    assert design.rows(design.levels([])).shape == (0, len(design.groups))


@pytest.mark.parametrize(
    "stranger", ["cbam4-none-none", "none-none-se8", "none-none-none@cifar_resnet8[width=1.06]", "none-none"]
)
def test_a_stranger_is_refused(stranger):
    with pytest.raises((KeyError, ValueError)):
        Design(SMALL).levels([Placement.parse(stranger)])


ONE_EACH = space_with(*[parse("none", "se16")] * 3)
ONE_PLACE = space_with(parse("none"), parse("none"), parse("none", "se4", "se8", "se4.parallel", "eca", "eca.parallel"))
NO_NONE = space_with(*[parse("se16", "eca")] * 3)
LEAN = SPACES | {"one of each": ONE_EACH, "one place": ONE_PLACE, "without none": NO_NONE}


@pytest.mark.parametrize("space", LEAN.values(), ids=LEAN)
def test_every_column_says_something_of_its_own(space):
    """None is zero, or a multiple of another of its kind; nor is what holds everywhere that of the only place."""
    design = Design(space)
    rows = design.rows(any_levels(design))
    lengths = np.linalg.norm(rows, axis=0)
    assert lengths.all()
    alike = np.abs((rows / lengths).T @ (rows / lengths)) > 1 - 1e-9
    kinds = [group.removesuffix(" in its stage") for group in design.groups]
    twins = [
        f"{design.groups[a]} {a} = {design.groups[b]} {b}"
        for a, b in zip(*np.nonzero(np.triu(alike, 1)), strict=True)
        if kinds[a] == kinds[b]
    ]
    assert not twins


@each_space
def test_every_pair_is_one_that_can_be_observed(space):
    """Columns that neither a candidate nor a baseline shows are paid for in every step of the regression."""
    design = Design(space)
    random = np.random.default_rng(3)
    candidates = np.stack([random.integers(size, size=2000) for size in design.shape], axis=1)
    rows = np.vstack([design.rows(candidates), design.rows(design.levels(list(space.baselines.values())))])
    shown = Counter(group for group, seen in zip(design.groups, rows.any(axis=0), strict=True) if seen)
    assert shown == Counter(design.groups)


def test_one_bit_a_block_leaves_room_for_all_pairs_of_blocks():
    """16 blocks have 120 pairs; modules that only baselines hold must not crowd them out."""
    design = Design(SPACES["resnet50-blocks"])
    first_and_last = np.zeros((1, 17), dtype=np.int64)
    first_and_last[0, [1, 16]] = 1
    shown = design.rows(first_and_last)[0]
    assert "pair of modules" in {group for group, value in zip(design.groups, shown, strict=True) if value}


def test_the_number_of_columns_is_bounded():
    """A draw takes the root of a square matrix: with 1,200 columns of pairs, estimates take more than ten seconds."""
    described = load_space("resnet50-blocks")
    many = parse("none", "se16", "cbam16", "eca", "gc16", "srm", "gct", "sge", "simam", "coord16")
    space = SearchSpace(
        name="many", backbone=described.backbone, choices=(many,) * 16, gate=described.gate, variants=()
    )
    assert Counter(Design(space).groups)["pair of modules"] <= 400


def test_every_kind_of_column_has_a_scale():
    kinds = {group for space in LEAN.values() for group in Design(space).groups}
    assert kinds <= set(SCALES)
