"""Text from outside (names of classes, files and studies, messages of other code), made safe for a terminal."""

from __future__ import annotations


def printable(text: str) -> str:
    """Return a text with control characters, changes of writing direction and surrogates replaced by escapes.

    Newlines and tabs stay. A terminal would act on the others: move its cursor, change its title, hide output.
    """
    if text.isprintable():
        return text
    return "".join(each if each.isprintable() or each in "\n\t" else _escape(each) for each in text)


def _escape(character: str) -> str:
    return character.encode("unicode_escape", errors="surrogatepass").decode()
