"""Formulas of the documents as drawings in a page, so that a browser needs neither a script nor a font."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache
from html import escape

import numpy as np
from matplotlib.font_manager import FontProperties
from matplotlib.path import Path as Outline
from matplotlib.textpath import text_to_path
from numpy.typing import NDArray
from pylatexenc.latex2text import LatexNodes2Text

from concord3d.errors import ReportingError

# What stands in code is no formula.
_CODE = re.compile(r"(^```.*?^```|`[^`\n]+`)", re.M | re.S)
_FORMULA = re.compile(r"\$\$(.+?)\$\$|\$([^$\n]+)\$", re.S)
# Units of a drawing per width of an "m".
_SIZE = 20.0
_COMMANDS = {Outline.MOVETO: "M", Outline.LINETO: "L", Outline.CURVE3: "Q", Outline.CURVE4: "C"}


def with_formulas(text: str, where: object) -> str:
    """Return Markdown whose formulas, between dollar signs as GitHub reads them, are drawings.

    Args:
        text: The Markdown.
        where: Its file, for an error.

    Raises:
        ReportingError: A formula cannot be drawn.
    """
    return outside_code(text, lambda prose: _FORMULA.sub(lambda match: _formula(match, where), prose))


def outside_code(text: str, change: Callable[[str], str]) -> str:
    """Return Markdown in which what is not code has been changed."""
    # The pattern has one group, so that every second part is code.
    parts = _CODE.split(text)
    return "".join(part if place % 2 else change(part) for place, part in enumerate(parts))


def _formula(match: re.Match[str], where: object) -> str:
    alone = match[1] is not None
    tex = " ".join((match[1] or match[2]).split())
    drawing = _drawn(tex, where)
    return f'<span class="formula-alone">{drawing}</span>' if alone else drawing


@cache
def _drawn(tex: str, where: object) -> str:
    """Return a formula as an SVG that sits on the line of the text around it, in its colour."""
    try:
        vertices, codes = text_to_path.get_text_path(FontProperties(size=_SIZE), f"${tex}$", ismath=True)
    except ValueError as error:
        raise ReportingError("A formula cannot be drawn", where=where, expected="TeX", found=tex) from error
    outline = Outline(np.asarray(vertices) * (_SIZE / text_to_path.FONT_SCALE), codes)
    box = outline.get_extents()
    steps = " ".join(_step(points, code) for points, code in outline.iter_segments(simplify=False))
    left, width, height = box.x0 - 0.5, box.width + 1, box.height + 1
    style = f"height: {height / _SIZE:.3f}em; vertical-align: {(box.y0 - 0.5) / _SIZE:.3f}em"
    said = escape(LatexNodes2Text().latex_to_text(f"${tex}$"), quote=True)
    return (
        f'<svg class="formula" role="img" aria-label="{said}" style="{style}" '
        f'viewBox="{left:.2f} {-box.y1 - 0.5:.2f} {width:.2f} {height:.2f}"><path d="{steps}"/></svg>'
    )


def _step(points: NDArray[np.float64], code: np.uint8) -> str:
    """Return a step of an outline as SVG has it, with y pointing down; points are x and y by turns."""
    if code == Outline.CLOSEPOLY:
        return "Z"
    downwards = [f"{-value if place % 2 else value:.2f}" for place, value in enumerate(points)]
    return f"{_COMMANDS[code]}{' '.join(downwards)}"
