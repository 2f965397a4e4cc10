import pytest

from seplace.study.config import differences, load_study
from tests.study_texts import STUDY, problems_of, replaced, write

ADAMW = replaced("momentum: 0.9", "optimizer: adamw")


def test_adamw_needs_no_momentum(tmp_path):
    recipe = load_study(write(tmp_path, ADAMW)).training
    assert (recipe.optimizer, recipe.momentum, recipe.betas) == ("adamw", None, (0.9, 0.999))


def test_what_came_later_changes_no_fingerprint(tmp_path):
    new = load_study(write(tmp_path, STUDY)).fingerprint()
    later = ("optimizer", "betas", "gradient_clip_norm")
    old = {key: value for key, value in new.items() if not key.startswith(tuple(f"training.{key}" for key in later))}
    assert len(old) == len(new) - len(later)
    assert differences(old, new) == []


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
    ],
)
def test_a_recipe_that_contradicts_itself_is_told_where(tmp_path, new, problem):
    assert problems_of(write(tmp_path, replaced("momentum: 0.9", new))) == [f"a.yaml:{problem}"]
