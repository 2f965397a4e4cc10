import math
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest

from seplace.api import Results
from seplace.effects.covariates import tables_of
from seplace.effects.design import Design
from seplace.errors import InputError, Interrupted
from seplace.placement import Placement
from seplace.results.ledger import Ledger
from seplace.search import driver, of_study
from seplace.search.plan import make_plan
from seplace.search.scoring import covariates_of, placements_to_score, proxy_records
from seplace.search.time_estimate import TimeEstimate
from seplace.study.config import load_study
from tests.search.toy import go, left_in
from tests.studies import write_small_space, write_study

PROXIES = {"proxies": ["synflow", "naswot"], "proxy_placements": 5}


class ToyProxies:
    """Replaces the shelf: the score is the number of gates, at most, unless the test says otherwise."""

    def __init__(self) -> None:
        self.made: list[str] = []
        self.scored: list[tuple[str, str]] = []
        self.answers: dict[str, object] = {}
        """By proxy or by placement: a number, or an exception to raise."""
        self.stop_after: int | None = None

    def make(self, _config, _folder, _evaluator, name):
        self.made.append(name)
        if isinstance(self.answers.get(f"make {name}"), Exception):
            raise self.answers[f"make {name}"]
        toy = self

        class Proxy:
            def score(self, placement: Placement) -> float:
                return toy.score(name, placement)

        return Proxy()

    def score(self, name: str, placement: Placement) -> float:
        if self.stop_after is not None and len(self.scored) >= self.stop_after:
            raise Interrupted(2)
        self.scored.append((name, str(placement)))
        answer = self.answers.get(name, self.answers.get(str(placement)))
        if isinstance(answer, Exception):
            raise answer
        gates = sum((stage + 1) * (choice.module != "none") for stage, choice in enumerate(placement.choices))
        return gates + 0.01 * len(str(placement)) if answer is None else answer


pytestmark = pytest.mark.usefixtures("no_optuna_file")


@pytest.fixture
def proxies(monkeypatch) -> ToyProxies:
    proxies = ToyProxies()
    monkeypatch.setattr(of_study, "_make_proxy", proxies.make)
    return proxies


def study(folder, **search):
    """A search in a space of eight placements, of which five are drawn to be scored."""
    search = {"sampler": "effects", "trainings": 10, **PROXIES, **search}
    return write_study(folder, space=write_small_space(folder), search=search, confirm={"seeds": 2, "trainings": 2})


def scores_in(folder) -> dict[str, dict[Placement, float]]:
    with Ledger(folder / "ledger.sqlite", read_only=True) as ledger:
        return {name: dict(record.scores) for name, record in proxy_records(ledger).items()}


def test_baselines_and_candidates_are_scored_before_any_training(tmp_path, proxies, toy):
    seen = []
    go(study(tmp_path), tmp_path / "out", observer=lambda news: seen.append((news.phase, news.done, news.total)))
    config = load_study(tmp_path / "tiny.yaml")
    marks = list(config.search_space.baselines.values())
    expected = placements_to_score(config.search_space, marks, count=5, seed=config.search.seed)
    assert expected[: len(marks)] == marks
    assert len(marks) < len(expected) <= len(marks) + 5
    assert proxies.scored == [(name, str(each)) for name in PROXIES["proxies"] for each in expected]
    assert next(phase for phase, _, _ in seen if phase not in ("preparing", "proxies")) == "baselines"
    assert ("proxies", 2.0 * len(expected), 2 * len(expected)) in seen
    assert len(toy.trained) >= 10
    assert {name: len(scores) for name, scores in scores_in(tmp_path / "out").items()} == dict.fromkeys(
        PROXIES["proxies"], len(expected)
    )


TWO_SECONDS = TimeEstimate(starting=0.0, training=2.0, timing=0.0, at_once=1, is_inline=True)


@pytest.mark.usefixtures("toy", "proxies")
def test_a_plan_knows_what_scoring_takes_once_it_was_timed(tmp_path):
    config = load_study(study(tmp_path))

    def plan():
        # A batch would say how long a training takes: two seconds.
        return replace(make_plan(config, tmp_path / "out", with_batch=False), estimate=TWO_SECONDS)

    assert (plan().proxy_seconds, plan().seconds) == (None, 2.0 * 12)
    assert "not included" in plan().proxies_note
    go(tmp_path / "tiny.yaml", tmp_path / "out")
    with Ledger(tmp_path / "out" / "ledger.sqlite") as ledger:
        texts = list(ledger.facts("score/naswot/"))
        for name in PROXIES["proxies"]:
            ledger.set_fact(f"proxy/{name}", {"seconds": 3.0, "reason": ""})
            for text in texts:
                ledger.set_fact(f"score/{name}/{text}", {"score": 1.0, "seconds": 0.5, "reason": ""})
    assert plan().proxy_seconds == 2 * (3.0 + 0.5 * len(texts))
    assert plan().seconds == 2.0 * 12 + plan().proxy_seconds
    assert plan().proxies_note == ", proxies included"
    # Of a budget in hours, the baselines and the confirmation come beside these.
    path = write_study(tmp_path, search={"trainings": None, "hours": 2.0}, confirm={"seeds": 2, "trainings": 5})
    timed = replace(make_plan(load_study(path), tmp_path / "new", with_batch=False), estimate=TWO_SECONDS)
    assert (timed.seconds, timed.proxies_note) == (7200 + 2.0 * (7 + 5), "")


def test_which_candidates_are_scored(tmp_path):
    def drawn_from(seed: int) -> list[Placement]:
        return placements_to_score(space, marks, count=20, seed=seed)

    space = load_study(write_study(tmp_path)).search_space
    marks = list(space.baselines.values())
    drawn, same, other = map(drawn_from, (0, 0, 1))
    assert drawn == same != other
    assert drawn[: len(marks)] == marks
    assert len(marks) + 15 < len(set(drawn)) == len(drawn) <= len(marks) + 20
    # A small space is scored completely.
    small = load_study(write_study(tmp_path, space=write_small_space(tmp_path))).search_space
    assert set(small) == set(placements_to_score(small, [], count=64, seed=0))


@pytest.mark.usefixtures("toy")
@pytest.mark.parametrize("stop_after", [0, 13])
def test_an_interrupted_study_scores_nothing_twice_and_equals_one_that_was_not(tmp_path, proxies, stop_after):
    path = study(tmp_path)
    go(path, tmp_path / "whole")
    whole = list(proxies.scored)
    proxies.scored.clear()
    proxies.stop_after = stop_after
    with pytest.raises(Interrupted):
        go(path, tmp_path / "parts")
    assert len(proxies.scored) == stop_after
    proxies.stop_after = None
    go(path, tmp_path / "parts")
    assert proxies.scored == whole
    made = len(proxies.made)
    assert scores_in(tmp_path / "parts") == scores_in(tmp_path / "whole")
    assert left_in(tmp_path / "parts") == left_in(tmp_path / "whole")
    go(path, tmp_path / "parts")
    assert (proxies.scored, len(proxies.made)) == (whole, made)


@pytest.mark.usefixtures("toy")
def test_placements_without_a_score_are_left_out(tmp_path, proxies):
    path = study(tmp_path, proxies=["synflow"])
    config = load_study(path)
    bad = [str(each) for each in config.search_space.baselines.values()][:4]
    proxies.answers = dict(zip(bad, (math.nan, -math.inf, math.inf, RuntimeError("out of memory")), strict=True))
    with pytest.warns(UserWarning, match=r"proxy synflow: 4 of \d+ placements have no score, "):
        go(path, tmp_path / "out")
    found = Results.load(tmp_path / "out")
    assert found.finished
    with Ledger(tmp_path / "out" / "ledger.sqlite", read_only=True) as ledger:
        record = proxy_records(ledger)["synflow"]
    raised = record.failed[bad[3]]
    assert raised.startswith("RuntimeError: out of memory (test_scoring.py:")
    assert dict(record.failed) == {
        bad[0]: "the score is nan",
        bad[1]: "the score is -inf",
        bad[2]: "the score is inf",
        bad[3]: raised,
    }
    assert len(record.scores) == len(proxies.scored) - 4
    (row,) = found.proxies.to_dict("records")
    assert (row["scored"], math.isfinite(row["effect"])) == (len(record.scores), True)


@pytest.mark.usefixtures("toy")
@pytest.mark.parametrize(
    ("answers", "reason"),
    [({"synflow": 3.0}, "all scores are equal"), ({"make synflow": OSError("no images")}, "OSError: no images")],
)
def test_a_proxy_that_says_nothing_leaves_the_search_as_it_was(tmp_path, proxies, answers, reason):
    go(study(tmp_path, proxies=[]), tmp_path / "without")
    proxies.answers = answers
    with pytest.warns(UserWarning, match=f"proxy synflow is left out: {reason}"):
        go(study(tmp_path, proxies=["synflow"]), tmp_path / "out")
    assert left_in(tmp_path / "out") == left_in(tmp_path / "without")
    found = Results.load(tmp_path / "out")
    assert found.estimates.posterior.design.covariates == {}
    assert found.proxies["verdict"].str.startswith(f"left out: {reason}").all()
    assert "proxy" not in set(found.effects["kind"])


@pytest.mark.usefixtures("toy")
def test_what_the_user_wrote_wrongly_ends_the_run_before_any_training(tmp_path, proxies, toy):
    proxies.answers = {"make naswot": InputError("no such module")}
    with pytest.raises(InputError, match="no such module"):
        go(study(tmp_path), tmp_path / "out")
    assert toy.trained == []


@pytest.mark.usefixtures("toy", "proxies")
def test_results_have_the_covariates_of_the_search(tmp_path, monkeypatch):
    designs = []
    estimates_of = driver.estimates_of
    monkeypatch.setattr(
        driver,
        "estimates_of",
        lambda design, *rest, **named: designs.append(design) or estimates_of(design, *rest, **named),
    )
    go(study(tmp_path), tmp_path / "out")
    found = Results.load(tmp_path / "out")
    again = found.estimates.posterior.design.covariates
    assert list(again) == ["naswot", "synflow"]
    for name, tables in designs[-1].covariates.items():
        assert tables.everywhere().tolist() == again[name].everywhere().tolist()
    # The toy's score, a sum over stages, equals its learned covariate.
    scores = scores_in(tmp_path / "out")["synflow"]
    learned = again["synflow"].at(found.estimates.posterior.design.levels(list(scores)))
    assert np.corrcoef(learned, list(scores.values()))[0, 1] > 0.95
    weight = found.proxies.set_index("proxy").loc["synflow"]
    row = found.effects[found.effects["kind"] == "proxy"].set_index("name").loc["synflow"]
    assert (
        weight[["effect", "effect_lower", "p_positive"]].tolist()
        == row[["effect", "effect_lower", "p_positive"]].tolist()
    )
    assert weight["effect_lower"] < weight["effect"] < weight["effect_upper"]
    assert weight["fit"] > 0.5
    found.write()
    assert (tmp_path / "out" / "proxies.csv").read_text().startswith("proxy,scored,fit,effect,")


@pytest.mark.usefixtures("toy", "proxies")
def test_the_terminal_says_what_a_proxy_is_worth_and_needs_no_torch(tmp_path):
    go(study(tmp_path), tmp_path / "out")
    program = "from seplace.cli import app; app(sys.argv[1:], standalone_mode=False); print('torch' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", f"import sys; {program}", "effects", str(tmp_path / "out")],
        capture_output=True,
        text=True,
        check=True,
    )
    *lines, last = done.stdout.splitlines()
    assert last == "False"
    (line,) = [line for line in lines if "synflow" in line]
    assert any(words in line for words in ("says nothing here", "ranks forwards", "ranks backwards"))
    assert "points per sd" in done.stdout


@pytest.mark.usefixtures("toy")
def test_entries_of_the_shelf_score_a_study(tmp_path):
    path = study(tmp_path, proxies=["naswot", "gradient_norm"])
    go(path, tmp_path / "out")
    assert all(len(set(scores.values())) > 5 for scores in scores_in(tmp_path / "out").values())
    config = load_study(path)
    with Ledger(tmp_path / "out" / "ledger.sqlite", read_only=True) as ledger:
        records = proxy_records(ledger)
    assert all(record.seconds > 0 and record.shared_seconds > 0 for record in records.values())
    covariates = covariates_of(Design(config.search_space), records)
    assert tables_of(covariates)
