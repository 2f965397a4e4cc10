"""The page as a file: it is one, small, the same for the same results, and its policy allows its own scripts alone."""

import base64
import gzip
import hashlib
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from seplace.api import Results
from seplace.report import page as page_module
from seplace.report.page.paint import marked, quantity_of, share, signed

EFFECTS = Path("results/cifar10-effects")


def digest(text: str) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"


def test_the_file(tmp_path) -> None:
    path = tmp_path / "report.html"
    code = (
        "import sys; from seplace.cli import main\n"
        f"sys.argv = ['seplace', 'report', {str(EFFECTS)!r}, '--output', {str(path)!r}]\n"
        "try: main()\n"
        "finally: print(*[name for name in ('torch', 'matplotlib', 'plotly', 'optuna') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == [f"wrote {path}", ""]  # and none of these was imported
    html = path.read_text()
    assert len(html) < 2_500_000
    # Nothing is loaded from elsewhere: links lead into the page.
    assert set(re.findall(r'(?:src|href)="([^"#][^":]*:)', html)) <= {"data:"}
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', html)
    assert policy is not None
    assert "default-src &#39;none&#39;" in policy[1]
    assert "unsafe-eval" not in policy[1]
    *_, script = re.findall(r"<script>(.*?)</script>", html, flags=re.DOTALL)
    packed = re.search(r'id="library">([^<]*)<', html)
    assert packed is not None
    library = gzip.decompress(base64.b64decode(packed[1])).decode()
    assert library.startswith("/**\n* plotly.js")
    for source in (script, library):
        assert digest(source) in policy[1]
    embedded = re.search(r'id="embedded">([^<]*)<', html)
    assert embedded is not None
    data = json.loads(gzip.decompress(base64.b64decode(embedded[1])))
    assert len(data["placement"]) == len(data["columns"]["gain"])
    other = Results.load(EFFECTS).report(tmp_path / "again.html")
    assert other.read_text() == html


def test_a_page_that_fails_does_not_end_a_run(tmp_path, monkeypatch) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("a page of trouble")

    monkeypatch.setattr(page_module, "write_page", fail)
    with pytest.warns(UserWarning, match="report.html: the page could not be written: .*trouble"):
        page_module.write_page_or_warn(Results.load(EFFECTS), tmp_path / "report.html")


def test_figures_as_text() -> None:
    assert signed(-0.5) == "\N{MINUS SIGN}0.50"
    assert signed(-0.001) == "0.00"
    assert signed(None) == "\N{EN DASH}"
    assert quantity_of(0, is_signed=True) == "0"
    assert quantity_of(54_400, is_signed=True) == "+54.4k"
    assert [share(value) for value in (1.234, 12.34, 115.85)] == ["+1.23 %", "+12.3 %", "+116 %"]


def test_placements_in_sentences_are_code_and_all_else_is_text() -> None:
    html = marked("Take se16-none: <b> & (none-none), not se16.", {"se16-none", "none-none"})
    assert html == (
        "Take <span class='whole'><code>se16-none</code>:</span> &lt;b&gt; &amp; "
        "<span class='whole'>(<code>none-none</code>),</span> not se16."
    )
