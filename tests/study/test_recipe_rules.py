import pytest

from seplace.study.config import load_study
from seplace.study.differences import differences
from tests.study_texts import STUDY, problems_of, replaced, write

ADAMW = replaced("momentum: 0.9", "optimizer: adamw")


def test_adamw_needs_no_momentum(tmp_path):
    recipe = load_study(write(tmp_path, ADAMW)).training
    assert (recipe.optimizer, recipe.momentum, recipe.betas) == ("adamw", None, (0.9, 0.999))


def test_what_came_later_changes_no_fingerprint(tmp_path):
    new = load_study(write(tmp_path, STUDY)).fingerprint()
    later = (
        *("optimizer", "betas", "gradient_clip_norm"),
        *("random_resized_crop", "randaugment", "mixup", "cutmix"),
    )
    old = {key: value for key, value in new.items() if not key.startswith(tuple(f"training.{key}" for key in later))}
    assert len(old) == len(new) - len(later)
    assert differences(old, new) == []


def test_an_augmentation_that_is_switched_on_is_one_difference(tmp_path):
    old = load_study(write(tmp_path, STUDY)).fingerprint()
    mixed = replaced("momentum: 0.9", "momentum: 0.9\n  mixup: {alpha: 0.2}\n  random_resized_crop: {}")
    new = load_study(write(tmp_path, mixed)).fingerprint()
    on = [
        "training.mixup.alpha: absent -> 0.2",
        "training.mixup.probability: absent -> 1.0",
        "training.random_resized_crop.ratio: absent -> [0.75, 1.3333]",
        "training.random_resized_crop.scale: absent -> [0.08, 1.0]",
    ]
    assert differences(old, new) == on
    before = {key: value for key, value in old.items() if key not in ("training.mixup", "training.random_resized_crop")}
    assert differences(before, new) == on
    assert differences(new, old)[0] == "training.mixup.alpha: 0.2 -> absent"


@pytest.mark.parametrize(
    ("new", "problem"),
    [
        pytest.param(
            "flip: true",
            "7:3: training.momentum: is missing and required with SGD (0 is plain SGD)",
            id="SGD without a momentum",
        ),
        pytest.param(
            "momentum: 0.9\n  betas: [0.9, 0.99]",
            "11:3: training.betas: are AdamW's, SGD has a momentum: leave them out, or say `optimizer: adamw`",
            id="SGD with betas",
        ),
        pytest.param(
            "momentum: 0\n  nesterov: true",
            "11:13: training.nesterov: needs a momentum greater than 0 (got true)",
            id="nothing to look ahead with",
        ),
        pytest.param(
            "momentum: 0.9\n  optimizer: adamw",
            "10:3: training.momentum: is SGD's, AdamW has `betas`: leave it out",
            id="AdamW with a momentum",
        ),
        pytest.param(
            "optimizer: adamw\n  nesterov: true",
            "11:3: training.nesterov: is a kind of SGD's momentum, which AdamW has not: leave it out",
            id="AdamW with a kind of momentum",
        ),
        pytest.param(
            "optimizer: adam",
            "10:14: training.optimizer: must be one of sgd, adamw (got 'adam'). Did you mean 'adamw'?",
            id="another optimizer, of which nothing more is said",
        ),
        pytest.param(
            "optimizer: adamw\n  betas: [0.9, 1]",
            "11:16: training.betas[2]: must be less than 1 (got 1)",
            id="an average that never moves",
        ),
        pytest.param(
            "momentum: 0.9\n  gradient_clip_norm: 0",
            "11:23: training.gradient_clip_norm: must be greater than 0 (got 0)",
            id="gradients of no length",
        ),
        pytest.param(
            "momentum: 0.9\n  crop_padding: 4\n  random_resized_crop: {}",
            "11:3: training.crop_padding: crops images, and so does `random_resized_crop`: leave one of the two out",
            id="two crops",
        ),
        pytest.param(
            "momentum: 0.9\n  random_resized_crop: {scale: [1, 0.08]}",
            "11:32: training.random_resized_crop.scale: must rise: the least value, then the largest (got 1, 0.08)",
            id="a scale that falls",
        ),
        pytest.param(
            "momentum: 0.9\n  random_resized_crop: {scale: [0, 1]}",
            "11:33: training.random_resized_crop.scale[1]: must be greater than 0 (got 0)",
            id="parts of no area",
        ),
        pytest.param(
            "momentum: 0.9\n  random_resized_crop: {ratio: [1]}",
            "11:32: training.random_resized_crop.ratio[2]: is missing and required",
            id="one ratio",
        ),
        pytest.param(
            "momentum: 0.9\n  random_resized_crop: {scales: [0.08, 1]}",
            "11:25: training.random_resized_crop.scales: unknown key. Did you mean 'scale'?",
            id="a key that is misspelled",
        ),
        pytest.param(
            "momentum: 0.9\n  randaugment: {layers: 2, magnitude: 31}",
            "11:39: training.randaugment.magnitude: must be at most 30 (got 31)",
            id="operations too strong",
        ),
        pytest.param(
            "momentum: 0.9\n  randaugment: true",
            "11:16: training.randaugment: must be a mapping of keys (got true)",
            id="operations of no strength",
        ),
        pytest.param(
            "momentum: 0.9\n  mixup: {probability: 0.5}",
            "11:10: training.mixup.alpha: is missing and required",
            id="a mixture of no distribution",
        ),
        pytest.param(
            "momentum: 0.9\n  mixup: {alpha: 0.2}\n  cutmix: {alpha: 1.0, probability: 0.5}",
            "12:3: training.cutmix: a batch is mixed by one of the two: give `mixup` and `cutmix` probabilities that "
            "add up to at most 1, such as 0.5 each",
            id="more mixed batches than batches",
        ),
    ],
)
def test_a_recipe_that_contradicts_itself_is_told_where(tmp_path, new, problem):
    assert problems_of(write(tmp_path, replaced("momentum: 0.9", new))) == [f"a.yaml:{problem}"]
