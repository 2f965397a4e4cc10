"""Fuzzing of studies, spaces and placements: a valid value, or a refusal that says where; never a traceback or a hang.

The short form tries some dozens of inputs of each kind, the long form thousands. A process of its own tries them
without torch: `python -m tests.study.test_fuzz N`.
"""

from __future__ import annotations

import contextlib
import json
import random
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from seplace.errors import InputError, InvalidPlacement, InvalidStudy
from seplace.files.former_words import current_placement
from seplace.files.shipped import shipped
from seplace.files.yaml_reader import MAX_BYTES
from seplace.placement import Placement
from seplace.study.config import StudyConfig, load_study
from seplace.study.differences import differences
from seplace.study.space_file import load_space
from tests.marks import in_the_long_form
from tests.mutations import mutated, mutated_placement, texts_of

_SECONDS = 4.0
"""Of the processor; the time of other processes is not counted."""
_LONGEST_MESSAGE = 20_000

READERS: dict[str, Callable[[Path], Any]] = {"studies": load_study, "search_spaces": load_space}
TEXTS = {kind: texts_of(kind) for kind in READERS}

scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=30)
    | st.sampled_from(["se", "none", "digits", "flops", "effects", "cifar_resnet8", "a.b:c", "16", "../x", "~", "1e-3"])
)
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=8,
)
tokens = st.sampled_from(
    [
        *("none", "se", "cbam", "eca", "native", "paper", "ge", "bam", "my.module:Gate", "resnet18", "cifar_resnet20"),
        *("-", "-", ".", "+", "@", "[", "]", "=", ",", ":", "16", "4", "0", "007", "٤", " ", "\n", "\0", "é", "\ud800"),
        *("parallel", "cross", "serial", "inner", "squeeze=max", "width=0.5", "se16", "se16.parallel", "eca.cross"),
    ]
)
placements = st.lists(tokens, max_size=12).map("".join) | st.text(max_size=40)

_REFUSAL = re.compile(r"(?P<file>.*\.yaml)(?::(?P<line>\d+):(?P<column>\d+))?: (?P<rule>.+)|… and [\d,]+ more problems")


def refusal_of(path: Path, kind: str) -> str | None:
    """Read a file; return the refusal once its form and the time that it took are known, or None."""
    start = time.process_time()
    message = None
    try:
        found = READERS[kind](path)
    except InvalidStudy as error:
        message = str(error)
    assert time.process_time() - start < _SECONDS
    if message is None:
        if isinstance(found, StudyConfig):
            check_fingerprint(found)
        else:
            assert found.fingerprint() == READERS[kind](path).fingerprint()
        return None
    assert len(message) < _LONGEST_MESSAGE
    rows = path.read_bytes().decode(errors="replace").count("\n") + 1
    for line in message.split("\n"):
        match = _REFUSAL.fullmatch(line)
        assert match, line
        assert match["line"] is None or 1 <= int(match["line"]) <= rows + 1, line
    return message


def check_fingerprint(config: StudyConfig) -> None:
    """Hold the fingerprint of a study against that of another reading, and against what a ledger makes of it."""
    fingerprint = config.fingerprint()
    assert load_study(config.path).fingerprint() == fingerprint
    assert differences(json.loads(json.dumps(fingerprint)), fingerprint) == []


def read_placement(text: str) -> None:
    start = time.process_time()
    try:
        placement = Placement.parse(text)
    except InvalidPlacement as error:
        message = str(error)
        placement = None
    assert time.process_time() - start < _SECONDS
    if placement is None:
        assert 0 < len(message) < 1500
    else:
        assert str(placement) == current_placement(text)
        assert Placement.parse(str(placement)) == placement


def with_another_value(draw: st.DataObject, kind: str) -> str:
    """Return a shipped file with a value, a key or an entry of another kind somewhere in it."""
    document = yaml.safe_load(draw.draw(st.sampled_from(TEXTS[kind])))
    places: list[tuple[Any, Any]] = []
    waiting = [document]
    while waiting:
        holder = waiting.pop()
        keys = list(holder) if isinstance(holder, dict) else range(len(holder)) if isinstance(holder, list) else ()
        places += [(holder, key) for key in keys]
        waiting += [holder[key] for key in keys]
    holder, key = draw.draw(st.sampled_from(places))
    how = draw.draw(st.sampled_from(["value", "value", "value", "key", "without"]))
    if how == "without":
        del holder[key]
    elif how == "key" and isinstance(holder, dict):
        holder[draw.draw(st.text(max_size=10))] = draw.draw(values)
    else:
        holder[key] = draw.draw(values)
    if draw.draw(st.booleans()):
        return json.dumps(document)
    return str(yaml.safe_dump(document, allow_unicode=True, sort_keys=False))


def fuzz(test: Callable[..., None], *strategies: st.SearchStrategy[Any], examples: int) -> None:
    quiet = settings(
        max_examples=examples, deadline=None, database=None, derandomize=True, suppress_health_check=list(HealthCheck)
    )
    quiet(given(*strategies)(test))()


@pytest.mark.parametrize("examples", [30, in_the_long_form(3000)])
@pytest.mark.parametrize("kind", READERS)
def test_any_bytes_are_refused(tmp_path, kind, examples):
    path = tmp_path / "a.yaml"
    texts = st.sampled_from(TEXTS[kind]).map(str.encode)

    def read(data: bytes, honest: bytes, at: int) -> None:
        path.write_bytes(data)
        assert refusal_of(path, kind) is not None
        path.write_bytes(honest[:at] + data + honest[at:])  # somewhere in a valid file
        refusal_of(path, kind)

    fuzz(
        read, st.binary(max_size=60) | st.text(max_size=60).map(_encoded), texts, st.integers(0, 700), examples=examples
    )


def _encoded(text: str) -> bytes:
    return text.encode(errors="surrogatepass")


@pytest.mark.parametrize("examples", [40, in_the_long_form(4000)])
@pytest.mark.parametrize("kind", READERS)
def test_a_file_with_another_value_is_valid_or_refused_by_its_place(tmp_path, kind, examples):
    path = tmp_path / "a.yaml"

    def read(data: st.DataObject) -> None:
        path.write_bytes(_encoded(with_another_value(data, kind)))
        refusal_of(path, kind)

    fuzz(read, st.data(), examples=examples)


@pytest.mark.parametrize("examples", [500, in_the_long_form(20_000)])
def test_any_text_is_a_placement_or_refused(examples):
    fuzz(read_placement, placements, examples=examples)


def test_the_way_a_study_is_written_does_not_change_its_meaning(tmp_path):
    for name, path in shipped("studies").items():
        document = yaml.safe_load(path.read_text())
        if document.get("evaluator", {}).get("name") == "tabular" or "/" in document["space"]:
            continue
        copies = [tmp_path / f"{name}-{number}.yaml" for number in range(3)]
        copies[0].write_text(path.read_text())
        copies[1].write_text(json.dumps(document))
        copies[2].write_text("\ufeff" + yaml.safe_dump(document, default_flow_style=True, sort_keys=True), "utf-8")
        first, *others = (load_study(copy).fingerprint() for copy in copies)
        assert all(other == first for other in others), name


@pytest.mark.parametrize("item", [*"[{?:'|%\t", "- ", "&a ", "*a ", "!!x ", "a: {", "a: &x\n", "%a\n", "{a: "])
def test_a_large_file_of_anything_is_refused_soon(tmp_path, item):
    size = MAX_BYTES // 8
    (tmp_path / "a.yaml").write_text(item * (size // len(item)))
    assert refusal_of(tmp_path / "a.yaml", "studies") is not None


def test_nothing_that_is_read_imports_torch():
    command = [sys.executable, "-m", "tests.study.test_fuzz", "40"]
    done = subprocess.run(
        command, check=False, capture_output=True, text=True, cwd=Path(__file__).parents[2], timeout=120
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == "40 studies, spaces and placements, none of which imported torch\n"


def main(count: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        for seed in range(count):
            draw = random.Random(seed)
            kind = draw.choice(list(READERS))
            path = Path(folder) / "a.yaml"
            # What names code of the user's own imports what that code imports.
            text = mutated(draw.choice(TEXTS[kind]), draw).replace(":found", "")
            path.write_bytes(_encoded(text))
            refusal_of(path, kind)
            with contextlib.suppress(InputError):
                Placement.parse(mutated_placement(draw))
    heavy = sorted({"torch", "pytorch_lightning", "optuna", "fvcore", "matplotlib"} & sys.modules.keys())
    print(f"{count} studies, spaces and placements, {heavy or 'none of which'} imported torch")


if __name__ == "__main__":
    main(int(sys.argv[1]))
