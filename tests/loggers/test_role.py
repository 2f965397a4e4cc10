"""Learning curves arrive in every logger, named by placement and seed, once."""

import math
import sys
from pathlib import Path

import pandas as pd
import pytest

from seplace.errors import InvalidStudy, MissingPackage
from seplace.loggers import LOGGERS, lightning
from seplace.study.config import load_study
from seplace.testing import check_logger
from tests.search.conftest import counted, no_optuna_file, toy  # noqa: F401 - fixtures
from tests.search.toy import Stop, go
from tests.studies import write_study

pytestmark = pytest.mark.usefixtures("no_optuna_file")

CALLS: list[tuple[str, object]] = []
FAILS = {"now": False}


class Own:
    """A logger of a user's own."""

    def __init__(self, *, folder: Path, study: str, placement: str, seed: int) -> None:
        self.folder = folder
        if FAILS["now"]:
            raise ConnectionError("no network")
        self.name = (study, placement, seed)

    def log_hyperparams(self, params):
        CALLS.append(("params", params))

    def log_metrics(self, metrics, step):
        CALLS.append((self.name, (step, metrics)))

    def finalize(self, status):
        CALLS.append((status, self.name))


@pytest.mark.parametrize("name", ["csv", "tensorboard", f"{__name__}:Own"])
def test_every_logger_takes_learning_curves(name):
    check_logger(name)


def study(folder, *loggers: str, **changes):
    return write_study(
        folder, training={"epochs": 9}, search={"rungs": [3], "seeds": 1}, run={"loggers": list(loggers)}, **changes
    )


@pytest.fixture(autouse=True)
def _nine_epochs(toy):  # noqa: F811
    toy.length, toy.rungs = 9, (3, 6)
    CALLS.clear()
    FAILS["now"] = False


def test_curves_of_every_training_arrive_once_also_in_a_logger_that_is_named_later(tmp_path, toy):  # noqa: F811
    toy.stop_after = 9
    with pytest.raises(Stop):
        go(study(tmp_path, "csv"), tmp_path / "out")
    logs = tmp_path / "out" / "logs"
    early = sorted(logs.rglob("metrics.csv"))
    assert len(early) >= 7
    toy.stop_after = None
    go(study(tmp_path, "csv", "tensorboard", f"{__name__}:Own"), tmp_path / "out")
    files = sorted(logs.rglob("metrics.csv"))
    assert len(files) == len(list(logs.rglob("events.out.*"))) == len({key[:2] for key in toy.trained})
    plain = pd.read_csv(logs / "csv" / "none-none-none" / "seed0" / "metrics.csv")
    assert plain["step"].tolist() == [3, 6]
    assert plain["accuracy"].notna().all()
    recipe = load_study(tmp_path / "tiny.yaml").training
    rates = [recipe.learning_rate_at(epoch, steps_per_epoch=2) for epoch in (3, 6)]  # 128 images by 64
    assert plain["learning_rate"].tolist() == pytest.approx(rates)
    assert rates[0] == pytest.approx(recipe.learning_rate * 0.5 * (1 + math.cos(math.pi * 5 / 18)))
    assert (logs / "tensorboard" / "none-none-none" / "seed0").is_dir()
    params = [params for kind, params in CALLS if kind == "params"]
    assert {(each["placement"], each["seed"]) for each in params} == {(text, seed) for text, seed, _ in toy.trained}
    assert {"stage1", "epochs", "flops"} <= params[0].keys()
    (epoch, scores), *_ = (sent for name, sent in CALLS if name == ("tiny", "none-none-none", 0))
    assert (epoch, sorted(scores)) == (3, ["accuracy", "cross_entropy", "learning_rate", "train_loss"])
    before = len(CALLS)
    go(study(tmp_path, "csv", f"{__name__}:Own"), tmp_path / "out")
    assert len(CALLS) == before, "nothing is sent twice"


def test_a_logger_that_fails_ends_no_run_and_gets_its_curves_later(tmp_path, toy):  # noqa: F811
    FAILS["now"] = True
    path = study(tmp_path, f"{__name__}:Own")
    with pytest.warns(match="Own fails .ConnectionError: no network.*; the next run sends what it lacks"):
        go(path, tmp_path / "out")
    assert not CALLS
    FAILS["now"] = False
    trained = list(toy.trained)
    go(path, tmp_path / "out")
    assert toy.trained == trained
    assert len([kind for kind, _ in CALLS if kind == "params"]) == len({key[:2] for key in trained})


@pytest.mark.parametrize("name", ["wandb", "mlflow", "tensorboard"])
def test_a_package_that_is_missing_is_named_before_anything_is_trained(tmp_path, toy, monkeypatch, name):  # noqa: F811
    monkeypatch.setattr("seplace.loggers.entry.find_spec", lambda _: None)
    with pytest.raises(MissingPackage, match=rf"logger {name} needs the package \w+: pip install .*{name}"):
        go(study(tmp_path, name), tmp_path / "out")
    assert not toy.trained


def test_services_get_a_run_for_each_training(tmp_path, monkeypatch):
    made = {}
    for name in ("WandbLogger", "MLFlowLogger"):
        monkeypatch.setattr(lightning, name, lambda _name=name, **options: made.setdefault(_name, options))
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    for name in ("wandb", "mlflow"):
        LOGGERS[name](folder=tmp_path, study="tiny", placement="se4-eca-none", seed=1)
    wandb, mlflow = made["WandbLogger"], made["MLFlowLogger"]
    assert (wandb["project"], wandb["group"], wandb["name"]) == ("tiny", "se4-eca-none", "se4-eca-none seed1")
    assert (mlflow["experiment_name"], mlflow["run_name"]) == ("tiny", "se4-eca-none seed1")
    assert mlflow["tracking_uri"] == (tmp_path / "mlflow").as_uri()


def test_a_name_that_does_not_exist_is_refused_with_its_line(tmp_path):
    with pytest.raises(InvalidStudy, match=r"run.loggers\[1\]: unknown logger; .*Did you mean 'tensorboard'"):
        load_study(study(tmp_path, "tensorbord"))
    assert "wandb" not in sys.modules
