"""Guitars and pianos."""

from __future__ import annotations

import numpy as np

from concord3d.world.objects import palette
from concord3d.world.objects.categories.seating import four_legs
from concord3d.world.objects.categories.style import Assembly, Color, Style, tinted
from concord3d.world.objects.grammar import bar, box, cylinder, extrude, frustum, linear_array, mirror, smooth, span

_BODIES: dict[str, list[tuple[float, float]]] = {
    # right half of the outline (x, y) from the tail to the neck, in body lengths
    "acoustic": [
        (0, 0), (0.25, 0.02), (0.39, 0.17), (0.37, 0.34), (0.26, 0.52), (0.25, 0.62), (0.31, 0.78), (0.25, 0.94),
        (0.08, 1.0),
    ],
    "electric": [
        (0, 0.02), (0.2, 0.0), (0.33, 0.12), (0.33, 0.3), (0.25, 0.48), (0.26, 0.62), (0.33, 0.78), (0.31, 0.97),
        (0.22, 0.95), (0.12, 0.8),
    ],
    "flying_v": [(0, 0.45), (0.18, 0.1), (0.36, -0.1), (0.48, -0.02), (0.32, 0.4), (0.16, 0.85), (0.08, 1.0)],
    "single_cut": [
        (0, 0), (0.24, 0.02), (0.36, 0.18), (0.34, 0.36), (0.25, 0.54), (0.28, 0.7), (0.3, 0.86), (0.2, 0.97),
        (0.08, 0.92),
    ],
}  # fmt: skip


def guitar(style: Style) -> Assembly:
    """Guitar: acoustic, electric double-cut, single-cut or flying V, with neck, head, bridge; lying, some raised."""
    flat = Assembly()
    variant = style.choice("variant", {"acoustic": 2.5, "electric": 3, "single_cut": 1.5, "flying_v": 0.8})
    color, neck_color = style.color("body_color", palette.WOOD, palette.PAINT), style.color("neck_color", palette.WOOD)
    metal = style.color("hardware_color", palette.METAL)
    length = style.real("body_length", 0.4, 0.52)
    wide = style.real("body_width", 0.85, 1.15)
    thick = style.real("body_depth", 0.08, 0.12) if variant == "acoustic" else style.real("body_depth", 0.035, 0.055)
    half = smooth(_BODIES[variant], 19) * np.array([length * wide, length])
    other = half.copy()
    if variant in ("electric", "single_cut"):
        other[:, 1] -= (other[:, 1] > 0.7 * length) * style.real("horn_offset", 0.0, 0.12) * length
    outline = np.concatenate([half, (other * np.array([-1, 1]))[::-1][:-1]])
    flat.add("body", color, extrude(outline, thick))
    neck = _guitar_neck(style, flat, variant, (length, thick / 2), (neck_color, metal))
    _guitar_fittings(style, flat, variant, (length, thick / 2, neck), metal)
    # The real set shows most guitars flat on the ground, some with the neck raised.
    lay = -90.0 + (style.real("raise_deg", 5, 30) if style.flag("is_raised", 0.15) else 0.0)
    made = Assembly([(part, tone, shape.moved(y=-length).turned("x", lay)) for part, tone, shape in flat.pieces])
    if style.flag("has_strap", 0.1):
        strap = bar((length * 0.3, 0.02, length * 0.9), (length * 0.5, 0.02, -neck * 0.5), 0.02, sides=4)
        made.add("strap", palette.DARK, strap)
    return made


def _guitar_neck(
    style: Style, made: Assembly, variant: str, size: tuple[float, float], colors: tuple[Color, Color]
) -> float:
    """Add neck and head above the body; return the length of the neck."""
    (length, face), (wood, metal) = size, colors
    start, neck = length * (0.62 if variant == "acoustic" else 0.55), style.real("neck_length", 0.36, 0.5)
    width = style.real("neck_width", 0.042, 0.056)
    end, across = length + neck, (-width / 2, width / 2)
    made.add("neck", wood, span(across, (length * 0.85, end), (face - 0.022, face + 0.002)))
    made.add("neck", palette.DARK, span(across, (start, end), (face, face + 0.008)))
    fret = span(across, (length, length + 0.003), (face + 0.007, face + 0.011))
    made.add("neck", metal, linear_array(fret, 9, y=neck / 9))
    head = np.array([(-0.5, 0), (0.5, 0), (0.8, 0.35), (0.7, 1.0), (-0.7, 1.0), (-0.8, 0.35)])
    if variant == "electric" and style.flag("has_slanted_head", 0.6):
        head = np.array([(-0.5, 0), (0.5, 0), (0.6, 0.4), (0.2, 1.15), (-0.7, 0.95), (-0.9, 0.25)])
    long = style.real("head_length", 0.13, 0.19)
    made.add("head", wood, extrude(head * np.array([width, long]), 0.02).turned("x", -8).moved(y=end, z=face - 0.01))
    peg = cylinder(0.007, 0.03, 6).turned("z", 90).moved(width * 1.1, end + long * 0.25, face - 0.012)
    made.add("head", metal, mirror(linear_array(peg, 3, y=long * 0.25)))
    return neck


def _guitar_fittings(
    style: Style, made: Assembly, variant: str, size: tuple[float, float, float], metal: Color
) -> None:
    length, face, neck = size
    low = length * style.real("bridge_place", 0.2, 0.3)
    bridge = span((-length * 0.13, length * 0.13), (low, low + 0.025), (face, face + 0.012))
    made.add("bridge", palette.DARK if variant == "acoustic" else metal, bridge)
    if variant == "acoustic":
        hole = cylinder(length * 0.11, 0.003, 20).turned("x", 90).moved(y=length * 0.56, z=face)
        made.add("hole", palette.DARK, hole)
    else:
        pickup = span((-0.04, 0.04), (length * 0.38, length * 0.42), (face, face + 0.01))
        made.add("pickup", palette.DARK, linear_array(pickup, style.whole("num_pickups", 1, 3), y=length * 0.12))
        knob = cylinder(0.012, 0.016, 10).turned("x", 90).moved(length * 0.22, length * 0.12, face)
        made.add("knob", metal, linear_array(knob, style.whole("num_knobs", 1, 3), y=0.05))
    for x in (-0.018, -0.006, 0.006, 0.018):
        string = bar((x, low, face + 0.012), (x * 0.9, length + neck + 0.02, face + 0.01), 0.0015, sides=4)
        made.add("string", metal, string)


def piano(style: Style) -> Assembly:
    """Piano: grand with its lid up or shut, baby grand, upright, spinet or digital; with pedals, sometimes a bench."""
    made = Assembly()
    variant = style.choice("variant", {"grand": 4, "upright": 4, "digital": 0.8})
    wood = style.color("case_color", {"black lacquer": (28, 28, 30), "white lacquer": (238, 238, 236)}, palette.WOOD)
    metal = style.color("pedal_color", palette.METAL)
    width = style.real("width", 1.35, 1.6)
    keys = style.real("key_level", 0.62, 0.74)
    if variant == "grand":
        _grand(style, made, wood, width, keys)
    else:
        digital = variant == "digital"
        height = keys + (0.12 if digital else style.real("upper_height", 0.25, 0.6))
        depth = style.real("depth", 0.26, 0.42)
        shelf = style.real("key_shelf", 0.2, 0.32)
        if digital:
            made.add(
                "case",
                wood,
                box(width, 0.16, depth).moved(y=keys - 0.06),
                box(width, keys * 0.4, 0.03).moved(y=keys * 0.3, z=-depth * 0.3),
            )
            made.add(
                "leg",
                wood,
                mirror(box(0.05, keys, depth).moved(width * 0.48)),
                mirror(box(0.06, 0.04, depth * 1.4).moved(width * 0.48)),
            )
        else:
            made.add(
                "case", wood, box(width, height, depth, 0.012), box(width * 1.03, 0.03, depth * 1.12).moved(y=height)
            )
            made.add(
                "case",
                tinted(wood, 0.85),
                box(width * 0.8, height * 0.35, 0.02).moved(y=height * 0.1, z=depth / 2),
                box(width * 0.7, (height - keys) * 0.6, 0.02).moved(y=keys + (height - keys) * 0.25, z=depth / 2),
            )
            leg = (
                mirror(frustum(0.035, 0.05, keys, 8).moved(width * 0.46, 0, depth / 2 + shelf * 0.8))
                if style.flag("has_front_legs", 0.6)
                else mirror(box(0.05, keys, shelf).moved(width * 0.48, 0, depth / 2 + shelf / 2))
            )
            made.add("leg", wood, leg)
        _keys(made, wood, width, keys, depth / 2 + shelf / 2, shelf)
    made.add("pedal", metal, linear_array(box(0.03, 0.02, 0.12).moved(-0.08, 0.04, 0.25), 3, x=0.08))
    if style.flag("has_music_stand", 0.5):
        stand = box(0.6, 0.22, 0.02).turned("x", -15).moved(y=keys + 0.16, z=-0.02 if variant == "grand" else 0.22)
        made.add("stand", wood, stand)
    if style.flag("has_bench", 0.18):
        reach = 0.95 if variant == "grand" else 0.8
        made.add(
            "bench",
            tinted(wood, 0.9),
            box(0.75, 0.09, 0.34, 0.02).moved(y=0.42, z=reach),
            four_legs(0.72, 0.32, 0.42, 0.025).moved(z=reach),
        )
    return made


def _keys(made: Assembly, wood: Color, width: float, level: float, z: float, depth: float) -> None:
    made.add(
        "case",
        wood,
        box(width, 0.09, depth).moved(y=level - 0.07, z=z),
        mirror(box(0.06, 0.1, depth).moved(width * 0.48, level, z)),
    )
    field = width * 0.9
    made.add("key", palette.WHITE, box(field, 0.022, depth * 0.7).moved(y=level + 0.02, z=z + depth * 0.1))
    key = linear_array(
        box(field / 36, 0.016, depth * 0.4).moved(-field * 0.48, level + 0.04, z - depth * 0.04),
        25,
        x=field * 0.96 / 24,
    )
    made.add("key", palette.DARK, key)


def _grand(style: Style, made: Assembly, wood: Color, width: float, keys: float) -> None:
    length = style.real("length", 1.3, 2.4)
    side = style.real("case_height", 0.22, 0.34)
    tail = style.real("tail_width", 0.3, 0.5)
    # Seen from above, keyboard at the bottom of the page: straight bass side, S-curved treble side.
    curve = smooth(
        [(0.5, 0.0), (0.5, 0.22), (0.44, 0.42), (0.16, 0.62), (tail - 0.46, 0.86), (-0.28, 1.0), (-0.5, 0.95)], 19
    )
    outline = np.concatenate([[[-0.5, 0.0]], curve]) * np.array([width, length])
    slab = extrude(outline, side).turned("x", -90).moved(y=keys - 0.06 + side / 2)
    shift = length * 0.35
    made.add("case", wood, slab.moved(z=shift))
    _keys(made, wood, width, keys, shift + 0.14, 0.28)
    lid = extrude(outline * np.array([1.02, 1.0]), 0.02).turned("x", -90)
    top = keys - 0.06 + side
    if style.flag("has_raised_lid", 0.7):
        angle = style.real("lid_deg", 18, 42)
        lid = lid.moved(x=width / 2).turned("z", angle).moved(x=-width / 2)
        made.add("lid", wood, lid.moved(y=top + 0.02, z=shift))
        rise = np.tan(np.radians(angle)) * width * 0.8
        lid_shape = bar(
            (width * 0.3, top, shift - length * 0.3),
            (width * 0.3, top + rise * 0.98, shift - length * 0.3),
            0.015,
            sides=6,
        )
        made.add("lid", wood, lid_shape)
    else:
        made.add("lid", wood, lid.moved(y=top + 0.01, z=shift))
    thick = style.real("leg_thickness", 0.04, 0.08)
    leg = frustum(thick * 0.6, thick, keys - 0.06, 10)
    made.add(
        "leg",
        wood,
        mirror(leg.moved(width * 0.42, 0, shift - 0.08)),
        leg.moved(-width * 0.28, 0, shift - length * 0.85),
    )
    made.add("pedal", wood, box(0.06, keys - 0.1, 0.05).moved(y=0.04, z=0.2))
