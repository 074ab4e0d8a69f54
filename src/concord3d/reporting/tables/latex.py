"""Tables as LaTeX: a compact form that drops into a paper, a long form as its supplement, and the paper's reference.

Both break over pages and stay within the width of a text of 345 points (A4, ``article``, 10 points) or more. They need
the packages ``array``, ``booktabs`` and ``longtable``.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence

from concord3d.config.models import Paper
from concord3d.reporting.evidence.estimates import Estimate
from concord3d.reporting.tables.cells import Cell, Table
from concord3d.reporting.tables.latex_letters import latex_escape

PREAMBLE = r"% needs \usepackage{array,booktabs,longtable}"
# Of the width of the text.
_NAMES, _SETTINGS, _VALUES = 0.24, 0.24, 0.52
_PANEL = 4
_NEXT_LINE = r"\newline "
_LONG = {
    "method": 0.12, "setting": 0.125, "data set": 0.11, "metric": 0.095, "published": 0.09, "evidence": 0.085,
    "ours": 0.12, "difference": 0.065, "items x seeds": 0.08, "our run": 0.11,
}  # fmt: skip
_BREAK = re.compile(r"(?<=[_/=;,:\-+])(?=\S)")
_CAMEL = re.compile(r"(?<=[a-z])(?=[A-Z])")


def _breaking(text: str) -> str:
    """Return text that a narrow column may break at hyphens, underscores and the like, and before a capital inside."""
    # The text is cut before it is escaped: a command of LaTeX may hold such signs and must stay whole.
    parts = [r"\-".join(map(latex_escape, _CAMEL.split(part))) for part in _BREAK.split(text)]
    return r"\hspace{0pt}" + r"\hspace{0pt}".join(parts)


def compact_latex(table: Table) -> str:
    """Return a row per method and setting, a column per data set and metric, in panels of at most four columns.

    A value is ours with its 95 % interval below it; a published one stands in italics. Rows without either are left to
    the long form.
    """
    told = [cell for cell in table.cells if _value(table, cell)]
    columns = list(dict.fromkeys(_column(cell) for cell in told))
    lines = [PREAMBLE, r"{\scriptsize\setlength{\tabcolsep}{3pt}"]
    for first in range(0, len(columns), _PANEL):
        lines += _panel(table, told, columns[first : first + _PANEL], first > 0)
    notes = [] if columns else [f"{table.spec.title} ({table.header}): no value is published or measured."]
    notes += [table.smallest_effect] if table.smallest_effect else []
    lines += [rf"\raggedright\noindent {latex_escape(note)}\par" for note in notes]
    return "\n".join([*lines, "}"]) + "\n"


def _panel(table: Table, told: Sequence[Cell], columns: Sequence[tuple[str, str, str]], continues: bool) -> list[str]:
    has_settings = any(cell.setting for cell in told)
    widths = [_NAMES + (0 if has_settings else _SETTINGS / 2), *([_SETTINGS] if has_settings else [])]
    widths += [(1 - sum(widths)) / len(columns)] * len(columns)
    heads = [_breaking("method"), *([_breaking("setting")] if has_settings else [])]
    heads += [rf"{_breaking(dataset)}\newline {_breaking(f'{metric} ({unit})')}" for dataset, metric, unit in columns]
    values = defaultdict[tuple[str, str, tuple[str, str, str]], list[str]](list)
    for cell in told:
        values[cell.method, cell.setting, _column(cell)].append(_value(table, cell))
    rows = []
    for method, setting in dict.fromkeys((cell.method, cell.setting) for cell in told):
        own = [_NEXT_LINE.join(values[method, setting, column]) for column in columns]
        if any(own):
            rows.append([_breaking(method), *([_breaking(setting)] if has_settings else []), *own])
    more = rf"\caption[]{{{latex_escape(table.spec.title)} (continued)}}\\"
    explained = "Below each value of ours its 95 % interval; published ones in italics."
    return _longtable(widths, heads, rows, more if continues else _caption(table, "tab", explained))


def _column(cell: Cell) -> tuple[str, str, str]:
    # Published names of metrics are words, ours identifiers.
    return cell.dataset, cell.metric.replace("_", " "), cell.unit


def _caption(table: Table, kind: str, explained: str) -> str:
    words = f"{table.spec.title} ({table.header}). {explained}"
    return rf"\caption{{{latex_escape(words)}}}\label{{{kind}:{table.spec.id}}}\\"


def _value(table: Table, cell: Cell) -> str:
    """Return what the compact form shows of a cell; empty where nothing is known."""
    parts = []
    estimate = cell.estimates.get(table.spec.selections[0])
    if estimate is not None:
        digits, interval = _digits(estimate), estimate.interval
        bounds = f"[{interval.low:.{digits}f}, {interval.high:.{digits}f}]"
        parts.append(rf"{interval.value:.{digits}f}\newline{{\tiny {bounds}}}")
    if cell.published is not None and cell.published.value is not None:
        parts.append(rf"\textit{{{latex_escape(_published(cell))}}}")
    return _NEXT_LINE.join(parts)


def _digits(estimate: Estimate) -> int:
    return 1 if estimate.unit == "%" else 3


def _published(cell: Cell) -> str:
    assert cell.published is not None
    return f"{cell.published.value:.3f}" if cell.published.num_decimals > 4 else cell.published.text


def long_latex(table: Table, columns: Sequence[str], rows: Sequence[Sequence[str]], closing: str) -> str:
    """Return every cell of a table with all that is known of it, a row each.

    Args:
        table: The table.
        columns: Heads of the columns that the long form may have.
        rows: Their cells.
        closing: A line below them, or nothing.
    """
    kept = [place for place, name in enumerate(columns) if _share(name)]
    shares = [_share(columns[place]) for place in kept]
    widths = [share / sum(shares) for share in shares]
    heads = [_breaking(columns[place]) for place in kept]
    cells = [[_breaking(row[place]) for place in kept] for row in rows]
    body = _longtable(widths, heads, cells, _caption(table, "tab-long", "Every cell."), closing)
    return "\n".join([PREAMBLE, r"{\tiny\setlength{\tabcolsep}{1pt}", *body, "}"]) + "\n"


def _share(column: str) -> float:
    return _LONG.get(column.partition(",")[0], 0.0)


def _longtable(
    widths: Sequence[float], heads: Sequence[str], rows: Sequence[Sequence[str]], caption: str, closing: str = ""
) -> list[str]:
    columns = "".join(
        rf">{{\raggedright\arraybackslash}}p{{\dimexpr{width:.4f}\linewidth-2\tabcolsep}}" for width in widths
    )
    below = (
        [rf"\multicolumn{{{len(widths)}}}{{p{{\dimexpr\linewidth-2\tabcolsep}}}}{{{latex_escape(closing)}}}\\"]
        if closing
        else []
    )
    return [
        rf"\begin{{longtable}}{{{columns}}}",
        caption,
        r"\toprule",
        " & ".join(heads) + r" \\",
        r"\midrule\endhead",
        *(" & ".join(row) + r" \\" for row in rows),
        r"\bottomrule",
        *below,
        r"\end{longtable}",
    ]


def bibtex(paper: Paper) -> str:
    """Return the reference of a paper as BibTeX, under its identifier; its year is the number in its venue."""
    year = re.search(r"\b(19|20)\d\d\b", paper.venue)
    authors = " and ".join(name.strip() for name in paper.authors.split(","))
    lines = [f"  title = {{{{{latex_escape(paper.title)}}}}},", f"  author = {{{latex_escape(authors)}}},"]
    lines.append(f"  howpublished = {{{latex_escape(paper.venue)}}},")
    if year:
        lines.append(f"  year = {{{year[0]}}},")
    return "\n".join([f"@misc{{{paper.paper},", *lines, "}"]) + "\n"
