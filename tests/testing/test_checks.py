"""The suites as a user calls them: a right entry passes, and each wrong one is told what is wrong with it."""

import subprocess
import sys

import pytest

from seplace import testing
from seplace.errors import InputError

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
