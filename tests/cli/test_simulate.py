def test_rungs_that_are_no_numbers_are_bad_input(cli, tmp_path):
    code, _, error = cli("simulate", "usual", "--sampler", "random", "--rungs", "a,b", "--output", tmp_path / "out")
    assert code == 2
    assert "--rungs: write numbers with commas between them, such as 0.11,0.33 (got a,b)" in error
