"""Mutated texts of studies, spaces and placements: what a typing error, a broken tool or an attacker makes of them."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import yaml

from seplace.files.shipped import shipped

_CHARACTERS = "\x00\x07\x1b\x7f\x85\u200b\u202e\u2028\ufeff\u0661\uff11é😀\t\r\n :,-[]{}#&*!|>'\"%@`~?=+.0e_"
_VALUES: tuple[Any, ...] = (
    None,
    True,
    "",
    "none",
    "é\u202e\x1b[31m",
    "a" * 3000,
    "se[" + "x=1," * 400 + "]",
    "nowhere.to_be:found",
    "cifar_resnet20[width=1e9]",
    "cifar_resnet20[width=nan]",
    "cifar_resnet20[width=1e-9]",
    "../..",
    "/dev/null",
    "16",
    0,
    -1,
    1,
    7,
    10**6,
    10**12,
    2**63 - 1,
    -(2**63),
    0.0,
    -0.5,
    1e-320,
    1e308,
    1e12,
    float("inf"),
    float("nan"),
    [],
    {},
    [[]],
    [None],
    {"se": 4},
    [{"se": 4}, "none"],
    ["none", "none"],
    {"": 1},
    ["se", "se"],
    list(range(1, 3000)),
    [f"m{number}" for number in range(2000)],
    {f"k{number}": number for number in range(2000)},
)


def texts_of(kind: str) -> list[str]:
    """The shipped files of a kind, `search_spaces` or `studies`, as texts; not those that run a network to be read."""
    texts = [path.read_text() for path in shipped(kind).values()]  # type: ignore[arg-type]
    return [text for text in texts if "seplace.examples" not in text]


def mutated(text: str, draw: random.Random) -> str:
    """Return a YAML text with one to three changes, of its values or of its characters."""
    for _ in range(draw.choice((1, 1, 2, 3))):
        text = draw.choice((_with_another_value, _with_other_characters))(text, draw)
    return text


def mutated_placement(draw: random.Random) -> str:
    """Return the text of a placement with changes."""
    text = draw.choice(
        ("none-se16-eca.parallel-none", "se[squeeze=max]16-none", "none-none@cifar_resnet20[width=1.25]", "a.b:c4")
    )
    for _ in range(draw.randint(1, 4)):
        text = _with_other_characters(text, draw)
    return text * draw.choice((1, 1, 1, 50, 20_000))


def _with_another_value(text: str, draw: random.Random) -> str:
    try:
        values = yaml.safe_load(text)
    except (yaml.YAMLError, ValueError, RecursionError, OverflowError):
        return text
    places = list(_places(values))
    if not places:
        return text
    holder, key = draw.choice(places)
    how = draw.randrange(6)
    if how == 0 and isinstance(holder, dict):
        holder[draw.choice(("x", str(key) + "s", "é\x1b", "k" * 2000))] = holder.pop(key)
    elif how == 1:
        del holder[key]
    elif how == 2 and isinstance(holder, list):
        holder.extend([holder[key]] * draw.choice((1, 2, 3000)))
    elif how == 3:
        holder[key], other = draw.choice([holder[key], [holder[key]], {"x": holder[key]}]), holder[key]
        holder[key] = [holder[key], other] if draw.random() < 0.3 else holder[key]
    else:
        holder[key] = draw.choice(_VALUES)
    if draw.random() < 0.5:
        return json.dumps(values, ensure_ascii=draw.random() < 0.5)
    return str(yaml.safe_dump(values, sort_keys=False, allow_unicode=True, width=draw.choice((80, 10**6))))


def _places(values: Any) -> list[tuple[Any, Any]]:
    """Each mapping or list of a document with each of its keys."""
    found: list[tuple[Any, Any]] = []
    waiting = [values]
    while waiting and len(found) < 10_000:
        holder = waiting.pop()
        keys = list(holder) if isinstance(holder, dict) else range(len(holder)) if isinstance(holder, list) else ()
        found += [(holder, key) for key in keys]
        waiting += [holder[key] for key in keys]
    return found


def _with_other_characters(text: str, draw: random.Random) -> str:
    at = draw.randrange(len(text) + 1)
    end = min(len(text), at + draw.choice((1, 1, 2, 5, 40)))
    how = draw.randrange(7)
    if how == 0:
        return text[:at] + text[end:]
    if how == 1:
        return text[:at] + draw.choice(_CHARACTERS) * draw.choice((1, 1, 2, 30)) + text[at:]
    if how == 2:
        return text[:at] + text[at:end] * draw.choice((2, 3, 200)) + text[end:]
    if how == 3:
        lines = text.splitlines(keepends=True) or [""]
        lines.insert(draw.randrange(len(lines)), draw.choice(lines))
        return "".join(lines)
    if how == 4:
        lines = text.splitlines(keepends=True) or [""]
        lines.pop(draw.randrange(len(lines)))
        return "".join(lines)
    if how == 5:
        return (
            text[:at]
            + draw.choice(("9" * 30, "1e999", "0x" + "f" * 20, "١٢", "[" * 30, "- " * 30, "{a: " * 30))
            + text[at:]
        )
    return (
        text[:at] + chr(draw.randrange(0x110000 - 0x800)) + text[end:]
        if draw.random() < 0.5
        else text[end:] + text[:at]
    )


def write(path: Path, text: str) -> Path:
    """Write a text as it is; what UTF-8 does not hold becomes bytes that are not UTF-8."""
    path.write_bytes(text.encode("utf-8", errors="surrogatepass"))
    return path
