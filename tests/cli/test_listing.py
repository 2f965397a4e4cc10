import json

from seplace.report.catalogue import KINDS


def test_the_command(cli) -> None:
    code, output, _ = cli("list")
    assert code == 0
    assert output.startswith("kind  ")
    assert {line.split()[0] for line in output.splitlines()[1:-2]} == set(KINDS)
    code, output, _ = cli("list", "modules", "se", "--format", "json")
    assert [row["module"] for row in json.loads(output)] == ["se", "ese"]
    code, _, errors = cli("list", "modulse")
    assert code == 2
    assert "unknown kind of names 'modulse'. Did you mean 'modules'?" in errors
