"""Tables as CSV, with the same text on every machine."""

from __future__ import annotations

from concord3d.files import csv_line


def format_number(value: float) -> str:
    """Write a number with six decimals, the same on every machine; never ``-0``."""
    text = f"{value:.6f}"
    return "0.000000" if text == "-0.000000" else text


def as_written(value: float) -> float:
    """Return a number as :func:`format_number` writes it, so that what is computed from it can be computed from CSV."""
    return float(format_number(value))


def csv_text(columns: tuple[str, ...], rows: list[tuple[object, ...]]) -> str:
    """Return CSV with line feeds; floats through :func:`format_number`, None as an empty cell."""
    cells = (["" if v is None else format_number(v) if isinstance(v, float) else v for v in row] for row in rows)
    return "".join(map(csv_line, (columns, *cells)))
