"""Things fixed to a building: doors, curtains, stairs."""

from __future__ import annotations

import numpy as np

from concord3d.world.objects import palette
from concord3d.world.objects.categories.storage import handle
from concord3d.world.objects.categories.style import Assembly, Style, tinted
from concord3d.world.objects.grammar import (
    Shape,
    bar,
    box,
    cylinder,
    ellipsoid,
    extrude,
    join,
    loft,
    mirror,
    sheet,
    span,
    tube,
)


def door(style: Style) -> Assembly:
    """Door: flush, panelled, glazed, arched or double, shut or ajar, with or without a frame."""
    made = Assembly()
    variant = style.choice("variant", {"panelled": 3, "flush": 2, "glazed": 1.2, "double": 1, "arched": 0.5})
    color, frame = style.color("leaf_color", palette.WOOD, palette.METAL), style.color("frame_color", palette.WOOD)
    metal = style.color("handle_color", palette.METAL)
    width = style.real("width", 0.7, 1.0)
    height, thick = style.real("height", 1.95, 2.25), style.real("thickness", 0.03, 0.08)
    pieces: list[tuple[str, tuple[int, int, int], Shape]] = [
        ("leaf", color, span((0, width), (0, height), (-thick / 2, thick / 2)))
    ]
    if variant == "arched":
        angle = np.linspace(0, np.pi, 13)
        arch = np.stack([width / 2 + np.cos(angle) * width / 2, height + np.sin(angle) * width / 2], axis=1)
        pieces.append(("leaf", color, extrude(arch, thick)))
    rows, columns = style.whole("num_panel_rows", 1, 4), style.whole("num_panel_columns", 1, 2)
    relief = thick / 2 + style.real("relief", 0.006, 0.02)
    if variant != "flush":
        shade = palette.GLASS["clear glass"] if variant == "glazed" else tinted(color, 0.85)
        step_x, step_y = width * 0.84 / columns, height * 0.88 / rows
        for i in range(columns):
            for j in range(rows):
                x, y = width * 0.08 + i * step_x, height * 0.06 + j * step_y
                pieces.append(
                    (
                        "panel",
                        shade,
                        span((x + 0.03, x + step_x - 0.03), (y + 0.04, y + step_y - 0.04), (-relief, relief)),
                    )
                )
    grip = style.choice("handle", ("knob", "bar", "bow"))
    for side in (0, 180):
        lever = handle(grip, 0, 0, thick / 2, 0.18, upright=grip == "bow").turned("y", side)
        pieces.append(("handle", metal, lever.moved(width * 0.92, height * 0.47)))
    ajar = style.real("opening_deg", 15, 95) if style.flag("is_open", 0.18) else 0.0
    leaf = Assembly([(part, tone, shape.turned("y", ajar)) for part, tone, shape in pieces])
    total = width * (2 if variant == "double" else 1)
    for part, tone, shape in leaf.pieces:
        made.add(part, tone, shape.moved(-total / 2))
        if variant == "double":
            made.add(part, tone, shape.scaled(x=-1).moved(total / 2))
    if style.flag("has_frame", 0.55) or ajar:
        jamb, deep = style.real("jamb", 0.05, 0.14), style.real("frame_depth", 0.08, 0.2)
        made.add("frame", frame, mirror(span((total / 2, total / 2 + jamb), (0, height), (-deep / 2, deep / 2))))
        if variant != "arched":
            made.add("frame", frame, box(total + 2 * jamb, jamb, deep).moved(y=height))
    if style.flag("has_threshold", 0.2):
        made.add("frame", tinted(frame, 0.8), box(total * 1.1, 0.03, style.real("threshold_depth", 0.15, 0.5)))
    return made


def curtain(style: Style) -> Assembly:
    """Curtain: one or two rippled panels on a rod, tied back, roman or roller blind, with valance."""
    made = Assembly()
    variant = style.choice("variant", {"single": 4, "pair": 2.5, "tied": 1, "blind": 1.2})
    cloth, metal = style.color("cloth_color", palette.FABRIC), style.color("rod_color", palette.METAL, palette.WOOD)
    width, height = style.real("width", 0.8, 2.4), style.real("height", 1.0, 2.5)
    folds = style.whole("num_folds", 3, 12)
    ripple = style.real("ripple", 0.004, 0.05)
    opening = style.real("opening", 0.0, 0.35) if variant in ("pair", "tied") else 0.0
    rows = 9
    s, t = np.meshgrid(np.linspace(0, 1, 5 * min(folds, 7) + 1), np.linspace(0, 1, rows))
    panel_width = width / 2 * (1 - opening) if variant in ("pair", "tied") else width
    squeeze = 1 - (style.real("tie", 0.4, 0.75) * np.exp(-(((t - 0.4) / 0.22) ** 2)) if variant == "tied" else 0 * t)
    z = ripple * np.sin(2 * np.pi * folds * s + 0.6 * np.sin(3 * t)) * (0.7 + 0.5 * (1 - t))
    if variant == "blind":
        z = ripple * 0.5 * np.abs(np.sin(np.pi * folds * t))
    x = s * panel_width * squeeze
    top = sheet(np.stack([x, t * height, z], axis=-1))
    hang = 0.0 if style.flag("is_thin", 0.5) else 0.015
    panel = join([top, top.moved(z=-hang)]) if hang else top
    if variant in ("pair", "tied"):
        made.add("cloth", cloth, mirror(panel.moved(-width / 2)))
    else:
        made.add("cloth", cloth, panel.moved(-width / 2))
    if style.flag("has_rod", 0.45):
        thick = style.real("rod_radius", 0.012, 0.03)
        made.add("rod", metal, bar((-width * 0.56, height + thick, 0), (width * 0.56, height + thick, 0), thick))
        made.add(
            "rod", metal, mirror(ellipsoid(thick * 2, thick * 2, thick * 2, 6, 9).moved(width * 0.57, height + thick))
        )
    if style.flag("has_valance", 0.3):
        drop = height * style.real("valance_drop", 0.08, 0.2)
        u, v = np.meshgrid(np.linspace(0, 1, 41), np.linspace(0, 1, 3))
        scallop = height - drop * (1 - v) * (0.75 + 0.25 * np.abs(np.sin(4 * np.pi * u)))
        valance_color = style.color("valance_color", palette.FABRIC)
        valance = sheet(
            np.stack([(u - 0.5) * width * 1.04, scallop, 0.05 + 0.02 * np.sin(2 * np.pi * folds * u)], axis=-1)
        )
        made.add("valance", valance_color, valance)
    if variant == "tied":
        made.add("tie", metal, mirror(cylinder(0.06, 0.05, 10).moved(width / 2 - panel_width * 0.2, height * 0.4)))
    return made


def stairs(style: Style) -> Assembly:
    """Stairs: straight flight, spiral, two flights with a landing, curved, with or without risers and rails."""
    made = Assembly()
    variant = style.choice("variant", {"straight": 3.5, "spiral": 2, "landing": 1.5, "curved": 1.5})
    color = style.color("step_color", palette.WOOD, palette.STONE)
    frame = style.color("rail_color", palette.METAL, palette.WOOD)
    steps = style.whole("num_steps", 6, 16)
    width, going = style.real("width", 0.7, 1.5), style.real("going", 0.22, 0.32)
    rise = style.real("rise", 0.14, 0.22)
    solid, rails = style.flag("is_solid", 0.4), style.flag("has_rails", 0.6)
    thick = style.real("step_thickness", 0.03, 0.08)
    if variant in ("spiral", "curved"):
        turn = style.real("turn_deg", 15, 32) if variant == "spiral" else style.real("turn_deg", 6, 14)
        inner = 0.06 if variant == "spiral" else style.real("inner_radius", 0.6, 1.6)
        _winding(made, (steps, rise, width, turn, inner, thick), solid, rails, (color, frame))
        return made
    flights = (
        [(0.0, 0.0, steps)] if variant == "straight" else [(0.0, 0.0, steps // 2), (90.0, 1.0, steps - steps // 2)]
    )
    place = np.zeros(3)
    for heading, is_second, count in flights:
        flight = Assembly()
        for i in range(count):
            low = 0.0 if solid else (i + 1) * rise - thick
            flight.add(
                "step", color, span((-width / 2, width / 2), (low, (i + 1) * rise), (-(i + 1) * going, -i * going))
            )
        run, climb = count * going, count * rise
        if not solid:
            stringer = bar((0, 0, 0), (0, climb, -run), 0.05, sides=4)
            flight.add(
                "stringer",
                frame,
                mirror(stringer.moved(width / 2)) if style.flag("has_side_stringers", 0.6) else stringer,
            )
        if rails:
            flight.add("rail", frame, mirror(bar((width / 2, 0.9, 0), (width / 2, climb + 0.9, -run), 0.03, sides=6)))
            for i in range(0, count + 1, max(1, count // 6)):
                flight.add(
                    "rail",
                    frame,
                    mirror(
                        bar((width / 2, i * rise, -i * going), (width / 2, i * rise + 0.9, -i * going), 0.015, sides=5)
                    ),
                )
        for part, tone, shape in flight.pieces:
            made.add(part, tone, shape.turned("y", heading).moved(*place))
        if not is_second and len(flights) == 2:
            landing = span((-width / 2, width / 2), (0.0 if solid else climb - thick, climb), (-run - width, -run))
            made.add("landing", color, landing)
            place = np.array([-width / 2, climb, -run - width / 2])
    return made


def _winding(
    made: Assembly,
    size: tuple[int, float, float, float, float, float],
    solid: bool,
    rails: bool,
    colors: tuple[tuple[int, int, int], tuple[int, int, int]],
) -> None:
    steps, rise, width, turn, inner, thick = size
    outer = inner + width
    half = np.radians(turn) * 0.55
    top = np.array(
        [
            (outer * np.sin(-half), outer * np.cos(half)),
            (outer * np.sin(half), outer * np.cos(half)),
            (inner * np.sin(half), inner * np.cos(half)),
            (inner * np.sin(-half), inner * np.cos(half)),
        ]
    )
    for i in range(steps):
        low = 0.0 if solid and inner > 0.2 else (i + 1) * rise - thick
        rings = [np.column_stack([top[:, 0], np.full(4, y), top[:, 1]]) for y in (low, (i + 1) * rise)]
        made.add("step", colors[0], loft(np.stack(rings)[:, ::-1]).turned("y", i * turn))
    angle = np.radians(np.arange(steps) * turn)
    if inner < 0.2:
        made.add("post", colors[1], cylinder(inner, steps * rise + 0.9, 10))
    if rails:
        for radius in (outer,) if inner < 0.2 else (outer, inner):
            path = np.column_stack(
                [np.sin(angle) * radius, np.arange(1, steps + 1) * rise + 0.85, np.cos(angle) * radius]
            )
            made.add("rail", colors[1], tube(path, 0.025, 6))
            made.add("rail", colors[1], *(bar((p[0], p[1] - 0.85, p[2]), tuple(p), 0.013, sides=5) for p in path[::2]))
