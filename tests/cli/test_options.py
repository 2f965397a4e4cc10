"""What the options of commands refuse, each with exit 2 and in a line or two, before anything runs."""

import pytest

from tests.studies import write_study

RUNS = [
    pytest.param(("--executor", "proceses"), "unknown executor 'proceses'. Did you mean 'processes'? (known:", id="ex"),
    pytest.param(("--executor", "foo"), "unknown executor 'foo' (known: inline, processes", id="nothing like it"),
    pytest.param(("--accelerator", "gpuu"), "unknown accelerator 'gpuu'. Did you mean 'gpu'? (known: cpu", id="device"),
    pytest.param(("--workers", 10**12), "workers must be at most 1,024 (got 1000000000000)", id="workers"),
    pytest.param(("--threads", 10**12), "threads must be at most 1,024 (got 1000000000000)", id="threads"),
]


@pytest.mark.parametrize(("arguments", "message"), RUNS)
def test_where_a_run_cannot_take_place_is_refused(cli, tmp_path, arguments, message):
    code, _, errors = cli("run", write_study(tmp_path), "--results", tmp_path / "out", *arguments)
    assert code == 2
    assert f"error: {message}" in errors
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        pytest.param(
            ("front", "results", "--format", "jsn"), "unknown format 'jsn'. Did you mean 'json'?", id="format"
        ),
        pytest.param(("noise", "results", "--format", "xml"), "(known: table, json, csv)", id="another format"),
        pytest.param(("bench", "resnet18", "--accelerator", "cpuu"), "Did you mean 'cpu'?", id="accelerator"),
        pytest.param(("proxy", "results", "--accelerator", "tpu"), "(known: auto, cpu, gpu)", id="no accelerator"),
        pytest.param(("bench", "resnet18", "--image-size", 10**9), "less than or equal to 4096", id="size"),
        pytest.param(("bench", "resnet18", "--classes", 10**12), "less than or equal to 1000000", id="classes"),
        pytest.param(("simulate", "usual", "--sampler", "random", "--workers", 10**12), "equal to 1024", id="workers"),
        pytest.param(("simulate", "usual", "--sampler", "random", "--trainings", 10**12), "to 100000", id="trainings"),
        pytest.param(("simulate", "usual", "--sampler", "randm"), "Did you mean 'random'?", id="sampler"),
        pytest.param(("simulate", "usul", "--sampler", "random"), "Did you mean 'usual'?", id="landscape"),
        pytest.param(("simulate", "usual", "--sampler", "random", "--rungs", "nan"), "rungs are finite", id="rungs"),
    ],
)
def test_a_value_that_an_option_does_not_take_is_refused(cli, tmp_path, monkeypatch, arguments, message):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "300")
    code, _, errors = cli(*arguments)
    assert code == 2
    assert message in errors
