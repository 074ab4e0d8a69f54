"""A method as boxes and arrows, drawn from what the report file says of it."""

from __future__ import annotations

from typing import Literal

from matplotlib.axes import Axes
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch
from pydantic import Field, PositiveFloat, model_validator

from concord3d.config.validation import StrictModel
from concord3d.errors import nearest
from concord3d.reporting.figures.style import COLORS, GREY, Drawing, FigureContext, options_of, panels

# Fill and edge by name; the fills are pale, so that text on them is easy to read.
PAINTS = {
    "blue": ("#D6E8F5", COLORS[0]),
    "orange": ("#FBE3D0", COLORS[1]),
    "green": ("#D3EFE6", COLORS[2]),
    "yellow": ("#FBF0D0", COLORS[4]),
    "grey": ("#EEEEEE", GREY),
    "white": ("#FFFFFF", "#333333"),
}
UNIT_INCHES = 0.62


class Box(StrictModel):
    """A box: its text, its centre and size in units, and the name of its paint."""

    text: str
    at: tuple[float, float]
    size: tuple[PositiveFloat, PositiveFloat] = (2.0, 0.9)
    paint: Literal["blue", "orange", "green", "yellow", "grey", "white"] = "white"


class Arrow(StrictModel):
    """An arrow between two boxes.

    Attributes:
        start: Identifier of a box.
        end: Identifier of a box.
        text: Beside its middle.
        dashed: Whether its line is dashed.
        both: Whether it has two heads.
        bend: Curvature, as a share of its length; positive bends to the right of its direction.
        text_at: Where the text stands; null takes the middle.
    """

    start: str
    end: str
    text: str = ""
    dashed: bool = False
    both: bool = False
    bend: float = 0.0
    text_at: tuple[float, float] | None = None


class Panel(StrictModel):
    """One drawing of boxes and arrows, from (0, 0) at the lower left to its size in units."""

    title: str
    size: tuple[PositiveFloat, PositiveFloat]
    boxes: dict[str, Box] = Field(min_length=1)
    arrows: list[Arrow] = []

    @model_validator(mode="after")
    def _arrows_end_at_boxes(self) -> Panel:
        for name in (end for arrow in self.arrows for end in (arrow.start, arrow.end)):
            if name not in self.boxes:
                raise ValueError(f"unknown box '{name}'{nearest(name, list(self.boxes))}")
        return self


class Options(StrictModel):
    """Options of ``diagram``: panels side by side."""

    panels: list[Panel] = Field(min_length=1)


def draw(context: FigureContext) -> Drawing:
    """Draw boxes and arrows; no data is in them."""
    options = options_of(context, Options)
    width, height = (max(panel.size[side] for panel in options.panels) for side in (0, 1))
    figure, axes = panels(len(options.panels), UNIT_INCHES * width, UNIT_INCHES * height)
    for axis, panel in zip(axes, options.panels, strict=True):
        _panel(axis, panel)
    return Drawing(figure, ())


def _panel(axis: Axes, panel: Panel) -> None:
    axis.set(xlim=(0, panel.size[0]), ylim=(0, panel.size[1]), title=panel.title)
    axis.set_aspect("equal")
    axis.set_axis_off()
    patches = {}
    for name, box in panel.boxes.items():
        (x, y), (width, height) = box.at, box.size
        fill, edge = PAINTS[box.paint]
        patches[name] = FancyBboxPatch(
            (x - width / 2, y - height / 2), width, height, boxstyle="round,pad=0,rounding_size=0.12",
            facecolor=fill, edgecolor=edge, linewidth=1.2, zorder=2,
        )  # fmt: skip
        axis.add_patch(patches[name])
        axis.text(x, y, box.text, ha="center", va="center", fontsize=8.5, zorder=3, linespacing=1.15)
    for arrow in panel.arrows:
        start, end = panel.boxes[arrow.start].at, panel.boxes[arrow.end].at
        axis.add_patch(
            FancyArrowPatch(
                start,
                end,
                arrowstyle="<|-|>" if arrow.both else "-|>",
                mutation_scale=11,
                linewidth=1.2,
                linestyle="--" if arrow.dashed else "-",
                color="#333333",
                connectionstyle=f"arc3,rad={arrow.bend}",
                patchA=patches[arrow.start],
                patchB=patches[arrow.end],
                shrinkA=1,
                shrinkB=1,
                zorder=1,
            )
        )
        x, y = arrow.text_at or ((start[0] + end[0]) / 2, (start[1] + end[1]) / 2)
        if arrow.text:
            axis.text(x, y, arrow.text, ha="center", va="center", fontsize=8, zorder=3, linespacing=1.1,
                      bbox={"facecolor": "white", "edgecolor": "none", "pad": 1.0})  # fmt: skip
