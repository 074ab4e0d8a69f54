"""One figure from its entry in the report file."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Protocol, cast

from concord3d.config.validation import StrictModel
from concord3d.reporting.figures import kinds
from concord3d.reporting.figures.style import Drawing, FigureContext, house_style, in_words, options_of, save, stamp


class Kind(Protocol):
    """What a module of ``figures/kinds`` has."""

    Options: type[StrictModel]

    @staticmethod
    def draw(context: FigureContext) -> Drawing:
        """Draw one figure of this kind."""


def kind_of_figure(name: str) -> Kind:
    """Return the module of a kind, one of ``kinds.kind_names()``."""
    return cast(Kind, import_module(f"{kinds.__name__}.{name}"))


def write_figure(context: FigureContext, folder: Path, *, in_any_case: bool = True) -> str:
    """Draw one figure, stamp it with scale and data kind, and write ``<id>.png`` and ``<id>.svg``.

    Args:
        context: The figure, and what it shows.
        folder: Where it goes.
        in_any_case: Write it also where it has nothing to draw.

    Returns:
        What pages say in place of a figure that has nothing to draw; empty where it has.
    """
    with house_style():
        drawing = kind_of_figure(context.spec.kind).draw(context)
        if drawing.in_words and not in_any_case:
            return drawing.in_words
        stamp(drawing, context)
        save(drawing, folder, context.spec.id)
    return drawing.in_words


def write_sentence(context: FigureContext, folder: Path, text: str) -> str:
    """Write a figure that holds a sentence, and return the sentence."""
    with house_style():
        drawing = in_words(context, text, ())
        stamp(drawing, context)
        save(drawing, folder, context.spec.id)
    return text


def examples_of(context: FigureContext) -> frozenset[tuple[str, str]] | None:
    """Return whose examples a figure shows, such as maps and pictures: arrays that results do not hold.

    Returns:
        Experiments, each with a protocol; empty where the examples are of no experiment. None where a figure shows
        numbers alone.

    Raises:
        ConfigError: An option of the figure is unknown, impossible or missing.
    """
    kind = kind_of_figure(context.spec.kind)
    if not getattr(kind, "SHOWS_EXAMPLES", False):
        return None
    options = options_of(context, kind.Options)
    return frozenset(
        (experiment, getattr(options, "protocol", "")) for experiment in getattr(options, "experiments", ())
    )
