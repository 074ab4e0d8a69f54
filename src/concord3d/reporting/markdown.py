"""Names and sentences in Markdown pages: what comes from data shows as the text it is, on GitHub and on the site.

A name is escaped where Markdown would read it otherwise, and nowhere else. Where GitHub and the site's generator differ
in what a backslash escapes, entities stand, which both show.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence

# What ends a line, for Markdown or for Python; in the middle of a page it would end a cell or start a block.
_LINE_ENDS = re.compile(r"\s*[\n\r\v\f\x1c-\x1e\x85\u2028\u2029]+\s*")
_TAG = re.compile(r"<(?=[A-Za-z/!?])")
_ENTITY = re.compile(r"&(?=\w+;|#\w)")
_UNDERSCORES = re.compile(r"(?<!_)(?:(?<!\w)_+|_+(?!\w))")
_LINK = re.compile(r"\][(:]|\]\s*\[|\[\^|^\s*\[[ xX]\]")
_CODE = re.compile(r"(`+)(?!`)(.+?)(?<!`)\1(?!`)")


class Markdown(str):
    """Text that is Markdown already, and stays as it is in a page."""

    __slots__ = ()


def plain(name: str) -> Markdown:
    """Return a name as Markdown that shows it; a line break becomes a space, a control character its code point."""
    text = _visible(_LINE_ENDS.sub(" ", name)).replace("\\", r"\\")
    text = _without_html(text).replace("*", r"\*").replace("`", r"\`")
    text = _UNDERSCORES.sub(lambda found: r"\_" * len(found[0]), text)
    if _LINK.search(text):
        text = text.replace("[", r"\[")
    for sign, entity in (("~", "&#126;"), ("$", "&#36;")):
        # One alone marks nothing: two strike out, or enclose a formula.
        text = text.replace(sign, entity) if text.count(sign) > 1 else text
    return Markdown(text)


def prose(sentences: str) -> Markdown:
    """Return sentences of a configuration file as Markdown: its marks are kept, and HTML shows as the text it is."""
    parts, end = [], 0
    for code_span in _CODE.finditer(text := _visible(sentences)):
        parts += [_without_html(text[end : code_span.start()]), code_span[0]]
        end = code_span.end()
    return Markdown("".join([*parts, _without_html(text[end:])]))


def code(name: str) -> Markdown:
    """Return a name between as many back-ticks as it takes."""
    text = _visible(_LINE_ENDS.sub(" ", name))
    if "|" in text or "&#" in text:
        # Between back-ticks the site shows the backslash before a bar of a table, and ends a number of a character.
        return Markdown(f"<code>{plain(text)}</code>")
    longest = max((len(run) for run in re.findall("`+", text)), default=0)
    fence = "`" * (longest + 1)
    room = " " if text.startswith("`") or text.endswith("`") or not text.strip() else ""
    return Markdown(f"{fence}{room}{text}{room}{fence}")


def heading(level: int, text: str) -> Markdown:
    """Return a heading; a name is given by :func:`plain`, sentences by :func:`prose`."""
    # Number signs at its end would close it.
    return Markdown(f"{'#' * level} " + re.sub(r"#+\s*$", lambda found: found[0].replace("#", r"\#"), text))


def grid(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """Return the lines of a table.

    Args:
        columns: Its heads.
        rows: Its cells: names, or :class:`Markdown`.
    """
    lines = [_row(columns), "|" + " --- |" * len(columns)]
    return lines + [_row(row) for row in rows]


def _row(cells: Sequence[str]) -> str:
    shown = [cell if isinstance(cell, Markdown) else plain(cell) for cell in cells]
    return "| " + " | ".join(_LINE_ENDS.sub(" ", cell).replace("|", "\\|") for cell in shown) + " |"


def _visible(text: str) -> str:
    """Return text with code points in place of characters that a page cannot hold."""
    return "".join(
        f"⟨U+{ord(letter):04X}⟩" if unicodedata.category(letter) in ("Cc", "Cs") and letter not in "\n\t" else letter
        for letter in text
    )


def _without_html(text: str) -> str:
    return _TAG.sub("&lt;", _ENTITY.sub("&amp;", text))
