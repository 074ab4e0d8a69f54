"""Tents."""

from __future__ import annotations

import numpy as np

from concord3d.world.objects import palette
from concord3d.world.objects.categories.style import Assembly, Color, Style, tinted
from concord3d.world.objects.grammar import (
    Shape,
    bar,
    box,
    cone,
    ellipsoid,
    extrude,
    mirror,
    radial_array,
    tube,
    wedge,
)


def tent(style: Style) -> Assembly:
    """Tent: ridge, dome, tunnel, tepee, pavilion or cabin tent."""
    made = Assembly()
    variant = style.choice(
        "variant", {"ridge": 2.5, "dome": 1.6, "tunnel": 2, "tepee": 0.8, "pavilion": 1.2, "cabin": 2.5}
    )
    cloth = style.color("cloth_color", palette.FABRIC, palette.PAINT)
    accent = style.color("accent_color", palette.FABRIC)
    pole = style.color("pole_color", palette.METAL, palette.WOOD)
    width, length, height = (
        style.real("width", 1.6, 3.2),
        style.real("length", 2.0, 4.0),
        style.real("height", 1.1, 2.2),
    )
    if variant in ("dome", "tunnel"):
        height *= 0.72
    if variant == "ridge":
        _ridge_tent(style, made, (width, length, height), (cloth, accent, pole))
    elif variant in ("dome", "tunnel"):
        _dome_tent(style, made, (width, width if variant == "dome" else length, height), (cloth, accent, pole))
    elif variant == "tepee":
        made.add("cloth", cloth, cone(width / 2, height * 1.3, style.whole("num_sides", 5, 12)))
        made.add(
            "pole",
            pole,
            radial_array(bar((width * 0.06, height * 1.15, 0), (-width * 0.06, height * 1.5, 0), 0.02, sides=5), 6),
        )
        made.add(
            "door", accent, bar((0, 0, width * 0.46), (0, height * 0.6, width * 0.27), width * 0.1, width * 0.02, 4)
        )
    else:
        eave = height * style.real("eave", 0.55, 0.75)
        roof = wedge(
            (width * 1.05, length * 1.05),
            (width * 0.03, length * (0.03 if variant == "pavilion" else style.real("ridge_length", 0.2, 0.9))),
            height * 1.25 - eave,
        ).moved(y=eave)
        made.add("cloth", cloth, roof)
        made.add(
            "pole",
            pole,
            mirror(mirror(bar((width / 2, 0, length / 2), (width / 2, eave, length / 2), 0.03, sides=6), "z")),
        )
        if variant == "cabin" or style.flag("has_walls", 0.6):
            made.add("wall", tinted(cloth, 0.92), wedge((width * 1.02, length * 1.02), (width, length), eave))
            made.add("door", accent, box(width * 0.35, eave * 0.8, 0.02).moved(z=length / 2 + 0.02))
        if style.flag("has_valance", 0.5):
            made.add("cloth", accent, box(width * 1.06, 0.16, length * 1.06).moved(y=eave - 0.14))
    if style.flag("has_ropes", 0.3):
        rope = bar((width * 0.42, height * 0.5, length * 0.4), (width * 0.75, 0, length * 0.6), 0.012, sides=5)
        made.add("rope", palette.PAPER, mirror(mirror(rope), "z"))
    if style.flag("has_ground", 0.65):
        made.add(
            "ground", tinted(accent, 0.7), box(width * 1.05, 0.02, (length if variant != "dome" else width) * 1.05)
        )
    return made


def _dome_tent(
    style: Style, made: Assembly, size: tuple[float, float, float], colors: tuple[Color, Color, Color]
) -> None:
    (width, length, height), (cloth, accent, pole) = size, colors
    dome = ellipsoid(
        width / 2,
        height,
        length / 2 * style.real("dome_ratio", 0.9, 1.3),
        15,
        20,
        style.real("fullness", 1.75, 2.3),
    )
    keep = dome.vertices[dome.faces].mean(axis=1)[:, 1] > 0
    made.add("cloth", cloth, Shape(dome.vertices * np.where(dome.vertices[:, 1:2] < 0, [1, 0, 1], 1), dome.faces[keep]))
    deep = float(np.abs(dome.vertices[:, 2]).max())
    angle = np.linspace(0, np.pi, 13)
    hoop = np.column_stack([np.cos(angle) * width / 2, np.sin(angle) * height * 1.01, 0 * angle])
    made.add(
        "pole", pole, tube(hoop, 0.035, 5), tube(hoop[:, [2, 1, 0]] * np.array([1, 1, deep * 2 / width]), 0.035, 5)
    )
    door = (
        extrude(
            np.array(
                [[-width * 0.18, 0], [width * 0.18, 0], [width * 0.12, height * 0.62], [-width * 0.12, height * 0.62]]
            ),
            0.05,
        )
        .turned("x", -14)
        .moved(z=deep * 0.99)
    )
    made.add("door", accent, door)
    if style.flag("has_porch", 0.4):
        porch = extrude(np.array([[-width * 0.3, 0], [width * 0.3, 0], [0, height * 0.65]]), deep * 0.9).moved(
            z=deep * 0.95
        )
        made.add("porch", accent, porch)


def _ridge_tent(
    style: Style, made: Assembly, size: tuple[float, float, float], colors: tuple[Color, Color, Color]
) -> None:
    (width, length, height), (cloth, accent, pole) = size, colors
    lean = style.real("lean", 0.0, 0.15) * length
    wall = style.real("wall", 0.0, 0.6) * height
    section = np.array([[-width / 2, 0], [width / 2, 0], [width / 2, wall], [0, height], [-width / 2, wall]])
    body = extrude(section, length)
    stretch = np.where(body.vertices[:, 1] > height * 0.9, 1 - 2 * lean / length, 1.0)
    cloth_shape = Shape(body.vertices * np.stack([1 + 0 * stretch, 1 + 0 * stretch, stretch], axis=1), body.faces)
    made.add("cloth", cloth, cloth_shape)
    made.add(
        "pole", pole, mirror(bar((0, 0, length / 2 * 0.99), (0, height * 1.06, length / 2 - lean), 0.02, sides=6), "z")
    )
    door = (
        extrude(np.array([[-width * 0.2, 0], [width * 0.2, 0], [0, height * 0.72]]), 0.02)
        .turned("x", -np.degrees(np.arctan2(lean, height)))
        .moved(z=length / 2 + 0.01)
    )
    made.add("door", accent, door)
