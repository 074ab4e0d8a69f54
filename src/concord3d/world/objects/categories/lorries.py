"""Trucks, trailers and buses."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from concord3d.world.objects import palette
from concord3d.world.objects.categories.style import Assembly, Color, Style, tinted
from concord3d.world.objects.categories.vehicles import join_wheel
from concord3d.world.objects.grammar import bar, box, cylinder, ellipsoid, linear_array, mirror, span, subdivided, wedge

_CHASSIS = (52, 52, 56)
_LAMP_RED = (170, 30, 30)


def add_axles(made: Assembly, metal: Color, radius: float, width: float, places: Sequence[float]) -> None:
    """Add a pair of wheels at each place along z; the wheels stand on the floor.

    Args:
        made: What they are added to.
        metal: Colour of the rims.
        radius: Of a wheel.
        width: Of the vehicle.
        places: z of each axle.
    """
    tyre, rim = join_wheel(radius, 0.32)
    for z in places:
        made.add("wheel", palette.RUBBER, mirror(tyre.moved(width / 2 - 0.2, radius, z)))
        made.add("wheel", metal, mirror(rim.moved(width / 2 - 0.17, radius, z)))


def _add_cab(style: Style, made: Assembly, paint: Color, size: tuple[float, float, float], floor: float) -> float:
    """Add a driver's cab whose front stands at z = 0; return its depth."""
    width, height, _ = size
    form = style.choice("cab", {"flat": 3, "bonnet": 1})
    depth = style.real("cab_depth", 1.5, 2.1)
    nose = style.real("bonnet", 0.8, 1.3) if form == "bonnet" else 0.0
    waist = floor + 0.48 * height
    made.add("cab", paint, box(width, waist - floor, depth, 0.05).moved(0, floor, -nose - depth / 2))
    upper = wedge((width, depth), (width * 0.92, depth * 0.86), height * 0.52, (0, -depth * 0.05))
    made.add("cab", paint, upper.moved(0, waist, -nose - depth / 2))
    if nose:
        made.add("cab", paint, box(width * 0.78, (waist - floor) * 0.85, nose, 0.06).moved(0, floor, -nose / 2))
    glass = wedge((width * 0.86, 0.05), (width * 0.78, 0.05), height * 0.3, (0, -depth * 0.1))
    made.add("window", palette.SCREEN, glass.moved(0, waist + 0.1 * height, -nose - 0.01 * depth))
    made.add("window", palette.SCREEN, mirror(box(0.06, height * 0.28, depth * 0.5).moved(
        width * 0.465, waist + 0.1 * height, -nose - depth * 0.5)))  # fmt: skip
    made.add("bumper", tinted(paint, 0.5), box(width * 0.98, 0.35, 0.2, 0.03).moved(0, floor - 0.2, -0.05))
    lamp = ellipsoid(0.14, 0.1, 0.06, 5, 8).moved(width * 0.38, floor + 0.25, -0.01)
    made.add("light", palette.PAPER, mirror(lamp))
    if style.flag("has_mirrors", 0.8):
        made.add("mirror", palette.DARK, mirror(box(0.12, 0.5, 0.14).moved(
            width * 0.55, waist + 0.08 * height, -nose - 0.12 * depth)))  # fmt: skip
    return nose + depth


def _add_cargo(style: Style, made: Assembly, kind: str, size: tuple[float, float, float], floor: float) -> None:
    """Add what a truck or trailer carries, from z = -length/2 to length/2, above ``floor``."""
    width, height, length = size
    tone = style.color("cargo_color", palette.PAINT, palette.METAL)
    if kind == "box":
        made.add("cargo", tone, box(width, height, length, 0.04).moved(y=floor))
        made.add("cargo", tinted(tone, 0.8), mirror(box(0.05, height * 0.92, 0.06).moved(width / 2 - 0.02, floor)))
        stripe = style.color("stripe_color", palette.PAINT)
        if style.flag("has_stripe", 0.6):
            made.add("stripe", stripe, box(width + 0.07, height * 0.2, length * 0.86).moved(y=floor + 0.4 * height))
    elif kind == "curtain":
        made.add("cargo", tone, box(width, height * 0.94, length, 0.02).moved(y=floor))
        fold = box(0.05, height * 0.9, 0.09).moved(width / 2, floor, -length * 0.46)
        count = style.whole("num_folds", 6, 12)
        made.add("cargo", tinted(tone, 0.85), mirror(linear_array(fold, count, z=length * 0.92 / (count - 1))))
    elif kind == "tank":
        radius = min(width, height) * 0.48
        tank = cylinder(radius, length, 20).moved(y=-length / 2).turned("x", 90).scaled(width / 2 / radius * 0.95, 1, 1)
        made.add("tank", tone, tank.moved(y=floor + radius))
        hoop = cylinder(radius * 1.03, 0.08, 20).turned("x", 90).scaled(width / 2 / radius * 0.95, 1, 1)
        made.add("tank", tinted(tone, 0.7), *(hoop.moved(y=floor + radius, z=length * at) for at in (-0.3, 0.0, 0.3)))
    elif kind == "tipper":
        wall = height * style.real("wall", 0.4, 0.55)
        made.add("bed", tone, box(width, 0.12, length).moved(y=floor), mirror(box(0.1, wall, length).moved(
            width / 2 - 0.05, floor)))  # fmt: skip
        made.add("bed", tone, box(width, wall, 0.1).moved(0, floor, -length / 2 + 0.05))
        made.add("bed", tone, box(width, wall * 1.25, 0.1).moved(0, floor, length / 2 - 0.05))
        load = ellipsoid(width * 0.44, wall * 0.75, length * 0.45, 9, 16).moved(y=floor + wall * 0.55)
        made.add("load", style.color("load_color", {"sand": (196, 168, 120), "soil": palette.SOIL,
                                                    "gravel": (140, 138, 134)}), load)  # fmt: skip
    else:
        made.add("bed", palette.WOOD["oak"], box(width, 0.15, length).moved(y=floor))
        made.add("bed", _CHASSIS, box(width, height * 0.4, 0.1).moved(0, floor, length / 2 - 0.05))
        crate = style.color("load_color", palette.CARDBOARD, palette.PAINT)
        for place in np.linspace(-0.32, 0.3, style.whole("num_crates", 1, 4)):
            tall = height * float(style.rng.uniform(0.25, 0.5))
            made.add("load", crate, box(width * 0.8, tall, length * 0.18).moved(0, floor + 0.15, length * place))


def truck(style: Style) -> Assembly:
    """Truck: box body, curtain, tank, tipper or flat bed behind a driver's cab, driving towards +z."""
    made = Assembly()
    kind = style.choice("variant", {"box": 3, "curtain": 1.2, "tank": 1, "tipper": 1.5, "flatbed": 1.2})
    paint, metal = style.color("cab_color", palette.PAINT), style.color("wheel_color", palette.METAL)
    width, length = style.real("width", 2.2, 2.55), style.real("length", 6.0, 9.5)
    height, radius = style.real("height", 2.1, 2.7), style.real("wheel_radius", 0.42, 0.52)
    floor = radius * 2 + 0.08
    cab_floor = radius * 1.15
    front = length / 2
    cab = Assembly()
    depth = _add_cab(style, cab, paint, (width, style.real("cab_height", 1.9, 2.4), 0.0), cab_floor)
    for part, tone, shape in cab.pieces:
        made.add(part, tone, shape.moved(z=front))
    bed_length = length - depth - 0.15
    load = Assembly()
    _add_cargo(style, load, kind, (width, height, bed_length), floor)
    for part, tone, shape in load.pieces:
        made.add(part, tone, shape.moved(z=-length / 2 + bed_length / 2))
    made.add("chassis", _CHASSIS, mirror(box(0.14, 0.24, length * 0.92).moved(0.4, floor - 0.26, -length * 0.02)))
    rear = [-length / 2 + 1.1]
    if style.flag("has_third_axle", 0.45):
        rear.append(rear[0] + 2 * radius + 0.12)
    add_axles(made, metal, radius, width, [front - depth * 0.55, *rear])
    made.add("light", _LAMP_RED, mirror(box(0.3, 0.12, 0.06).moved(width * 0.36, floor - 0.25, -length / 2)))
    made.add("bumper", _CHASSIS, box(width * 0.9, 0.14, 0.1).moved(0, radius, -length / 2 + 0.05))
    if style.flag("has_tank", 0.6):
        fuel = cylinder(0.28, 0.9, 14).moved(y=-0.45).turned("x", 90)
        made.add("fuel_tank", metal, mirror(fuel.moved(width * 0.38, radius * 1.2, front - depth - 0.9)))
    return made


def trailer(style: Style) -> Assembly:
    """Trailer without its tractor: box, curtain, tank, flat bed or a small one; its coupling points towards +z."""
    made = Assembly()
    kind = style.choice("variant", {"box": 2.5, "curtain": 1.2, "tank": 1, "flatbed": 1.4, "small": 1})
    metal = style.color("wheel_color", palette.METAL)
    small = kind == "small"
    width = style.real("width", 2.3, 2.55) * (0.75 if small else 1.0)
    length = style.real("length", 8.0, 13.0) * (0.3 if small else 1.0)
    height, radius = style.real("height", 2.2, 2.7), style.real("wheel_radius", 0.45, 0.54) * (0.65 if small else 1.0)
    floor = radius * 2 + 0.1
    if small:
        height *= style.real("small_height", 0.3, 0.75)
    _add_cargo(style, made, "box" if small else kind, (width, height, length), floor)
    made.add("chassis", _CHASSIS, mirror(box(0.14, 0.3, length * 0.96).moved(width * 0.25, floor - 0.3)))
    spacing = 2 * radius + 0.15
    count = style.whole("num_axles", 1, 1 if small else 3)
    first = -length * (0.1 if small else 0.36)
    add_axles(made, metal, radius, width, [first + i * spacing for i in range(count)])
    nose = length / 2
    if small or style.flag("has_drawbar", 0.3):
        tip = (0.0, floor - 0.25, nose + style.real("drawbar", 0.9, 1.6))
        made.add("coupling", _CHASSIS, mirror(bar((width * 0.3, floor - 0.2, nose), tip, 0.06, sides=6)))
        made.add("coupling", metal, ellipsoid(0.12, 0.1, 0.14, 6, 10).moved(*tip))
    else:
        made.add("coupling", _CHASSIS, cylinder(0.3, 0.25, 12).moved(y=floor - 0.4, z=nose - 0.9))
        leg = bar((width * 0.3, 0.08, nose * 0.55), (width * 0.3, floor, nose * 0.55), 0.07, sides=6)
        foot = box(0.25, 0.08, 0.25).moved(width * 0.3, 0, nose * 0.55)
        made.add("stand", metal, mirror(leg), mirror(foot))
    made.add("light", _LAMP_RED, mirror(box(0.3, 0.12, 0.06).moved(width * 0.36, floor - 0.28, -length / 2)))
    if style.flag("has_mudguards", 0.6):
        low = first - radius - 0.15
        made.add("mudguard", palette.DARK, mirror(box(0.4, radius, 0.03).moved(width / 2 - 0.2, radius * 0.6, low)))
    return made


def bus(style: Style) -> Assembly:
    """Bus: city bus, coach, minibus, double-decker or articulated bus, driving towards +z."""
    made = Assembly()
    kind = style.choice("variant", {"city": 3, "coach": 1.5, "minibus": 1.2, "double": 0.8, "articulated": 1})
    paint, second = style.color("body_color", palette.PAINT), style.color("stripe_color", palette.PAINT)
    metal = style.color("wheel_color", palette.METAL)
    short = kind == "minibus"
    width = style.real("width", 2.45, 2.6) * (0.86 if short else 1.0)
    length = style.real("length", 10.5, 12.5) * {"minibus": 0.58, "articulated": 1.4}.get(kind, 1.0)
    height = style.real("height", 2.75, 3.2) * {"minibus": 0.88, "double": 1.4}.get(kind, 1.0)
    radius = style.real("wheel_radius", 0.42, 0.5) * (0.85 if short else 1.0)
    floor = radius * style.real("clearance", 0.6, 0.85)
    cuts = [(-length / 2, length / 2)]
    if kind == "articulated":
        cuts = [(-length / 2, -0.08 * length), (-0.02 * length, length / 2)]
        joint = box(width * 0.9, (height - floor) * 0.9, length * 0.08).moved(0, floor + 0.1, -0.05 * length)
        made.add("joint", palette.DARK, joint)
    decks = [0.48, 0.8] if kind == "double" else [style.real("waist", 0.42, 0.55)]
    band = style.real("window_band", 0.28, 0.36) * (0.55 if kind == "double" else 1.0)
    tall = height - floor
    for low, high in cuts:
        size, middle = high - low, (low + high) / 2
        # Long flat sides are cut, for all that lies on them to follow the same bends.
        hull = subdivided(box(width, tall, size, style.real("roundness", 0.06, 0.2)))
        made.add("body", paint, hull.moved(0, floor, middle))
        for deck in decks:
            y = floor + deck * tall
            pane = subdivided(box(width + 0.08, band * tall, size * 0.94))
            made.add("window", palette.SCREEN, pane.moved(0, y, middle))
            count = max(2, int(size / style.real("window_width", 1.2, 1.8)))
            pillar = box(width + 0.1, band * tall, 0.1).moved(0, y, middle - size * 0.45)
            made.add("pillar", paint, linear_array(pillar, count, z=size * 0.9 / (count - 1)))
        if style.flag("has_stripe", 0.6):
            ribbon = subdivided(box(width + 0.07, 0.2 * tall, size * 0.97))
            made.add("stripe", second, ribbon.moved(0, floor + 0.15 * tall, middle))
    front = length / 2
    low = 0.32 if kind != "double" else 0.2
    screen = box(width * 0.88, (0.42 if kind != "double" else 0.26) * tall, 0.06)
    made.add("window", palette.SCREEN, screen.moved(0, floor + low * tall, front))
    if style.flag("has_sign", 0.75):
        sign = box(width * 0.6, 0.1 * tall, 0.08).moved(0, floor + 0.84 * tall, front)
        made.add("sign", (236, 150, 40), sign)
    door = span((width / 2 - 0.02, width / 2 + 0.04), (floor + 0.04 * tall, floor + 0.78 * tall), (-0.55, 0.55))
    doors = (0.4,) if short or kind == "coach" else (0.4, -0.02, -0.3)
    made.add("door", (70, 78, 88), *(door.scaled(-1, 1, 1).moved(z=length * place) for place in doors))
    axles = [front - 0.22 * length / (1.4 if kind == "articulated" else 1), -front + 0.2 * length]
    if kind == "articulated":
        axles.append(0.02 * length)
    elif style.flag("has_third_axle", 0.25 if kind in ("coach", "double") else 0.0):
        axles.append(axles[1] - 2 * radius - 0.15)
    add_axles(made, metal, radius, width + 0.1, axles)
    lamp = ellipsoid(0.16, 0.1, 0.06, 5, 8).moved(width * 0.36, floor + 0.12 * tall, front)
    made.add("light", palette.PAPER, mirror(lamp))
    made.add("light", _LAMP_RED, mirror(box(0.16, 0.4, 0.06).moved(width * 0.42, floor + 0.2 * tall, -front)))
    if style.flag("has_roof_box", 0.6):
        made.add(
            "roof", tinted(paint, 0.9), box(width * 0.7, 0.22, length * 0.25, 0.05).moved(0, height, -length * 0.2)
        )
    return made
