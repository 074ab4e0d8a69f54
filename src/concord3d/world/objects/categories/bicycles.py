"""Bicycles."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from concord3d.world.objects import palette
from concord3d.world.objects.categories.cycle_parts import (
    add_handlebar,
    bent,
    cast_spokes,
    disc,
    mudguard,
    rim,
    tyre,
    wire_spokes,
)
from concord3d.world.objects.categories.style import Assembly, Color, Style, tinted
from concord3d.world.objects.grammar import (
    Array,
    bar,
    box,
    cylinder,
    ellipsoid,
    fuselage,
    join,
    mirror,
    polygon,
    rim_ring,
    stack_rings,
)

_TYRES = {"black": palette.RUBBER, "grey": (92, 92, 96), "cream": (214, 196, 160), "brown": (122, 84, 56)}
# variant: wheel radius, tyre thickness, wheelbase, seat tube, height of the head above the front wheel
_SIZES: dict[str, tuple[float, float, float, float, float]] = {
    "road": (0.34, 0.013, 1.0, 0.54, 0.16),
    "city": (0.34, 0.02, 1.1, 0.5, 0.22),
    "mountain": (0.33, 0.03, 1.12, 0.42, 0.14),
    "cruiser": (0.32, 0.032, 1.18, 0.38, 0.2),
    "folding": (0.21, 0.02, 1.02, 0.36, 0.3),
    "bmx": (0.25, 0.026, 0.95, 0.28, 0.16),
}
# The right half of each handlebar, from the stem outwards.
_BARS: dict[str, list[tuple[float, float, float]]] = {
    "drop": [(0, 0, 0), (0.19, 0, 0), (0.21, 0, 0.1), (0.21, -0.07, 0.13), (0.21, -0.14, 0.06), (0.21, -0.14, -0.04)],
    "flat": [(0, 0, 0), (0.12, 0.01, 0), (0.22, 0.01, -0.015), (0.32, 0.005, -0.04)],
    "upright": [(0, 0, 0), (0.08, 0.05, 0.03), (0.2, 0.08, 0.0), (0.27, 0.07, -0.12), (0.28, 0.05, -0.24)],
    "high": [(0, 0, 0), (0.08, 0.01, 0), (0.15, 0.17, 0.01), (0.24, 0.2, -0.01), (0.35, 0.2, -0.05)],
}
_FRAMES_OF: dict[str, dict[str, float]] = {
    "city": {"step_through": 3, "diamond": 1, "swan": 1.5},
    "cruiser": {"swan": 1, "cantilever": 2},
    "folding": {"beam": 1},
}
_BAR_OF = {
    "road": "drop",
    "city": "upright",
    "mountain": "flat",
    "cruiser": "upright",
    "folding": "flat",
    "bmx": "high",
}


@dataclass(frozen=True)
class _Joints:
    """Points of a frame as (x, y, z) in metres, the wheels on y = 0."""

    rear: Array
    front: Array
    crank: Array
    seat: Array
    saddle: Array
    head_low: Array
    head_high: Array
    stem: Array


def bicycle(style: Style) -> Assembly:
    """Bicycle: racer, city bicycle, mountain bicycle, cruiser, folding bicycle or BMX, riding towards +z."""
    made = Assembly()
    variant = style.choice(
        "variant", {"road": 2, "city": 2.5, "mountain": 2, "cruiser": 1.2, "folding": 0.9, "bmx": 0.9}
    )
    paint = style.color("frame_color", palette.PAINT)
    metal = style.color("metal_color", palette.METAL)
    rubber = style.color("tyre_color", _TYRES)
    radius, thick = _SIZES[variant][0] * style.real("wheel_size", 0.95, 1.05), _SIZES[variant][1]
    joints = _joints(style, variant, radius)
    _add_wheels(style, made, joints, (radius, thick * style.real("tyre_size", 0.9, 1.3)), (rubber, metal))
    frame = style.choice("frame", _FRAMES_OF.get(variant, {"diamond": 1}))
    _add_frame(style, made, frame, joints, paint)
    _add_fork(made, variant, joints, (paint, metal))
    _add_seat(style, made, joints, metal)
    grips = style.color("grip_color", {"black": palette.DARK, "brown": (112, 72, 46), "grey": (120, 120, 124)})
    made.add("handlebar", metal, bar(joints.head_high, joints.stem, 0.016))
    kind = style.choice("handlebar", {_BAR_OF[variant]: 5, "flat": 1})
    add_handlebar(made, _BARS[kind], (joints.stem[1], joints.stem[2]), 0.012, (metal, grips))
    if kind == "high":
        made.add("handlebar", metal, bar((-0.13, joints.stem[1] + 0.13, joints.stem[2]),
                                         (0.13, joints.stem[1] + 0.13, joints.stem[2]), 0.009, sides=6))  # fmt: skip
    _add_drive(style, made, joints, metal)
    _add_extras(style, made, variant, joints, (radius, thick), (paint, metal))
    return made


def _joints(style: Style, variant: str, radius: float) -> _Joints:
    _, _, base, tube_length, rise = _SIZES[variant]
    base *= style.real("wheelbase", 0.96, 1.05)
    lean = np.radians(style.real("seat_angle", 70, 75))
    rake = np.radians(style.real("head_angle", 66, 70) if variant in ("cruiser", "city") else 72)
    backwards, steering = np.array([0, np.sin(lean), -np.cos(lean)]), np.array([0, np.sin(rake), -np.cos(rake)])
    rear, front = np.array([0, radius, -base / 2]), np.array([0, radius, base / 2])
    crank = np.array([0, 0.27, -base / 2 + 0.42])
    seat = crank + backwards * tube_length * style.real("frame_size", 0.92, 1.08)
    saddle = seat + backwards * style.real("seat_post", 0.08, 0.2) * (2.0 if variant == "folding" else 1.0)
    head_low = front + steering * (radius + 0.07)
    head_high = head_low + steering * rise
    stem = head_high + steering * style.real("stem", 0.04, 0.1) * (3.4 if variant == "folding" else 1.0)
    return _Joints(rear, front, crank, seat, saddle, head_low, head_high, stem + np.array([0, 0, 0.03]))


def _add_wheels(
    style: Style, made: Assembly, joints: _Joints, size: tuple[float, float], colors: tuple[Color, Color]
) -> None:
    (radius, thick), (rubber, metal) = size, colors
    depth = style.real("rim_depth", 0.012, 0.05)
    kind = style.choice("spokes", {"wire": 6, "cast": 0.7, "disc": 0.4})
    inner = radius - 2 * thick
    if kind == "wire":
        filling = wire_spokes(inner - depth * 0.7, 0.09, style.whole("num_spokes", 10, 20), 0.0035)
    elif kind == "cast":
        filling = cast_spokes(inner - depth * 0.7, 0.08, style.whole("num_spokes", 3, 5), 0.024)
    else:
        filling = disc(inner - depth * 0.5, 0.012)
    for axle in (joints.rear, joints.front):
        made.add("wheel", rubber, tyre(radius, thick).moved(*axle))
        made.add("wheel", metal, rim(inner + thick * 0.4, depth + thick * 0.4, thick * 1.5).moved(*axle))
        made.add("wheel", tinted(metal, 0.9), filling.moved(*axle))


def _add_frame(style: Style, made: Assembly, frame: str, joints: _Joints, paint: Color) -> None:
    thick = style.real("tube_radius", 0.014, 0.024)
    half = np.array([0.055, 0, 0])
    made.add("frame", paint, bar(joints.head_low, joints.head_high, thick * 1.3))
    made.add("frame", paint, mirror(bar(joints.crank + half * 0.6, joints.rear + half, thick * 0.55, sides=6)))
    if frame == "beam":
        hinge = joints.crank + np.array([0, 0.09, 0.12])
        made.add("frame", paint, bar(joints.head_low, hinge, thick * 1.5), bar(hinge, joints.rear, thick * 1.1))
        made.add("frame", paint, bar(joints.crank, joints.seat, thick * 1.1), bar(hinge, joints.crank, thick))
        return
    made.add("frame", paint, bar(joints.crank, joints.seat, thick), bar(joints.crank, joints.head_low, thick * 1.1))
    low_stay = joints.seat if frame != "cantilever" else joints.seat * 0.9 + joints.crank * 0.1
    made.add("frame", paint, mirror(bar(low_stay + half * 0.4, joints.rear + half, thick * 0.5, sides=6)))
    if frame == "diamond":
        made.add("frame", paint, bar(joints.seat - (joints.seat - joints.crank) * 0.04, joints.head_high, thick * 0.9))
        return
    low = joints.crank + (joints.seat - joints.crank) * (0.75 if frame == "cantilever" else 0.4)
    middle = (low + joints.head_high) / 2
    sag = {"step_through": 0.0, "swan": -0.1, "cantilever": 0.05}[frame]
    curve = [joints.head_high, middle + np.array([0, sag, 0]), low]
    made.add("frame", paint, bent(curve, thick * 0.9, sides=8))
    if frame == "cantilever":
        tank = fuselage([(z, y - 0.05, y + 0.02, 0.018) for z, y in zip(
            np.linspace(low[2] + 0.08, joints.head_high[2] - 0.05, 5),
            np.linspace(low[1] + 0.03, joints.head_high[1] - 0.02, 5), strict=True)])  # fmt: skip
        made.add("frame", tinted(paint, 1.2), tank)


def _add_fork(made: Assembly, variant: str, joints: _Joints, colors: tuple[Color, Color]) -> None:
    side = np.array([0.055, 0, 0])
    crown = joints.head_low - (joints.head_low - joints.front) * 0.06
    made.add("fork", colors[0], bar(crown - side * 1.15, crown + side * 1.15, 0.018))
    if variant == "mountain":
        middle = crown + (joints.front - crown) * 0.5
        made.add("fork", colors[1], mirror(bar(crown + side, middle + side, 0.014, sides=7)))
        made.add("fork", colors[0], mirror(bar(middle + side, joints.front + side, 0.02, sides=7)))
    else:
        made.add("fork", colors[0], mirror(bar(crown + side, joints.front + side, 0.014, 0.009, sides=7)))


def _add_seat(style: Style, made: Assembly, joints: _Joints, metal: Color) -> None:
    leather = style.color(
        "saddle_color", {"black": palette.DARK, "brown leather": (110, 70, 44), "white": (228, 226, 220)}
    )
    broad, long = style.real("saddle_width", 0.06, 0.11), style.real("saddle_length", 0.24, 0.3)
    made.add("seat", metal, bar(joints.seat - (joints.saddle - joints.seat) * 0.3, joints.saddle, 0.013))
    y, z = joints.saddle[1], joints.saddle[2]
    rows = [(-0.5, 0.02, 0.05, 0.75), (-0.4, 0.0, 0.065, 1.0), (-0.1, 0.0, 0.055, 0.72), (0.2, 0.01, 0.05, 0.34),
            (0.45, 0.012, 0.045, 0.24), (0.5, 0.02, 0.035, 0.16)]  # fmt: skip
    made.add("seat", leather, fuselage([(z + a * long, y + low, y + high, w * broad) for a, low, high, w in rows]))


def _add_drive(style: Style, made: Assembly, joints: _Joints, metal: Color) -> None:
    crank, rear, x = joints.crank, joints.rear, 0.06
    ring = style.real("chainring_radius", 0.06, 0.1)
    made.add("pedal", metal, disc(ring, 0.008).moved(*(crank + np.array([x, 0, 0]))))
    made.add("pedal", tinted(metal, 0.7), disc(0.04, 0.02).moved(*(rear + np.array([x, 0, 0]))))
    for sign in (1, -1):
        start, end = np.array([x, sign * ring, 0]), np.array([x, sign * 0.04, 0])
        made.add("pedal", palette.DARK, bar(crank + start, rear + end, 0.006, sides=4))
    angle = np.radians(style.real("crank_deg", 0, 180))
    arm = 0.17 * np.array([0, np.sin(angle), np.cos(angle)])
    made.add("pedal", metal, bar(crank - np.array([0.08, 0, 0]), crank + np.array([0.08, 0, 0]), 0.016))
    for sign in (1, -1):
        out = np.array([sign * 0.08, 0, 0])
        made.add("pedal", metal, bar(crank + out, crank + out + sign * arm, 0.01, sides=6))
        place = crank + out * 1.65 + sign * arm
        made.add("pedal", palette.DARK, box(0.09, 0.022, 0.07).moved(*(place - np.array([0, 0.011, 0]))))


def _add_extras(
    style: Style,
    made: Assembly,
    variant: str,
    joints: _Joints,
    size: tuple[float, float],
    colors: tuple[Color, Color],
) -> None:
    (radius, thick), (paint, metal) = size, colors
    likely = {"city": 0.85, "cruiser": 0.7, "folding": 0.5}.get(variant, 0.0)
    if style.flag("has_mudguards", likely):
        made.add("mudguard", paint, mudguard(radius + 0.02, 0.05 + thick, -115, 140).moved(*joints.rear))
        made.add("mudguard", paint, mudguard(radius + 0.02, 0.05 + thick, -80, 115).moved(*joints.front))
    if style.flag("has_rack", likely * 0.7):
        y, z = 2 * radius + 0.07, joints.rear[2]
        made.add("rack", metal, box(0.12, 0.012, 0.36).moved(y=y, z=z - 0.02))
        made.add("rack", metal, mirror(bar((0.06, y, z - 0.1), joints.rear + np.array([0.06, 0, 0]), 0.006, sides=5)))
        if style.flag("has_bags", 0.3):
            cloth = style.color("bag_color", palette.FABRIC)
            made.add("bag", cloth, mirror(box(0.1, 0.28, 0.3, 0.02).moved(0.12, y - 0.3, z - 0.06)))
    if style.flag("has_basket", 0.4 if variant in ("city", "cruiser", "folding") else 0.03):
        wicker = style.color(
            "basket_color", {"wicker": (176, 132, 80), "black": palette.DARK, "steel": (176, 180, 186)}
        )
        base, top = polygon(16, 0.13, 0.1, 6), polygon(16, 0.18, 0.14, 6)
        at = joints.head_high + np.array([0, -0.06, 0.2])
        shell = stack_rings([base, top, top * 0.95, base * 0.92], [0, 0.22, 0.22, 0.015])
        hoop = rim_ring(top * 1.04, top * 0.94, 0.2, 0.225)
        made.add("basket", wicker, join([shell, hoop]).moved(*at))
        made.add("basket", metal, mirror(bar(at + np.array([0.08, 0.02, 0]), joints.head_low, 0.006, sides=5)))
    elif style.flag("has_lamp", 0.5 if likely else 0.1):
        made.add(
            "light",
            palette.PAPER,
            ellipsoid(0.04, 0.04, 0.05, 7, 10).moved(*(joints.head_high + np.array([0, 0.02, 0.07]))),
        )
    if style.flag("has_stand", 0.4):
        foot = np.array([-0.16, 0.01, joints.crank[2] - 0.2])
        made.add("stand", metal, bar(joints.crank + np.array([-0.03, 0, -0.08]), foot, 0.009, sides=6))
    if style.flag("has_bottle", 0.3 if variant in ("road", "mountain") else 0.03):
        middle, along = (joints.crank + joints.head_low) / 2, joints.head_low - joints.crank
        tilt = np.degrees(np.arctan2(along[2], along[1]))
        bottle = cylinder(0.035, 0.19, 12).moved(y=-0.095, z=-0.055).turned("x", tilt)
        made.add("bottle", style.color("bottle_color", palette.PLASTIC), bottle.moved(*middle))
