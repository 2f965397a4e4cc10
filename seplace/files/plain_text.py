"""Text from outside (names of classes, files and studies, messages of other code) as a terminal may show it."""

from __future__ import annotations


def printable(text: str) -> str:
    """Return a text whose control characters, writing directions and halves of characters are written as escapes.

    Lines and tabs stay. A terminal would obey the others: move its cursor, change its title, hide what was printed.
    """
    if text.isprintable():
        return text
    return "".join(each if each.isprintable() or each in "\n\t" else _escape(each) for each in text)


def _escape(character: str) -> str:
    return character.encode("unicode_escape", errors="surrogatepass").decode()
