"""Traffic signs, and stop signs as a category of their own."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from concord3d.world.objects import palette
from concord3d.world.objects.categories.style import Assembly, Color, Style, tinted
from concord3d.world.objects.grammar import (
    Array,
    Shape,
    bar,
    box,
    cylinder,
    extrude,
    frustum,
    join,
    mirror,
    polygon,
    radial_array,
    span,
)

_RED = {"red": (196, 30, 36)}
_BLACK, _WHITE = (26, 26, 28), palette.WHITE
_Strokes = Sequence[tuple[tuple[float, float], tuple[float, float]]]
# Strokes of what stands on signs, in a square from -1 to 1.
_LETTERS: dict[str, _Strokes] = {
    "S": [((0.8, 1), (-0.8, 1)), ((-0.8, 1), (-0.8, 0)), ((-0.8, 0), (0.8, 0)), ((0.8, 0), (0.8, -1)),
          ((0.8, -1), (-0.8, -1))],
    "T": [((-0.9, 1), (0.9, 1)), ((0, 1), (0, -1))],
    "O": [((-0.8, 1), (0.8, 1)), ((0.8, 1), (0.8, -1)), ((0.8, -1), (-0.8, -1)), ((-0.8, -1), (-0.8, 1))],
    "P": [((-0.8, -1), (-0.8, 1)), ((-0.8, 1), (0.8, 1)), ((0.8, 1), (0.8, 0)), ((0.8, 0), (-0.8, 0))],
}  # fmt: skip
_SYMBOLS: dict[str, _Strokes] = {
    "exclamation": [((0, 1), (0, -0.1)), ((0, -0.9), (0, -0.95))],
    "arrow": [((0, -1), (0, 1)), ((-0.5, 0.4), (0, 1)), ((0.5, 0.4), (0, 1))],
    "turn": [((-0.5, -1), (-0.5, 0.4)), ((-0.5, 0.4), (0.7, 0.4)), ((0.3, 0.8), (0.7, 0.4)), ((0.3, 0), (0.7, 0.4))],
    "bar": [((-1, 0), (1, 0))],
    "crossing": [((-0.8, -0.8), (0.8, 0.8)), ((-0.8, 0.8), (0.8, -0.8))],
    "number": [((-0.9, 0.8), (-0.3, 0.8)), ((-0.3, 0.8), (-0.3, -0.8)), ((-0.9, -0.8), (-0.3, -0.8)),
               ((-0.9, 0), (-0.3, 0)), ((0.3, 0.8), (0.9, 0.8)), ((0.9, 0.8), (0.9, -0.8)), ((0.9, -0.8), (0.3, -0.8)),
               ((0.3, -0.8), (0.3, 0.8))],
    "parking": _LETTERS["P"],
    "lines": [((-0.9, 0.7), (0.9, 0.7)), ((-0.9, 0), (0.6, 0)), ((-0.9, -0.7), (0.8, -0.7))],
}  # fmt: skip
_SYMBOLS_OF: dict[str, dict[str, float]] = {
    "triangle": {"exclamation": 2, "turn": 1, "crossing": 1},
    "disc": {"number": 2, "bar": 1.5, "arrow": 1, "turn": 0.6},
    "diamond": {"turn": 1, "arrow": 1, "crossing": 1, "exclamation": 1},
    "rectangle": {"lines": 2, "parking": 1.5, "arrow": 1},
    "direction": {"lines": 1, "bar": 0.5},
}


def strokes(lines: _Strokes, width: float, height: float, thick: float, depth: float) -> Shape:
    """Return what is written with straight strokes, centred at the origin and facing +z.

    Args:
        lines: Ends of the strokes in a square from -1 to 1.
        width: Of the whole.
        height: Of the whole.
        thick: Breadth of a stroke.
        depth: From its back to its front.
    """
    made = []
    for (x0, y0), (x1, y1) in lines:
        start, end = np.array([x0 * width / 2, y0 * height / 2]), np.array([x1 * width / 2, y1 * height / 2])
        along = end - start
        long, angle = float(np.linalg.norm(along)) + thick * 0.9, float(np.degrees(np.arctan2(along[1], along[0])))
        x, y = (start + end) / 2
        made.append(span((-long / 2, long / 2), (-thick / 2, thick / 2), (0, depth)).turned("z", angle).moved(x, y))
    return join(made)


def _regular(sides: int, radius: float, turn: float) -> Array:
    angle = np.radians(turn) + 2 * np.pi * np.arange(sides) / sides
    return np.column_stack([np.cos(angle), np.sin(angle)]) * radius


def _outline(variant: str, size: float, ratio: float) -> Array:
    """Return the outline of a plate about the origin; ``ratio`` is its height to its width where that may vary."""
    if variant == "triangle":
        return _regular(3, size * 0.62, 90 if ratio > 0.75 else -90)
    if variant == "disc":
        return _regular(24, size * 0.5, 0)
    if variant == "octagon":
        return _regular(8, size * 0.54, 22.5)
    if variant == "diamond":
        return _regular(4, size * 0.62, 0)
    half, high = size * 0.5 / max(1.0, ratio) * 1.2, size * 0.5 * min(1.0, ratio) * 1.2
    if variant == "direction":
        return np.array([[-half * 1.5, -high * 0.6], [half, -high * 0.6], [half * 1.5, 0], [half, high * 0.6],
                         [-half * 1.5, high * 0.6]])  # fmt: skip
    return polygon(20, half, high, 12)


def _add_plate(made: Assembly, outline: Array, colors: tuple[Color, Color], border: float, at: Array) -> None:
    """Add a plate of two layers: the border's colour behind, the field in front."""
    made.add("plate", colors[0], extrude(outline, 0.02).moved(*at))
    made.add("plate", colors[1], extrude(outline * (1 - border), 0.012).moved(at[0], at[1], at[2] + 0.012))


def _add_post(style: Style, made: Assembly, height: float, half_distance: float) -> None:
    kind = style.choice("post", {"round": 3, "square": 1.2, "wooden": 0.8, "channel": 1})
    thick = style.real("post_thickness", 0.028, 0.055)
    color = style.color("post_color", palette.WOOD if kind == "wooden" else palette.METAL)
    if kind == "round":
        post = cylinder(thick, height, 10)
    elif kind == "channel":
        post = join([box(thick * 2, height, 0.01).moved(z=-thick), mirror(box(0.01, height, thick * 2).moved(thick))])
    else:
        post = box(thick * 2, height, thick * 2, 0.006)
    foot = style.choice("foot", {"no": 2, "block": 1, "flange": 1, "cross": 0.5})
    feet: list[tuple[Color, Shape]] = []
    if foot == "block":
        feet = [(palette.STONE["granite"], frustum(0.24, 0.18, 0.16, 12))]
    elif foot == "flange":
        feet = [(tinted(color, 0.8), box(0.24, 0.025, 0.24))]
    elif foot == "cross":
        feet = [(palette.DARK, radial_array(bar((0.01, 0.03, 0), (0.38, 0.03, 0), 0.03, sides=4), 4))]
    for part, tone, shape in (("post", color, post), *(("foot", tone, shape) for tone, shape in feet)):
        back = shape.moved(z=-thick - 0.02)
        made.add(part, tone, mirror(back.moved(half_distance)) if half_distance else back)


def traffic_sign(style: Style) -> Assembly:
    """Traffic sign on a post: triangle, disc, octagon, diamond, rectangle or arrow board, facing +z."""
    made = Assembly()
    variant = style.choice(
        "variant", {"triangle": 2, "disc": 2, "octagon": 1.2, "diamond": 1, "rectangle": 1.6, "direction": 0.8}
    )
    size, ratio = style.real("plate_size", 0.55, 0.9), style.real("plate_ratio", 0.6, 1.7)
    height = style.real("post_height", 1.5, 2.6)
    kind = "plain"
    if variant == "disc":
        kind = style.choice("meaning", {"prohibition": 2, "order": 1})
    colors = _plate_colors(style, variant, kind)
    outline = _outline(variant, size, ratio)
    at = np.array([0, height - outline[:, 1].max() * style.real("overlap", 0.6, 1.0), 0.0])
    broad = variant in ("rectangle", "direction") and style.flag("has_two_posts", 0.4)
    _add_post(style, made, height, size * 0.32 if broad else 0.0)
    border = style.real("border", 0.07, 0.2)
    _add_plate(made, outline, (colors[0], colors[1]), border, at)
    middle = at + np.array([0, -0.04 * size if variant == "triangle" else 0, 0.02])
    if variant == "octagon":
        made.add("symbol", colors[2], _stop(size).moved(*middle))
    else:
        symbol = style.choice("symbol", _SYMBOLS_OF[variant])
        wide = size * (0.34 if variant in ("triangle", "diamond") else 0.5)
        made.add("symbol", colors[2], strokes(_SYMBOLS[symbol], wide, wide * 0.9 * min(1.0, ratio + 0.2),
                                              wide * (0.3 if symbol in ("bar", "exclamation") else 0.17), 0.012)
                 .moved(*middle))  # fmt: skip
    if style.flag("has_second_plate", 0.3):
        low = at[1] + outline[:, 1].min() - 0.16
        board = polygon(16, size * 0.4, 0.12, 12)
        _add_plate(made, board, (_BLACK, _WHITE), 0.05, np.array([0, low, 0]))
        made.add("symbol", _BLACK, strokes(_SYMBOLS["lines"][:2], size * 0.5, 0.1, 0.025, 0.012).moved(0, low, 0.02))
    return made


def _plate_colors(style: Style, variant: str, meaning: str) -> tuple[Color, Color, Color]:
    """Draw the colours of border and field, and return that of the symbol with them."""
    blue, white = {"blue": (30, 80, 170)}, {"white": _WHITE}
    yellow = {"yellow": (240, 196, 40)}
    if meaning == "order":
        return style.color("border_color", white), style.color("field_color", blue), _WHITE
    if variant in ("triangle", "disc"):
        return style.color("border_color", _RED), style.color("field_color", white, white, yellow), _BLACK
    if variant == "octagon":
        return style.color("border_color", white), style.color("field_color", _RED), _WHITE
    if variant == "diamond":
        return style.color("border_color", {"black": _BLACK}), style.color(
            "field_color", yellow, {"orange": (236, 126, 34)}
        ), _BLACK  # fmt: skip
    field = style.color("field_color", {**blue, "green": (20, 110, 70), "brown": (112, 66, 36)}, white, yellow)
    dark = sum(field) < 400
    border = style.color("border_color", white if dark else {"black": _BLACK})
    return border, field, _WHITE if dark else _BLACK


def _stop(size: float) -> Shape:
    step, wide = size * 0.215, size * 0.15
    return join([
        strokes(_LETTERS[letter], wide, size * 0.3, wide * 0.26, 0.012).moved(x=(place - 1.5) * step)
        for place, letter in enumerate("STOP")
    ])  # fmt: skip


def stop_sign(style: Style) -> Assembly:
    """Stop sign: a red octagon with the word, on a post, on a post with further plates, or with lamps, facing +z."""
    made = Assembly()
    variant = style.choice("variant", {"plain": 3, "all_way": 1.5, "street_names": 1, "lamps": 0.6})
    size, height = style.real("plate_size", 0.6, 0.95), style.real("post_height", 1.4, 2.4)
    border = style.real("border", 0.05, 0.1)
    white, red = (
        style.color("border_color", {"white": _WHITE}),
        style.color("field_color", _RED, {"dark red": (150, 24, 30)}),
    )
    outline = _outline("octagon", size, 1.0)
    at = np.array([0, height - size * style.real("overlap", 0.3, 0.5), 0.0])
    _add_post(style, made, height, 0.0)
    _add_plate(made, outline, (white, red), border, at)
    made.add("symbol", white, _stop(size).moved(0, at[1], 0.018))
    if style.flag("has_bolts", 0.6):
        bolt = cylinder(0.014, 0.012, 8).turned("x", 90).moved(at[0], at[1] + size * 0.34, 0.016)
        made.add("post", palette.METAL["steel"], bolt, bolt.moved(y=-size * 0.68))
    if variant == "all_way":
        low = at[1] - size * 0.54 - 0.1
        _add_plate(made, polygon(16, size * 0.3, 0.085, 12), (white, red), 0.08, np.array([0, low, 0]))
        made.add("symbol", white, strokes(_SYMBOLS["lines"][1:2], size * 0.4, 0.1, 0.05, 0.012).moved(0, low, 0.018))
    elif variant == "street_names":
        green = style.color("board_color", {"green": (20, 110, 70), "blue": (30, 80, 170)})
        board = box(0.8, 0.15, 0.02)
        top = height + 0.03
        made.add("board", green, board.moved(y=top, z=-0.05), board.turned("y", 90).moved(y=top + 0.16, z=-0.05))
    elif variant == "lamps":
        lamp = cylinder(0.05, 0.03, 12).turned("x", 90)
        made.add("lamp", (230, 120, 40), lamp.moved(0, at[1] + size * 0.6, 0.0), lamp.moved(0, at[1] - size * 0.6, 0.0))
    return made
