import importlib.util

import pytest

from seplace.errors import InputError, Interrupted, UserCodeError
from seplace.user_code import describe_error, user_errors


@pytest.fixture
def theirs(tmp_path):
    """A module outside seplace whose functions fail."""
    path = tmp_path / "nets.py"
    path.write_text(
        "import json, sys\n"
        "def fail():\n"
        "    raise ValueError('first line\\nclasses must be 7')\n"
        "def fail_in_a_library():\n"
        "    json.loads('{')\n"
        "def leave():\n"
        "    sys.exit(0)\n"
        "def say_nothing():\n"
        "    assert False\n"
    )
    spec = importlib.util.spec_from_file_location("nets", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("fail", "ValueError: classes must be 7 (nets.py:3)"),
        ("leave", "SystemExit: 0 (nets.py:7)"),
        ("say_nothing", "AssertionError (nets.py:9)"),
    ],
)
def test_an_error_is_told_with_its_last_line_and_where_it_is_in_the_users_code(theirs, name, told):
    with pytest.raises(UserCodeError) as raised, user_errors("backbone nets:build cannot be built for 10 classes"):
        getattr(theirs, name)()
    assert str(raised.value) == f"backbone nets:build cannot be built for 10 classes: {told}"
    assert raised.value.exit_code == 2


def test_the_place_is_theirs_where_a_library_that_they_call_fails(theirs):
    with pytest.raises(UserCodeError, match=r"JSONDecodeError: .* \(nets\.py:5\)$"), user_errors("data"):
        theirs.fail_in_a_library()


def test_an_error_without_a_frame_of_theirs_has_no_place():
    assert describe_error(ValueError("too small")) == "ValueError: too small"


@pytest.mark.parametrize("error", [InputError("ours"), Interrupted(2), KeyboardInterrupt()])
def test_errors_of_seplace_and_signals_pass_as_they_are(error):
    with pytest.raises(type(error)) as raised, user_errors("anything"):
        raise error
    assert raised.value is error
