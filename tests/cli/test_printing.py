import sys

import pytest

from seplace.cli.printing import show_sentences

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
