import inspect
import pickle
import signal

import pytest

from seplace import errors
from seplace.errors import SeplaceError
from seplace.files.atomic import DiskFull

CODES = [
    pytest.param(errors.SeplaceError, 1, Exception, id="a bug unless said otherwise"),
    pytest.param(errors.InputError, 2, ValueError, id="what the user wrote"),
    pytest.param(errors.UnknownName, 2, KeyError, id="a name that no table holds"),
    pytest.param(errors.InvalidPlacement, 2, ValueError, id="a placement"),
    pytest.param(errors.InvalidSpace, 2, ValueError, id="a search space"),
    pytest.param(errors.InvalidBlocks, 2, ValueError, id="blocks of a network"),
    pytest.param(errors.InvalidStudy, 2, ValueError, id="a study"),
    pytest.param(errors.StudyChanged, 2, ValueError, id="a folder of another study"),
    pytest.param(errors.UserCodeError, 2, ValueError, id="code of the user"),
    pytest.param(errors.DataError, 3, Exception, id="data"),
    pytest.param(errors.DamagedImages, 3, errors.DataError, id="damaged images"),
    pytest.param(errors.MissingTestSplit, 3, errors.DataError, id="no test split"),
    pytest.param(errors.UnwritableFolder, 3, errors.DataError, id="no folder for results"),
    pytest.param(errors.MissingPackage, 3, ImportError, id="a package"),
    pytest.param(errors.DeviceUnavailable, 3, RuntimeError, id="a device"),
    pytest.param(errors.DeviceFailed, 3, errors.DeviceUnavailable, id="a device that has stopped"),
    pytest.param(errors.ClusterUnavailable, 3, ConnectionError, id="a cluster"),
    pytest.param(errors.CorruptResults, 3, Exception, id="a damaged file"),
    pytest.param(errors.MissingWeights, 3, errors.CorruptResults, id="weights that are not there"),
    pytest.param(DiskFull, 3, OSError, id="no room"),
    pytest.param(errors.UncountedOperator, 2, RuntimeError, id="an operator without a count"),
    pytest.param(errors.TrainingFailed, 1, RuntimeError, id="one training"),
    pytest.param(errors.TooManyFailures, 4, RuntimeError, id="many trainings"),
    pytest.param(errors.ExportMismatch, 1, RuntimeError, id="an export that differs"),
    pytest.param(errors.StudyBusy, 75, RuntimeError, id="already running"),
]


@pytest.mark.parametrize(("error", "code", "built_in"), CODES)
def test_an_error_has_an_exit_code_and_refines_a_built_in(error, code: int, built_in) -> None:
    assert error.exit_code == code
    assert issubclass(error, built_in)
    assert issubclass(error, SeplaceError)


def test_the_table_of_exit_codes_is_whole() -> None:
    defined = {
        member
        for _, member in inspect.getmembers(errors, inspect.isclass)
        if issubclass(member, SeplaceError) and member.__module__ == errors.__name__
    }
    assert defined == {case.values[0] for case in CODES} - {DiskFull}


@pytest.mark.parametrize("error", [case.values[0] for case in CODES])
def test_an_error_travels_between_processes(error) -> None:
    made_of = {
        errors.UnknownName: ("cost", "flop", ["flops"]),
        errors.TrainingFailed: ("oom", "no memory"),
        errors.InvalidBlocks: ("nets:build", [(0, "stem", "is no block")]),
        errors.DamagedImages: (["a.png", "b.png"],),
    }
    sent = error(*made_of.get(error, ("no room",)))
    received = pickle.loads(pickle.dumps(sent))
    assert type(received) is error
    assert (str(received), received.args, vars(received)) == (str(sent), sent.args, vars(sent))


@pytest.mark.parametrize(("signum", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_exits_as_a_shell_expects(signum: int, code: int) -> None:
    assert errors.Interrupted(signum).exit_code == code


def test_an_unknown_name_reads_as_a_sentence_not_as_a_repr() -> None:
    error = errors.UnknownName("cost", "flop", ["flops", "macs"])
    assert str(error) == "unknown cost 'flop'. Did you mean 'flops'? (known: flops, macs)"


def test_a_failed_training_keeps_its_reason() -> None:
    error = errors.TrainingFailed("diverged", "the loss is nan in epoch 3")
    assert (error.reason, str(error)) == ("diverged", "the loss is nan in epoch 3")


@pytest.mark.parametrize(
    ("name", "suggestion"),
    [
        pytest.param("resnet17", ". Did you mean 'resnet18'?", id="one letter off"),
        pytest.param("vgg", "", id="nothing near"),
    ],
)
def test_the_nearest_name_is_suggested(name: str, suggestion: str) -> None:
    assert errors.did_you_mean(name, ["resnet18", "digits"]) == suggestion
