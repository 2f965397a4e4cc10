import json
import re
import shutil
from dataclasses import replace

import pytest
from made_up import make_folder

from seplace import api, running
from seplace.errors import DataError
from seplace.evaluators.stand_alone import StandAlone
from seplace.report.images import image_lines
from tests.ledgers import alter
from tests.report.test_progress import some_progress
from tests.studies import write_small_space, write_study


def test_running_again_shows_the_front(cli, finished, tmp_path):
    copy = shutil.copytree(finished.parent.parent, tmp_path / "copy")  # others read what a run writes to
    code, output, errors = cli("run", copy / "tiny.yaml", "--results", copy / "results" / "tiny")
    assert code == 0
    assert "none-none-none" in output
    assert str(copy / "results" / "tiny") in output
    advice = output.split("tables and figures: ")[1]
    assert api.load(copy / "results" / "tiny").advice.sentence in advice
    assert "\n  seplace " in advice  # a command on a line of its own
    assert re.search(r"^baselines 7/7, .*^search (\d+)/\1, ", errors, re.MULTILINE | re.DOTALL)
    assert not re.search(r" 0/\d", errors)  # nothing is counted anew


def test_a_plan(cli, tmp_path):
    study = write_study(tmp_path, confirm={"seeds": 2, "trainings": 5})
    code, output, _ = cli("plan", study, "--results", tmp_path / "out")
    assert code == 0
    assert "343 placements; random with a budget of 10 trainings" in output
    assert '7 baselines first, of this budget: "plain", "SE everywhere"' in output
    assert "estimated time" in output


def test_a_plan_says_what_rungs_do(cli, tmp_path):
    study = write_study(tmp_path, training={"epochs": 9}, search={"rungs": [2, 5]})
    code, output, _ = cli("plan", study, "--results", tmp_path / "out", "--no-batch")
    assert code == 0
    assert "rungs after 2 and 5 of 9 epochs" in output
    assert "counts epochs, 9 a training" in output


def test_a_plan_says_what_gains_can_be_shown(cli, tmp_path):
    study = write_study(tmp_path, confirm={"seeds": 3, "trainings": 18}, data={"validation_images": 600})
    options = ("--no-batch", "--results", tmp_path / "out")
    code, output, _ = cli("plan", study, *options)
    assert code == 0
    assert output.startswith("study tiny: ")
    shown = re.search(r"gains over plain of about (\S+) points or more can be shown \(80 % power.*: 600 valid", output)
    assert float(shown[1]) > 1
    assert "  assumed: a placement and plain on one seed disagree on " in output
    code, _, errors = cli("plan", study, *options, "--pilot", tmp_path)
    assert code == 3
    assert f"{tmp_path}: no results here" in errors


def test_the_first_line_of_a_plan_is_that_no_verdict_can_follow(cli, tmp_path):
    study = write_study(tmp_path, search={"seeds": 1})
    code, output, _ = cli("plan", study, "--results", tmp_path / "out", "--no-batch")
    assert code == 0
    assert output.splitlines()[0].startswith("This study cannot end with a verdict: at 95 % it needs two seeds")
    assert "with that change, gains over plain of about " in output


def test_a_bad_study_is_exit_2_with_its_place(cli, tmp_path):
    study = write_study(tmp_path, search={"sampler": "nsga3"})
    code, _, error = cli("run", study)
    assert code == 2
    assert f"{study}:" in error


def test_what_cannot_be_exported_is_refused_before_anything_runs(cli, tmp_path):
    study = write_study(tmp_path)
    for pick, rule in (("kne", "unknown pick 'kne'. Did you mean 'knee'?"), ("none-foo-se4", "stage 2: unknown")):
        code, _, errors = cli("run", study, "--results", tmp_path / "out", "--export", pick)
        assert code == 2
        assert rule in errors
    assert not (tmp_path / "out").exists()


def test_an_error_of_the_test_phase_leaves_tables_and_verdict(cli, finished, tmp_path, monkeypatch):
    copy = shutil.copytree(finished.parent.parent, tmp_path / "copy")
    results = copy / "results" / "tiny"
    alter(results / "ledger.sqlite", "DELETE FROM tests")
    (results / "front.csv").unlink()

    def broken(_evaluator, _evaluation):
        raise DataError("val/a/1.png: not a readable image")

    monkeypatch.setattr(StandAlone, "test", broken)
    code, output, errors = cli("run", copy / "tiny.yaml", "--results", results)
    assert code == 3
    assert "better than the plain backbone" in output
    assert "the test split could not be read, all else is done: val/a/1.png: not a readable image" in errors
    assert (results / "front.csv").is_file()


def test_names_of_classes_do_not_steer_a_terminal():
    use = {"images": 2, "fewest": 1, "most": 1, "place": "train", "is_held_out": False}
    lines = image_lines({"classes": ["a\x1b[31m", "b\udcff"], "uses": {"train": use}, "notes": ["x\r"]})
    assert lines[0] == r"2 classes: a\x1b[31m, b\udcff"
    assert lines[-1] == r"  note: x\r"


def test_a_list_of_damaged_images_is_indented_below_its_note():
    use = {"images": 2, "fewest": 1, "most": 1, "place": "train", "is_held_out": False, "left_out": 1}
    damaged = "left out: 2 images cannot be used:\n  a.png: empty\n  b.png: cut"
    lines = image_lines({"classes": ["a"], "uses": {"train": use}, "notes": [damaged]})
    assert lines[2] == "    1 more is left out: it cannot be used"
    assert lines[-3:] == ["  note: left out: 2 images cannot be used:", "    a.png: empty", "    b.png: cut"]


def test_a_plan_says_what_the_data_are_used_for(cli, tmp_path):
    make_folder(tmp_path / "images")
    data = {"name": "image_folder", "root": "images", "image_size": 8, "train_images": None, "validation_images": None}
    study = write_study(tmp_path, data=data)
    code, output, _ = cli("plan", study, "--results", tmp_path / "out", "--no-batch")
    assert code == 0
    for line in (
        "3 classes: class_0, class_1, class_2",
        "  train: 30 images, 10 a class, from train, 8x8 pixels",
        "  validation: 12 images, 4 a class, from val, 8x8 pixels",
        "  test: none; the study ends without test figures",
    ):
        assert line in output.splitlines()
    (tmp_path / "images" / "val" / "class_1" / "000.png").write_bytes(b"")
    for options in ([], ["--no-batch"]):
        code, _, errors = cli("plan", study, "--results", tmp_path / "out", *options)
        assert code == 3
        assert "val/class_1/000.png: no image, 0 bytes" in errors
        assert "skip_damaged: true" in errors
    shutil.rmtree(tmp_path / "images")
    output = cli("plan", study, "--results", tmp_path / "out", "--no-batch")[1]
    assert re.search("not looked at, .*images is not there", output)
    assert re.search("is not known: it depends on the validation images in .*images, which is not there", output)


@pytest.mark.filterwarnings("default:999 workers")
def test_a_plan_says_what_limits_leave_and_that_workers_wait(cli, tmp_path):
    study = write_study(
        tmp_path,
        space=write_small_space(tmp_path),
        objective={"limits": {"params": 4940}},
        run={"executor": "processes", "workers": 999},
    )
    code, output, errors = cli("plan", study, "--results", tmp_path / "out")
    assert code == 0
    assert "7 of 8 placements keep the limits (params at most 4,940): flops " in output
    assert "not trained, since they are over a limit: SE everywhere" in output
    assert "estimated time: " in output
    assert "999 workers of 1 thread are more than this machine has room for" in errors
    impossible = write_study(tmp_path, name="none", objective={"limits": {"params": 7}})
    for options in ((), ("--no-batch",)):
        code, _, errors = cli("plan", impossible, "--results", tmp_path / "other", *options)
        assert code == 2
        assert "no placement of digits-resnet8 is so cheap (got 7" in errors


def test_a_run_says_that_trainings_failed_and_makes_them_again_on_demand(cli, finished, monkeypatch):
    asked, results = [], api.load(finished)
    results.failed = [replace(results.rows[1], state="failed")]
    monkeypatch.setattr(running, "run", lambda _study, *, retry_failed, **_: (asked.append(retry_failed), results)[1])
    assert re.search(r"1 training failed: seplace status \S+tiny says why", cli("run", "tiny")[1])
    cli("run", "tiny", "--retry-failed")
    assert asked == [False, True]


@pytest.mark.parametrize("option", ["--json", "--quiet"])
def test_a_run_prints_json_or_nothing_on_demand(cli, finished, monkeypatch, option):
    results = api.load(finished)

    def run(_study, *, observer, **_):
        observer(some_progress(news=(results.rows[0],)))
        if option == "--json":
            print("of the user's own code")
        return results

    monkeypatch.setattr(running, "run", run)
    code, output, errors = cli("run", "tiny", option)
    assert (code, errors) == (0, "of the user's own code\n" if option == "--json" else "")
    events = [json.loads(line) for line in output.splitlines()]
    if option == "--quiet":
        assert not events
        return
    assert [each["event"] for each in events] == ["training", "progress", "outcome"]
    assert events[-1]["advice"] == results.advice.to_json()
    assert events[-1]["verdict"] == results.verdict
    assert events[-1]["front"][0]["placement"] == "none-none-none"
    assert cli("run", "tiny", "--json", "--quiet")[0] == 2


def test_an_error_is_an_event_too(cli, monkeypatch):
    def run(*_, **__):
        raise DataError("no images")

    monkeypatch.setattr(running, "run", run)
    code, output, errors = cli("run", "tiny", "--json")
    assert json.loads(output) == {"event": "error", "message": "no images", "exit_code": 3}
    assert (code, errors) == (3, "error: no images\n")
