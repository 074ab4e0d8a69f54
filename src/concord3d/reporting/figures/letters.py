"""Words of a figure as the words they are: no formulas, no names that legends leave out, no boxes for missing letters.

A name from data may hold any character. The font of figures ships with Matplotlib and is the same on every machine; it
has Latin, Greek, Cyrillic and more, and no Chinese, Japanese or Korean. Fonts of the machine are not asked, since then
the same results would look different elsewhere.
"""

from __future__ import annotations

import unicodedata
from functools import cache
from itertools import chain

from matplotlib.figure import Figure
from matplotlib.font_manager import findfont, get_font
from matplotlib.text import Text

# Matplotlib leaves labels out of legends that begin with an underscore. Nothing stands for this mark in a figure.
_VISIBLE = "\u200b"
EXPLANATION = "\u27e8U+...\u27e9: a character that the font of figures lacks"


def in_legend(name: str) -> str:
    """Return a name as a label that a legend shows, also one that begins with an underscore."""
    return f"{_VISIBLE}{name}" if name.startswith("_") else name


def out_of_legend(label: str) -> str:
    """Return the name that :func:`in_legend` made a label of."""
    return label.removeprefix(_VISIBLE)


def show_every_letter(figure: Figure) -> bool:
    """Let every text of a figure show as the text it is; a character without a glyph shows as its code point.

    Args:
        figure: Finished but for the drawing.

    Returns:
        Whether a character was replaced.
    """
    replaced = False
    for axis in chain.from_iterable((axes.xaxis, axes.yaxis) for axes in figure.axes):
        # Texts of ticks are made anew at each drawing, from these.
        for minor in (False, True):
            ticks = axis.get_ticklabels(minor=minor)
            shown = [_shown(text) for text in ticks]
            if shown != [text.get_text() for text in ticks]:
                replaced = True
                axis.set_ticklabels(shown, minor=minor)
    for text in figure.findobj(Text):
        assert isinstance(text, Text)
        text.set_parse_math(False)
        text.set_usetex(False)
        shown_text = _shown(text)
        replaced |= shown_text != out_of_legend(text.get_text())
        text.set_text(shown_text)
    return replaced


def _shown(text: Text) -> str:
    glyphs = _glyphs(findfont(text.get_fontproperties()))
    return "".join(
        letter if letter == "\n" or _has_glyph(letter, glyphs) else f"\u27e8U+{ord(letter):04X}\u27e9"
        for letter in out_of_legend(text.get_text())
    )


def _has_glyph(letter: str, glyphs: frozenset[int]) -> bool:
    # A control character, or half of a pair of code units, makes a picture in SVG unreadable.
    return ord(letter) in glyphs and unicodedata.category(letter) not in ("Cc", "Cs")


@cache
def _glyphs(font: str) -> frozenset[int]:
    return frozenset(get_font(font).get_charmap())
