def test_the_doctor_lists_versions_and_devices(cli):
    code, output, _ = cli("doctor")
    assert code in (0, 3)
    for subject in ("python", "torch", "\nlightning ", "optuna", "sqlite", "processor"):
        assert subject in output
