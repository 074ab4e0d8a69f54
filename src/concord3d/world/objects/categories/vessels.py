"""Turned things: bottles, bowls, cups, vases, flower pots and traffic cones."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from concord3d.world.objects import palette
from concord3d.world.objects.categories.plants import foliage
from concord3d.world.objects.categories.style import Assembly, Color, Style, tinted
from concord3d.world.objects.grammar import (
    Shape,
    box,
    cone,
    cylinder,
    ellipsoid,
    frustum,
    lathe,
    polygon,
    smooth,
    stack_rings,
    torus,
    tube,
)


def hollow(outer: np.ndarray, wall: float, sides: int = 28) -> Shape:
    """Return an open vessel: a (K, 2) outer profile of (radius, height) and an inner one ``wall`` inside."""
    inner = np.maximum(outer - np.array([wall, 0]), [0.004, 0])[::-1].copy()
    inner[-1, 1] = outer[0, 1] + wall
    profile = np.concatenate([[[0, outer[0, 1]]], outer, inner, [[0, inner[-1, 1]]]])
    return lathe(profile, sides)


def _profile(points: Sequence[tuple[float, float]], radius: float, height: float, count: int = 14) -> np.ndarray:
    curve = smooth(points, count)
    return curve.clip(0.03, None) * np.array([radius, 0]) + curve.clip(0, 1) * np.array([0, height])


def bottle(style: Style) -> Assembly:
    """Bottle: wine, beer, soda, jar-like, flask or spray bottle, with cap and label."""
    made = Assembly()
    variant = style.choice("variant", {"wine": 3, "beer": 3, "soda": 1.5, "jug": 1.2, "square": 1, "pump": 0.6})
    color = style.color("body_color", palette.GLASS, palette.PLASTIC)
    cap = style.color("cap_color", palette.METAL, palette.PLASTIC)
    height, radius = style.real("height", 0.2, 0.34), style.real("radius_ratio", 0.1, 0.2)
    radius *= height * {"jug": 1.5, "square": 1.15}.get(variant, 1.0)
    shoulder = style.real("shoulder", 0.45, 0.68) + (0.1 if variant in ("jug", "pump") else 0)
    neck = style.real("neck", 0.22, 0.42)
    slope = style.real("slope", 0.08, 0.2)
    waist = style.real("waist", 0.8, 1.0) if variant == "soda" else 1.0
    top = min(0.96, shoulder + slope)
    points = [
        (0.92, 0.0),
        (1, 0.04),
        (waist, shoulder * 0.5),
        (1, shoulder * 0.93),
        (0.9, shoulder + slope * 0.2),
        (neck * 1.1, top),
        (neck, top + (1 - top) * 0.3),
        (neck, 1.0),
    ]
    profile = _profile(points, radius, height, 26)
    if variant == "square":
        outline = polygon(24, 1, style.real("flatness", 0.5, 1.0), 8)
        body = stack_rings([outline * r for r in profile[:, 0]], list(profile[:, 1]))
    else:
        body = lathe(np.concatenate([[[0, 0]], profile, [[0, height]]]), 24)
    made.add("body", color, body)
    _closure(style, made, variant, (height, radius, radius * neck), (color, cap))
    if style.flag("has_label", 0.5) and variant != "square":
        low, high = shoulder * 0.2 * height, shoulder * 0.8 * height
        label_color = style.color("label_color", palette.CARDBOARD, palette.PLASTIC)
        label = frustum(radius * 1.015, radius * 1.015, high - low, 24).moved(y=low)
        made.add("label", label_color, label)
    if variant == "jug" and style.flag("has_handle", 0.5):
        path = smooth(
            [
                (radius * neck, height * 0.95, 0),
                (radius * 1.1, height * 0.85, 0),
                (radius * 0.95, height * shoulder, 0),
            ],
            8,
        )
        made.add("handle", color, tube(path, height * 0.02, 6))
    return made


def _closure(
    style: Style, made: Assembly, variant: str, size: tuple[float, float, float], colors: tuple[Color, Color]
) -> None:
    (height, radius, rim), (color, cap) = size, colors
    if variant == "pump":
        made.add(
            "cap",
            cap,
            cylinder(rim * 1.1, height * 0.08, 14).moved(y=height),
            cylinder(rim * 0.3, height * 0.16, 8).moved(y=height),
        )
        cap_shape = tube(
            [(0, height * 1.16, 0), (0, height * 1.16, radius * 0.9), (0, height * 1.12, radius)], rim * 0.3, 6
        )
        made.add("cap", cap, cap_shape)
    elif style.flag("has_cap", 0.6):
        made.add(
            "cap", cap, cylinder(rim * 1.15, height * style.real("cap_height", 0.03, 0.1), 16).moved(y=height * 0.985)
        )
    else:
        made.add("cap", tinted(color, 0.8), torus(rim * 1.05, rim * 0.18, segments=16, sides=6).moved(y=height * 0.97))


def bowl(style: Style) -> Assembly:
    """Bowl: hemispherical, flat, straight-sided, flared or footed, sometimes filled."""
    made = Assembly()
    variant = style.choice("variant", {"round": 4, "flat": 1.5, "straight": 1, "flared": 1.2, "square": 0.4})
    color = style.color("outside_color", palette.CERAMIC, palette.WOOD, palette.METAL)
    inside = style.color("foot_color", palette.CERAMIC)
    radius = style.real("radius", 0.07, 0.2)
    depth = (
        radius * {"flat": 0.45, "round": 0.85, "straight": 0.75}.get(variant, 0.65) * style.real("depth", 0.75, 1.25)
    )
    bottom = style.real("bottom", 0.3, 0.55)
    wall = radius * style.real("wall", 0.03, 0.09)
    mid = {
        "round": (0.86, 0.4),
        "flat": (0.85, 0.4),
        "straight": (0.93, 0.25),
        "flared": (0.62, 0.4),
        "square": (0.86, 0.35),
    }[variant]
    profile = _profile([(bottom, 0.0), (mid[0] * 0.84, mid[1] * 0.4), mid, (1, 1)], radius, depth)
    body = hollow(profile, wall)
    if variant == "square":
        scale = 1 / np.maximum(np.abs(body.vertices[:, 0]), np.abs(body.vertices[:, 2])).clip(1e-9)
        norm = np.linalg.norm(body.vertices[:, [0, 2]], axis=1)
        factor = 1 + style.real("squareness", 0.4, 0.9) * (norm * scale - 1)
        body = Shape(body.vertices * np.stack([factor, np.ones_like(factor), factor], axis=1), body.faces)
    foot = style.real("foot_height", 0.02, 0.2) * radius if style.flag("has_foot", 0.5) else 0.0
    made.add("body", color, body.moved(y=foot))
    if foot:
        foot_shape = frustum(
            radius * bottom * style.real("foot_flare", 0.9, 1.3), radius * bottom * 0.9, foot + wall, 24
        )
        made.add("foot", inside, foot_shape)
    if style.flag("has_rim", 0.3):
        made.add("rim", inside, torus(radius, wall * 0.8, segments=28, sides=6).moved(y=foot + depth))
    if style.flag("has_content", 0.1):
        for _ in range(style.whole("num_fruit", 2, 5)):
            size = radius * 0.28
            content_color = style.color("fruit_color", palette.FLOWER)
            content = ellipsoid(size, size, size, 6, 10).moved(
                style.jitter(radius * 0.4), foot + depth * 0.6, style.jitter(radius * 0.4)
            )
            made.add("content", content_color, content)
    return made


def cup(style: Style) -> Assembly:
    """Cup: mug, teacup with saucer, tumbler, goblet or paper cup."""
    made = Assembly()
    variant = style.choice("variant", {"mug": 3, "tumbler": 3, "goblet": 1.3, "teacup": 1.2, "paper": 0.7})
    color = style.color("body_color", palette.CERAMIC, palette.GLASS, palette.PLASTIC)
    accent = style.color("handle_color", palette.CERAMIC)
    height = style.real("height", 0.08, 0.14)
    radius = height * style.real("radius_ratio", 0.36, 0.55) * (1.35 if variant == "teacup" else 1)
    bottom = style.real("bottom", 0.62, 1.0) * (0.6 if variant == "teacup" else 1)
    belly = style.real("belly", 0.95, 1.12) if style.flag("is_round", 0.35) else 1.0
    wall = radius * style.real("wall", 0.04, 0.1)
    lift = height * style.real("stem", 0.35, 0.8) if variant == "goblet" else 0.0
    middle = (bottom + 1) / 2 * belly
    points = [(bottom if variant != "goblet" else 0.25, 0), (middle * 0.97, 0.3), (middle, 0.6), (1.0, 1.0)]
    body = hollow(_profile(points, radius, height, 10), wall)
    made.add("body", color, body.moved(y=lift))
    if variant == "goblet":
        made.add(
            "foot",
            color,
            frustum(radius * 0.16, radius * 0.13, lift + wall, 12),
            frustum(radius * 0.8, radius * 0.15, height * 0.09, 24),
        )
    if variant in ("mug", "teacup"):
        reach, size = style.real("handle_reach", 0.4, 0.75) * radius, height * style.real("handle_size", 0.22, 0.36)
        edge = radius * (bottom + 1) / 2
        path = smooth(
            [
                (edge * 0.94, height * 0.5 - size, 0),
                (edge + reach, height * 0.5 - size * 0.8, 0),
                (edge + reach, height * 0.5 + size * 0.8, 0),
                (radius * belly * 0.94, height * 0.52 + size, 0),
            ],
            14,
        )
        angle = style.choice("handle_side", ("right", "left", "front"))
        handle_color = accent if style.flag("has_coloured_handle", 0.2) else color
        handle = tube(path, height * style.real("handle_thickness", 0.04, 0.08), 7).turned(
            "y", {"right": 0, "left": 180, "front": -90}[angle]
        )
        made.add("handle", handle_color, handle)
    if variant == "teacup" or style.flag("has_saucer", 0.05):
        saucer = hollow(_profile([(0.5, 0), (0.8, 0.4), (1, 1)], radius * 1.7, height * 0.16, 6), wall).moved(
            y=-height * 0.06
        )
        made.add("saucer", accent, saucer)
    if variant == "paper":
        lid_color = style.color("lid_color", palette.PLASTIC)
        lid = frustum(radius * 1.06, radius * 0.98, height * 0.12, 24).moved(y=height)
        made.add("lid", lid_color, lid)
        band = frustum(radius * (bottom + 1) / 2 * 0.99, radius * 1.02, height * 0.35, 24).moved(y=height * 0.38)
        made.add("band", palette.CARDBOARD["cardboard"], band)
    if style.flag("has_drink", 0.25) and variant != "paper":
        made.add("drink", palette.SOIL, cylinder(radius * 0.85, 0.002, 24).moved(y=lift + height * 0.85))
    return made


_VASE_FORMS: dict[str, list[tuple[float, float]]] = {
    "amphora": [(0.4, 0), (0.75, 0.2), (1, 0.55), (0.85, 0.78), (0.45, 0.9), (0.6, 1)],
    "bulb": [(0.55, 0), (1, 0.22), (0.85, 0.45), (0.3, 0.65), (0.24, 0.85), (0.42, 1)],
    "trumpet": [(0.45, 0), (0.35, 0.25), (0.4, 0.5), (0.65, 0.8), (1, 1)],
    "column": [(0.9, 0), (0.92, 0.3), (0.95, 0.7), (1, 1)],
    "baluster": [(0.6, 0), (0.45, 0.12), (0.7, 0.4), (1, 0.65), (0.7, 0.85), (0.6, 0.93), (0.75, 1)],
    "jar": [(0.7, 0), (0.95, 0.25), (1, 0.55), (0.85, 0.82), (0.65, 0.9), (0.72, 1)],
    "tapered": [(0.5, 0), (0.65, 0.33), (0.82, 0.66), (1, 1)],
    "urn": [(0.62, 0), (0.6, 0.06), (0.25, 0.2), (0.7, 0.4), (1, 0.62), (0.8, 0.84), (0.95, 1)],
}


def vase(style: Style) -> Assembly:
    """Vase: amphora, bulb, trumpet, column, baluster, jar, tapered or urn; round or fluted, sometimes with flowers."""
    made = Assembly()
    variant = style.choice("variant", tuple(_VASE_FORMS))
    color = style.color("body_color", palette.CERAMIC, palette.GLASS)
    accent = style.color("accent_color", palette.CERAMIC)
    height = style.real("height", 0.2, 0.6)
    slender = {"column": 0.26, "tapered": 0.28, "bulb": 0.36, "trumpet": 0.32}.get(variant, 0.34)
    radius = height * slender * style.real("width", 0.6, 1.35)
    points = [(max(0.12, r + style.jitter(0.08)), y) for r, y in _VASE_FORMS[variant]]
    body = hollow(_profile(points, radius, height, 17), radius * 0.07)
    section = style.choice("section", {"round": 5, "fluted": 0.8, "square": 0.7})
    if section != "round":
        angle = np.arctan2(body.vertices[:, 2], body.vertices[:, 0])
        factor = 1 + 0.06 * np.cos(9 * angle) if section == "fluted" else 0.9 + 0.14 * np.abs(np.sin(2 * angle)) ** 2
        body = Shape(body.vertices * np.stack([factor, np.ones_like(factor), factor], axis=1), body.faces)
    made.add("body", color, body)
    if style.flag("has_band", 0.25) and section == "round":
        band = torus(radius * points[len(points) // 2][0], radius * 0.06, segments=28, sides=6).moved(
            y=height * points[len(points) // 2][1]
        )
        made.add("band", accent, band)
    if style.flag("has_handles", 0.15):
        radii, heights = np.array(points).T
        low, high = (float(np.interp(y, heights, radii)) * radius for y in (0.45, 0.9))
        reach = max(low, high) + radius * style.real("handle_reach", 0.2, 0.5)
        path = smooth([(low * 0.95, height * 0.45, 0), (reach, height * 0.7, 0), (high * 0.9, height * 0.9, 0)], 9)
        ear = tube(path, radius * 0.07, 6)
        made.add("handle", accent, ear, ear.turned("y", 180))
    if style.flag("has_flowers", 0.12):
        foliage(style, made, "flowers", height * 0.9, radius * 0.3, height * style.real("flower_height", 0.5, 0.9))
    return made


def flower_pot(style: Style) -> Assembly:
    """Flower pot: terracotta cone with rim, cube, bowl, barrel or footed urn, empty or planted."""
    made = Assembly()
    variant = style.choice(
        "variant", {"rimmed": 3, "conical": 2, "cube": 1, "bowl": 1, "round": 1, "urn": 0.7, "jar": 0.8}
    )
    color = style.color("pot_color", palette.CERAMIC)
    height = style.real("height", 0.15, 0.4)
    radius = height * style.real("width", 0.45, 0.75)
    bottom = style.real("bottom", 0.6, 0.9)
    wall = radius * style.real("wall", 0.05, 0.12)
    forms = {
        "bowl": [(0.58, 0), (0.86, 0.35), (1, 0.75), (1, 1)],
        "round": [(0.6, 0), (1.05, 0.4), (1.0, 0.75), (0.8, 1)],
        "urn": _VASE_FORMS["urn"],
        "jar": _VASE_FORMS["amphora"],
    }
    profile = _profile(forms.get(variant, [(bottom, 0), ((bottom + 1) / 2, 0.5), (1, 1)]), radius, height, 9)
    opening = float(np.interp(height * 0.85, profile[:, 1], profile[:, 0])) - wall
    if variant == "cube":
        outline = polygon(20, radius, radius, 20)
        body = stack_rings(
            [outline * bottom, outline, outline * 0.9, outline * 0.85 * bottom], [0, height, height, 0.03]
        )
    else:
        body = hollow(profile, wall)
    made.add("pot", color, body)
    if variant == "rimmed":
        rim = height * style.real("rim_height", 0.12, 0.28)
        pot = hollow(np.array([[radius * 0.98, 0], [radius * 1.08, rim]]), wall * 1.4).moved(y=height - rim)
        made.add("pot", tinted(color, 0.95), pot)
    if style.flag("has_saucer", 0.35):
        made.add("saucer", color, frustum(radius * bottom * 1.05, radius * bottom * 1.25, height * 0.08, 24))
    planted = style.flag("has_plant", 0.72)
    if planted or style.flag("has_soil", 0.4):
        made.add("soil", palette.SOIL, cylinder(opening * 0.97, 0.01).moved(y=height * 0.85))
    if planted:
        kind = style.choice("plant", ("flowers", "bush", "fern", "cactus", "blades", "conifer"))
        foliage(style, made, kind, height * 0.86, opening * 0.85, height * style.real("plant_height", 0.5, 1.5))
    return made


def traffic_cone(style: Style) -> Assembly:
    """Cone: traffic cone on a square plate with stripes, bare cone, wide cone, or cone with a post."""
    made = Assembly()
    variant = style.choice("variant", {"traffic": 4, "bare": 2, "wide": 1, "posted": 0.6, "stepped": 0.5})
    color = style.color(
        "body_color",
        {"orange": (228, 96, 34), "red": (196, 40, 36), "yellow": (226, 190, 52), "lime": (150, 196, 60)},
        palette.PAINT,
    )
    stripe = style.color("stripe_color", {"white": (240, 240, 240), "silver": (190, 192, 196)})
    foot = style.color("base_color", palette.PLASTIC)
    height = style.real("height", 0.3, 0.9)
    radius = height * style.real("radius_ratio", 0.2, 0.42) * (1.9 if variant == "wide" else 1)
    tip = radius * style.real("tip", 0.0, 0.22)
    plate_height = height * style.real("plate_height", 0.02, 0.07)
    if variant in ("traffic", "stepped"):
        wide = radius * style.real("plate_width", 1.15, 1.6)
        outline = polygon(24, wide, wide, 2 if style.flag("has_round_plate", 0.2) else 12)
        made.add("base", foot, stack_rings([outline, outline, outline * 0.94], [0, plate_height * 0.7, plate_height]))
    if variant == "stepped":
        made.add("base", color, frustum(radius * 1.1, radius * 1.05, height * 0.1, 24))
    lift = height * style.real("post_height", 0.3, 0.7) if variant == "posted" else 0.0
    if lift:
        made.add("base", foot, cylinder(radius * 0.12, lift, 10), box(radius, height * 0.03, radius))
    made.add(
        "body", color, frustum(radius, tip, height, 28).moved(y=lift) if tip else cone(radius, height, 28).moved(y=lift)
    )
    for level in np.linspace(0.3, 0.68, style.whole("num_stripes", 0, 3) if variant == "traffic" else 0):
        low, high = (radius + (tip - radius) * t for t in (level, level + 0.13))
        made.add("stripe", stripe, frustum(low * 1.02, high * 1.02, height * 0.13, 28).moved(y=height * level))
    return made
