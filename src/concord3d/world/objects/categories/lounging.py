"""Sofas, beds, benches, stools and pillows."""

from __future__ import annotations

import numpy as np

from concord3d.world.objects import palette
from concord3d.world.objects.categories.seating import back_rest, four_legs, plate, star_base, stretchers
from concord3d.world.objects.categories.style import Assembly, Color, Style, tinted
from concord3d.world.objects.grammar import (
    Array,
    Shape,
    bar,
    box,
    cushion,
    cylinder,
    frustum,
    join,
    linear_array,
    mirror,
    polygon,
    sheet,
    smooth,
    torus,
    tube,
)


def pillow_shape(width: float, height: float, depth: float, pinch: float, puff: float) -> Shape:
    """Return a stuffed pillow on y = 0: thin at the seam, its sides drawn in by ``pinch`` between the corners."""
    t = np.linspace(-1, 1, 11)
    u, v = np.meshgrid(t, t)
    lift = ((1 - u**2).clip(0) * (1 - v**2).clip(0)) ** puff
    x = u * (1 - pinch * (1 - v**2) * u**2) * width / 2
    z = v * (1 - pinch * (1 - u**2) * v**2) * depth / 2
    top = sheet(np.stack([x, lift * height / 2, z], axis=-1)[::-1])
    bottom = sheet(np.stack([x, -lift * height / 2, z], axis=-1))
    return join([top, bottom]).moved(y=height / 2)


def _pinched_square(pinch: float) -> Array:
    """Return the (K, 2) seam of a pillow of half size 1."""
    t = np.linspace(-1, 1, 13)[:-1]
    inward = 1 - pinch * (1 - t**2)
    sides = [(inward, t), (-t, inward), (-inward, -t), (t, -inward)]
    return np.concatenate([np.stack(side, axis=1) for side in sides])


def pillow(style: Style) -> Assembly:
    """Pillow: bed pillow, square throw pillow, bolster or round cushion, lying or leaning."""
    made = Assembly()
    variant = style.choice("variant", {"bed": 2, "throw": 3, "bolster": 0.6, "round": 0.6})
    cover = style.color("cover_color", palette.FABRIC)
    trim = style.color("trim_color", palette.FABRIC)
    width = style.real("width", 0.36, 0.55) * (1.4 if variant == "bed" else 1)
    depth = style.real("depth", 0.36, 0.5) if variant == "bed" else width * style.real("ratio", 0.85, 1.0)
    height = style.real("thickness", 0.12, 0.24)
    parts: list[tuple[str, Color, Shape]] = []
    if variant == "bolster":
        roll = cushion(height * 1.1, width * 1.3, height * 1.1, 3).turned("z", 90)
        parts.append(("body", cover, roll.moved(width * 0.65, height * 0.55)))
    elif variant == "round":
        parts.append(("body", cover, cushion(width, height, width, 2.4)))
    else:
        parts.append(
            (
                "body",
                cover,
                pillow_shape(width, height, depth, style.real("pinch", 0.02, 0.14), style.real("puff", 0.35, 0.7)),
            )
        )
    if style.flag("has_trim", 0.5) and variant != "bolster":
        pinch = float(style.values.get("pinch", 0.0))
        seam = polygon(24) if variant == "round" else _pinched_square(pinch)
        flat = seam * np.array([width, width if variant == "round" else depth]) / 2
        path = np.stack([flat[:, 0], np.full(len(flat), height / 2), flat[:, 1]], axis=1)
        parts.append(("trim", trim, tube(np.concatenate([path, path[:1]]), 0.007, 5)))
    if style.flag("has_button", 0.2):
        parts.append(("trim", trim, cylinder(0.02, 0.03, 8).moved(y=height - 0.02)))
    lean = style.real("lean_deg", 50, 85) if style.flag("has_lean", 0.45) else 0.0
    for part, color, shape in parts:
        made.add(part, color, shape.turned("x", lean))
    return made


def sofa(style: Style) -> Assembly:
    """Sofa: two to four seats, round or square arms, raised or blocky feet, sometimes with a chaise."""
    made = Assembly()
    variant = style.choice(
        "variant", {"standard": 4, "armless": 0.6, "corner": 1, "low_modern": 1.5, "curved_back": 0.8}
    )
    seats = style.whole("num_seats", 2, 4)
    cover, accent = style.color("cover_color", palette.FABRIC), style.color("pillow_color", palette.FABRIC)
    feet_color = style.color("feet_color", palette.WOOD, palette.METAL)
    width = seats * style.real("seat_width", 0.52, 0.72)
    depth = style.real("depth", 0.75, 1.0)
    foot = style.real("foot_height", 0.02, 0.16)
    base = style.real("base_height", 0.2, 0.32)
    pad = style.real("cushion_height", 0.1, 0.2)
    back = style.real("back_height", 0.2, 0.5) * (0.7 if variant == "low_modern" else 1)
    arm = 0.0 if variant == "armless" else style.real("arm_width", 0.08, 0.3)
    thick = style.real("back_thickness", 0.14, 0.26)
    made.add("base", cover, box(width, base, depth, 0.02).moved(y=foot))
    seat = cushion(width / seats, pad, depth - thick, 6, 16)
    first = -width / 2 + width / seats / 2
    made.add(
        "seat", tinted(cover, 1.05), linear_array(seat.moved(first, foot + base, thick / 2), seats, x=width / seats)
    )
    total = base + pad + back
    rest = box(width + 2 * arm, total, thick, 0.05).turned("x", -style.real("back_tilt", 0, 12))
    if variant == "curved_back":
        hump = np.linspace(-1, 1, 15)
        crest = np.stack([hump * (width / 2 + arm), total + 0.14 * np.cos(hump * np.pi / 2), 0 * hump], axis=1)
        made.add("back", cover, tube(crest, thick * 0.42, 8).moved(y=foot, z=-depth / 2 + thick / 2))
    made.add("back", cover, rest.moved(y=foot, z=-depth / 2 + thick / 2))
    if style.flag("has_back_cushions", 0.6):
        soft = (
            cushion(width / seats, back + 0.1, 0.2, 5, 16)
            .turned("x", -10)
            .moved(first, foot + base + pad * 0.8, -depth / 2 + thick)
        )
        made.add("back", tinted(cover, 1.05), linear_array(soft, seats, x=width / seats))
    if arm:
        rise = base + pad + back * style.real("arm_rise", 0.1, 0.9)
        side = box(arm, rise, depth, 0.03)
        if style.flag("has_round_arms", 0.4):
            side = join([side, cylinder(arm * 0.62, depth, 14).turned("x", 90).moved(y=rise, z=-depth / 2)])
        made.add("arm", tinted(cover, 0.95), mirror(side.moved((width + arm) / 2, foot)))
    if variant == "corner":
        seat_shape = box(width / seats, base + pad, depth * 0.9, 0.04).moved(
            first * (1 if style.flag("has_left_chaise", 0.5) else -1), foot, depth * 0.9
        )
        made.add("seat", cover, seat_shape)
    made.add("leg", feet_color, four_legs(width + arm, depth * 0.9, foot + 0.02, 0.03))
    if style.flag("has_pillows", 0.3):
        for i in range(style.whole("num_pillows", 1, 3)):
            pillow = (
                pillow_shape(0.42, 0.16, 0.42, 0.1, 0.5)
                .turned("x", 65)
                .turned("y", style.jitter(20))
                .moved(first + i * 0.5, foot + base + pad + 0.18, -depth * 0.12)
            )
            made.add("pillow", accent, pillow)
    return made


def bed(style: Style) -> Assembly:
    """Bed: panel, sleigh, poster, platform or bunk, with mattress, pillows and sometimes night tables."""
    made = Assembly()
    variant = style.choice(
        "variant", {"panel": 4, "platform": 2, "poster": 0.8, "slatted": 1, "sleigh": 0.7, "bunk": 0.5}
    )
    wood = style.color("frame_color", palette.WOOD, palette.METAL)
    sheet_color = style.color("blanket_color", palette.FABRIC)
    pillow_color = style.color("pillow_color", palette.FABRIC)
    width, length = style.real("width", 0.9, 1.9), style.real("length", 1.9, 2.15)
    height = style.real("frame_height", 0.18, 0.42)
    mattress = style.real("mattress_height", 0.14, 0.32)
    head = height + mattress + style.real("headboard_rise", 0.1, 0.75)
    foot = height + style.real("footboard_rise", 0.0, 0.35)
    soft = cushion(width * 0.96, mattress, length * 0.97, 12, 24)
    made.add("mattress", palette.WHITE, soft.moved(y=height))
    made.add("frame", wood, box(width, min(0.16, height), length).moved(y=max(0.0, height - 0.16)))
    thick = style.real("board_thickness", 0.04, 0.12)
    board = box(width + 0.06, head, thick, 0.02)
    if variant in ("slatted", "bunk"):
        board = back_rest(
            style, "slats" if style.flag("has_upright_slats", 0.5) else "ladder", width + 0.06, head, thick
        )
    elif variant == "sleigh":
        board = join([board, cylinder(0.09, width + 0.06, 14).turned("z", 90).moved(width / 2 + 0.03, head, -0.04)])
    if variant != "platform" or style.flag("has_headboard", 0.5):
        made.add("headboard", wood, board.moved(z=-length / 2 - thick / 2))
    if variant != "platform" and style.flag("has_footboard", 0.6):
        made.add("footboard", wood, box(width + 0.06, foot, thick, 0.02).moved(z=length / 2 + thick / 2))
    made.add("leg", wood, four_legs(width, length, height, 0.035))
    top = height + mattress
    if style.flag("has_blanket", 0.75):
        cover = style.real("blanket_share", 0.5, 0.95) * length
        drop = style.real("blanket_drop", 0.05, 0.3)
        blanket = box(width * 1.02, drop + 0.03, cover, 0.03).moved(y=top - drop, z=(length - cover) / 2)
        made.add("blanket", sheet_color, blanket)
    count = 2 if width > 1.25 else 1
    rest = pillow_shape(0.6, 0.16, 0.4, 0.05, 0.45).turned("x", style.real("pillow_tilt", 0, 35))
    for i in range(count):
        made.add("pillow", pillow_color, rest.moved((i - (count - 1) / 2) * width * 0.48, top, -length / 2 + 0.27))
    if variant == "poster":
        rise = style.real("post_height", 1.3, 2.1)
        made.add("frame", wood, four_legs(width + 0.06, length + 0.06, rise, 0.035))
        if style.flag("has_canopy", 0.5):
            made.add("frame", wood, stretchers(width + 0.2, length + 0.2, rise, 0.03))
    if variant == "bunk":
        made.add("frame", wood, four_legs(width + 0.06, length, 1.7, 0.035), box(width, 0.12, length).moved(y=1.3))
        made.add("mattress", palette.WHITE, soft.moved(y=1.42))
        frame = linear_array(
            bar((-0.2, 0, 0), (0.2, 0, 0), 0.02, sides=6).moved(width * 0.2, 0.25, length / 2 + 0.04), 5, y=0.26
        )
        made.add("frame", wood, frame)
    if style.flag("has_side_tables", 0.18):
        made.add(
            "side_table", wood, mirror(box(0.42, height + mattress, 0.4).moved(width / 2 + 0.26, z=-length / 2 + 0.2))
        )
    return made


def bench(style: Style) -> Assembly:
    """Bench: park bench, backless plank, upholstered, stone, or picnic bench."""
    made = Assembly()
    variant = style.choice("variant", {"park": 3, "plank": 3, "upholstered": 1, "stone": 1, "weight": 0.5})
    wood = style.color("seat_color", palette.WOOD, palette.STONE)
    frame = style.color("leg_color", palette.METAL, palette.WOOD)
    length, depth = style.real("length", 1.1, 2.1), style.real("depth", 0.32, 0.52)
    height = style.real("height", 0.38, 0.5)
    thick = style.real("thickness", 0.025, 0.06)
    slats = style.whole("num_seat_slats", 1, 5)
    if variant == "weight":
        length, depth = length * 0.65, depth * 0.7
    if variant == "upholstered":
        seat_color = style.color("cover_color", palette.FABRIC)
        seat = cushion(length, 0.12, depth, 8, 24).moved(y=height - 0.06)
        made.add("seat", seat_color, seat)
        made.add("seat", wood, box(length, 0.06, depth).moved(y=height - 0.1))
    else:
        step = depth / slats
        slat = box(length, thick, step * (0.82 if slats > 1 else 1.0), thick * 0.25)
        made.add("seat", wood, linear_array(slat.moved(y=height - thick, z=-depth / 2 + step / 2), slats, z=step))
    inset = style.real("leg_inset", 0.72, 0.98)
    legs = style.choice("legs", ("straight", "slab", "iron", "cross"))
    if variant == "stone" or legs == "slab":
        leg = mirror(
            box(0.07 if variant != "stone" else 0.2, height - thick, depth * 0.85).moved(length / 2 * inset - 0.1)
        )
        made.add("leg", wood, leg)
    elif legs == "straight":
        made.add(
            "leg", frame, four_legs(length * inset, depth, height - thick, style.real("leg_thickness", 0.02, 0.045))
        )
    elif legs == "iron":
        arch = smooth(
            [
                (0, 0, depth / 2),
                (0, height * 0.55, depth * 0.3),
                (0, height - thick, 0),
                (0, height * 0.55, -depth * 0.3),
                (0, 0, -depth / 2),
            ],
            13,
        )
        made.add("leg", frame, mirror(tube(arch, 0.022, 6).moved(length / 2 * inset)))
    else:
        cross = join(
            [
                bar((0, 0, -depth / 2), (0, height - thick, depth / 2), 0.03, sides=4),
                bar((0, 0, depth / 2), (0, height - thick, -depth / 2), 0.03, sides=4),
            ]
        )
        made.add("leg", frame, mirror(cross.moved(length / 2 * inset)))
    if variant == "park" or (variant == "plank" and style.flag("has_back", 0.25)):
        _bench_back(style, made, (length, depth, height), thick, inset, (wood, frame))
    if style.flag("has_rail", 0.2):
        leg = bar((-length * inset / 2, height * 0.35, 0), (length * inset / 2, height * 0.35, 0), 0.02, sides=4)
        made.add("leg", frame, leg)
    return made


def _bench_back(
    style: Style,
    made: Assembly,
    size: tuple[float, float, float],
    thick: float,
    inset: float,
    colors: tuple[Color, Color],
) -> None:
    (length, depth, height), (wood, frame) = size, colors
    rise = style.real("back_height", 0.3, 0.5)
    rows = style.whole("num_back_slats", 1, 4)
    rail = box(length, rise / rows * 0.75, thick).moved(y=rise * 0.15)
    posts = mirror(box(0.05, rise * 1.15, 0.04).moved(length / 2 * inset, z=-0.03))
    back = join([linear_array(rail, rows, y=rise / rows), posts]).turned("x", -style.real("recline_deg", 4, 18))
    made.add("back", wood, back.moved(y=height - thick, z=-depth / 2))
    if style.flag("has_arms", 0.5):
        top = height + 0.2
        arm = tube([(0, height, depth * 0.4), (0, top, depth * 0.4), (0, top + 0.02, -depth * 0.5)], 0.022, 6)
        made.add("arm", frame, mirror(arm.moved(length / 2 * inset)))


def stool(style: Style) -> Assembly:
    """Stool: bar stool on legs or column, low round stool, drum, or stool with a short back."""
    made = Assembly()
    variant = style.choice("variant", {"legs": 5, "column": 2, "swivel": 1, "drum": 0.4})
    seat_color = style.color("seat_color", palette.FABRIC, palette.WOOD)
    frame = style.color("frame_color", palette.METAL, palette.WOOD)
    height, width = style.real("height", 0.42, 0.85), style.real("width", 0.3, 0.44)
    thick = style.real("seat_thickness", 0.025, 0.09)
    square = style.flag("has_square_seat", 0.35)
    outline = polygon(24, width / 2, width / 2, 9 if square else 2)
    seat = plate(outline, thick, style.real("edge", 0.02, 0.12))
    made.add("seat", seat_color, seat.moved(y=height - thick))
    leg, thin = height - thick, style.real("leg_thickness", 0.012, 0.025)
    if variant == "legs":
        inner = width * (1.0 if square else 0.72)
        leg_shape = four_legs(inner, inner, leg, thin, style.real("splay", 0, 0.09), style.flag("has_round_legs", 0.6))
        made.add("leg", frame, leg_shape)
        for level in np.linspace(0.25, 0.55, style.whole("num_rails", 0, 2)):
            grown = inner + 2 * float(style.values["splay"]) * (1 - level)
            if square:
                made.add("rail", frame, stretchers(grown, grown, leg * level, thin * 0.7))
            else:
                made.add("rail", frame, torus(grown * 0.66, thin * 0.7).moved(y=leg * level))
    elif variant == "column":
        made.add(
            "leg",
            frame,
            cylinder(style.real("column_radius", 0.025, 0.07), leg, 14),
            frustum(width * 0.52, width * 0.2, 0.05),
        )
        if style.flag("has_foot_ring", 0.6):
            made.add(
                "rail",
                frame,
                torus(width * 0.36, 0.012).moved(y=leg * 0.35),
                bar((-width * 0.36, leg * 0.35, 0), (width * 0.36, leg * 0.35, 0), 0.01, sides=6),
            )
    elif variant == "swivel":
        made.add(
            "leg",
            frame,
            star_base(width * 0.65, leg, 5, style.flag("has_casters", 0.7)),
            torus(width * 0.45, 0.012).moved(y=leg * 0.4),
        )
    else:
        made.add("leg", seat_color, frustum(width * 0.42, width * 0.5, leg))
    if variant != "drum" and style.flag("has_back", 0.25):
        rise = style.real("back_height", 0.15, 0.3)
        back = back_rest(style, style.choice("back", ("hoop", "ladder", "curved")), width * 0.9, rise, 0.025)
        made.add("back", frame, back.turned("x", -8).moved(y=height - thick, z=-width * 0.45))
    if style.flag("has_cushion", 0.3):
        seat_shape = cushion(width * 0.92, 0.05, width * 0.92, 9 if square else 2.5).moved(y=height - 0.01)
        made.add("seat", tinted(seat_color, 0.85), seat_shape)
    return made
