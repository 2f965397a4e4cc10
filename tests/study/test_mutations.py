"""Reading any file gives a sound study or a short refusal, soon: `python -m tests.study.test_mutations N`."""

import collections
import random
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from seplace.errors import DataError, InputError
from seplace.files.yaml_reader import MAX_BYTES
from seplace.placement import Placement
from seplace.search.plan import make_plan
from seplace.study.config import load_study
from seplace.study.space_file import load_space
from tests.mutations import mutated, mutated_placement, texts_of, write
from tests.study_texts import STUDY

_LONGEST_MESSAGE = 20_000
_SECONDS = 4.0
"""Of the processor, which other processes do not share; the first network of a user's imports torch."""

SPACE = "schema: 1\nbackbone: cifar_resnet8\ngate: {init: paper}\n"


def read_study(path: Path) -> None:
    config = load_study(path)
    config.fingerprint()
    if config.evaluator.folder is None:
        make_plan(config, path.parent / "results", with_batch=False)


def read_space(path: Path) -> None:
    space = load_space(path)
    space.fingerprint()
    assert space.baselines


def read_mutation(seed: int, folder: Path, shipped: Mapping[str, list[str]]) -> str:
    """Read what the mutation of a seed makes and return how it ended; whatever else is raised is a fault of ours."""
    draw = random.Random(seed)
    kind = draw.choice(("studies", "studies", "search_spaces", "placements"))
    if kind == "placements":
        text = mutated_placement(draw)
        return outcome(lambda: Placement.parse(text))
    path = write(folder / "a.yaml", mutated(draw.choice(shipped[kind]), draw))
    return outcome(lambda: read_study(path) if kind == "studies" else read_space(path))


def outcome(read: Callable[[], object]) -> str:
    """Call what reads; return `sound`, or the message of the refusal once it is known to be short."""
    start = time.process_time()
    try:
        read()
        message = "sound"
    except (InputError, DataError) as error:  # a plan looks at the data
        message = str(error)
    assert time.process_time() - start < _SECONDS
    assert len(message) < _LONGEST_MESSAGE
    return message


@pytest.mark.filterwarnings("ignore:.*worker")  # what a plan of more workers than there is room for says
def test_a_mutated_file_is_sound_or_refused(tmp_path: Path) -> None:
    shipped = {kind: texts_of(kind) for kind in ("studies", "search_spaces")}
    ends = collections.Counter(read_mutation(seed, tmp_path, shipped) == "sound" for seed in range(15))
    assert ends[True] >= 1
    assert ends[False] >= 8


def filled(head: str, item: str, tail: str) -> str:
    return head + item * ((MAX_BYTES - len(head) - len(tail)) // len(item)) + tail


@pytest.mark.parametrize(
    ("text", "message"),
    [
        pytest.param(filled(f"{SPACE}choices: {{modules: [none", ",se", "]}"), "at most 20,000 keys", id="long list"),
        pytest.param(filled(f"{SPACE}k:\n", "  a: 1\n", ""), "and 9,945 more problems", id="many keys"),
        pytest.param(filled(f"{SPACE}k: [", "&a 1,", "]"), "and 19,940 more problems", id="many problems"),
        pytest.param(filled(f"{SPACE}k: ", "9", ""), "must fit in 64 bits (got '9999", id="long number"),
        pytest.param(filled(f"{SPACE}variants: ['", "a", "']"), "variants[1]: must have at most 4,096", id="long text"),
        pytest.param(
            f"{SPACE}choices: {{modules: [se], ratios: {list(range(1, 9000))}}}",
            "choices.ratios: must have at most 256 entries (got a list)",
            id="long list of ratios",
        ),
        pytest.param(
            f"{SPACE}choices: {{modules: [se, cbam], attachments: [serial, parallel, cross], ratios: "
            f"{list(range(1, 200))}}}",
            "choices: modules, ratios and attachments make 1,194 choices; a stage has at most 1,000",
            id="long product",
        ),
        pytest.param(
            f"{SPACE}variants: {[f'resnet{number}' for number in range(60)]}\nchoices: {{modules: [eca]}}",
            " more problems",
            id="many names",
        ),
        pytest.param(
            SPACE.replace("resnet8", "resnet110\ngranularity: block") + "choices: {modules: [none, se], ratios: [999]}",
            "; and in 50 more",
            id="one ratio too large for 54 blocks",
        ),
        pytest.param(
            f"{SPACE}choices: {{modules: [none, {{se: 4}}]}}", "choices.modules[2]: must be text (got a mapping)",
            id="a mapping among the modules",
        ),
        pytest.param(
            f"{SPACE}choices: {{modules: [none, [se]]}}", "choices.modules[2]: must be text (got a list)",
            id="a list among the modules",
        ),
    ],
)  # fmt: skip
def test_a_large_space_is_refused_soon_and_shortly(text: str, message: str, tmp_path: Path) -> None:
    path = write(tmp_path / "a.yaml", text)
    assert message in outcome(lambda: load_space(path))


@pytest.mark.parametrize(
    ("old", "new", "rule"),
    [
        pytest.param("seeds: 3", "seeds: 1000000000000", "search.seeds: must be at most 1,000,000,000", id="a count"),
        pytest.param("epochs: 3", "epochs: 2000000", "training.epochs: must be at most 1,000,000", id="epochs"),
        pytest.param("batch_size: 64", "batch_size: 9999999", "batch_size: must be at most 1,000,000", id="batch"),
        pytest.param(
            "batch_size: 64", "batch_size: 64\n  cutout: 99999", "cutout: must be at most 16,384", id="cutout"
        ),
        pytest.param(
            "batch_size: 64", "batch_size: 64\n  crop_padding: 99999", "crop_padding: must be at most 16,384", id="crop"
        ),
        pytest.param("name: digits", "name: digits\n  image_size: 99999", "must be at most 16,384", id="image size"),
        pytest.param("trainings: 60", "hours: 1.0e+300", "search.hours: must be at most 1e+06", id="hours"),
        pytest.param("  seed: 0", "  seed: 0\nrun: {workers: 1000000000000}", "workers: must be at most 1,024", id="w"),
        pytest.param("  seed: 0", "  seed: 0\nrun: {threads: 4096}", "threads: must be at most 1,024", id="threads"),
        pytest.param("  seed: 0", "  seed: 0\nrun: {max_retries: 4096}", "must be at most 1,000", id="retries"),
        pytest.param(
            "  seed: 0", f"  seed: 0\n  rungs: {list(range(1, 99))}", "rungs: must have at most 64 entries", id="rungs"
        ),
        pytest.param(
            "  seed: 0",
            "  seed: 0\n  proxies: [" + "naswot, " * 99 + "]",
            "proxies: must have at most 64 entries",
            id="proxies",
        ),
        pytest.param(
            "name: digits", f"name: digits\n  root: a/{'b' * 300}", "each of its parts at most 255", id="a part"
        ),
        pytest.param("name: digits", f"name: digits\n  root: {'b/' * 1500}", "has at most 2,048 bytes", id="a path"),
        pytest.param("name: digits", "name: digits\n  root: ~nobody-here/a", "no such user", id="a home"),
        pytest.param("name: digits", 'name: digits\n  root: "a\\0b"', "cannot contain a null", id="a null in a path"),
        pytest.param(
            "digits-resnet8", f"./{'b' * 300}.yaml", "each of its parts at most 255", id="the path of a space"
        ),
        pytest.param("nsga2", "a" * 5000, "search.sampler: must have at most 4,096 characters", id="a long name"),
        pytest.param("nsga2", "a" * 4000, "search.sampler: unknown sampler", id="a name that is long enough"),
    ],
)
def test_a_huge_value_is_refused(old: str, new: str, rule: str, tmp_path: Path) -> None:
    path = write(tmp_path / "a.yaml", STUDY.replace(old, new))
    assert rule in outcome(lambda: load_study(path))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        pytest.param("none-" * 200_000, "it has more than 100,000 characters", id="a megabyte"),
        pytest.param("se" + "4" * 300, "is not a stage's choice", id="a long stage"),
        pytest.param("a:" + "b" * 300, "is not a stage's choice", id="a long import path"),
        pytest.param("se\x0016", r"'se\x0016' is not a stage's choice", id="a null"),
        pytest.param("se\u202e61", r"'se\u202e61' is not a stage's choice", id="a direction"),
        pytest.param("se\x1b[31m16", r"'se\x1b[31m16' is not a stage's choice", id="an escape"),
        pytest.param("none\n", r"'none\n' is not a stage's choice", id="a line"),
        pytest.param("none@résnet", "after @ stands a backbone", id="a letter with an accent"),
        pytest.param("@" * 90_000, "after @ stands a backbone", id="many signs"),
        pytest.param("-" * 90_000, "'' is not a stage's choice", id="many stages of nothing"),
    ],
)
def test_a_strange_placement_is_refused_soon_and_shortly(text: str, message: str) -> None:
    said = outcome(lambda: Placement.parse(text))
    assert message in said
    assert len(said) < 400


if __name__ == "__main__":
    texts = {kind: texts_of(kind) for kind in ("studies", "search_spaces")}
    with tempfile.TemporaryDirectory() as name:
        for number in range(int(sys.argv[1])):
            try:
                read_mutation(number, Path(name), texts)
            except Exception as error:
                print(f"mutation {number}: {type(error).__name__}: {str(error)[:200]}")
