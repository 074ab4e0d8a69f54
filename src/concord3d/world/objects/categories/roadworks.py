"""Construction vehicles and barriers."""

from __future__ import annotations

import numpy as np

from concord3d.world.objects import palette
from concord3d.world.objects.categories.lorries import add_axles
from concord3d.world.objects.categories.style import Assembly, Color, Style, tinted
from concord3d.world.objects.grammar import (
    Shape,
    bar,
    box,
    cylinder,
    extrude,
    join,
    linear_array,
    mirror,
    polygon,
    wedge,
)

_MACHINE = {"yellow": (228, 178, 36), "orange": (226, 116, 34), "lime": (150, 176, 48), "red": (182, 44, 38)}
_SIGNAL = {"red": (200, 36, 36), "orange": (236, 118, 32)}


def _track(length: float, height: float, width: float) -> Shape:
    """Return one crawler track standing on y = 0 about the origin."""
    ring = polygon(24, length / 2, height / 2, 4.0) + np.array([0, height / 2])
    return extrude(ring, width).turned("y", 90)


def _cab(made: Assembly, paint: Color, size: tuple[float, float, float], at: tuple[float, float, float]) -> None:
    width, height, depth = size
    x, y, z = at
    made.add("cab", paint, box(width, height * 0.35, depth).moved(x, y, z))
    made.add("window", palette.SCREEN, box(width * 0.94, height * 0.6, depth * 0.94).moved(x, y + height * 0.33, z))
    post = box(0.09, height * 0.62, 0.09)
    for side in (-1, 1):
        for end in (-1, 1):
            made.add("cab", paint, post.moved(x + side * width * 0.46, y + height * 0.33, z + end * depth * 0.46))
    made.add("cab", paint, box(width * 1.04, 0.1, depth * 1.08).moved(x, y + height * 0.93, z))


def _bucket(width: float, size: float) -> Shape:
    """Return an open shovel about the origin, its mouth towards +z."""
    outline = [(0, 0), (size, 0), (size, 0.06), (0.1 * size, 0.09), (0.08 * size, size * 0.8), (0, size * 0.8)]
    shell = extrude([(-a, b) for a, b in outline][::-1], width).turned("y", 90)
    cheek = extrude([(0, 0), (-size, 0), (0, size * 0.8)], 0.05).turned("y", 90)
    return join([shell, mirror(cheek.moved(x=width / 2))])


def construction_vehicle(style: Style) -> Assembly:
    """Construction vehicle: excavator, wheel loader, bulldozer, roller or mobile crane, working towards +z."""
    made = Assembly()
    kind = style.choice("variant", {"excavator": 3, "loader": 2, "bulldozer": 1.5, "roller": 1.2, "crane": 1})
    paint = style.color("body_color", _MACHINE)
    metal = style.color("tool_color", palette.METAL)
    width, length = style.real("width", 2.1, 2.7), style.real("length", 3.6, 5.0)
    high = style.real("height", 2.5, 3.1)
    if kind in ("excavator", "bulldozer"):
        thick = style.real("track_height", 0.65, 0.95)
        broad = width * style.real("track_width", 0.2, 0.27)
        made.add("track", palette.DARK, mirror(_track(length, thick, broad).moved(x=width / 2 - broad / 2)))
        rollers = cylinder(thick * 0.22, width + 0.04, 10).moved(y=-width / 2 - 0.02).turned("z", 90)
        count = style.whole("num_rollers", 3, 6)
        row = linear_array(rollers.moved(0, thick * 0.5, -length * 0.38), count, z=length * 0.76 / (count - 1))
        made.add("track", metal, row)
        (_excavator if kind == "excavator" else _bulldozer)(style, made, (paint, metal), (width, high, length), thick)
    elif kind == "roller":
        _roller(style, made, (paint, metal), (width, high, length))
    else:
        radius = style.real("wheel_radius", 0.55, 0.8)
        add_axles(made, metal, radius, width, [-length * 0.3, length * 0.28])
        (_loader if kind == "loader" else _crane)(style, made, (paint, metal), (width, high, length), radius)
    if style.flag("has_beacon", 0.6):
        top = max(float(shape.vertices[:, 1].max()) for part, _, shape in made.pieces if part == "cab")
        made.add("light", (240, 140, 30), cylinder(0.09, 0.18, 10).moved(y=top, z=-length * 0.05))
    return made


def _excavator(
    style: Style, made: Assembly, colors: tuple[Color, Color], size: tuple[float, float, float], floor: float
) -> None:
    (paint, metal), (width, high, length) = colors, size
    made.add("body", _dark(paint), cylinder(width * 0.3, 0.2, 16).moved(y=floor))
    deck = floor + 0.2
    made.add("body", paint, box(width * 0.95, 0.85, length * 0.75, 0.06).moved(0, deck, -length * 0.1))
    made.add("body", tinted(paint, 0.7), box(width * 0.95, 0.95, length * 0.2, 0.08).moved(0, deck, -length * 0.45))
    _cab(made, paint, (width * 0.42, high - deck, 1.4), (-width * 0.25, deck, length * 0.18))
    rise, reach = style.real("boom_rise", 1.6, 2.6), style.real("boom_reach", 2.0, 3.2)
    start = np.array([width * 0.12, deck + 0.5, length * 0.25])
    elbow = start + np.array([0, rise, reach])
    wrist = elbow + np.array([0, -style.real("arm_drop", 1.3, 2.2), style.real("arm_reach", 0.3, 1.2)])
    bend = (start + elbow) / 2 + np.array([0, 0.5, -0.2])
    made.add("boom", paint, bar(start, bend, 0.24, 0.26, 4), bar(bend, elbow, 0.26, 0.18, 4))
    made.add("boom", paint, bar(elbow + (elbow - wrist) * 0.12, wrist, 0.18, 0.12, 4))
    made.add("boom", metal, bar(start + np.array([0, -0.1, 0.4]), bend + np.array([0, -0.2, 0.25]), 0.07, sides=8))
    shovel = _bucket(style.real("bucket_width", 0.7, 1.2), style.real("bucket_size", 0.6, 0.9))
    made.add("bucket", metal, shovel.turned("x", 60).moved(*(wrist - np.array([0, 0.5, 0.1]))))


def _bulldozer(
    style: Style, made: Assembly, colors: tuple[Color, Color], size: tuple[float, float, float], floor: float
) -> None:
    (paint, metal), (width, high, length) = colors, size
    made.add("body", paint, box(width * 0.6, 1.1, length * 0.5, 0.08).moved(0, floor * 0.7, length * 0.2))
    made.add("body", paint, box(width * 0.62, 0.6, length * 0.4).moved(0, floor * 0.7, -length * 0.22))
    _cab(made, paint, (width * 0.6, high - floor - 0.3, 1.4), (0, floor + 0.3, -length * 0.14))
    tall, lift = style.real("blade_height", 0.9, 1.3), style.real("blade_lift", 0.05, 0.4)
    angle = np.linspace(-0.9, 0.9, 9)
    curve = np.stack([-0.5 * (1 - np.cos(angle)), np.sin(angle) * tall / 1.57], axis=1)
    blade = extrude(np.concatenate([curve, curve[::-1] + np.array([-0.09, 0])]), width * 1.25).turned("y", -90)
    place = length * 0.5 + 0.55
    made.add("blade", metal, blade.moved(0, lift + tall / 2, place))
    made.add("boom", _dark(paint), mirror(bar((width * 0.52, floor * 0.5, -length * 0.1), (
        width * 0.52, lift + 0.3, place - 0.1), 0.1, sides=4)))  # fmt: skip
    made.add("exhaust", metal, cylinder(0.06, 0.9, 8).moved(width * 0.15, floor * 0.7 + 1.1, length * 0.3))


def _roller(style: Style, made: Assembly, colors: tuple[Color, Color], size: tuple[float, float, float]) -> None:
    (paint, metal), (width, high, length) = colors, size
    radius = style.real("drum_radius", 0.55, 0.75)
    drum = cylinder(radius, width * 0.8, 24).moved(y=-width * 0.4).turned("z", 90)
    places = (-length * 0.36, length * 0.36)
    made.add("drum", metal, *(drum.moved(y=radius, z=place) for place in places))
    arm = box(0.14, 0.3, length * 0.36).moved(width * 0.45, radius - 0.1, 0)
    made.add("body", paint, *(mirror(arm.moved(z=place * 0.8)) for place in places))
    made.add("body", paint, box(width * 0.98, 0.7, length * 0.55, 0.08).moved(0, radius + 0.2, 0))
    made.add("body", paint, *(box(width * 0.9, 0.25, 1.3, 0.05).moved(0, 2 * radius + 0.05, p) for p in places))
    deck = radius + 0.9
    if style.flag("is_open", 0.5):
        post = bar((width * 0.4, deck, 0.5), (width * 0.4, high, 0.45), 0.04, sides=6)
        made.add("cab", _dark(paint), mirror(post), mirror(post.moved(z=-1.0)))
        made.add("cab", paint, box(width * 0.95, 0.08, 1.5).moved(0, high, 0))
        made.add("seat", palette.DARK, box(0.5, 0.5, 0.5, 0.05).moved(y=deck))
    else:
        _cab(made, paint, (width * 0.85, high - deck, 1.3), (0, deck, 0))


def _loader(
    style: Style, made: Assembly, colors: tuple[Color, Color], size: tuple[float, float, float], radius: float
) -> None:
    (paint, metal), (width, high, length) = colors, size
    deck = radius * 1.3
    made.add("body", paint, box(width * 0.62, 1.0, length * 0.5, 0.1).moved(0, deck * 0.8, -length * 0.3))
    made.add("body", paint, wedge((width * 0.5, length * 0.4), (width * 0.4, length * 0.3), 0.8).moved(
        0, deck * 0.8, length * 0.18))  # fmt: skip
    _cab(made, paint, (width * 0.6, high - deck, 1.4), (0, deck, -length * 0.02))
    lift = style.real("bucket_lift", 0.1, 0.9)
    place = length * 0.5 + 0.7
    made.add("boom", paint, mirror(bar((width * 0.26, deck + 0.6, length * 0.12), (
        width * 0.3, lift + 0.5, place), 0.13, sides=4)))  # fmt: skip
    shovel = _bucket(width * style.real("bucket_width", 1.0, 1.15), style.real("bucket_size", 1.0, 1.3))
    made.add("bucket", metal, shovel.moved(0, lift, place))
    made.add("exhaust", metal, cylinder(0.06, 0.8, 8).moved(width * 0.18, deck * 0.8 + 1.0, -length * 0.35))


def _crane(
    style: Style, made: Assembly, colors: tuple[Color, Color], size: tuple[float, float, float], radius: float
) -> None:
    (paint, metal), (width, high, length) = colors, size
    deck = radius * 1.5
    made.add("body", paint, box(width * 0.95, 0.6, length * 1.2, 0.06).moved(y=deck - 0.3))
    _cab(made, paint, (width * 0.45, high - deck, 1.4), (-width * 0.24, deck + 0.2, length * 0.3))
    made.add("body", _dark(paint), box(width * 0.8, 0.9, 1.2, 0.06).moved(0, deck + 0.3, -length * 0.45))
    foot, rise = np.array([width * 0.15, deck + 1.0, -length * 0.4]), style.real("boom_rise", 0.6, 2.5)
    reach = style.real("boom_reach", 1.3, 1.7)
    tip = foot + np.array([0, rise, length * reach])
    made.add("boom", paint, bar(foot, foot + (tip - foot) * 0.6, 0.26, 0.24, 4))
    made.add("boom", tinted(paint, 1.1), bar(foot + (tip - foot) * 0.5, tip, 0.17, 0.15, 4))
    made.add("hook", metal, bar(tip - np.array([0, 0.1, 0]), tip - np.array([0, rise * 0.6 + 0.3, 0]), 0.02, sides=5))
    made.add("hook", palette.DARK, box(0.25, 0.3, 0.2).moved(*(tip - np.array([0, rise * 0.6 + 0.6, 0]))))
    jack = bar((width * 0.45, deck - 0.2, 0), (width * 0.8, deck - 0.25, 0), 0.08, sides=4)
    leg = bar((width * 0.8, 0.03, 0), (width * 0.8, deck - 0.2, 0), 0.06, sides=6)
    if style.flag("has_outriggers", 0.6):
        made.add(
            "stand", metal, *(mirror(part.moved(z=end * length * 0.52)) for part in (jack, leg) for end in (-1, 1))
        )


def _dark(color: Color) -> Color:
    return tinted(color, 0.55)


def barrier(style: Style) -> Assembly:
    """Barrier across a road: concrete profile, water-filled plastic, boards on stands or a fence panel."""
    made = Assembly()
    kind = style.choice("variant", {"concrete": 2, "plastic": 2, "boards": 2.2, "fence": 1.2})
    width, height = style.real("width", 1.5, 2.3), style.real("height", 0.8, 1.1)
    if kind in ("concrete", "plastic"):
        tone = style.color("body_color", palette.STONE) if kind == "concrete" else style.color("body_color", _SIGNAL)
        base, waist = style.real("base", 0.45, 0.62), style.real("waist", 0.16, 0.26)
        step = height * style.real("step", 0.25, 0.4)
        side = [(base / 2, 0), (base / 2, step * 0.3), (waist * 0.75, step), (waist / 2, height)]
        outline = side + [(-x, y) for x, y in reversed(side)]
        made.add("body", tone, extrude(outline, width).turned("y", 90))
        gap = box(width * 0.09, 0.09, base * 1.02)
        slots = style.whole("num_slots", 2, 4)
        row = linear_array(gap.moved(x=-width * 0.35), slots, x=width * 0.7 / (slots - 1))
        made.add("slot", palette.DARK, row)
        if style.flag("has_stripe", 0.7):
            stripe = style.color("stripe_color", {"white": palette.WHITE, "yellow": (230, 200, 50)})
            made.add("stripe", stripe, box(width * 0.92, height * 0.14, waist + 0.06).moved(y=height * 0.68))
    elif kind == "boards":
        tone = style.color("stripe_color", _SIGNAL)
        wood = style.color("board_color", {"white": palette.WHITE, "pale": (226, 222, 206)})
        count = style.whole("num_boards", 1, 3)
        thick = height * style.real("board_height", 0.18, 0.24)
        cells = style.whole("num_cells", 5, 8)
        for level in range(count):
            y = height - thick - level * height * 0.32
            made.add("board", wood, box(width, thick, 0.04).moved(y=y))
            cell = box(width / cells / 2, thick * 1.02, 0.055).moved(-width / 2 + width / cells / 2, y)
            made.add("stripe", tone, linear_array(cell, cells, x=width / cells))
        spread = style.real("spread", 0.2, 0.32)
        leg = bar((width * 0.38, 0, spread), (width * 0.38, height, 0.03), 0.03, sides=4)
        made.add("stand", palette.METAL["steel"], mirror(mirror(leg), "z"))
        if style.flag("has_lamp", 0.5):
            lamp = cylinder(0.08, 0.05, 14).moved(y=-0.025).turned("x", 90)
            made.add("light", (240, 170, 40), mirror(lamp.moved(width * 0.38, height + 0.09, 0)))
    else:
        tone = style.color("frame_color", palette.METAL)
        height *= 1.3
        frame = [(width * 0.48, 0.12, 0), (width * 0.48, height, 0)]
        made.add("frame", tone, mirror(bar(frame[0], frame[1], 0.025, sides=8)))
        for y in (0.16, height - 0.02):
            made.add("frame", tone, bar((-width * 0.48, y, 0), (width * 0.48, y, 0), 0.022, sides=8))
        count = style.whole("num_bars", 7, 15)
        rod = bar((-width * 0.44, 0.16, 0), (-width * 0.44, height, 0), 0.01, sides=5)
        made.add("frame", tinted(tone, 0.9), linear_array(rod, count, x=width * 0.88 / (count - 1)))
        foot = box(0.22, 0.13, style.real("foot", 0.5, 0.75), 0.03)
        made.add("stand", style.color("foot_color", {"black": palette.DARK, "grey": (120, 120, 122)}),
                 mirror(foot.moved(x=width * 0.46)))  # fmt: skip
    return made
