"""Radios and game consoles."""

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
    extrude,
    join,
    linear_array,
    mirror,
    tube,
)


def radio(style: Style) -> Assembly:
    """Radio: portable with antenna, vintage table set, boom box, clock radio or walkie-talkie."""
    made = Assembly()
    variant = style.choice(
        "variant", {"portable": 2.5, "vintage": 1.5, "boombox": 1.2, "clock": 1.5, "handheld": 0.7, "receiver": 2}
    )
    case = style.color("case_color", palette.PLASTIC, palette.WOOD)
    grille, metal = style.color("grille_color", palette.FABRIC, palette.METAL), style.color("knob_color", palette.METAL)
    w, h, d = style.real("width", 0.22, 0.36), style.real("height", 0.13, 0.22), style.real("depth", 0.06, 0.2)
    if variant == "handheld":
        w, h, d = w * 0.28, h * 0.95, d * 0.5
    elif variant == "boombox":
        w, d = w * 1.6, d * 1.2
    elif variant == "clock":
        h, d = h * 0.5, d * 1.3
    elif variant == "receiver":
        h, d = h * 0.6, w * style.real("deepness", 0.5, 1.0)
    if variant == "vintage" and style.flag("has_arched_top", 0.6):
        angle = np.linspace(0, np.pi, 15)
        arch = np.stack([np.cos(angle) * w * 0.42, h + np.sin(angle) * h * 0.75], axis=1)
        made.add("case", case, extrude(np.concatenate([[[-w * 0.42, 0.0], [w * 0.42, 0.0]], arch]), d * 1.2))
        d, w = d * 1.2, w * 0.84
    else:
        case_shape = (
            cushion(w, h, d, 7, 28)
            if style.flag("has_soft_case", 0.35)
            else box(w, h, d, style.real("bevel", 0.002, 0.03))
        )
        made.add("case", case, case_shape)
    disc = cylinder(h * style.real("speaker_size", 0.24, 0.4), 0.012, 22).turned("x", 90)
    if variant == "boombox":
        made.add("speaker", grille, mirror(disc.moved(w * 0.32, h * 0.48, d / 2)))
        made.add("panel", tinted(case, 0.7), box(w * 0.24, h * 0.4, 0.014).moved(y=h * 0.2, z=d / 2))
    elif variant == "handheld":
        made.add(
            "speaker", grille, linear_array(box(w * 0.6, h * 0.02, 0.01).moved(y=h * 0.15, z=d / 2), 5, y=h * 0.05)
        )
    else:
        speaker = (
            disc.moved(-w * 0.24, h * 0.5, d / 2)
            if style.flag("has_round_speaker", 0.6)
            else box(w * 0.42, h * 0.7, 0.012).moved(-w * 0.22, h * 0.15, d / 2)
        )
        made.add("speaker", grille, speaker)
    panel = box(w * 0.36, h * 0.22, 0.012).moved(w * (0.22 if variant != "handheld" else 0), h * 0.62, d / 2)
    made.add("panel", palette.PAPER, panel)
    count = style.whole("num_knobs", 1, 4)
    knob = cylinder(h * 0.09, 0.02, 12).turned("x", 90).moved(w * 0.1, h * 0.3, d / 2)
    made.add("knob", metal, linear_array(knob, count, x=w * 0.34 / count))
    _radio_fittings(style, made, variant, (w, h, d), (case, metal))
    if style.flag("has_feet", 0.3):
        made.add("foot", palette.DARK, mirror(mirror(cylinder(0.012, 0.012, 8).moved(w * 0.4, -0.012, d * 0.35), "z")))
    return made


def _radio_fittings(
    style: Style, made: Assembly, variant: str, size: tuple[float, float, float], colors: tuple[Color, Color]
) -> None:
    w, h, d = size
    case, metal = colors
    if variant == "handheld" or style.flag("has_antenna", 0.55 if variant == "portable" else 0.12):
        long, lean = style.real("antenna_length", 0.4, 1.4) * max(w, h), style.real("antenna_lean", -0.7, 0.7)
        foot = (w * 0.42, h * 0.97, -d * 0.2)
        thick = 0.004 if variant != "handheld" else w * 0.09
        antenna = bar(
            foot, (foot[0] + long * np.sin(lean), foot[1] + long * np.cos(lean), foot[2]), thick, thick * 0.6, 6
        )
        made.add("antenna", metal, antenna)
    if variant in ("portable", "boombox") and style.flag("has_handle", 0.6):
        rise = h * style.real("handle_rise", 0.15, 0.4)
        handle = tube(
            [(-w * 0.42, h * 0.95, 0), (-w * 0.4, h + rise, 0), (w * 0.4, h + rise, 0), (w * 0.42, h * 0.95, 0)],
            h * 0.035,
            6,
        )
        made.add("handle", tinted(case, 0.8), handle)


def controller(size: float) -> Shape:
    """Return a game controller, lying on y = 0 with its grips towards +z."""
    grip = ellipsoid(0.28, 0.16, 0.5, 7, 10).turned("y", 22).moved(0.42, 0.16, 0.25)
    stick = join([cylinder(0.05, 0.12, 8), cylinder(0.1, 0.04, 10).moved(y=0.12)])
    return join([cushion(1.1, 0.3, 0.6, 3, 16), mirror(grip), mirror(stick.moved(0.22, 0.28, 0.1))]).scaled(
        size, size, size
    )


def xbox(style: Style) -> Assembly:
    """Game console: an upright or lying box, plain or waisted, with tray and vents, sometimes a controller."""
    made = Assembly()
    variant = style.choice("variant", {"waisted": 2.5, "plain": 2, "crossed": 1.2, "tower": 0.6})
    case = style.color("case_color", {"white": (236, 238, 236), "black": (40, 40, 42), "grey": (120, 122, 124)})
    accent = style.color("accent_color", {"green": (96, 176, 60), "silver": (188, 190, 194), "black": (30, 30, 32)})
    w, h, d = style.real("width", 0.26, 0.34), style.real("thickness", 0.06, 0.11), style.real("depth", 0.22, 0.32)
    if variant == "tower":
        w, h, d = w, h * 1.7, d * 0.55
    bevel = style.real("bevel", 0.002, 0.015)
    pieces: list[tuple[str, Color, Shape]] = []
    if variant == "waisted":
        t = np.linspace(-1, 1, 9)
        dent = style.real("waist", 0.03, 0.18)
        edge = h / 2 * (1 - dent * (1 - t**2))
        top = np.stack([t * w / 2, edge], axis=1)
        pieces.append(("case", case, extrude(np.concatenate([top[::-1], top * np.array([1, -1])]), d).moved(y=h / 2)))
    else:
        pieces.append(("case", case, box(w, h, d, bevel)))
    if variant == "crossed":
        rib = box(w * 1.04, h * 0.25, d * 0.2).moved(y=h)
        pieces.append(("ridge", accent, join([rib.turned("y", 40), rib.turned("y", -40)])))
    pieces.append(("tray", accent, box(w * 0.6, h * 0.14, 0.004).moved(-w * 0.1, h * 0.5, d / 2)))
    pieces.append(("button", accent, cylinder(h * 0.16, 0.006, 16).turned("x", 90).moved(w * 0.38, h * 0.5, d / 2)))
    vents = style.whole("num_vents", 0, 8)
    if vents:
        pieces.append(
            ("vent", tinted(case, 0.6), linear_array(box(0.004, 0.003, d * 0.5).moved(w * 0.1, h), vents, x=0.012))
        )
    if style.flag("is_upright", 0.82):
        pieces = [(part, color, shape.moved(y=-h / 2).turned("z", 90).moved(y=w / 2)) for part, color, shape in pieces]
        if style.flag("has_foot", 0.3):
            pieces.append(("foot", palette.DARK, box(h * 1.3, 0.012, d * 0.9)))
    for part, color, shape in pieces:
        made.add(part, color, shape)
    if style.flag("has_controller", 0.2):
        controller_shape = controller(0.12).moved(
            w * 0.3 * (1 if style.flag("has_left_controller", 0.5) else -1), 0, d * 0.5 + 0.14
        )
        made.add("controller", tinted(case, 0.9), controller_shape)
    if style.flag("has_drive", 0.1):
        made.add("case", accent, box(w * 0.15, h * 0.5, d * 0.8).moved(w * 0.5))
    return made
