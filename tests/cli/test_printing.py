import sys

import pytest

from seplace.cli.printing import complain, show_sentences

WORDS = "Placement none-se16-eca.parallel is better than the plain backbone at 95 %. " * 4


@pytest.mark.parametrize("is_terminal", [True, False])
def test_sentences_are_folded_between_words_in_a_terminal_alone(monkeypatch, capsys, is_terminal):
    monkeypatch.setattr(sys.stdout, "isatty", lambda: is_terminal)
    monkeypatch.delenv("COLUMNS", raising=False)
    if is_terminal:
        monkeypatch.setenv("COLUMNS", "40")
    monkeypatch.setenv("TERM", "xterm")
    show_sentences(WORDS.strip())
    lines = capsys.readouterr().out.splitlines()
    assert (len(lines) > 1) == is_terminal
    assert " ".join(line.strip() for line in lines) == WORDS.strip()
    assert not is_terminal or max(map(len, lines)) <= 40


def test_errors_are_folded_between_words_and_commands_and_paths_are_not(monkeypatch, capsys):
    monkeypatch.setenv("COLUMNS", "40")
    path = "/a/path/that/is/longer/than/the/terminal/is: not there"
    told = f"error: {WORDS.strip()}\n  mkdir -p train && mv cat dog newt salamander train\n{path}"
    complain(told)
    assert capsys.readouterr().err == f"{told}\n"
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    complain(told)
    *lines, command, last = capsys.readouterr().err.splitlines()
    assert max(map(len, lines)) <= 40
    assert " ".join(line.strip() for line in lines) == f"error: {WORDS.strip()}"
    assert (command.split()[0], last) == ("mkdir", path)
