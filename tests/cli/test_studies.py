import shutil

from tests.studies import write_study


def test_running_again_shows_the_front(cli, finished, tmp_path):
    copy = shutil.copytree(finished.parent.parent, tmp_path / "copy")  # others read what a run writes to
    code, output, _ = cli("run", copy / "tiny.yaml", "--results", copy / "results" / "tiny")
    assert code == 0
    assert "none-none-none" in output
    assert str(copy / "results" / "tiny") in output


def test_a_plan(cli, tmp_path):
    study = write_study(tmp_path, confirm={"seeds": 2, "trainings": 5})
    code, output, _ = cli("plan", study, "--results", tmp_path / "out")
    assert code == 0
    assert "343 placements; random with a budget of 10 trainings" in output
    assert "7 yardsticks first: none" in output
    assert "estimated time" in output


def test_a_plan_says_what_rungs_do(cli, tmp_path):
    study = write_study(tmp_path, training={"epochs": 9}, search={"rungs": [2, 5]})
    code, output, _ = cli("plan", study, "--results", tmp_path / "out", "--no-batch")
    assert code == 0
    assert "rungs after 2 and 5 of 9 epochs" in output
    assert "counts epochs, 9 a training" in output


def test_a_bad_study_is_exit_2_with_its_place(cli, tmp_path):
    study = write_study(tmp_path, search={"sampler": "nsga3"})
    code, _, error = cli("run", study)
    assert code == 2
    assert f"{study}:" in error


def test_what_cannot_be_exported_is_refused_before_anything_runs(cli, tmp_path):
    study = write_study(tmp_path)
    for pick, told in (("kne", "unknown pick 'kne'. Did you mean 'knee'?"), ("none-foo-se4", "stage 2: unknown")):
        code, _, errors = cli("run", study, "--results", tmp_path / "out", "--export", pick)
        assert code == 2
        assert told in errors
    assert not (tmp_path / "out").exists()
