"""Lamps."""

from __future__ import annotations

import numpy as np

from concord3d.world.objects import palette
from concord3d.world.objects.categories.style import Assembly, Color, Style
from concord3d.world.objects.grammar import (
    Shape,
    bar,
    box,
    cylinder,
    ellipsoid,
    frustum,
    join,
    lathe,
    polygon,
    radial_array,
    smooth,
    stack_rings,
    tube,
)


def shade(style: Style, radius: float, height: float) -> Shape:
    """Return a lamp shade standing on y = 0: drum, empire, dome, bell, globe or square."""
    kind = style.choice("shade", ("drum", "empire", "dome", "bell", "globe", "square"))
    if kind == "globe":
        return ellipsoid(radius, height / 2, radius, 11, 18).moved(y=height / 2)
    if kind == "dome":
        t = np.linspace(0, np.pi / 2, 8)
        return lathe(np.column_stack([np.cos(t) * radius, np.sin(t) * height]), 22)
    if kind == "bell":
        curve = smooth([(1.0, 0), (0.72, 0.35), (0.5, 0.75), (0.42, 1.0)], 10)
        return lathe(curve * np.array([radius, height]), 22)
    top = {"drum": style.real("shade_taper", 0.8, 1.0), "empire": style.real("shade_taper", 0.3, 0.65), "square": 0.7}[
        kind
    ]
    outline = polygon(24, radius, radius, 14 if kind == "square" else 2)
    return stack_rings(
        [outline, outline * top, outline * top * 0.97, outline * 0.97], [0, height, height, 0], caps=False
    )


def lamp(style: Style) -> Assembly:
    """Lamp: table lamp, floor lamp, arc lamp, desk lamp with joints, pendant or many-armed."""
    made = Assembly()
    variant = style.choice(
        "variant", {"table": 4, "floor": 1.5, "arc": 1.2, "desk": 1.5, "pendant": 0.8, "many_armed": 0.7, "tripod": 0.6}
    )
    metal = style.color("base_color", palette.METAL, palette.WOOD, palette.CERAMIC)
    cloth = style.color("shade_color", palette.FABRIC, palette.GLASS)
    height = (
        style.real("height", 0.4, 0.7) if variant in ("table", "desk", "pendant") else style.real("height", 1.3, 1.8)
    )
    radius = style.real("shade_radius", 0.12, 0.24)
    tall = style.real("shade_height", 0.14, 0.3)
    foot = style.real("foot_radius", 0.08, 0.16)
    stem = style.real("stem_radius", 0.008, 0.022)
    if variant == "pendant":
        made.add(
            "pole",
            metal,
            bar((0, tall * 0.8, 0), (0, tall + height, 0), stem * 0.6, sides=6),
            cylinder(0.06, 0.03, 14).moved(y=tall + height),
        )
        made.add("shade", cloth, shade(style, radius, tall))
        return made
    if variant == "desk":
        _desk_lamp(style, made, (metal, cloth), (height, foot, stem))
        return made
    if variant == "tripod":
        made.add("base", metal, radial_array(bar((0.02, height * 0.72, 0), (0.3, 0, 0), 0.016, sides=6), 3))
    elif style.flag("has_square_foot", 0.3):
        made.add("base", metal, box(foot * 1.8, 0.03, foot * 1.8, 0.006))
    else:
        made.add("base", metal, lathe([(0, 0), (foot, 0), (foot, 0.015), (foot * 0.5, 0.035), (stem * 1.5, 0.06)], 20))
    top = height - tall
    if variant == "arc":
        _arc_lamp(style, made, (radius, height, tall), stem, (metal, cloth))
        return made
    if variant == "many_armed":
        _many_armed(style, made, (radius, height, tall), stem, (metal, cloth))
        return made
    made.add("pole", metal, _stem(style, top + tall * 0.4, stem, variant))
    made.add("shade", cloth, shade(style, radius * (1.2 if variant == "floor" else 1), tall).moved(y=top))
    if style.flag("has_finial", 0.3):
        made.add("pole", metal, ellipsoid(0.012, 0.02, 0.012, 6, 8).moved(y=top + tall + 0.01))
    return made


def _arc_lamp(
    style: Style, made: Assembly, size: tuple[float, float, float], stem: float, colors: tuple[Color, Color]
) -> None:
    radius, height, tall = size
    metal, cloth = colors
    reach = style.real("reach", 0.4, 0.9)
    path = smooth(
        [
            (0, 0, 0),
            (0, height * 0.6, 0),
            (reach * 0.25, height * 0.95, 0),
            (reach * 0.75, height, 0),
            (reach, height * 0.86, 0),
        ],
        18,
    )
    made.add("pole", metal, tube(path, stem * 0.8, 7))
    made.add("shade", cloth, shade(style, radius, tall).moved(reach, height * 0.86 - tall))


def _many_armed(
    style: Style, made: Assembly, size: tuple[float, float, float], stem: float, colors: tuple[Color, Color]
) -> None:
    radius, height, tall = size
    metal, cloth = colors
    arms = style.whole("num_arms", 2, 5)
    path = smooth([(0, height * 0.6, 0), (0.12, height * 0.75, 0), (0.3, height * 0.8, 0), (0.34, height * 0.9, 0)], 9)
    cup = shade(style, radius * 0.55, tall * 0.7).moved(0.34, height * 0.9)
    made.add("pole", metal, bar((0, 0, 0), (0, height * 0.7, 0), stem), radial_array(tube(path, stem * 0.6, 6), arms))
    made.add("shade", cloth, radial_array(cup, arms))


def _stem(style: Style, height: float, thick: float, variant: str) -> Shape:
    kind = style.choice(
        "stem", {"rod": 2, "urn": 1.5 if variant == "table" else 0.2, "balls": 1, "column": 0.8, "twin": 0.5}
    )
    if kind == "urn":
        belly = style.real("belly", 0.05, 0.13)
        curve = smooth([(belly * 0.6, 0), (belly, 0.3), (belly * 0.8, 0.55), (thick * 1.2, 0.75), (thick, 1)], 16)
        return lathe(curve * np.array([1, height]), 18)
    if kind == "balls":
        count = style.whole("num_balls", 2, 5)
        size = min(0.07, height / count / 2.4)
        balls = [ellipsoid(size, size, size, 7, 12).moved(y=size + i * 2.1 * size) for i in range(count)]
        return join([cylinder(thick * 0.8, height, 10), *balls])
    if kind == "column":
        return frustum(thick * 2.6, thick * 1.8, height, 12)
    if kind == "twin":
        return join([cylinder(thick * 0.7, height, 8).moved(0.04), cylinder(thick * 0.7, height, 8).moved(-0.04)])
    return cylinder(thick, height, 10)


def _desk_lamp(style: Style, made: Assembly, colors: tuple[Color, Color], size: tuple[float, float, float]) -> None:
    height, foot, stem = size
    made.add("base", colors[0], frustum(foot, foot * 0.9, 0.025, 22))
    low, high = np.radians(style.real("lower_deg", 60, 115)), np.radians(style.real("upper_deg", 10, 60))
    elbow = np.array([np.cos(low) * height * 0.6, np.sin(low) * height * 0.6, 0])
    head = elbow + np.array([np.cos(high), np.sin(high), 0]) * height * 0.6
    if style.flag("is_gooseneck", 0.35):
        path = smooth([(0, 0.02, 0), elbow * np.array([0.4, 1, 1]), elbow * 0.6 + head * 0.5, head], 14)
        made.add("pole", colors[0], tube(path, stem * 0.8, 7))
    else:
        made.add(
            "pole", colors[0], tube(np.array([(0, 0.02, 0), elbow]), stem * 0.7, 6), tube([elbow, head], stem * 0.6, 6)
        )
        made.add("pole", colors[0], ellipsoid(0.02, 0.02, 0.02, 6, 8).moved(*elbow))
    cone = lathe([(0.03, 0.09), (0.045, 0.06), (0.085, -0.05), (0.08, -0.05), (0.03, 0.06)], 18).scaled(1.1, 1.1, 1.1)
    made.add("shade", colors[1], cone.turned("z", style.real("head_deg", -10, 50)).moved(*head))
