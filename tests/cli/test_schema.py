import json

from seplace.report.json_schema import schema_of


def test_a_schema_is_printed(cli):
    for kind in ("study", "space"):
        code, output, _ = cli("schema", kind)
        assert code == 0
        assert json.loads(output) == json.loads(json.dumps(schema_of(kind)))
    code, _, errors = cli("schema", "studdy")
    assert code == 2
    assert "unknown kind 'studdy'. Did you mean" in " ".join(errors.split())
