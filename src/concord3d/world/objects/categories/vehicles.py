"""Airplanes and cars."""

from __future__ import annotations

import numpy as np

from concord3d.world.objects import palette
from concord3d.world.objects.categories.style import Assembly, Color, Style, tinted
from concord3d.world.objects.grammar import (
    Shape,
    box,
    cylinder,
    ellipsoid,
    lathe,
    loft,
    mirror,
    radial_array,
    smooth,
    span,
    torus,
)


def wing(root: float, tip: float, span_length: float, sweep: float, thickness: float, rise: float) -> Shape:
    """Return the right (+x) wing: chords along z, leading edge swept back by ``sweep``, tip raised by ``rise``."""
    section = np.array([[0.5, 0.0], [0.25, 0.5], [-0.1, 0.45], [-0.5, 0.0], [-0.1, -0.3], [0.25, -0.4]])
    rings = []
    for t in (0.0, 0.5, 1.0):
        chord = root + (tip - root) * t
        z = section[:, 0] * chord - sweep * t - (root - chord) * 0.25
        y = section[:, 1] * thickness * (1 - 0.6 * t) + rise * t
        rings.append(np.stack([np.full(6, t * span_length), y, z], axis=1))
    return loft(np.stack(rings))


def airplane(style: Style) -> Assembly:
    """Airplane: airliner, propeller plane, fighter, glider or biplane, nose towards +z."""
    made = Assembly()
    variant = style.choice(
        "variant", {"airliner": 6, "business_jet": 1, "fighter": 1.6, "propeller": 1.2, "biplane": 0.4}
    )
    length = {"airliner": 40.0, "business_jet": 18.0, "fighter": 15.0, "propeller": 9.0, "biplane": 8.0}[variant]
    radius = length * style.real("fuselage_ratio", 0.045, 0.065)
    body, accent = style.color("body_color", palette.PAINT), style.color("accent_color", palette.PAINT)
    half_span = length * style.real("span_ratio", 0.42, 0.56) * (0.72 if variant == "fighter" else 1)
    sweep = style.real("sweep", 0.05, 0.22) * length
    if variant in ("propeller", "biplane"):
        sweep *= 0.1
    nose = style.real("nose_length", 0.08, 0.16) * (1.9 if variant == "fighter" else 1.0)
    profile = smooth(
        [
            (0.06, -0.5),
            (0.35, -0.4),
            (0.85, -0.22),
            (1, -0.05),
            (1, 0.5 - nose * 1.2),
            (0.75, 0.5 - nose * 0.4),
            (0.0, 0.5),
        ],
        22,
    )
    tube_body = lathe(profile * np.array([radius, length]), 16).turned("x", 90)
    lift = np.clip(-tube_body.vertices[:, 2] / length - 0.2, 0, None) * radius * 2.2
    tube_body = Shape(tube_body.vertices + lift[:, None] * np.array([0, 1.0, 0]), tube_body.faces)
    made.add("body", body, tube_body)
    root = length * style.real("wing_chord", 0.13, 0.24) * (1.7 if variant == "fighter" else 1)
    tip = root * style.real("wing_taper", 0.25, 0.6) * (0.5 if variant == "fighter" else 1)
    level = {"propeller": style.real("wing_level", -0.6, 0.95), "biplane": -0.7}.get(variant, -0.5) * radius
    dihedral = style.real("dihedral", 0.0, 0.1) * half_span
    blade = mirror(wing(root, tip, half_span, sweep, radius * 0.32, dihedral))
    place = length * style.real("wing_place", -0.04, 0.08)
    made.add("wing", body, blade.moved(y=level, z=place))
    if variant == "biplane":
        made.add("wing", body, blade.moved(y=radius * 1.6, z=place))
        strut = box(radius * 0.08, radius * 2.3, radius * 0.15).moved(half_span * 0.6, -radius * 0.7, place)
        made.add("wing", accent, mirror(strut))
    _tail(style, made, variant, length, radius)
    _engines(style, made, variant, (length, radius, half_span, level, place, sweep, dihedral))
    if style.flag("has_gear", 0.25):
        wheel = ellipsoid(radius * 0.1, radius * 0.22, radius * 0.22, 5, 10)
        strut = box(radius * 0.1, radius * 0.8, radius * 0.1)
        for x, z in ((radius * 0.9, place), (-radius * 0.9, place), (0, length * 0.36)):
            made.add("gear", palette.DARK, wheel.moved(x, -radius * 1.5, z), strut.moved(x, -radius * 1.5, z))
    return made


def _tail(style: Style, made: Assembly, variant: str, length: float, radius: float) -> None:
    height = length * style.real("fin_height", 0.1, 0.17)
    chord = length * style.real("fin_chord", 0.09, 0.15)
    color = style.color("tail_color", palette.PAINT)
    fin = wing(chord, chord * 0.45, height, height * 0.75, radius * 0.2, 0).turned("z", 90)
    twin = variant == "fighter" and style.flag("has_twin_fins", 0.5)
    base = fin.moved(y=radius * 0.5, z=-length * 0.4)
    made.add("tail", color, mirror(base.turned("z", -12).moved(x=radius * 0.7)) if twin else base)
    plane = mirror(wing(chord * 0.9, chord * 0.4, height * 1.15, height * 0.5, radius * 0.16, 0))
    high = style.flag("has_t_tail", 0.6 if variant == "business_jet" else 0.1)
    y, z = (height + radius * 0.5, -length * 0.4 - height * 0.75) if high else (radius * 0.5, -length * 0.42)
    made.add("tail", color, plane.moved(y=y, z=z))


def _engines(style: Style, made: Assembly, variant: str, frame: tuple[float, ...]) -> None:
    length, radius, half_span, level, place, sweep, dihedral = frame
    size = radius * style.real("engine_size", 0.38, 0.6)
    color = style.color("engine_color", palette.PAINT, palette.METAL)
    pod = lathe([(0.0, -1.6), (0.55, -1.6), (1.0, -0.4), (1.0, 0.9), (0.8, 1.2), (0.7, 1.0), (0.0, 0.6)], 12).turned(
        "x", 90
    )
    pod = pod.scaled(size, size, size * 1.3)
    if variant == "airliner":
        for share in (0.32,) if style.whole("num_engines_per_wing", 1, 2) == 1 else (0.28, 0.58):
            y = level - size * 0.9 + dihedral * share
            z = place - sweep * share + size * 1.8
            made.add("engine", color, mirror(pod.moved(half_span * share, y, z)))
    elif variant == "business_jet":
        made.add("engine", color, mirror(pod.moved(radius * 1.45, radius * 0.5, -length * 0.28)))
    elif variant == "fighter":
        engine = mirror(pod.scaled(1, 1, 1.4).moved(radius * 0.7, -radius * 0.2, -length * 0.4))
        made.add("engine", tinted(color, 0.6), engine)
        body = ellipsoid(radius * 0.5, radius * 0.7, radius * 2, 7, 10).moved(y=radius * 0.7, z=length * 0.2)
        made.add("body", palette.SCREEN, body)
    else:
        blade = box(radius * 0.16, radius * 1.5, radius * 0.06)
        propeller = radial_array(blade.turned("x", 90), style.whole("num_blades", 2, 4)).turned("x", 90)
        made.add(
            "engine",
            palette.DARK,
            propeller.moved(z=length * 0.5),
            ellipsoid(radius * 0.3, radius * 0.3, radius * 0.5, 5, 8).moved(z=length * 0.5),
        )


_CAR_LINES: dict[str, tuple[list[tuple[float, float]], list[tuple[float, float]]]] = {
    # body top line and cabin line as (place from rear 0 to front 1, height in car heights)
    "sedan": (
        [(0, 0.5), (0.03, 0.62), (0.25, 0.64), (0.7, 0.62), (0.94, 0.52), (1, 0.36)],
        [(0.1, 0.62), (0.24, 0.98), (0.5, 1.0), (0.72, 0.61)],
    ),
    "hatchback": (
        [(0, 0.5), (0.02, 0.64), (0.3, 0.66), (0.72, 0.63), (0.95, 0.52), (1, 0.36)],
        [(0.01, 0.62), (0.09, 0.96), (0.5, 1.0), (0.76, 0.61)],
    ),
    "van": (
        [(0, 0.45), (0.01, 0.6), (0.3, 0.62), (0.8, 0.58), (0.97, 0.46), (1, 0.3)],
        [(0.0, 0.6), (0.02, 0.97), (0.66, 1.0), (0.9, 0.55)],
    ),
    "suv": (
        [(0, 0.45), (0.01, 0.6), (0.3, 0.62), (0.75, 0.62), (0.97, 0.57), (1, 0.36)],
        [(0.01, 0.6), (0.05, 0.97), (0.55, 1.0), (0.74, 0.6)],
    ),
    "sports": (
        [(0, 0.56), (0.03, 0.72), (0.25, 0.76), (0.7, 0.7), (0.94, 0.5), (1, 0.3)],
        [(0.12, 0.72), (0.34, 0.97), (0.5, 1.0), (0.76, 0.66)],
    ),
    "pickup": (
        [(0, 0.52), (0.01, 0.6), (0.3, 0.6), (0.75, 0.6), (0.96, 0.55), (1, 0.34)],
        [(0.34, 0.58), (0.38, 0.97), (0.56, 1.0), (0.72, 0.59)],
    ),
}  # fmt: skip


def _car_shell(
    line: list[tuple[float, float]], length: float, height: float, width: float, low: float, tumble: float
) -> Shape:
    """Loft cross-sections along the length under a top line; the top is narrower than the waist by ``tumble``."""
    place = np.linspace(line[0][0], line[-1][0], 17)
    along, heights = np.array(line).T
    top = np.interp(place, along, heights) * height
    ends = 1 - 0.12 * np.abs(np.linspace(-1, 1, 17)) ** 4
    rings = []
    for z, y, share in zip(place, top, ends, strict=True):
        half, roof = width / 2 * share, width / 2 * share * (1 - tumble)
        crown = max(y, low + 0.01)
        section = [
            (-half * 0.94, low),
            (-half, low + 0.4 * (crown - low)),
            (-roof, low + 0.9 * (crown - low)),
            (-roof * 0.8, crown),
            (roof * 0.8, crown),
            (roof, low + 0.9 * (crown - low)),
            (half, low + 0.4 * (crown - low)),
            (half * 0.94, low),
        ]
        rings.append([(x, h, (z - 0.5) * length) for x, h in section])
    return loft(np.array(rings))


def car(style: Style) -> Assembly:
    """Car: sedan, hatchback, van, off-road, sports car or pick-up, driving towards +z."""
    made = Assembly()
    variant = style.choice("variant", {"sedan": 3, "hatchback": 1.5, "van": 1, "suv": 1.5, "sports": 2, "pickup": 0.8})
    paint, metal = style.color("body_color", palette.PAINT), style.color("wheel_color", palette.METAL)
    height = {"sedan": 1.42, "hatchback": 1.45, "van": 1.8, "suv": 1.75, "sports": 1.18, "pickup": 1.7}[
        variant
    ] * style.real("height", 0.93, 1.07)
    length, width = style.real("length", 3.9, 4.9), style.real("width", 1.65, 1.9)
    wheel = height * style.real("wheel_size", 0.19, 0.25)
    low = wheel * style.real("clearance", 0.55, 0.95)
    body, cabin = ([(z, y + style.jitter(0.02)) for z, y in line] for line in _CAR_LINES[variant])
    hull = _car_shell(body, length, height, width, low, 0.08)
    centre = hull.vertices[hull.faces].mean(axis=1)
    hood = (centre[:, 2] > 0.22 * length) & (centre[:, 1] > 0.8 * body[-2][1] * height)
    made.add("body", paint, Shape(hull.vertices, hull.faces[~hood]))
    made.add("hood", paint, Shape(hull.vertices, hull.faces[hood]))
    tumble = style.real("tumble_home", 0.12, 0.3)
    waist = min(body[2][1], body[3][1]) * height * 0.96
    open_top = variant == "sports" and style.flag("is_open", 0.25)
    if not open_top:
        shell = _car_shell(cabin, length, height, width * 0.92, waist, tumble)
        high = shell.vertices[shell.faces].mean(axis=1)[:, 1] > height * 0.93
        made.add("window", palette.SCREEN, Shape(shell.vertices, shell.faces[~high]))
        roof = (
            Shape(shell.vertices, shell.faces[high])
            if high.any()
            else box(width * 0.6, 0.03, length * 0.2).moved(y=height)
        )
        made.add("roof", paint, roof)
    else:
        made.add(
            "window", palette.SCREEN, box(width * 0.75, 0.35, 0.03).turned("x", -35).moved(y=waist, z=length * 0.12)
        )
        made.add("seat", palette.DARK, mirror(box(0.45, 0.5, 0.2).moved(0.36, waist - 0.15, -length * 0.06)))
    rim = join_wheel(wheel, width * 0.12)
    front, rear = length * style.real("front_axle", 0.3, 0.35), -length * style.real("rear_axle", 0.27, 0.34)
    for z in (front, rear):
        made.add("wheel", palette.RUBBER, mirror(rim[0].moved(width * 0.44, wheel, z)))
        made.add("wheel", metal, mirror(rim[1].moved(width * 0.45, wheel, z)))
    _car_ends(made, paint, (length, width, low, body[-2][1] * height))
    _car_extras(style, made, variant, (length, width, waist, body[1][1] * height), paint)
    if variant == "pickup":
        bed = span((-width * 0.4, width * 0.4), (waist * 1.02, waist * 1.06), (-length * 0.47, -length * 0.17))
        made.add("bed", palette.DARK, bed)
    if style.flag("has_roof_rack", 0.12 if not open_top else 0.0):
        made.add(
            "rack",
            metal,
            mirror(box(0.04, 0.05, length * 0.3).moved(width * 0.3, height * 1.0, -length * 0.08)),
            box(width * 0.6, 0.03, 0.05).moved(y=height * 1.03),
        )
    return made


def _car_ends(made: Assembly, paint: Color, size: tuple[float, float, float, float]) -> None:
    length, width, low, nose = size
    light = mirror(ellipsoid(0.13, 0.07, 0.08, 5, 8).moved(width * 0.36, low + (nose - low) * 0.75, length * 0.465))
    made.add("light", palette.PAPER, light)
    made.add(
        "bumper",
        tinted(paint, 0.7),
        *(box(width * 0.94, 0.16, 0.14, 0.03).moved(y=low, z=z) for z in (length * 0.5, -length * 0.5)),
    )


def _car_extras(
    style: Style, made: Assembly, variant: str, size: tuple[float, float, float, float], paint: Color
) -> None:
    length, width, waist, deck = size
    if style.flag("has_mirrors", 0.6):
        made.add("mirror", paint, mirror(box(0.18, 0.12, 0.1).moved(width * 0.53, waist + 0.02, length * 0.17)))
    if style.flag("has_spoiler", 0.5 if variant == "sports" else 0.06):
        made.add(
            "spoiler",
            paint,
            box(width * 0.85, 0.03, 0.25).moved(y=deck + 0.18, z=-length * 0.46),
            mirror(box(0.04, 0.2, 0.12).moved(width * 0.35, deck, -length * 0.46)),
        )


def join_wheel(radius: float, width: float) -> tuple[Shape, Shape]:
    """Return tyre and rim of a wheel whose axle lies along x."""
    tyre = torus(radius * 0.78, radius * 0.22, segments=18, sides=6).scaled(1, width / radius / 0.44, 1)
    return tyre.turned("z", 90), cylinder(radius * 0.6, width * 0.7, 14).moved(y=-width * 0.35).turned("z", 90)
