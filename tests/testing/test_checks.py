"""The suites as a user calls them: a right entry passes, and each wrong one is told what is wrong with it."""

import subprocess
import sys
from types import SimpleNamespace

import numpy as np
import pytest

from seplace import testing
from seplace.arrays import ImageBits
from seplace.errors import InputError
from seplace.placement import Placement
from seplace.results.evaluation import Evaluation
from seplace.testing.evaluators import answers_a_job

OWN = "tests.testing.own_entries"


@pytest.mark.parametrize(
    ("check", "name"),
    [
        (testing.check_attention, f"{OWN}:Plain"),
        (testing.check_attachment, "post"),
        (testing.check_cost, "params"),
        (testing.check_dataset, "digits"),
        (testing.check_executor, "inline"),
        (testing.check_sampler, "random"),
        (testing.check_proxy, "naswot"),
        (testing.check_backbone, "cifar_resnet8"),
    ],
)
def test_a_right_entry_passes(check, name: str) -> None:
    check(name)


@pytest.mark.parametrize(
    ("check", "name", "message"),
    [
        (testing.check_attention, "Flat", r"the gate of a map of shape \(2, 8, 5, 7\) has the shape \(2, 8\)"),
        (testing.check_attention, "InPlace", "it changes the map that it is given"),
        (testing.check_attention, "Mixed", "in eval mode the gate of an image depends on the other images"),
        (testing.check_attachment, "Wide", r"a gate for 16 channels runs on maps of \[8\] channels"),
        (testing.check_attachment, "Sticky", "the block makes 0 gates"),
        (testing.check_cost, "FREE", r"FREE of none-none-none is 0"),
        (testing.check_cost, "FRACTION", r"FRACTION is a float, wanted: int"),
        (testing.check_dataset, "one_class", "two classes have one name"),
        (testing.check_sampler, "forgetful", "proposes others for the same seed"),
        (testing.check_executor, "Loses", "loses or repeats a job"),
        (testing.check_proxy, "draws", "changes a global random state"),
        (testing.check_exporter, "untidy", "leaves b.txt beside its folder"),
    ],
)
def test_a_wrong_entry_is_told_what_is_wrong(check, name: str, message: str) -> None:
    with pytest.raises(AssertionError, match=message):
        check(f"{OWN}:{name}")


def test_an_entry_that_is_not_there_is_an_error_of_input() -> None:
    with pytest.raises(InputError, match="no module named 'my_gate' can be imported"):
        testing.check_attention("my_gate:Plain")


def test_the_suites_need_no_pytest() -> None:
    program = "import sys, seplace.testing; sys.exit('pytest' in sys.modules or 'torch' in sys.modules)"
    subprocess.run([sys.executable, "-c", program], check=True)


@pytest.mark.parametrize(
    ("check", "name", "says"),
    [
        (testing.check_attention, f"{OWN}:Leaves", r"check_attention\(.*Leaves'\): SystemExit: 0 \("),
        (testing.check_executor, f"{OWN}:NUMBER", "'int' object is not callable"),
        (testing.check_proxy, f"{OWN}:NUMBER", "'int' object is not callable"),
        (testing.check_exporter, f"{OWN}:NUMBER", "'int' object is not callable"),
    ],
)
def test_an_error_of_an_entry_fails_its_check(check, name: str, says: str) -> None:
    with pytest.raises(AssertionError, match=says):
        check(name)


def test_an_attachment_of_one_module_is_not_checked_with_gates() -> None:
    with pytest.raises(InputError, match="takes no gates"):
        testing.check_attachment("kernel")


def test_an_evaluator_may_say_which_images_are_right_of_the_validation_images_alone() -> None:
    curve = ({"epoch": 2, "value": 50.0, "cross_entropy": 1.0, "train_loss": 1.0},)

    def case(images: int | None) -> SimpleNamespace:
        correct = None if images is None else ImageBits.of(np.arange(images) % 2 == 0)

        def answer(placement: Placement, seed: int) -> Evaluation:
            scores = {"value": 50.0, "cross_entropy": 1.0, "correct": correct, "curve": curve}
            return Evaluation(placement=placement, seed=seed, epochs=2, state="complete", **scores)

        return SimpleNamespace(name="own", answer=answer)

    for images in (None, 64):
        answers_a_job(case(images))
    with pytest.raises(AssertionError, match="says of 62 images which are correct, wanted: 64"):
        answers_a_job(case(62))
