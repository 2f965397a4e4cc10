"""The page as one HTML file: a template with its styles, its scripts, plotly.js and the data, all inside.

Every name is text: the template escapes what it writes, and the scripts add text nodes alone. A content-security policy
allows these very scripts, by their digests, and no connection. Data and plotly.js are compressed, so that the page has
two megabytes instead of five.
"""

from __future__ import annotations

import base64
import functools
import gzip
import hashlib
import importlib.util
import json
import re
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from seplace.errors import MissingPackage
from seplace.files.plain_text import printable
from seplace.metric import MOST_DECIMALS, SMALL
from seplace.report.numbers import quantity

if TYPE_CHECKING:
    from jinja2 import Template
    from markupsafe import Markup

    from seplace.report.page.content import Page

_HERE = Path(__file__).parent
_STYLES = ("page.css",)
_SCRIPTS = ("ground.js", "strip.js", "front.js", "charts.js", "table.js", "start.js")
"""In the order in which they run."""
_WEBGL_FROM = 2000
"""Points from which the front is drawn with WebGL: plotly.js then makes functions out of text, which the policy allows
there alone."""
_WHOLE = 36
"""The characters up to which a placement in a sentence stays on one line."""
_MINUS = "\N{MINUS SIGN}"


def painted(page: Page) -> str:
    """Return the page as HTML; the same content gives the same bytes."""
    has_webgl = len(page.points.placement) >= _WEBGL_FROM
    script = "\n".join((_HERE / name).read_text(encoding="utf-8") for name in _SCRIPTS)
    library, digest = ("", "") if page.is_empty else _plotly()
    embedded = {**page.embedded, "webgl": has_webgl}
    html: str = _template().render(
        page=page,
        names=frozenset(page.points.placement),
        policy=_policy(_digest(script.encode()), digest, may_evaluate=has_webgl),
        styles="\n".join((_HERE / name).read_text(encoding="utf-8") for name in _STYLES),
        script=script,
        data=_packed(json.dumps(_clean(embedded), allow_nan=False, separators=(",", ":")).encode()),
        library=library,
    )
    return html


@functools.cache
def _template() -> Template:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(_HERE), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters |= {
        "signed": signed,
        "plain": plain,
        "count": quantity_of,
        "share": share,
        "clean": printable,
        "marked": marked,
    }
    return environment.get_template("page.html")


def signed(value: float | None, digits: int = 2) -> str:
    """Return a number with its sign and a true minus, zero without; an en dash where it is not known."""
    if value is None:
        return "\N{EN DASH}"
    text = _fixed(value, digits, "+").replace("-", _MINUS)
    return text if any(character in "123456789" for character in text) else text[1:]


def plain(value: float | None, digits: int = 2) -> str:
    """Return a number; an en dash where it is not known."""
    return "\N{EN DASH}" if value is None else _fixed(value, digits, ",").replace("-", _MINUS)


def _fixed(value: float, digits: int, option: str) -> str:
    """Return a number with some decimals; where they are more than are read, a small one in a power of ten."""
    if digits > MOST_DECIMALS and 0 < abs(value) < SMALL:
        return f"{value:{option}.2e}"
    return f"{value:{option}.{digits}f}"


def quantity_of(value: float | None, *, is_signed: bool = False) -> str:
    """Return a cost with its prefix; an en dash where it is not known."""
    return "\N{EN DASH}" if value is None else quantity(value, signed=is_signed and value != 0).replace("-", _MINUS)


def share(percent: float) -> str:
    """Return a signed number of percent with two or three significant digits."""
    digits = 2 if abs(percent) < 10 else 1 if abs(percent) < 100 else 0
    return f"{signed(percent, digits)} %"


def marked(text: str, names: Collection[str]) -> Markup:
    """Return sentences as HTML with the placements in them as code, which does not break at its hyphens."""
    from markupsafe import Markup, escape

    def word(found: re.Match[str]) -> str:
        inner = found[0].strip("().,;:")
        if inner not in names:
            return str(escape(found[0]))
        before, _, after = found[0].partition(inner)
        kind = " class='whole'" if len(inner) <= _WHOLE else ""
        return f"<span{kind}>{escape(before)}<code>{escape(inner)}</code>{escape(after)}</span>"

    return Markup(re.sub(r"[^\s<>&]+|[<>&]", word, printable(text)))


def _policy(*digests: str, may_evaluate: bool) -> str:
    sources = " ".join(f"'{digest}'" for digest in digests if digest)
    evaluation = " 'unsafe-eval'" if may_evaluate else ""
    return (
        f"default-src 'none'; script-src {sources}{evaluation}; style-src 'unsafe-inline'; img-src data: blob:; "
        "base-uri 'none'; form-action 'none'"
    )


@functools.cache
def _plotly() -> tuple[str, str]:
    """Return plotly.js, compressed, and its digest; the package is found and not imported."""
    found = importlib.util.find_spec("plotly")
    places = [] if found is None else [Path(place) for place in found.submodule_search_locations or ()]
    paths = [place / "package_data" / "plotly.min.js" for place in places]
    path = next((each for each in paths if each.is_file()), None)
    if path is None:
        raise MissingPackage("the page needs the file plotly.min.js of the package plotly: pip install plotly")
    library = path.read_bytes()
    return _packed(library), _digest(library)


def _packed(content: bytes) -> str:
    return base64.b64encode(gzip.compress(content, compresslevel=6, mtime=0)).decode()


def _digest(script: bytes) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(script).digest()).decode()}"


def _clean(value: Any) -> Any:
    """Return plain JSON types with what cannot be printed written out, as everywhere else that names are shown."""
    if isinstance(value, str):
        return printable(value)
    if isinstance(value, Mapping):
        return {_clean(key): _clean(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_clean(each) for each in value]
    return value
