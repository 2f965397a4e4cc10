"""Costs and executors by import path, from the plan to the figure; and FLOPs that nobody knows."""

from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

import seplace
from seplace.errors import InputError, InvalidStudy, SeplaceError, UncountedOperator
from seplace.search.plan import make_plan
from seplace.search.progress import Progress
from seplace.study.config import load_study
from tests.studies import write_small_space, write_study

OWN = "tests.search.own_costs"


def quiet(_progress: Progress) -> None:
    pass


def study(folder: Path, cost: str, *, limits: dict[str, float] | None = None, executor: str = "inline") -> Path:
    return write_study(
        folder,
        space=write_small_space(folder),
        objective={"cost": cost, "limits": limits or {}},
        data={"train_images": 64, "validation_images": 32},
        search={"sampler": "effects", "trainings": 8},
        run={"executor": executor},
    )


@pytest.mark.long
def test_costs_of_the_users_own_go_all_the_way(tmp_path: Path) -> None:
    cost, limits, unit = f"{OWN}:energy", {f"{OWN}:convolutions": 10.0}, "mJ"
    path = study(tmp_path, cost, limits=limits, executor=f"{OWN}:OneByOne")
    results = seplace.run(path, folder=tmp_path / "results", observer=quiet)
    assert results.finished
    for name in (cost, *limits):
        assert {name, f"extra_{name}"} <= set(results.placements)
        assert results.placements[name].notna().all()
        assert {row.costs[name] for row in results.rows} == set(results.placements[name])
    (limit, most) = next(iter(limits.items()))
    assert (results.placements[limit] <= most).all()
    assert len(results.placements) < len(load_study(path).search_space.baselines) + 8  # the limit leaves some out
    plain = results.placements.set_index("placement").loc["none-none-none"]
    assert plain[f"extra_{cost}"] == 0
    axes = seplace.load(tmp_path / "results").plot().axes[0]
    assert unit in axes.get_xlabel()
    assert {cost, "placement"} <= set(results.front) & set(results.recommended)
    rows = results.evaluations
    assert seplace.run(path, folder=tmp_path / "results", observer=quiet).evaluations.equals(rows)


def test_a_count_of_the_users_own_is_known_for_the_whole_space(tmp_path: Path) -> None:
    config = load_study(study(tmp_path, f"{OWN}:convolutions"))
    plan = make_plan(config, tmp_path / "results", with_batch=True)
    assert plan.spans is not None
    span = next(span for span in plan.spans if span.name == f"{OWN}:convolutions")
    assert (span.plain, span.cheapest, span.dearest) == (7, 7, 10)  # an ECA has one


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("not_whole", r"a count is a whole number \(got .*\); say is_count=False"),
        ("no_sum", r"does not cost the sum of its blocks; say is_count=False"),
        ("failing", r"cannot be measured: AttributeError: .*energy.* \(own_costs\.py:\d+\)"),
        ("endless", r"a cost is a finite number"),
        ("no_cost", r"is a function, not a seplace\.costs\.cost\.Cost"),
    ],
)
def test_an_invalid_cost_is_refused_before_any_training(tmp_path: Path, name: str, message: str) -> None:
    path = study(tmp_path, f"{OWN}:{name}")
    with pytest.raises(SeplaceError, match=message) as raised:
        make_plan(load_study(path), tmp_path / "results", with_batch=True)
    assert raised.value.exit_code == 2


def test_a_missing_executor_is_refused_at_its_key(tmp_path: Path) -> None:
    with pytest.raises(InvalidStudy, match=f"run.executor: .*module '{OWN}' has no 'Nowhere'"):
        load_study(study(tmp_path, "flops", executor=f"{OWN}:Nowhere"))
    with pytest.raises(InvalidStudy, match=r"run\.executor: unknown executor.*infline.*Did you mean 'inline'"):
        load_study(study(tmp_path, "flops", executor="infline"))


class Unseen(torch.autograd.Function):
    """An activation that torch cannot see."""

    @staticmethod
    def forward(ctx, x: Tensor) -> Tensor:  # noqa: ARG004 - torch gives it
        return torch.from_numpy(x.detach().numpy().clip(0))

    @staticmethod
    def backward(ctx, gradient: Tensor) -> Tensor:  # noqa: ARG004 - torch gives it
        return gradient


class Block(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(4, 4, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        return x + Unseen.apply(self.conv(x))


class Net(nn.Module):
    def __init__(self, num_classes: int = 10, in_channels: int = 1) -> None:
        super().__init__()
        self.stem, self.first, self.second = nn.Conv2d(in_channels, 4, 1), Block(), Block()
        self.head = nn.Linear(4, num_classes)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.second(F.avg_pool2d(self.first(self.stem(x)), 2)).mean((2, 3)))


def own_network(folder: Path, cost: str) -> Path:
    backbone = "tests.search.test_own_costs:Net[image_size=8]"
    (folder / "own.yaml").write_text(
        f'schema: 1\nbackbone: "{backbone}"\ngate: {{init: paper}}\nchoices: {{modules: [none, eca]}}\n'
    )
    return write_study(
        folder,
        space="own.yaml",
        objective={"cost": cost},
        data={"train_images": 64, "validation_images": 32},
        search={"trainings": 8, "seeds": 2, "sampler": "effects"},
    )


def test_unknown_flops_are_an_error_only_if_a_study_needs_them(tmp_path: Path) -> None:
    with pytest.raises(UncountedOperator, match=r"no FLOP count for Unseen.*register_count"):
        make_plan(load_study(own_network(tmp_path, "flops")), tmp_path / "flops", with_batch=True)
    path = own_network(tmp_path, "macs")
    with pytest.warns(UserWarning, match="flops are left out of all tables: no FLOP count for Unseen"):
        plan = make_plan(load_study(path), tmp_path / "results", with_batch=True)
    assert plan.spans is not None
    assert [span.name for span in plan.spans] == ["macs", "params"]
    results = seplace.run(path, folder=tmp_path / "results", observer=quiet)
    assert results.finished
    assert "flops" not in results.placements
    assert results.placements["macs"].notna().all()
    assert len(results.front)
    assert len(results.effects)
    with pytest.raises(InputError, match="FLOPs of this study's networks are not known"):
        results.pick("best", flops_under=1e9)
    assert results.pick("best").costs["macs"] > 0
