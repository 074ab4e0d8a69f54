"""Persons and bags."""

from __future__ import annotations

import numpy as np

from concord3d.world.objects import palette
from concord3d.world.objects.categories.style import Assembly, Color, Style, tinted
from concord3d.world.objects.grammar import (
    Shape,
    bar,
    box,
    cushion,
    cylinder,
    ellipsoid,
    frustum,
    join,
    mirror,
    polygon,
    smooth,
    stack_rings,
    tube,
)


def limb(points: list[np.ndarray], radii: tuple[float, ...]) -> Shape:
    """Return a rounded limb through its joints."""
    path = smooth(np.array(points), 9)
    width = np.interp(np.linspace(0, 1, 9), np.linspace(0, 1, len(radii)), radii)
    ends = [ellipsoid(r, r, r, 6, 8).moved(*p) for r, p in ((radii[0], path[0]), (radii[-1], path[-1]))]
    return join([tube(path, width, 9), *ends])


def _direction(swing: float, spread: float) -> np.ndarray:
    """Return the unit vector of a limb that hangs down, swung forwards and spread sideways (+x), in degrees."""
    a, b = np.radians(swing), np.radians(spread)
    return np.array([np.sin(b), -np.cos(b) * np.cos(a), np.cos(b) * np.sin(a)])


_POSES: dict[str, tuple[tuple[float, float], tuple[float, float], float, float]] = {
    # pose: (swing, spread) of the left and right upper arm, elbow bend, stride (degrees)
    "standing": ((0, 8), (0, 8), 8, 2),
    "walking": ((28, 6), (-28, 6), 25, 26),
    "arms_out": ((0, 78), (0, 78), 4, 4),
    "pointing": ((85, 10), (0, 8), 5, 6),
    "hands_on_hips": ((-15, 40), (-15, 40), 85, 2),
    "waving": ((20, 140), (0, 8), 40, 4),
    "aiming": ((75, -12), (70, -20), 35, 12),
    "sitting": ((25, 8), (25, 8), 55, 0),
}


def person(style: Style) -> Assembly:
    """Person: standing, walking, arms out, pointing, waving, aiming or sitting; trousers, skirt or coat; hats, hair."""
    made = Assembly()
    variant = style.choice(
        "variant",
        {
            "standing": 4,
            "walking": 2,
            "arms_out": 1.5,
            "pointing": 0.8,
            "hands_on_hips": 1,
            "waving": 0.7,
            "aiming": 1,
            "sitting": 0.5,
        },
    )
    skin, shirt = style.color("skin_color", palette.SKIN), style.color("shirt_color", palette.FABRIC)
    legs_color = style.color("trouser_color", palette.FABRIC)
    hair = style.color(
        "hair_color", {"black": (34, 30, 28), "brown": (86, 56, 36), "blond": (206, 170, 104), "grey": (150, 150, 150)}
    )
    height, build = style.real("height", 1.5, 1.95), style.real("build", 0.85, 1.35)
    dress = style.choice("dress", {"trousers": 4, "skirt": 1, "coat": 1.2, "robe": 0.5})
    left, right, bend, stride = _POSES[variant]
    hip, shoulder = 0.5, 0.815
    sitting = variant == "sitting"
    made.add("torso", shirt, _torso(style, build, hip, shoulder))
    neck = np.array([0, shoulder, 0])
    made.add(
        "head",
        skin,
        tube([neck, neck + np.array([0, 0.06, 0.005])], 0.032, 8),
        ellipsoid(0.05, 0.065, 0.058, 9, 14).moved(y=0.935, z=0.01),
    )
    for side, (swing, spread) in ((1, left), (-1, right)):
        _arm(style, made, side, (swing, spread, bend), (build, shoulder), (shirt, skin))
        _leg(style, made, side, (stride * side, sitting), (build, hip), (legs_color, hair))
    _headwear(style, made, hair)
    if not sitting and dress != "trousers":
        low = {"skirt": 0.28, "coat": 0.22, "robe": 0.03}[dress]
        flare = style.real("flare", 1.0, 1.5)
        ring = polygon(18, 0.105 * build, 0.08 * build)
        skirt = stack_rings([ring * flare, ring, ring * 0.85], [low, hip, hip + 0.09])
        made.add("skirt", tinted(shirt if dress != "skirt" else legs_color, 0.9), skirt)
    if style.flag("has_backpack", 0.1):
        made.add("item", style.color("item_color", palette.FABRIC), cushion(0.16, 0.2, 0.1).moved(y=0.6, z=-0.11))
    scaled = Assembly([(part, tone, shape.scaled(height, height, height)) for part, tone, shape in made.pieces])
    if sitting and style.flag("has_seat", 0.6):
        scaled.add(
            "seat",
            palette.WOOD["oak"],
            box(0.4, (hip - 0.08) * height - 0.24 * height, 0.4).moved(y=0.24 * height - 0.02, z=-0.02),
        )
    return scaled


def _headwear(style: Style, made: Assembly, hair: Color) -> None:
    if style.flag("has_hair", 0.75):
        made.add("hair", hair, ellipsoid(0.055, 0.05, 0.062, 7, 12).moved(y=0.958, z=-0.003))
        if style.flag("has_long_hair", 0.25):
            made.add("hair", hair, ellipsoid(0.06, 0.09, 0.03, 7, 10).moved(y=0.89, z=-0.04))
    if style.flag("has_hat", 0.25):
        made.add(
            "hat",
            style.color("hat_color", palette.FABRIC),
            cylinder(0.06, 0.045, 14).moved(y=0.965),
            cylinder(style.real("brim", 0.065, 0.12), 0.008, 16).moved(y=0.965),
        )


def _torso(style: Style, build: float, hip: float, shoulder: float) -> Shape:
    wide = style.real("shoulder_width", 0.1, 0.13)
    waist, belly = style.real("waist", 0.7, 1.0), style.real("belly", 0.9, 1.3)
    levels = [hip - 0.06, hip, hip + 0.1, hip + 0.2, shoulder - 0.03, shoulder + 0.015]
    widths = np.array([0.06, 0.092, 0.09 * waist, 0.1, wide, 0.04]) * build
    depths = np.array([0.05, 0.07, 0.062 * belly, 0.072, 0.06, 0.03]) * build
    return stack_rings([polygon(14, a, b, 2.4) for a, b in zip(widths, depths, strict=True)], levels)


def _arm(
    style: Style,
    made: Assembly,
    side: int,
    pose: tuple[float, float, float],
    frame: tuple[float, float],
    colors: tuple[Color, Color],
) -> None:
    swing, spread, bend = (value + style.jitter(8) for value in pose)
    build, shoulder = frame
    flip = np.array([side, 1, 1])
    start = np.array([0.108 * build, shoulder - 0.035, 0])
    elbow = start + 0.16 * _direction(swing, spread)
    inward = 60.0 if pose[1] == 40 else 0.0
    hand = elbow + 0.15 * _direction(swing + bend * (0 if inward else 1), spread - inward * 1.5)
    thick = 0.03 * build
    made.add(
        "arm", colors[0], limb([start * flip, elbow * flip, hand * flip], (thick * 0.95, thick * 0.85, thick * 0.62))
    )
    reach = hand + (hand - elbow) * 0.25
    made.add("hand", colors[1], ellipsoid(0.02, 0.035, 0.022, 6, 8).moved(*(reach * flip)))
    if side == 1 and style.flag("has_held_item", 0.15):
        kind = style.choice("held", ("bag", "stick"))
        thing = (
            box(0.14, 0.12, 0.05).moved(y=-0.14)
            if kind == "bag"
            else bar((0, -0.05, -0.15), (0, 0.05, 0.3), 0.012, sides=6)
        )
        made.add("item", palette.DARK, thing.moved(*(reach * flip)))


def _leg(
    style: Style,
    made: Assembly,
    side: int,
    pose: tuple[float, bool],
    frame: tuple[float, float],
    colors: tuple[Color, Color],
) -> None:
    swing, sitting = pose
    build, hip = frame
    spread = style.jitter(3) + 3
    flip = np.array([side, 1, 1])
    start = np.array([0.05 * build, hip - 0.02, 0])
    knee = start + 0.235 * _direction(82 if sitting else swing, spread)
    ankle = knee + 0.215 * _direction(0 if sitting else swing - abs(swing) * 0.6, spread * 0.3)
    thick = 0.05 * build
    made.add(
        "leg", colors[0], limb([start * flip, knee * flip, ankle * flip], (thick * 1.1, thick * 0.75, thick * 0.5))
    )
    foot = cushion(0.055, 0.045, 0.145, 3, 10).moved(*((ankle + np.array([0, -0.045, 0.035])) * flip))
    made.add("foot", tinted(colors[1], 0.8), foot)


def bag(style: Style) -> Assembly:
    """Bag: backpack, hand bag, tote, duffel, sack or suitcase."""
    made = Assembly()
    variant = style.choice("variant", {"backpack": 3, "handbag": 2.5, "tote": 1.5, "duffel": 1.2, "suitcase": 0.8})
    cloth, trim = style.color("cloth_color", palette.FABRIC), style.color("trim_color", palette.FABRIC, palette.METAL)
    w, h, d = style.real("width", 0.28, 0.42), style.real("height", 0.3, 0.5), style.real("depth", 0.12, 0.22)
    puff = style.real("puff", 3.0, 7.0)
    thick = style.real("strap_thickness", 0.008, 0.018)
    if variant == "backpack":
        _backpack(style, made, (w, h, d), (thick, puff), (cloth, trim))
    elif variant in ("handbag", "tote"):
        h = h * (0.7 if variant == "handbag" else 1.0)
        _handbag(style, made, (w, h, d), (thick, puff), (cloth, trim))
    elif variant == "duffel":
        long = w * style.real("length", 1.4, 2.0)
        made.add("body", cloth, cushion(d * 1.6, long, d * 1.5, 3.5, 20).turned("z", 90).moved(long / 2, d * 0.8))
        loop = tube(
            smooth(
                [
                    (-long * 0.18, d, d * 0.6),
                    (-long * 0.12, d * 2.2, d * 0.2),
                    (long * 0.12, d * 2.2, d * 0.2),
                    (long * 0.18, d, d * 0.6),
                ],
                11,
            ),
            thick,
            6,
        )
        made.add("handle", trim, mirror(loop, "z"))
    else:
        _suitcase(made, (w, h, d), thick, (cloth, trim))
    if variant != "suitcase" and style.flag("has_shoulder_strap", 0.25):
        strap_shape = tube(
            smooth(
                [
                    (-w * 0.48, h * 0.7, 0),
                    (-w * 0.7, h * 0.25, d),
                    (0, 0.012, d * 1.7),
                    (w * 0.7, h * 0.25, d),
                    (w * 0.48, h * 0.7, 0),
                ],
                17,
            ),
            thick * 0.8,
            6,
        )
        made.add("strap", trim, strap_shape)
    return made


def _suitcase(made: Assembly, size: tuple[float, float, float], thick: float, colors: tuple[Color, Color]) -> None:
    (w, h, d), (cloth, trim) = size, colors
    h *= 1.35
    made.add("body", cloth, box(w, h, d, 0.03))
    made.add(
        "body",
        tinted(cloth, 0.8),
        *(box(w * 0.06, h * 0.9, d * 1.05).moved(x, h * 0.05) for x in (-w * 0.25, 0, w * 0.25)),
    )
    handle = tube(
        [
            (-w * 0.22, h, -d * 0.3),
            (-w * 0.22, h * 1.4, -d * 0.3),
            (w * 0.22, h * 1.4, -d * 0.3),
            (w * 0.22, h, -d * 0.3),
        ],
        thick * 0.8,
        6,
    )
    made.add("handle", trim, handle)
    wheel = mirror(mirror(frustum(0.025, 0.025, 0.02, 10).turned("z", 90).moved(w * 0.42, -0.02, d * 0.3), "z"))
    made.add("wheel", palette.RUBBER, wheel)


def _handbag(
    style: Style,
    made: Assembly,
    size: tuple[float, float, float],
    form: tuple[float, float],
    colors: tuple[Color, Color],
) -> None:
    (w, h, d), (thick, puff), (cloth, trim) = size, form, colors
    base = polygon(22, w / 2, d / 2, puff)
    top = polygon(22, w / 2 * style.real("mouth", 0.7, 1.1), d / 2 * style.real("mouth_depth", 0.15, 0.7), puff)
    body = stack_rings([base * 0.9, base, (base + top) / 2, top, top * 0.85], [0, h * 0.06, h * 0.55, h, h * 0.97])
    made.add("body", cloth, body)
    rise = h * style.real("handle_rise", 0.3, 0.8)
    loop = tube(
        smooth(
            [
                (-w * 0.25, h * 0.85, 0),
                (-w * 0.18, h + rise * 0.8, 0),
                (w * 0.18, h + rise * 0.8, 0),
                (w * 0.25, h * 0.85, 0),
            ],
            13,
        ),
        thick,
        6,
    )
    made.add(
        "handle",
        trim,
        loop.moved(z=d * 0.18),
        *([loop.moved(z=-d * 0.18)] if style.flag("has_two_handles", 0.7) else []),
    )
    if style.flag("has_flap", 0.4):
        made.add(
            "flap", tinted(cloth, 0.9), box(w * 0.8, h * 0.45, 0.015).turned("x", -8).moved(y=h * 0.52, z=d * 0.42)
        )


def _backpack(
    style: Style,
    made: Assembly,
    size: tuple[float, float, float],
    form: tuple[float, float],
    colors: tuple[Color, Color],
) -> None:
    (w, h, d), (thick, puff), (cloth, trim) = size, form, colors
    made.add("body", cloth, cushion(w, h, d, puff, 24))
    pocket = cushion(w * 0.75, h * style.real("pocket_height", 0.3, 0.5), d * 0.5, 4).moved(y=h * 0.06, z=d * 0.45)
    made.add("pocket", tinted(cloth, 0.85), pocket)
    strap = smooth(
        [
            (w * 0.2, h * 0.92, -d * 0.4),
            (w * 0.25, h * 0.75, -d * 0.95),
            (w * 0.32, h * 0.3, -d * 0.85),
            (w * 0.36, h * 0.1, -d * 0.35),
        ],
        12,
    )
    made.add("handle", trim, mirror(tube(strap, thick * 1.4, 6)))
    handle = tube(
        smooth([(-0.04, h * 0.96, -d * 0.25), (0, h * 1.08, -d * 0.25), (0.04, h * 0.96, -d * 0.25)], 7),
        thick * 0.8,
        6,
    )
    made.add("handle", trim, handle)
    if style.flag("has_side_pockets", 0.4):
        pocket = mirror(cushion(d * 0.5, h * 0.35, d * 0.7, 4, 14).moved(w * 0.5, h * 0.05))
        made.add("pocket", tinted(cloth, 0.85), pocket)
