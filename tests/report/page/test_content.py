"""What the page of a study shows, before anything is written."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from seplace.api import Results
from seplace.interval import Interval
from seplace.metric import ACCURACY
from seplace.report.page.about import recipe_of
from seplace.report.page.content import Page, page_of, trained_rows
from seplace.report.page.course import curves_of, stopped_at
from seplace.report.page.data import data_of
from seplace.report.page.effects import effects_of
from seplace.report.page.examples import _made_smaller, _uri
from seplace.report.page.paint import painted
from seplace.report.page.points import Points, rounded
from seplace.results.evaluation import Evaluation
from seplace.study.config import load_study
from tests.report.page.made import empty, failed
from tests.studies import write_study

EFFECTS = Path("results/cifar10-effects")


@pytest.fixture(scope="module")
def study() -> Results:
    return Results.load(EFFECTS)


@pytest.fixture(scope="module")
def page(study) -> Page:
    return page_of(study)


def test_the_answer_comes_from_the_advice_and_the_verdict(page, study) -> None:
    assert page.advice == study.advice.sentence
    assert page.verdict == study.verdict
    assert page.state == ""
    assert page.take is not None
    assert page.take.row["placement"] == str(study.advice.take)
    assert [choice["module"] for choice in page.take.strip] == ["srm", "eca", "cbam"]
    assert [choice["ratio"] for choice in page.take.strip] == [None, None, 8]


def test_points_are_the_trained_placements_and_the_recommended_ones(page, study) -> None:
    points, table = page.points, study.placements
    foreseen = [name for name in study.recommended["placement"] if name not in set(table["placement"])]
    assert points.placement == [*table["placement"], *foreseen]
    assert foreseen
    assert points.columns["n"][-1] == 0
    at = points.position_of(foreseen[0])
    assert at is not None
    row = study.recommended.set_index("placement").loc[foreseen[0]]
    assert points.columns["gain"][at] == pytest.approx(row["gain"], rel=1e-5)
    assert points.columns["p_front"][at] is None
    assert points.columns["recommended"][at] == list(study.recommended["placement"]).index(foreseen[0]) + 1
    assert all(len(column) == len(points.placement) for column in points.columns.values())


def test_the_front_along_another_cost_is_not_dominated(page, study) -> None:
    axes = {axis.name: axis for axis in page.points.axes}
    assert list(axes) == ["flops", "macs", "params", "latency_ms"]
    on_front = study.placements[study.placements["on_front"]]
    assert [page.points.placement[at] for at in axes["flops"].front] == list(on_front["placement"])
    for name in ("params", "latency_ms"):
        axis, accuracy = axes[name], page.points.columns["accuracy"]
        known = [at for at in range(len(study.placements)) if axis.total[at] is not None]
        for at in axis.front:
            better = [
                other for other in known if axis.total[other] < axis.total[at] and accuracy[other] >= accuracy[at]
            ]
            assert not better
        best = max(known, key=lambda at: accuracy[at])
        assert best in axis.front


def test_effects_are_a_map_of_stages_and_choices(page, study) -> None:
    heat = page.effects.heats[0]
    assert (heat.kind, heat.stages) == ("choice", (1, 2, 3))
    cell = dict(heat.rows)["cbam8"][2]
    row = study.effects.query("kind == 'choice' and stage == 3 and name == 'cbam8'").iloc[0]
    assert cell is not None
    assert cell.effect == Interval.of_row(row, "effect")
    assert cell.is_sure
    bounds = study.effects.query("kind == 'choice'")[["effect_lower", "effect_upper"]]
    assert heat.largest == bounds.abs().to_numpy().max()
    shown = [*page.effects.clearest, *page.effects.others]
    assert len(shown) == len(study.effects.query("kind == 'choice'"))
    assert all(page.effects.low < each.effect.lower < each.effect.upper < page.effects.high for each in shown)
    modules = page.effects.heats[1]
    assert modules.stages == (1, 2, 3, 0)
    assert effects_of(pd.DataFrame(), cost="flops").is_empty


def test_what_could_be_seen(page, study) -> None:
    assert page.seen is not None
    assert page.seen.noise == study.estimates.posterior.noise_sd
    assert page.seen.detectable == pytest.approx(2.79, abs=0.01)
    assert page.seen.best_gain is not None
    assert page.seen.best_gain.value == pytest.approx(2.30, abs=0.01)
    assert (page.seen.placements, page.seen.seeds) == (14, 2)
    assert page.seen.residual is not None
    assert page.seen.residual.lower < page.seen.residual.value < page.seen.residual.upper


def test_the_origin_has_recipe_versions_and_commands(page) -> None:
    assert dict(page.about.recipe)["batch size"] == "128"
    assert not {"betas", "mixup"} & {name for name, _ in page.about.recipe}
    assert dict(page.about.origin)["devices"] == "cpu x86_64"
    assert dict(page.about.versions[0])["torch"] == "2.13.0+cpu"
    assert [command for _, command in page.about.commands] == [
        "seplace run cifar10-effects",
        "seplace report results/cifar10-effects",
    ]


def test_a_study_without_results(tmp_path, finished) -> None:
    page = page_of(Results.load(empty(finished, tmp_path / "empty")))
    assert page.is_empty
    assert page.take is None
    assert "interrupted" in page.state
    page = page_of(Results.load(failed(finished, tmp_path / "failed")))
    assert page.is_empty
    assert "plain backbone" in page.state
    assert len(page.failures) == 1
    assert "loss is nan" in page.failures[0]


def test_data_have_splits_classes_and_examples(finished) -> None:
    assert (finished / "report.html").stat().st_size > 1_000_000  # the run wrote it
    study = Results.load(finished)
    data = data_of(study.config, study.images)
    assert [split.name for split in data.splits] == ["training", "validation", "test"]
    assert [name for name, _ in data.classes] == list("0123456789")
    assert len(data.examples) == 10
    assert data.examples[0].uri.startswith("data:image/png;base64,")
    assert data_of(study.config, {}).splits == ()


def test_examples_are_sound_images() -> None:
    image = pytest.importorskip("PIL.Image")
    import base64
    import io

    pixels = np.random.default_rng(0).integers(0, 256, size=(3, 5, 7), dtype=np.uint8)
    opened = image.open(io.BytesIO(base64.b64decode(_uri(pixels).partition(",")[2])))
    assert (np.asarray(opened).transpose(2, 0, 1) == pixels).all()
    assert _made_smaller(np.full((1, 300, 200), 7, dtype=np.uint8)).shape == (1, 75, 50)
    assert (_made_smaller(np.full((1, 300, 200), 7, dtype=np.uint8)) == 7).all()


def test_curves_of_named_placements_come_first(study) -> None:
    found = curves_of(study.rows, {"none-none-none": "baseline"})
    assert found.trainings == 87
    assert [row["group"] for row in found.rows].count("baseline") == 5
    row = next(row for row in found.rows if row["group"] == "baseline")
    assert row["epoch"] == [3, 6, 8]
    assert len(row["value"]) == 3
    many = curves_of(study.rows * 2 + [_other(row, number) for number, row in enumerate(study.rows * 4)], {})
    assert len(many.rows) == 240
    assert many.trainings == 87 * 5


def _other(row: Evaluation, number: int) -> Evaluation:
    return Evaluation(
        placement=row.placement,
        seed=1000 + number,
        epochs=8,
        state="complete",
        value=row.value,
        cross_entropy=1.0,
        curve=row.curve,
    )


def test_trainings_that_stopped_at_a_rung(study) -> None:
    first, second = study.rows[0], study.rows[1]
    rungs = [
        Evaluation(placement=row.placement, seed=row.seed, epochs=epochs, state="complete", value=50.0)
        for row, epochs in ((first, 2), (first, 4), (second, 2))
    ]
    assert stopped_at(rungs, [first]) == [(2, 2, 1), (4, 1, 0)]


def test_trainings_by_another_recipe_have_a_table(finished) -> None:
    study = Results.load(finished)
    assert page_of(study).trained == ()
    figures = {"accuracy": 81.5, "accuracy_se": 0.25, "gain": np.nan, "gain_se": np.nan, "test_accuracy": 80.0}
    figures |= {"test_accuracy_se": np.nan, "test_gain": -0.5, "test_gain_se": 0.1}
    row = {"placement": "none-se8-eca", "epochs": 200, "trained_on": "train", "n": 3, **figures}
    (shown,) = trained_rows(pd.DataFrame([row]), ACCURACY)
    assert shown["gain"] is None
    html = painted(replace(page_of(study), trained=(shown,)))
    assert "Trained by another recipe" in html
    assert "± 0.25" in html
    assert "\N{MINUS SIGN}0.50" in html


def test_numbers_are_short_and_known() -> None:
    assert rounded(1234567) == 1234567
    assert rounded(0.123456789) == 0.123457
    assert rounded(float("nan")) is None
    assert rounded(None) is None


def test_no_points_have_no_front() -> None:
    assert Points(placement=[], columns={}, axes=(), choices={}, limits={}, has_gain=False).front == []


def test_a_block_of_the_recipe_is_shown_with_its_defaults(tmp_path) -> None:
    training = {"random_resized_crop": {}, "mixup": {"alpha": 0.2}}
    recipe = dict(recipe_of(load_study(write_study(tmp_path, training=training))))
    assert recipe["random resized crop"] == "scale 0.08 and 1, ratio 0.75 and 1.3333"
    assert recipe["mixup"] == "alpha 0.2, probability 1"


def test_a_training_of_the_users_own_has_no_classes_and_what_is_written_alone() -> None:
    study = Results.load(Path("results/digits-segmentation"))
    assert len(study.images["classes"]) == 1, "the number that its backbone is built with"
    data = data_of(study.config, study.images)
    assert (data.classes, data.no_splits) == ((), "Its LightningDataModule makes the splits.")
    assert dict(recipe_of(study.config))["trainer"] == "max epochs 12, check val every n epoch 3"
