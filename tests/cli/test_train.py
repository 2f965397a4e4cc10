import shutil

import pytest

from seplace.api import Results
from seplace.exporters.trained import TrainedNetwork

pytestmark = pytest.mark.usefixtures("_no_figures")


@pytest.fixture
def _no_figures(monkeypatch):
    monkeypatch.setattr("seplace.api.Results._draw", lambda _results, _plot, path: path.touch())


def test_a_placement_is_trained_longer_and_on_all_images_and_exported(cli, finished, tmp_path, monkeypatch):
    copy = shutil.copytree(finished, tmp_path / "tiny")
    options = ("--seeds", 1, "--epochs", 2, "--on", "train+validation", "--beside-plain", "--workers", 1)
    code, output, errors = cli("train", copy, "se4-eca-none", *options)
    assert code == 0, errors
    assert "trained for 2 epochs on train+validation" in output
    assert "gain vs plain" not in output
    assert "--pick se4-eca-none --trained epochs2-train-validation" in output
    assert all(row.epochs == 1 for row in Results.load(copy).rows)

    written: list[TrainedNetwork] = []
    exporters = {"source": lambda network, folder: written.append(network) or folder}
    monkeypatch.setattr("seplace.api.exporting.EXPORTERS", exporters)
    code, output, _ = cli("export", copy, "--pick", "se4-eca-none", "--trained", "epochs2-train-validation")
    assert code == 0
    assert output.rstrip().endswith("se4-eca-none_epochs2-train-validation")
    (network,) = written
    known = network.provenance
    assert (known["trained_on"], known["epochs"], known["test_n"]) == ("train+validation", 2, 1)
    assert known["accuracy_of_these_weights"] is None
    assert network.build().training is False


def test_a_placement_that_joins_the_study_is_compared_with_plain(cli, finished, tmp_path):
    copy = shutil.copytree(finished, tmp_path / "tiny")
    before = len(Results.load(copy).rows)
    code, output, errors = cli("train", copy, "se4-eca-none", "--seeds", 2)
    assert code == 0, errors
    assert output.startswith("se4-eca-none: n = 2, accuracy ")
    assert "se4-eca-none is not shown to be better than the plain backbone" in output
    assert len(Results.load(copy).rows) == before + 2
    code, output, _ = cli("train", copy, "se4-eca-none", "--seeds", 2, "--format", "csv")  # all is there
    assert code == 0
    assert output.splitlines()[1].startswith("se4-eca-none,")
    assert len(Results.load(copy).rows) == before + 2
