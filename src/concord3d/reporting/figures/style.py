"""One look for every figure: safe for colour blindness, stamped with scale and data kind, the same bytes each time."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import matplotlib as mpl
from matplotlib import colormaps
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine

from concord3d.config.validation import StrictModel, validate
from concord3d.files import atomic_path
from concord3d.reporting.evidence.estimates import Results
from concord3d.reporting.evidence.published_values import PublishedCell
from concord3d.reporting.evidence.report_inputs import ReportInputs
from concord3d.reporting.figures.letters import EXPLANATION, out_of_legend, show_every_letter
from concord3d.reporting.specs.report_spec import FigureSpec, ReportSpec

# Okabe and Ito's palette, safe for the common kinds of colour blindness; yellow is left out, it vanishes on white.
COLORS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
MARKERS = ("o", "s", "^", "D", "v", "P", "X")
GREY = "#6E6E6E"
# Classes outnumber the palette, which goes on with colours that stay apart from it and from each other.
CLASS_COLORS = (
    *COLORS, "#8C510A", "#5E3C99", "#B2DF8A", "#FB9A99", "#7A7A00", "#9E0142", "#BEBADA", "#1B4D3E", "#FFD92F",
    "#4D4D4D", "#00E5D0", "#B3B3B3", "#7A0177", "#F768A1",
)  # fmt: skip
# Inches below the panels.
STAMP_HEIGHT, LEGEND_ROW_HEIGHT, NOTE_ROW_HEIGHT = 0.32, 0.24, 0.16
# Letters of a note that fit into an inch.
NOTE_LETTERS = 13.0
SETTINGS: Any = {
    "svg.hashsalt": "concord3d",
    "svg.fonttype": "none",
    "font.family": "DejaVu Sans",
    "font.size": 10,
    "axes.titlesize": 10.5,
    "axes.labelsize": 10,
    "legend.fontsize": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.color": "#DDDDDD",
    "grid.linewidth": 0.6,
    "axes.axisbelow": True,
    "legend.frameon": False,
    "figure.dpi": 150,
    "savefig.dpi": 150,
    # Captions and names are words: "from $5 to $6" is no formula.
    "text.parse_math": False,
}


@dataclass(frozen=True)
class FigureContext:
    """What a drawing function may look at.

    Attributes:
        spec: The figure.
        report: The paper's report file.
        results: Everything measured.
        published: All published cells.
        inputs: What the scale runs.
        labels: Label per experiment, in the paper's order.
    """

    spec: FigureSpec
    report: ReportSpec
    results: Results
    published: Sequence[PublishedCell]
    inputs: ReportInputs
    labels: Mapping[str, str]


@dataclass(frozen=True)
class Drawing:
    """A figure with the kinds of data in it.

    Attributes:
        figure: What is drawn.
        data_kinds: Kinds of the data in it.
        in_words: What pages say in its place, where there is nothing to draw; else empty.
        note: What stands below the panels, such as what is not run; may be empty.
    """

    figure: Figure
    data_kinds: tuple[str, ...]
    in_words: str = ""
    note: str = ""


Options = TypeVar("Options", bound=StrictModel)


def options_of(context: FigureContext, kind: type[Options]) -> Options:
    """Return the options of a figure.

    Args:
        context: The figure.
        kind: What its drawing function understands.

    Raises:
        ConfigError: An option is unknown, impossible or missing.
    """
    return validate(kind, context.spec.options, f"figure '{context.spec.id}'")


@contextmanager
def house_style() -> Iterator[None]:
    """Apply the style to everything drawn inside, whatever the user's own file of settings says."""
    with mpl.rc_context():
        mpl.rcdefaults()
        mpl.rcParams.update(SETTINGS)
        yield


def panels(
    num: int, width: float = 4.6, height: float = 3.7, columns: int | None = None, legend_rows: int = 0
) -> tuple[Figure, list[Axes]]:
    """Return a figure with ``num`` panels, with room for title and stamp, and for a legend that the panels share."""
    columns = columns or num
    rows = -(-num // columns)
    figure = _canvas(width * columns, height * rows, legend_rows)
    axes = [figure.add_subplot(rows, columns, index + 1) for index in range(num)]
    return figure, axes


def polar_panel(width: float = 5.6, height: float = 5.0, legend_rows: int = 0) -> tuple[Figure, Axes]:
    """Return a figure with one round panel, with the same room about it as those of :func:`panels`."""
    figure = _canvas(width, height, legend_rows)
    return figure, figure.add_subplot(projection="polar")


def _canvas(width: float, height: float, legend_rows: int) -> Figure:
    total = height + 0.75 + LEGEND_ROW_HEIGHT * legend_rows
    bottom = (STAMP_HEIGHT + LEGEND_ROW_HEIGHT * legend_rows) / total
    engine = ConstrainedLayoutEngine(rect=(0.0, bottom, 1.0, 1.0 - bottom))
    figure = Figure(figsize=(max(width, 5.0), total), layout=engine)
    FigureCanvasAgg(figure)
    return figure


def shared_legend(figure: Figure, entries: Mapping[str, Artist], columns: int) -> None:
    """Put one legend for all panels into the room that :func:`panels` left above the stamp."""
    place = (0.5, STAMP_HEIGHT / figure.get_figheight())
    names, handles = list(entries), list(entries.values())
    legend = figure.legend(handles, names, loc="lower center", bbox_to_anchor=place, ncols=columns, borderaxespad=0.0)
    legend.set_in_layout(False)


def legend_entries(axes: Sequence[Axes]) -> dict[str, Artist]:
    """Return what the panels name in a legend, each name once, in the order of drawing."""
    shown = [zip(*axis.get_legend_handles_labels(), strict=True) for axis in axes]
    return {out_of_legend(label): handle for pairs in shown for handle, label in pairs}


def words(identifier: str) -> str:
    """Return an identifier as people write it: ``few_shot`` becomes ``few shot``."""
    return identifier.replace("_", " ")


def shape_name(identifier: str) -> str:
    """Return the name of a shape in words, without the collection that stands before two underscores."""
    return words(identifier.rsplit("__", 1)[-1])


def shortened(text: str, width: int, end: str = "...") -> str:
    """Return the words that fit into ``width`` letters; of a first word that is too long, its beginning."""
    shown = textwrap.shorten(text, width, placeholder=end)
    return f"{text[: width - len(end)]}{end}" if shown == end.strip() != text.strip() else shown


def named(context: FigureContext, experiments: Iterable[str]) -> str:
    """Return what tables call some experiments, each once."""
    return ", ".join(dict.fromkeys(context.labels.get(experiment, experiment) for experiment in experiments))


def placard(context: FigureContext, needs: str) -> Drawing:
    """Return a figure that says that there is nothing to show, and what it would need."""
    figure, (axes,) = panels(1, width=6.4, height=2.6)
    axes.set_axis_off()
    absent = f"nothing to draw at scale '{context.inputs.scale}'"
    axes.text(0.5, 0.62, absent, ha="center", va="center", fontsize=15, color=GREY)
    # A long list would cover the line above; the words beside the figure tell it whole.
    shown = textwrap.fill(textwrap.shorten(f"needs {needs}", 220, placeholder=" ..."), 80)
    axes.text(0.5, 0.5, shown, ha="center", va="top", fontsize=9.5, color=GREY)
    return Drawing(figure, (), f"{absent.capitalize()}: needs {needs}.")


def in_words(context: FigureContext, text: str, data_kinds: Iterable[str]) -> Drawing:
    """Return a figure that holds a sentence, where there is too little to draw."""
    figure, (axes,) = panels(1, width=6.4, height=2.6)
    axes.set_axis_off()
    axes.text(0.5, 0.5, textwrap.fill(text, 80), ha="center", va="center", fontsize=9.5, color=GREY)
    return Drawing(figure, sorted_kinds(data_kinds), text)


def stamp(drawing: Drawing, context: FigureContext) -> None:
    """Write title, note, scale and data kind into a figure."""
    if drawing.note:
        _write_note(drawing.figure, drawing.note)
    kinds = ", ".join(drawing.data_kinds) or "none"
    drawing.figure.suptitle(context.spec.title, fontsize=12, fontweight="bold")
    text = f"scale: {context.inputs.scale}   data_kind: {kinds}   paper: {context.report.paper}"
    drawing.figure.text(
        0.995, 0.012, text, ha="right", va="bottom", fontsize=8.5, color="#333333", family="DejaVu Sans Mono"
    )


def _write_note(figure: Figure, text: str) -> None:
    """Make a figure higher by what a note needs, and write it between the legend of all panels and the stamp."""
    lines = textwrap.wrap(text, int(NOTE_LETTERS * figure.get_figwidth()))
    added, before = NOTE_ROW_HEIGHT * len(lines) + 0.06, figure.get_figheight()
    engine = figure.get_layout_engine()
    assert isinstance(engine, ConstrainedLayoutEngine)
    left, bottom, width, _ = engine.get()["rect"]
    height = before + added
    bottom = (bottom * before + added) / height
    figure.set_figheight(height)
    engine.set(rect=(left, bottom, width, 1.0 - bottom))
    for legend in figure.legends:
        legend.set_bbox_to_anchor((0.5, (STAMP_HEIGHT + added) / height))
    look: dict[str, Any] = {"ha": "left", "va": "bottom", "fontsize": 8.5, "color": "#333333"}
    figure.text(0.01, STAMP_HEIGHT / height, "\n".join(lines), **look)


def not_run_note(absent: Iterable[str | tuple[str, str]], places: Sequence[str] = ()) -> str:
    """Return the sentence that names what a figure would show and its scale does not run; empty where there is none.

    Args:
        absent: Names, or names each with a place where it is absent.
        places: All places; what is absent on each of them is named without place.
    """
    of_name: dict[str, list[str]] = {}
    for entry in absent:
        name, place = (entry, "") if isinstance(entry, str) else entry
        of_name.setdefault(name, []).append(place)
    told = [
        f"{name} on {', '.join(dict.fromkeys(found))}" if any(found) and set(found) != set(places) else name
        for name, found in of_name.items()
    ]
    return f"Not run at this scale: {'; '.join(told)}." if told else ""


def top_of_percents(highest: Iterable[float]) -> float:
    """Return where an axis of percents from 0 ends: above the highest value, with room for the number on its bar."""
    top = max(highest, default=100.0)
    return 108.0 if top > 90 else max(1.15 * top, 1.0)


def save(drawing: Drawing, folder: Path, name: str) -> None:
    """Write ``<name>.png`` and ``<name>.svg`` without dates; the figure says where characters have no glyph."""
    with house_style():
        if show_every_letter(drawing.figure):
            place = (STAMP_HEIGHT - 0.14) / drawing.figure.get_figheight()
            drawing.figure.text(0.995, place, EXPLANATION, ha="right", va="bottom", fontsize=8, color=GREY)
        # The layout is worked out once and then kept, since each format would work it out again.
        drawing.figure.draw_without_rendering()
        drawing.figure.set_layout_engine("none")
        # The solver of the layout orders its variables by memory address: the last bits differ from call to call.
        for axes in drawing.figure.axes:
            axes.set_position(tuple(round(value, 6) for value in axes.get_position().bounds))
        with atomic_path(folder / f"{name}.png") as temporary:
            drawing.figure.savefig(temporary, format="png", metadata={"Software": None})
        with atomic_path(folder / f"{name}.svg") as temporary:
            drawing.figure.savefig(temporary, format="svg", metadata={"Date": None, "Creator": None})


def sorted_kinds(kinds: Iterable[str]) -> tuple[str, ...]:
    """Return the kinds once each, sorted, without empty ones."""
    return tuple(sorted({kind for kind in kinds if kind}))


def spread_dots(num: int, width: float) -> list[float]:
    """Return ``num`` offsets around 0, so that equal values of several seeds stay apart."""
    if num < 2:
        return [0.0] * num
    return [width * (index / (num - 1) - 0.5) for index in range(num)]


def class_colors(num: int) -> list[str | tuple[float, float, float, float]]:
    """Return a colour per class: those that can be told apart as far as they go, else a ramp of ``num`` colours."""
    if num <= len(CLASS_COLORS):
        return list(CLASS_COLORS[:num])
    # Beyond these colour alone cannot tell classes apart.
    return [colormaps["turbo"](0.03 + 0.94 * index / (num - 1)) for index in range(num)]
