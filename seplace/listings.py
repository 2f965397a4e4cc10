"""Lists of the names of backbones, attention modules and attachments, which are not imported for it."""

from __future__ import annotations

from collections.abc import Iterable
from fnmatch import fnmatchcase

from seplace.attachments import ATTACHMENTS
from seplace.attention import ATTENTION
from seplace.backbones import BACKBONES
from seplace.errors import check_type


def list_backbones(*patterns: str) -> list[str]:
    """Return the names of the backbones that match any of some patterns; all of them without a pattern.

    Patterns are those of `fnmatch`: `*` stands for any text, `?` for one character, `[ab]` for a or b; a pattern
    matches a whole name. Networks of one family stand together. The list is empty where nothing matches.

    >>> import seplace
    >>> seplace.list_backbones("cifar_resnet2*", "vgg16*")
    ['cifar_resnet20', 'vgg16_bn']
    """
    return _matching(BACKBONES, patterns)


def list_modules(*patterns: str) -> list[str]:
    """Return the names of the attention modules that match any of some patterns; all of them without a pattern.

    `none` is among them: the stage is left as it is. The number that follows a name in a placement is its reduction
    ratio: `se16` is the module `se` with r = 16. Patterns are those of `list_backbones`.

    >>> import seplace
    >>> seplace.list_modules("s?", "*cbam")
    ['se', 'cbam', 'sa', 'sk']
    """
    return _matching(ATTENTION, patterns)


def list_attachments(*patterns: str) -> list[str]:
    """Return the names of the attachments that match any of some patterns; all of them without a pattern.

    An attachment says where in a block the module stands. `serial` is the default and is not written in a placement:
    `se16` is serial, `se16.parallel` is not. Patterns are those of `list_backbones`.

    >>> import seplace
    >>> seplace.list_attachments("p*")
    ['parallel', 'pre', 'post']
    """
    return _matching(ATTACHMENTS, patterns)


def _matching(names: Iterable[str], patterns: tuple[str, ...]) -> list[str]:
    for pattern in patterns:
        check_type("a pattern", pattern, str, said="a text such as 'resnet*'")
    return [name for name in names if not patterns or any(fnmatchcase(name, pattern) for pattern in patterns)]
