"""Things fixed to a building: doors, curtains, stairs, fireplaces, range hoods; and tents."""

from __future__ import annotations

import numpy as np

from concord3d.world import palette
from concord3d.world.categories.storage import handle
from concord3d.world.categories.style import Assembly, Style, tinted
from concord3d.world.grammar import (
    Shape,
    bar,
    box,
    cone,
    cylinder,
    ellipsoid,
    extrude,
    frustum,
    join,
    linear_array,
    loft,
    mirror,
    radial_array,
    sheet,
    span,
    tube,
    wedge,
)


def door(style: Style) -> Assembly:
    """Door: flush, panelled, glazed, arched or double, shut or ajar, with or without a frame."""
    made = Assembly()
    variant = style.choice("variant", {"panelled": 3, "flush": 2, "glazed": 1.2, "double": 1, "arched": 0.5})
    color, frame = style.color("leaf_color", palette.WOOD, palette.METAL), style.color("frame_color", palette.WOOD)
    metal = style.color("handle_color", palette.METAL)
    width = style.real("width", 0.7, 1.0)
    height, thick = style.real("height", 1.95, 2.25), style.real("thickness", 0.03, 0.08)
    pieces: list[tuple[str, tuple[int, int, int], Shape]] = [("leaf", color, span((0, width), (0, height), (-thick / 2, thick / 2)))]
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
                pieces.append(("panel", shade, span((x + 0.03, x + step_x - 0.03), (y + 0.04, y + step_y - 0.04), (-relief, relief))))
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
    variant = style.choice("variant", {"single": 2.5, "pair": 3, "tied": 1.5, "blind": 1})
    cloth, metal = style.color("cloth_color", palette.FABRIC), style.color("rod_color", palette.METAL, palette.WOOD)
    width, height = style.real("width", 0.8, 2.4), style.real("height", 1.2, 2.5)
    folds = style.whole("num_folds", 3, 12)
    ripple = style.real("ripple", 0.01, 0.07)
    opening = style.real("opening", 0.0, 0.5) if variant in ("pair", "tied") else 0.0
    rows = 13
    s, t = np.meshgrid(np.linspace(0, 1, 8 * min(folds, 7) + 1), np.linspace(0, 1, rows))
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
    if style.flag("has_rod", 0.6):
        thick = style.real("rod_radius", 0.012, 0.03)
        made.add("rod", metal, bar((-width * 0.56, height + thick, 0), (width * 0.56, height + thick, 0), thick))
        made.add("rod", metal, mirror(ellipsoid(thick * 2, thick * 2, thick * 2, 6, 9).moved(width * 0.57, height + thick)))
    if style.flag("has_valance", 0.3):
        drop = height * style.real("valance_drop", 0.08, 0.2)
        u, v = np.meshgrid(np.linspace(0, 1, 41), np.linspace(0, 1, 3))
        scallop = height - drop * (1 - v) * (0.75 + 0.25 * np.abs(np.sin(4 * np.pi * u)))
        made.add("valance", style.color("valance_color", palette.FABRIC), sheet(np.stack([(u - 0.5) * width * 1.04, scallop, 0.05 + 0.02 * np.sin(2 * np.pi * folds * u)], axis=-1)))
    if variant == "tied":
        made.add("tie", metal, mirror(cylinder(0.06, 0.05, 10).moved(width / 2 - panel_width * 0.2, height * 0.4)))
    return made


def stairs(style: Style) -> Assembly:
    """Stairs: straight flight, spiral, two flights with a landing, curved, with or without risers and rails."""
    made = Assembly()
    variant = style.choice("variant", {"straight": 3.5, "spiral": 2, "landing": 1.5, "curved": 1.5})
    color, frame = style.color("step_color", palette.WOOD, palette.STONE), style.color("rail_color", palette.METAL, palette.WOOD)
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
    flights = [(0.0, 0.0, steps)] if variant == "straight" else [(0.0, 0.0, steps // 2), (90.0, 1.0, steps - steps // 2)]
    place = np.zeros(3)
    for heading, is_second, count in flights:
        flight = Assembly()
        for i in range(count):
            low = 0.0 if solid else (i + 1) * rise - thick
            flight.add("step", color, span((-width / 2, width / 2), (low, (i + 1) * rise), (-(i + 1) * going, -i * going)))
        run, climb = count * going, count * rise
        if not solid:
            stringer = bar((0, 0, 0), (0, climb, -run), 0.05, sides=4)
            flight.add("stringer", frame, mirror(stringer.moved(width / 2)) if style.flag("has_side_stringers", 0.6) else stringer)
        if rails:
            flight.add("rail", frame, mirror(bar((width / 2, 0.9, 0), (width / 2, climb + 0.9, -run), 0.03, sides=6)))
            for i in range(0, count + 1, max(1, count // 6)):
                flight.add("rail", frame, mirror(bar((width / 2, i * rise, -i * going), (width / 2, i * rise + 0.9, -i * going), 0.015, sides=5)))
        for part, tone, shape in flight.pieces:
            made.add(part, tone, shape.turned("y", heading).moved(*place))
        if not is_second and len(flights) == 2:
            made.add("landing", color, span((-width / 2, width / 2), (0.0 if solid else climb - thick, climb), (-run - width, -run)))
            place = np.array([-width / 2, climb, -run - width / 2])
    return made


def _winding(made: Assembly, size: tuple[int, float, float, float, float, float], solid: bool, rails: bool, colors: tuple[tuple[int, int, int], tuple[int, int, int]]) -> None:
    steps, rise, width, turn, inner, thick = size
    outer = inner + width
    half = np.radians(turn) * 0.55
    top = np.array([(outer * np.sin(-half), outer * np.cos(half)), (outer * np.sin(half), outer * np.cos(half)), (inner * np.sin(half), inner * np.cos(half)), (inner * np.sin(-half), inner * np.cos(half))])
    for i in range(steps):
        low = 0.0 if solid and inner > 0.2 else (i + 1) * rise - thick
        rings = [np.column_stack([top[:, 0], np.full(4, y), top[:, 1]]) for y in (low, (i + 1) * rise)]
        made.add("step", colors[0], loft(np.stack(rings)[:, ::-1]).turned("y", i * turn))
    angle = np.radians(np.arange(steps) * turn)
    if inner < 0.2:
        made.add("post", colors[1], cylinder(inner, steps * rise + 0.9, 10))
    if rails:
        for radius in (outer,) if inner < 0.2 else (outer, inner):
            path = np.column_stack([np.sin(angle) * radius, np.arange(1, steps + 1) * rise + 0.85, np.cos(angle) * radius])
            made.add("rail", colors[1], tube(path, 0.025, 6))
            made.add("rail", colors[1], *(bar((p[0], p[1] - 0.85, p[2]), tuple(p), 0.013, sides=5) for p in path[::2]))


def mantel(style: Style) -> Assembly:
    """Mantel: fireplace surround with pillars, lintel, shelf, hearth, and sometimes an overmantel."""
    made = Assembly()
    variant = style.choice("variant", {"classic": 4, "plain": 2, "overmantel": 1, "corbelled": 1, "chimney": 0.7})
    color, brick = style.color("surround_color", palette.STONE, palette.WOOD), style.color("firebox_color", palette.STONE)
    width, height = style.real("width", 1.2, 1.9), style.real("height", 0.95, 1.35)
    depth = style.real("depth", 0.15, 0.5)
    pillar = width * style.real("pillar_width", 0.1, 0.2)
    lintel = height * style.real("lintel_height", 0.14, 0.3)
    opening = width - 2 * pillar
    made.add("pillar", color, mirror(box(pillar, height - lintel, depth).moved((opening + pillar) / 2)))
    made.add("lintel", color, box(width, lintel, depth).moved(y=height - lintel))
    over = style.real("shelf_overhang", 0.03, 0.16)
    shelf = style.real("shelf_thickness", 0.03, 0.09)
    made.add("shelf", tinted(color, 0.95), wedge((width, depth), (width + over, depth + over), shelf * 0.6, (0, over / 3)).moved(y=height - shelf * 0.2), box(width + over * 1.4, shelf, depth + over * 1.2).moved(y=height + shelf * 0.35, z=over / 3))
    if variant in ("classic", "corbelled"):
        relief = box(pillar * 0.6, (height - lintel) * 0.75, 0.02).moved(y=(height - lintel) * 0.15, z=depth / 2)
        made.add("pillar", tinted(color, 0.88), mirror(relief.moved((opening + pillar) / 2)), mirror(box(pillar * 1.15, height * 0.1, depth * 1.08).moved((opening + pillar) / 2)))
        made.add("lintel", tinted(color, 0.88), box(opening * 0.5, lintel * 0.6, 0.02).moved(y=height - lintel * 0.8, z=depth / 2))
    if variant == "corbelled":
        made.add("shelf", color, mirror(wedge((pillar * 0.6, 0.02), (pillar * 0.7, over + 0.1), 0.2, (0, over / 2)).moved((opening + pillar) / 2, height - 0.2, depth / 2)))
    if style.flag("has_firebox", 0.6):
        top, deep = height - lintel, depth * 0.9
        made.add("firebox", brick, box(opening, top, 0.03).moved(z=-depth / 2 + 0.02), mirror(span((opening / 2 - 0.04, opening / 2), (0, top), (-depth / 2, -depth / 2 + deep))))
        if style.flag("has_inner_frame", 0.5):
            made.add("firebox", tinted(brick, 0.7), mirror(box(opening * 0.12, top, 0.04).moved(opening * 0.44, 0, depth * 0.3)), box(opening, top * 0.15, 0.04).moved(y=top * 0.85, z=depth * 0.3))
        if style.flag("has_logs", 0.25):
            made.add("log", palette.WOOD["walnut"], linear_array(cylinder(0.05, opening * 0.5, 8).turned("z", 90).moved(opening * 0.25, 0.06, -depth * 0.1), 3, z=depth * 0.13))
    if style.flag("has_hearth", 0.5):
        reach = style.real("hearth_reach", 0.1, 0.5)
        made.add("hearth", brick, box(width * 1.08, 0.06, depth + reach).moved(y=-0.06, z=reach / 2))
    if variant in ("overmantel", "chimney"):
        rise = height * style.real("upper_height", 0.5, 0.95)
        top_width = width * (0.85 if variant == "overmantel" else 0.6)
        made.add("upper", color, wedge((top_width, depth * 0.6), (top_width * style.real("upper_taper", 0.6, 1.0), depth * 0.5), rise).moved(y=height + shelf, z=-depth * 0.2))
    if style.flag("has_ornaments", 0.2):
        made.add("item", style.color("item_color", palette.CERAMIC), mirror(frustum(0.04, 0.07, 0.22, 12).moved(width * 0.38, height + shelf * 1.3)), box(0.22, 0.3, 0.04).moved(y=height + shelf * 1.3))
    return made


def range_hood(style: Style) -> Assembly:
    """Range hood: pyramid canopy, box or curved canopy with chimney, slim under-cabinet hood, or island hood."""
    made = Assembly()
    variant = style.choice("variant", {"pyramid": 3, "box": 2, "curved": 1.5, "slim": 1, "bell": 1.2})
    color, accent = style.color("body_color", palette.METAL, {"white": (236, 236, 234), "black": (40, 40, 42)}), style.color("accent_color", palette.METAL, palette.WOOD)
    width, depth = style.real("width", 0.6, 1.1), style.real("depth", 0.4, 0.55)
    lip = style.real("lip_height", 0.03, 0.12)
    canopy, duct = style.real("canopy_height", 0.12, 0.4), style.real("chimney_height", 0.25, 0.75)
    pipe_x, pipe_z = width * style.real("chimney_width", 0.22, 0.5), depth * style.real("chimney_depth", 0.4, 0.75)
    rear = -(depth - pipe_z) / 2 * (0 if style.flag("is_island", 0.12) else 1)
    made.add("canopy", accent if style.flag("has_trim", 0.25) else color, box(width, lip, depth))
    top = lip
    if variant == "pyramid":
        made.add("canopy", color, wedge((width, depth), (pipe_x, pipe_z), canopy, (0, rear)).moved(y=lip))
        top += canopy
    elif variant in ("bell", "curved"):
        t = np.linspace(0, 1, 8)
        share = (1 - t) ** 2 if variant == "bell" else np.sqrt(1 - t**2)
        unit = np.array([[0.5, 0.5], [-0.5, 0.5], [-0.5, -0.5], [0.5, -0.5]])
        rings = []
        for value, level in zip(share, t, strict=True):
            flat = unit * np.array([pipe_x + (width - pipe_x) * value, pipe_z + (depth - pipe_z) * value]) + np.array([0, rear * (1 - value)])
            rings.append(np.column_stack([flat[:, 0], np.full(4, lip + level * canopy), flat[:, 1]]))
        made.add("canopy", color, loft(np.stack(rings)))
        top += canopy
    elif variant == "box":
        made.add("canopy", color, box(width * style.real("upper_width", 0.7, 1.0), canopy, depth * 0.9).moved(y=lip, z=-depth * 0.05))
        top += canopy
    else:
        made.add("canopy", color, wedge((width, depth), (width, depth * 0.6), canopy * 0.5, (0, -depth * 0.2)).moved(y=lip))
        top += canopy * 0.5
        duct *= 0.6
    if style.flag("has_chimney", 0.85):
        low = duct * style.real("sleeve_share", 0.4, 0.7)
        made.add("chimney", color, box(pipe_x, low, pipe_z).moved(y=top, z=rear), box(pipe_x * 0.94, duct - low, pipe_z * 0.94).moved(y=top + low, z=rear))
    made.add("filter", tinted(color, 0.6), linear_array(box(width * 0.9, 0.008, 0.03).moved(y=-0.008, z=-depth * 0.4), 7, z=depth * 0.13))
    if style.flag("has_buttons", 0.6):
        made.add("button", palette.DARK, linear_array(cylinder(0.012, 0.012, 8).turned("x", 90).moved(-0.06, lip / 2, depth / 2), 4, x=0.04))
    if style.flag("has_rail", 0.2):
        made.add("rail", accent, tube([(-width / 2, lip / 2, depth / 2), (-width / 2, lip / 2, depth * 0.56), (width / 2, lip / 2, depth * 0.56), (width / 2, lip / 2, depth / 2)], 0.01, 6))
    return made


def tent(style: Style) -> Assembly:
    """Tent: ridge, dome, tunnel, tepee, pavilion or cabin tent."""
    made = Assembly()
    variant = style.choice("variant", {"ridge": 2.5, "dome": 2.5, "tunnel": 1.2, "tepee": 0.8, "pavilion": 1.2, "cabin": 1.2})
    cloth, accent = style.color("cloth_color", palette.FABRIC, palette.PAINT), style.color("accent_color", palette.FABRIC)
    pole = style.color("pole_color", palette.METAL, palette.WOOD)
    w, l, h = style.real("width", 1.6, 3.2), style.real("length", 2.0, 4.0), style.real("height", 1.1, 2.2)
    if variant == "ridge":
        lean = style.real("lean", 0.0, 0.15) * l
        wall = style.real("wall", 0.0, 0.3) * h
        section = np.array([[-w / 2, 0], [w / 2, 0], [w / 2, wall], [0, h], [-w / 2, wall]])
        body = extrude(section, l)
        stretch = np.where(body.vertices[:, 1] > h * 0.9, 1 - 2 * lean / l, 1.0)
        made.add("cloth", cloth, Shape(body.vertices * np.stack([1 + 0 * stretch, 1 + 0 * stretch, stretch], axis=1), body.faces))
        made.add("pole", pole, mirror(bar((0, 0, l / 2 * 0.99), (0, h * 1.06, l / 2 - lean), 0.02, sides=6), "z"))
        made.add("door", accent, extrude(np.array([[-w * 0.2, 0], [w * 0.2, 0], [0, h * 0.72]]), 0.02).turned("x", -np.degrees(np.arctan2(lean, h))).moved(z=l / 2 + 0.01))
    elif variant in ("dome", "tunnel"):
        dome = ellipsoid(w / 2, h, (w if variant == "dome" else l) / 2 * style.real("dome_ratio", 0.9, 1.3), 15, 20, style.real("fullness", 1.9, 2.8))
        keep = dome.vertices[dome.faces].mean(axis=1)[:, 1] > 0
        made.add("cloth", cloth, Shape(dome.vertices * np.where(dome.vertices[:, 1:2] < 0, [1, 0, 1], 1), dome.faces[keep]))
        deep = float(np.abs(dome.vertices[:, 2]).max())
        angle = np.linspace(0, np.pi, 13)
        hoop = np.column_stack([np.cos(angle) * w / 2, np.sin(angle) * h * 1.01, 0 * angle])
        made.add("pole", pole, tube(hoop, 0.02, 5), tube(hoop[:, [2, 1, 0]] * np.array([1, 1, deep * 2 / w]), 0.02, 5))
        made.add("door", accent, extrude(np.array([[-w * 0.18, 0], [w * 0.18, 0], [w * 0.12, h * 0.55], [-w * 0.12, h * 0.55]]), 0.03).turned("x", -18).moved(z=deep * 0.99))
        if style.flag("has_porch", 0.4):
            made.add("porch", accent, extrude(np.array([[-w * 0.3, 0], [w * 0.3, 0], [0, h * 0.65]]), deep * 0.9).moved(z=deep * 0.95))
    elif variant == "tepee":
        made.add("cloth", cloth, cone(w / 2, h * 1.3, style.whole("num_sides", 5, 12)))
        made.add("pole", pole, radial_array(bar((w * 0.06, h * 1.15, 0), (-w * 0.06, h * 1.5, 0), 0.02, sides=5), 6))
        made.add("door", accent, bar((0, 0, w * 0.46), (0, h * 0.6, w * 0.27), w * 0.1, w * 0.02, 4))
    else:
        eave = h * style.real("eave", 0.55, 0.75)
        roof = wedge((w * 1.05, l * 1.05), (w * 0.03, l * (0.03 if variant == "pavilion" else style.real("ridge_length", 0.2, 0.9))), h * 1.25 - eave).moved(y=eave)
        made.add("cloth", cloth, roof)
        made.add("pole", pole, mirror(mirror(bar((w / 2, 0, l / 2), (w / 2, eave, l / 2), 0.03, sides=6), "z")))
        if variant == "cabin" or style.flag("has_walls", 0.35):
            made.add("wall", tinted(cloth, 0.92), wedge((w * 1.02, l * 1.02), (w, l), eave))
            made.add("door", accent, box(w * 0.35, eave * 0.8, 0.02).moved(z=l / 2 + 0.02))
        if style.flag("has_valance", 0.5):
            made.add("cloth", accent, box(w * 1.06, 0.16, l * 1.06).moved(y=eave - 0.14))
    if style.flag("has_ropes", 0.3):
        rope = bar((w * 0.42, h * 0.5, l * 0.4), (w * 0.75, 0, l * 0.6), 0.012, sides=5)
        made.add("rope", palette.PAPER, mirror(mirror(rope), "z"))
    if style.flag("has_ground", 0.3):
        made.add("ground", tinted(accent, 0.7), box(w * 1.05, 0.02, (l if variant != "dome" else w) * 1.05))
    return made
