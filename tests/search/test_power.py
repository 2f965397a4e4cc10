import math
from dataclasses import replace

import pytest

from seplace.effects.detectable import detectable_gain
from seplace.errors import DataError, InputError
from seplace.evaluators.data_look import look_at_study
from seplace.placement import Placement
from seplace.report.power import power_lines
from seplace.results.evaluation import Evaluation
from seplace.results.ledger import Ledger
from seplace.results.pilot import Pilot
from seplace.search import power
from seplace.search.pilot import load_pilot
from seplace.search.plan import make_plan
from seplace.search.power import power_of, scatter_of
from seplace.study.config import load_study
from tests.studies import write_small_space, write_study

CONFIRM = {"seeds": 4, "trainings": 30}
PILOT = Pilot(accuracy=0.8, noise=0.02, freedom=9, images=500, flips=0.06, difference=0.03)


def write_pilot(folder, *, seeds):
    """Write the results of a study of two placements, whose images were of three classes; return their folder."""
    config = load_study(write_study(folder, name="first"))
    results = folder / f"pilot-{seeds}"
    with Ledger(results / "ledger.sqlite") as ledger:
        facts = {"study_folder": "..", "fingerprint": config.fingerprint(), "images": {"classes": list("abc")}}
        for name, value in facts.items():
            ledger.set_fact(name, value)
        for text, gain in (("none-none-none", 0.0), ("none-none-eca", 2.0)):
            for seed in range(seeds):
                accuracy = 50 + gain * (1 - 2 * seed)
                placement = Placement.parse(text)
                row = Evaluation(placement=placement, seed=seed, epochs=1, state="complete", value=accuracy)
                ledger.add(row)
    (results / "study.yaml").write_text(config.source_text)
    (results / "space.yaml").write_text(config.space_text)
    return results


def planned(folder, **changes):
    return power_of(load_study(write_study(folder, **changes)), {}, pilot=None)


@pytest.mark.parametrize(
    ("search", "confirm", "seeds"),
    [
        ({"seeds": 1}, {"seeds": 4, "trainings": 27}, 4),
        ({"seeds": 1}, {"seeds": 4, "trainings": 26}, 3),
        ({"seeds": 1}, {"seeds": 2, "trainings": 90}, 2),
        ({"seeds": 1}, {"seeds": 4, "trainings": 2}, 2),
        ({"sampler": "exhaustive", "trainings": 1029, "seeds": 3}, None, 3),
        ({"sampler": "exhaustive", "trainings": 700, "seeds": 3}, None, 2),
        ({"sampler": "exhaustive", "trainings": 400, "seeds": 3}, {"seeds": 3, "trainings": 20}, 3),
    ],
    ids=["nine a seed", "not enough", "no more than asked for", "the first question", "whole space", "twice", "both"],
)
def test_the_seeds_that_a_placement_gets(tmp_path, search, confirm, seeds):
    found = planned(tmp_path, search=search, confirm=confirm)
    assert (found.seeds, found.obstacle) == (seeds, "")


@pytest.mark.parametrize(
    ("search", "confirm", "said"),
    [
        ({"seeds": 1}, None, ["cannot end with a verdict", "study file: confirm: {seeds: 3, trainings: 18}"]),
        ({"seeds": 3}, None, ["may end without a verdict", "confirm: {seeds: 3, trainings: 18}"]),
        ({"seeds": 3}, {"seeds": 1, "trainings": 9}, ["may end without a verdict", "confirm.seeds to 3 (it is 1)"]),
        ({"seeds": 1}, {"seeds": 3, "trainings": 1}, ["cannot", "confirm.trainings to 9 or more (it is 1)"]),
        ({"sampler": "exhaustive", "trainings": 343}, None, ["may end without a verdict"]),
    ],
    ids=["one seed", "no confirmation", "confirmed once", "one training", "the space once"],
)
def test_a_study_that_may_give_no_verdict_says_what_to_change(tmp_path, search, confirm, said):
    found = planned(tmp_path, search=search, confirm=confirm)
    assert all(text in found.obstacle for text in said)
    assert found.seeds >= 2


def test_the_advice_is_followed_by_a_verdict(tmp_path):
    assert not planned(tmp_path, search={"seeds": 1}, confirm={"seeds": 3, "trainings": 18}).obstacle


def test_the_placements_that_are_compared(tmp_path):
    assert planned(tmp_path, confirm=CONFIRM).compared == 9  # the budget
    # Eight candidates of the recommended front and seven baselines, one of them plain.
    assert planned(tmp_path, search={"trainings": 90}, confirm=CONFIRM).compared == 14
    assert planned(tmp_path, search={"trainings": None, "hours": 2}, confirm=CONFIRM).compared == 14
    assert planned(tmp_path, search={"sampler": "exhaustive", "trainings": 690}).compared == 346
    # The whole space: eight candidates, among them plain and ECA twice, and the four other baselines.
    small = write_small_space(tmp_path)
    assert planned(tmp_path, space=small, search={"trainings": 16}).compared == 11


@pytest.mark.parametrize(
    ("data", "most"),
    [
        ({"train_images": 128, "validation_images": 64}, 1437 - 128),
        ({"train_images": None, "validation_images": 400}, 400 + 1037 // 2),
    ],
    ids=["a part", "all"],
)
def test_the_validation_images_that_there_is_room_for(tmp_path, data, most):
    config = load_study(write_study(tmp_path, data=data))
    assert power_of(config, {}, pilot=None).most_images is None
    assert power_of(config, look_at_study(config, whole=False).to_record(), pilot=None).most_images == most


def test_what_is_measured_goes_before_what_is_assumed():
    whole = scatter_of(PILOT, images=500)
    assert (whole.flips, whole.difference) == (0.06, 0.03)
    assert whole.noise == pytest.approx(math.sqrt(0.02**2 - 0.06 / 500))
    assert scatter_of(replace(PILOT, noise=0.001), images=500).noise == 0.0
    assumed = scatter_of(replace(PILOT, images=None, flips=None, difference=None), images=500)
    assert assumed.flips == pytest.approx(power.FLIPS * 0.8 * 0.2)
    assert assumed.difference == pytest.approx(power.DIFFERENCE * assumed.flips)
    # On as many images the noise is the one measured, whatever is assumed of single images.
    assert assumed.training_variance(500, seeds=2) == pytest.approx(2.0**2)
    quiet = scatter_of(replace(PILOT, noise=0.001, images=None, flips=None), images=500)
    assert (quiet.noise, quiet.flips) == (0.0, pytest.approx(500 * 0.001**2))
    nothing = scatter_of(None, images=None)
    assert nothing.flips == pytest.approx(power.FLIPS * power.ACCURACY * (1 - power.ACCURACY))
    assert nothing.noise == power.NOISE


def test_lines_of_a_plan_are_the_formula(tmp_path):
    config = load_study(write_study(tmp_path, confirm=CONFIRM))
    plan = make_plan(config, tmp_path / "out", with_batch=False)
    plan = replace(plan, power=replace(plan.power, images=500, scatter=scatter_of(PILOT, images=500), pilot=PILOT))
    gain = detectable_gain(plan.power.scatter.error(images=500, seeds=4), compared=9)
    first, second, third = power_lines(plan)
    assert first.startswith(f"gains over plain of about {gain:.1f} points or more can be shown (80 % power at")
    assert "500 validation images, 4 seeds a placement in the end, about 9 placements compared" in first
    assert "one training scatters by 2.0 points" in second
    assert "the choice of 500 images scatters a gain by 0.77 points" in second
    assert (
        f"8 seeds each (confirm: {{seeds: 8, trainings: 63}}) would show {plan.power.gain(seeds=8):.1f} points" in third
    )
    of_images = (
        f"2,000 validation images, out of those to train on, would show {plan.power.gain(images=2000):.1f} points"
    )
    assert third.endswith(of_images)
    assert "To see smaller gains: 8 seeds each" in third
    images = replace(plan.power, scatter=replace(plan.power.scatter, noise=0.0), most_images=510)
    third = power_lines(replace(plan, power=images))[2]
    assert "To see smaller gains: the data set leaves no room for many more validation images; 8 seeds" in third
    assert f"no number of seeds less than {images.least_gain:.1f} points" in third
    fine = replace(plan.power, images=1_000_000, scatter=replace(plan.power.scatter, noise=0.0))
    assert len(power_lines(replace(plan, power=fine))) == 2


def test_a_pilot_on_another_task_is_refused_and_one_by_another_recipe_warned_of(tmp_path):
    folder = write_pilot(tmp_path, seeds=2)
    config = load_study(write_study(tmp_path))
    plan = make_plan(config, tmp_path / "out", with_batch=False, pilot=folder)
    assert f"  measured in {folder} (1 degree of freedom): one training scatters by 2.0 points" in power_lines(plan)[1]
    pilot, images = load_pilot(folder, config, {})
    assert (pilot.freedom, images) == (1, 64)
    assert pilot.noise == pytest.approx(0.02)  # of the residuals 1 -1 -1 1
    with pytest.raises(InputError, match=r"other classes: 3 \(a, b, c\), and this study 4 \(a, b, c, …\)"):
        load_pilot(folder, config, {"classes": list("abcd")})
    other = load_study(write_study(tmp_path, data={"name": "plain_tiles"}))
    with pytest.raises(InputError, match="the pilot is a study of digits, and this one of plain_tiles"):
        load_pilot(folder, other, {})
    longer = load_study(write_study(tmp_path, training={"epochs": 5}, search={"trainings": 20}))
    with pytest.warns(UserWarning, match=r"may differ too: training\.epochs: 1 -> 5$"):
        load_pilot(folder, longer, {})
    with pytest.raises(DataError, match="no results here"):
        load_pilot(tmp_path, config, {})
    with pytest.raises(DataError, match="not usable as a pilot: no placement was trained on two seeds"):
        load_pilot(write_pilot(tmp_path, seeds=1), config, {})
