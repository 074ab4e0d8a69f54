"""Motorcycles and scooters."""

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
    Shape,
    bar,
    box,
    cylinder,
    ellipsoid,
    fuselage,
    linear_array,
    mirror,
)

_TYRES = {"black": palette.RUBBER, "dark grey": (70, 70, 74)}
# variant: wheel radius, tyre thickness, wheelbase, rake of the fork in degrees, heights of the head and of the seat
_SIZES: dict[str, tuple[float, float, float, float, float, float]] = {
    "standard": (0.31, 0.065, 1.42, 25, 0.92, 0.78),
    "sport": (0.3, 0.07, 1.4, 23, 0.86, 0.8),
    "cruiser": (0.32, 0.08, 1.66, 34, 0.9, 0.66),
    "touring": (0.31, 0.07, 1.52, 26, 0.94, 0.78),
    "off_road": (0.34, 0.055, 1.45, 27, 1.04, 0.92),
    "scooter": (0.22, 0.06, 1.28, 26, 0.86, 0.74),
}
# The right half of each handlebar, from the stem outwards.
_BARS: dict[str, list[tuple[float, float, float]]] = {
    "standard": [(0, 0, 0), (0.1, 0.05, 0), (0.24, 0.09, -0.05), (0.37, 0.07, -0.13)],
    "clip_on": [(0.08, 0, 0.02), (0.14, -0.01, 0), (0.24, -0.02, -0.04), (0.33, -0.04, -0.1)],
    "high": [(0, 0, 0), (0.1, 0.06, 0.02), (0.22, 0.28, 0.0), (0.3, 0.34, -0.1), (0.4, 0.32, -0.22)],
    "wide": [(0, 0, 0), (0.12, 0.08, 0), (0.26, 0.1, -0.03), (0.42, 0.09, -0.08)],
}


@dataclass(frozen=True)
class _Frame:
    """Measures in metres: axles and head as (x, y, z), direction of the fork upwards, height of the seat."""

    variant: str
    radius: float
    thick: float
    rear: Array
    front: Array
    head: Array
    steering: Array
    seat: float


def motorcycle(style: Style) -> Assembly:
    """Motorcycle: standard, sport, cruiser, touring or off-road machine, or scooter, riding towards +z."""
    made = Assembly()
    variant = style.choice(
        "variant", {"standard": 2, "sport": 1.5, "cruiser": 1.7, "touring": 1, "off_road": 1.2, "scooter": 1.5}
    )
    paint, metal = style.color("tank_color", palette.PAINT), style.color("metal_color", palette.METAL)
    frame = _frame(style, variant)
    _add_wheels(style, made, frame, metal)
    _add_fork(style, made, frame, (paint, metal))
    if variant == "scooter":
        _add_scooter_body(style, made, frame, paint)
    else:
        _add_chassis(style, made, frame, metal)
        _add_engine(style, made, frame, metal)
        _add_body(style, made, frame, paint)
    _add_light(style, made, frame, metal)
    if style.flag("has_mirrors", 0.15 if variant == "off_road" else 0.75):
        at = frame.head + np.array([0, 0.08, 0])
        stalk = bar(at + np.array([0.16, 0, 0]), at + np.array([0.27, 0.16, 0.02]), 0.008, sides=5)
        glass = ellipsoid(0.055, 0.04, 0.015, 5, 8).moved(*(at + np.array([0.29, 0.19, 0.02])))
        made.add("mirror", palette.DARK, mirror(stalk), mirror(glass))
    _add_luggage(style, made, frame, paint)
    return made


def _frame(style: Style, variant: str) -> _Frame:
    radius, thick, base, rake, head, seat = _SIZES[variant]
    radius *= style.real("wheel_size", 0.95, 1.05)
    base *= style.real("wheelbase", 0.96, 1.05)
    angle = np.radians(rake + style.real("rake_change", -2, 9 if variant == "cruiser" else 2))
    steering = np.array([0, np.cos(angle), -np.sin(angle)])
    front = np.array([0, radius, base / 2])
    top = front + steering * (head - radius) / steering[1]
    seat *= style.real("seat_height", 0.95, 1.05)
    return _Frame(variant, radius, thick, np.array([0, radius, -base / 2]), front, top, steering, seat)


def _add_wheels(style: Style, made: Assembly, frame: _Frame, metal: Color) -> None:
    rubber = style.color("tyre_color", _TYRES)
    likely = {"cruiser": 2.0, "off_road": 8.0, "standard": 1.0}.get(frame.variant, 0.2)
    kind = style.choice("wheels", {"cast": 2, "spoked": likely, "disc": 0.6 if frame.variant == "scooter" else 0.1})
    count = style.whole("num_spokes", 5, 7) if kind == "cast" else 16
    for axle, fat in ((frame.rear, 1.25), (frame.front, 1.0)):
        thick = frame.thick * (fat if frame.variant != "scooter" else 1.0)
        inner = frame.radius - 1.5 * frame.thick
        made.add("wheel", rubber, tyre(frame.radius, frame.thick, thick / frame.thick, 18).moved(*axle))
        made.add("wheel", metal, rim(inner, 0.035, thick * 1.2, 18).moved(*axle))
        reach = inner - 0.02
        filling = {
            "cast": lambda reach=reach: cast_spokes(reach, 0.12, count, 0.02),
            "spoked": lambda reach=reach: wire_spokes(reach, 0.14, count, 0.005),
            "disc": lambda reach=reach: disc(reach, 0.05),
        }[kind]()
        made.add("wheel", tinted(metal, 0.85), filling.moved(*axle))
        brake = disc(inner * 0.62, 0.008, 12).moved(x=0.075)
        made.add("wheel", tinted(metal, 1.15), brake.moved(*axle))


def _add_fork(style: Style, made: Assembly, frame: _Frame, colors: tuple[Color, Color]) -> None:
    paint, metal = colors
    side = np.array([0.095, 0, 0])
    middle = frame.front + (frame.head - frame.front) * 0.5
    made.add("fork", tinted(metal, 0.8), mirror(bar(frame.front + side, middle + side, 0.034)))
    made.add("fork", metal, mirror(bar(middle + side, frame.head + side, 0.024)))
    for at in (frame.head, frame.head - frame.steering * 0.16):
        made.add("fork", palette.DARK, bar(at - side * 1.2, at + side * 1.2, 0.028, sides=6))
    kinds = {
        "sport": {"clip_on": 1.0},
        "cruiser": {"high": 1.0, "wide": 1.0, "standard": 0.6},
        "off_road": {"wide": 1.0},
    }.get(frame.variant, {"standard": 1.0})
    grips = style.color("grip_color", {"black": palette.DARK, "grey": (110, 110, 114), "brown": (110, 70, 44)})
    stem = frame.head + frame.steering * (0.02 if frame.variant == "sport" else 0.06)
    add_handlebar(made, _BARS[style.choice("handlebar", kinds)], (stem[1], stem[2]), 0.014, (metal, grips))
    if frame.variant == "off_road":
        nose = [(z, y - 0.012, y + 0.012, w) for z, y, w in ((-0.3, 0.02, 0.07), (0.0, 0.06, 0.08), (0.3, 0.03, 0.07),
                                                            (0.42, -0.01, 0.03))]  # fmt: skip
        made.add("mudguard", paint, fuselage(nose, 4).moved(0, 2 * frame.radius + 0.1, frame.front[2]))
    else:
        made.add("mudguard", paint, mudguard(frame.radius + 0.02, 2.4 * frame.thick, -70, 110).moved(*frame.front))


def _add_chassis(style: Style, made: Assembly, frame: _Frame, metal: Color) -> None:
    color = style.color("frame_color", palette.METAL, {"black": palette.DARK, "red": (170, 36, 36)})
    side = np.array([0.11, 0, 0])
    pivot = np.array([0, 0.4, -0.24])
    cradle = [frame.head - frame.steering * 0.1, np.array([0, 0.42, 0.3]), np.array([0, 0.22, 0.12]),
              np.array([0, 0.22, -0.16]), pivot]  # fmt: skip
    made.add("frame", color, mirror(bent(np.array(cradle) + side * [0.9], 0.02, 8, 5)))
    rear_seat = np.array([0, frame.seat - 0.1, frame.rear[2] + 0.12])
    made.add("frame", color, mirror(bar(frame.head - frame.steering * 0.1, rear_seat + side, 0.02, sides=6)))
    made.add("frame", color, mirror(bar(pivot + side, frame.rear + side * 1.15, 0.03, sides=6)))
    shock = [rear_seat + side * 1.15 + [0, 0, 0.1], frame.rear + side * 1.2 + [0, 0.05, 0.08]]
    made.add("frame", metal, mirror(bar(shock[0], shock[1], 0.03, 0.022)))


def _add_engine(style: Style, made: Assembly, frame: _Frame, metal: Color) -> None:
    kind = style.choice(
        "engine", {"twin": 4} if frame.variant == "cruiser" else {"single": 3} if frame.variant == "off_road" else
        {"inline": 2.5, "twin": 1, "single": 0.7, "boxer": 0.6}
    )  # fmt: skip
    block = box(0.3, 0.2, 0.44, 0.05).moved(y=0.24, z=-0.02)
    made.add("engine", tinted(metal, 0.75), block)
    cover = disc(0.11, 0.03, 14).moved(x=0.165, y=0.34, z=-0.08)
    made.add("engine", metal, mirror(cover))
    if kind == "inline":
        pot = linear_array(box(0.36, 0.014, 0.18).moved(y=0.42, z=0.06), 6, y=0.034)
        made.add("engine", metal, box(0.32, 0.2, 0.15).moved(y=0.42, z=0.06), pot)
    else:
        barrel = Assembly()
        barrel.add("engine", metal, cylinder(0.07, 0.26, 9))
        barrel.add("engine", tinted(metal, 1.15), linear_array(cylinder(0.1, 0.02, 9).moved(y=0.05), 4, y=0.054))
        for part, color, shape in barrel.pieces:
            if kind == "boxer":
                made.add(part, color, mirror(shape.turned("z", -90).moved(0.12, 0.36, 0.04)))
            else:
                for tilt in (24, -24) if kind == "twin" else (8,):
                    made.add(part, color, shape.turned("x", tilt).moved(0, 0.4, 0.0))
    low = 0.2 if frame.variant != "off_road" else 0.5
    rise = style.real("exhaust_rise", 0.0, 0.35) if frame.variant != "cruiser" else 0.02
    end = np.array([0.19, low + 0.06 + rise, frame.rear[2] - 0.05])
    start = np.array([0.17, low + 0.02, -0.15])
    pipe = bent([(0.1, 0.5, 0.2), (0.14, 0.36, 0.34), (0.17, low, 0.12), start, (start + end) / 2], 0.024, 9, 6)
    muffler = bar((start + end) / 2, end, style.real("muffler", 0.035, 0.06), sides=8)
    both = style.flag("has_two_exhausts", 0.5 if frame.variant in ("cruiser", "touring") else 0.2)
    for shape in (pipe, muffler):
        made.add("exhaust", tinted(metal, 1.1), mirror(shape) if both else shape)


def _add_body(style: Style, made: Assembly, frame: _Frame, paint: Color) -> None:
    leather = style.color("seat_color", {"black": palette.DARK, "brown": (96, 60, 40), "grey": (92, 92, 96)})
    seat, back = frame.seat, frame.rear[2]
    front = frame.head[2] - 0.08
    middle = front - 0.5 * style.real("tank_length", 0.85, 1.1)
    fat, top = style.real("tank_width", 0.11, 0.16), seat + style.real("tank_height", 0.12, 0.2)
    slim = 0.6 if frame.variant == "off_road" else 1.0
    tank = [
        (middle - 0.06, seat - 0.1, seat + 0.02, fat * 0.4 * slim),
        (middle + 0.06, seat - 0.12, top - 0.05, fat * 0.8 * slim),
        (middle + 0.22, seat - 0.14, top, fat * slim),
        (front - 0.06, seat - 0.08, top - 0.02, fat * 0.9 * slim),
        (front, seat - 0.02, top - 0.06, fat * 0.5 * slim),
    ]
    made.add("tank", paint, fuselage(tank))
    made.add("tank", palette.METAL["chrome"], cylinder(0.035, 0.02, 10).moved(y=top - 0.01, z=middle + 0.24))
    drop = {"cruiser": 0.05, "sport": 0.02}.get(frame.variant, 0.02)
    tail = {"sport": 0.16, "cruiser": 0.04, "off_road": 0.04}.get(frame.variant, 0.06)
    rows = [
        (back - 0.12, seat + tail, seat + tail + 0.07, 0.07),
        (back + 0.1, seat + tail * 0.4, seat + tail + 0.06, 0.11),
        (back + 0.3, seat - 0.06, seat + 0.02, 0.13),
        (middle - 0.1, seat - 0.09, seat + 0.02 - drop, 0.11),
        (middle + 0.04, seat - 0.06, seat + 0.01, 0.07),
    ]
    made.add(
        "seat", leather, fuselage([(z, low, high, w * (0.75 if slim < 1 else 1.0)) for z, low, high, w in rows], 3.5)
    )
    panel = [(back - 0.02, seat - 0.12 + tail, seat + tail * 0.7, 0.09), (back + 0.25, seat - 0.2, seat - 0.04, 0.13),
             (middle - 0.06, seat - 0.24, seat - 0.06, 0.12)]  # fmt: skip
    made.add("frame", tinted(paint, 0.85), fuselage(panel, 3))
    if frame.variant == "sport" or (frame.variant == "touring" and style.flag("has_full_fairing", 0.6)):
        _add_fairing(made, frame, paint)
    if frame.variant not in ("sport", "off_road"):
        made.add("mudguard", paint, mudguard(frame.radius + 0.03, 3.2 * frame.thick, -110, 110).moved(*frame.rear))
    else:
        fender = [
            (back - 0.36, seat + tail - 0.02, seat + tail, 0.05),
            (back - 0.05, seat + tail - 0.04, seat + tail, 0.08),
        ]
        made.add("mudguard", paint, fuselage(fender, 4))
    made.add("light", (190, 30, 30), box(0.12, 0.05, 0.03).moved(y=seat + tail - 0.02, z=back - 0.16))


def _add_fairing(made: Assembly, frame: _Frame, paint: Color) -> None:
    z, y = frame.head[2], frame.head[1]
    nose = [
        (z - 0.08, y - 0.28, y, 0.2),
        (z + 0.06, y - 0.26, y + 0.05, 0.2),
        (z + 0.24, y - 0.2, y + 0.02, 0.15),
        (z + 0.36, y - 0.12, y - 0.05, 0.06),
    ]
    made.add("fairing", paint, fuselage(nose))
    belly = [(-0.3, 0.2, 0.34, 0.1), (-0.1, 0.16, 0.5, 0.17), (0.2, 0.2, 0.66, 0.19), (0.34, 0.36, y - 0.1, 0.17),
             (z + 0.12, y - 0.3, y - 0.08, 0.1)]  # fmt: skip
    made.add("fairing", tinted(paint, 0.92), fuselage(belly, 3))
    screen = [
        (z + 0.02, y + 0.02, y + 0.2, 0.1),
        (z + 0.12, y + 0.0, y + 0.12, 0.13),
        (z + 0.22, y - 0.02, y + 0.03, 0.12),
    ]
    made.add("windscreen", palette.GLASS["smoked glass"], fuselage(screen))


def _add_scooter_body(style: Style, made: Assembly, frame: _Frame, paint: Color) -> None:
    seat, back = frame.seat, frame.rear[2]
    wide = style.real("body_width", 0.15, 0.2)
    rear = [(back - 0.28, seat - 0.3, seat - 0.16, wide * 0.5), (back - 0.1, seat - 0.42, seat - 0.06, wide),
            (back + 0.2, seat - 0.46, seat - 0.05, wide), (back + 0.42, 0.22, seat - 0.08, wide * 0.75),
            (back + 0.5, 0.22, seat - 0.2, wide * 0.6)]  # fmt: skip
    made.add("frame", paint, fuselage(rear, style.real("body_power", 2.2, 4.0)))
    made.add(
        "frame",
        tinted(paint, 0.8),
        box(0.3, 0.07, 0.52, 0.02).moved(y=0.18, z=(back + 0.42 + frame.front[2] - 0.2) / 2),
    )
    foot, top = np.array([0, 0.2, frame.front[2] - 0.3]), frame.head + np.array([0, -0.04, 0])
    height = float(np.linalg.norm(top - foot))
    lean = np.degrees(np.arctan2(top[2] - foot[2], top[1] - foot[1]))
    shield = fuselage([(-0.025, 0, height, style.real("shield_width", 0.17, 0.25)), (0.025, 0.02, height, 0.15)], 3.5)
    made.add("fairing", paint, shield.turned("x", lean).moved(*foot))
    leather = style.color("seat_color", {"black": palette.DARK, "brown": (96, 60, 40), "cream": (220, 208, 180)})
    rows = [(back - 0.22, seat - 0.06, seat + 0.05, 0.1), (back, seat - 0.06, seat + 0.06, 0.14),
            (back + 0.2, seat - 0.06, seat + 0.02, 0.13), (back + 0.45, seat - 0.08, seat, 0.08)]  # fmt: skip
    made.add("seat", leather, fuselage(rows, 3.5))
    made.add("engine", palette.DARK, box(0.14, 0.16, 0.4, 0.03).moved(-0.12, frame.radius - 0.08, back + 0.12))
    muffler = bar((0.14, frame.radius, back + 0.1), (0.15, frame.radius + 0.04, back - 0.24), 0.05, sides=9)
    made.add("exhaust", palette.METAL["steel"], muffler)
    hood = ellipsoid(0.14, 0.08, 0.1, 7, 12, 2.5).moved(*(frame.head + np.array([0, 0.08, 0.02])))
    made.add("handlebar", paint, hood)
    made.add("light", (190, 30, 30), box(0.12, 0.05, 0.03).moved(y=seat - 0.22, z=back - 0.28))


def _add_light(style: Style, made: Assembly, frame: _Frame, metal: Color) -> None:
    if frame.variant == "sport":
        at = frame.head + np.array([0.07, -0.1, 0.29])
        made.add("light", palette.PAPER, mirror(ellipsoid(0.05, 0.025, 0.06, 6, 10).moved(*at)))
        return
    at = frame.head + np.array([0, 0.06 if frame.variant == "scooter" else -0.06, 0.12])
    if frame.variant == "off_road":
        made.add("light", palette.WHITE, box(0.2, 0.24, 0.04, 0.02).moved(*(at - np.array([0, 0.12, 0]))))
    lamp: Shape = ellipsoid(0.09, 0.09, 0.1, 7, 12, style.real("lamp_power", 1.9, 4.0))
    made.add("light", metal, lamp.moved(*at))
    made.add("light", palette.PAPER, cylinder(0.07, 0.02, 14).turned("x", 90).moved(*(at + np.array([0, 0, 0.085]))))


def _add_luggage(style: Style, made: Assembly, frame: _Frame, paint: Color) -> None:
    back, seat = frame.rear[2], frame.seat
    if style.flag("has_windscreen", {"touring": 0.9, "scooter": 0.25, "cruiser": 0.2}.get(frame.variant, 0.0)):
        pane = fuselage([(-0.008, 0, 0.4, 0.24), (0.008, 0, 0.4, 0.24)], 4).turned("x", -24)
        made.add("windscreen", palette.GLASS["clear glass"], pane.moved(*(frame.head + np.array([0, 0.02, 0.14]))))
    if style.flag("has_side_cases", {"touring": 0.9, "cruiser": 0.35}.get(frame.variant, 0.05)):
        color = style.color("case_color", palette.FABRIC) if frame.variant == "cruiser" else tinted(paint, 0.9)
        case = box(0.16, 0.28, 0.42, 0.04).moved(0.24, seat - 0.42, back - 0.02)
        made.add("case", color, mirror(case))
    if style.flag("has_top_case", {"touring": 0.6, "scooter": 0.35}.get(frame.variant, 0.04)):
        made.add("case", tinted(paint, 0.7), box(0.4, 0.26, 0.34, 0.05).moved(y=seat + 0.1, z=back - 0.26))
    if style.flag("has_plate", 0.6):
        made.add("plate", palette.WHITE, box(0.2, 0.13, 0.012).moved(y=seat - 0.24, z=back - frame.radius - 0.06))
