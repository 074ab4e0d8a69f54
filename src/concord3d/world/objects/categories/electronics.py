"""Keyboards, laptops, monitors and displays."""

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
    frustum,
    join,
    linear_array,
    mirror,
    radial_array,
    span,
    tube,
    wedge,
)


def key_grid(width: float, depth: float, columns: int, rows: int, height: float) -> Shape:
    """Return rows of key caps on y = 0."""
    step_x, step_z = width / columns, depth / rows
    cap = wedge((step_x * 0.82, step_z * 0.82), (step_x * 0.68, step_z * 0.68), height)
    row = linear_array(cap.moved(-width / 2 + step_x / 2), columns, x=step_x)
    return linear_array(row.moved(z=-depth / 2 + step_z / 2), rows, z=step_z)


def keyboard(style: Style) -> Assembly:
    """Keyboard: full, compact, split-curved, slim, or with a wrist rest."""
    made = Assembly()
    variant = style.choice("variant", {"full": 3, "compact": 1.3, "slim": 2, "curved": 0.9})
    case, keys = style.color("case_color", palette.KEYS, palette.METAL), style.color("key_color", palette.KEYS)
    width = style.real("width", 0.4, 0.48) * (0.72 if variant == "compact" else 1)
    depth = style.real("depth", 0.12, 0.2)
    height = style.real("height", 0.012, 0.03) * (0.5 if variant == "slim" else 1)
    made.add("case", case, box(width, height, depth, style.real("bevel", 0.0, 0.006)))
    key_height = style.real("key_height", 0.003, 0.011) * (0.5 if variant == "slim" else 1)
    rows = style.whole("num_rows", 4, 6)
    field = 0.96 if variant == "compact" else style.real("main_share", 0.62, 0.7)
    span_z = depth * style.real("key_depth", 0.68, 0.92)
    left = -width * (1 - field) / 2 + 0.02 * width
    main = key_grid(width * field * 0.96, span_z, style.whole("num_columns", 12, 15), rows - 1, key_height)
    made.add("key", keys, main.moved(left, height, span_z * 0.06))
    space = box(width * field * 0.4, key_height, span_z / rows * 0.7)
    made.add("key", keys, space.moved(left, height, span_z / 2))
    if variant != "compact":
        key = key_grid(width * 0.13, span_z * 0.8, 3, 4, key_height).moved(width * 0.21, height, span_z * 0.06)
        made.add("key", tinted(keys, 0.9), key)
        key = key_grid(width * 0.16, span_z * 0.9, 4, rows - 1, key_height).moved(width * 0.38, height, span_z * 0.05)
        made.add("key", tinted(keys, 0.9), key)
    if style.flag("has_wrist_rest", 0.25):
        made.add("rest", tinted(case, 0.8), box(width, height * 0.8, depth * 0.35, 0.004).moved(z=depth * 0.67))
    tilt = style.real("tilt_deg", 0, 7)
    turned = Assembly([(part, color, shape.turned("x", tilt)) for part, color, shape in made.pieces])
    if variant == "curved":
        bow = style.real("bow", 0.1, 0.35)
        pieces = []
        for part, color, shape in turned.pieces:
            fine = shape.vertices + (shape.vertices[:, :1] ** 2 * bow / width * 2) * np.array([0, 0, -1.0])
            pieces.append((part, color, Shape(fine, shape.faces)))
        turned = Assembly(pieces)
    if style.flag("has_cable", 0.2):
        turned.add(
            "cable",
            palette.DARK,
            tube([(0, height, -depth / 2), (0.03, 0.005, -depth * 0.8), (-0.02, 0.005, -depth)], 0.003, 5),
        )
    return turned


def laptop(style: Style) -> Assembly:
    """Laptop: open at 80 to 150 degrees, thin or thick, with keyboard, touch pad and screen."""
    made = Assembly()
    variant = style.choice("variant", {"thin": 3, "thick": 1.5, "convertible": 0.6})
    case, keys = style.color("case_color", palette.METAL, palette.PLASTIC), style.color("key_color", palette.KEYS)
    width = style.real("width", 0.28, 0.4)
    depth = width * style.real("depth_ratio", 0.6, 0.82)
    thick = style.real("thickness", 0.012, 0.022) * (1.9 if variant == "thick" else 1)
    lid = thick * style.real("lid_share", 0.35, 0.8)
    angle = style.real("opening_deg", 85, 135)
    bevel = style.real("bevel", 0, 0.004)
    made.add("keyboard", case, box(width, thick, depth, bevel))
    made.add(
        "keyboard",
        keys,
        key_grid(
            width * 0.9, depth * 0.42, style.whole("num_columns", 11, 14), style.whole("num_rows", 4, 6), 0.003
        ).moved(y=thick, z=-depth * 0.14),
    )
    made.add("keyboard", tinted(case, 0.85), box(width * 0.25, 0.001, depth * 0.22).moved(y=thick, z=depth * 0.28))
    bezel = style.real("bezel", 0.03, 0.1)
    panel = box(width, depth, lid, bevel)
    glass = box(width * (1 - bezel), depth * (1 - 1.6 * bezel), 0.002).moved(y=depth * 0.8 * bezel, z=lid / 2)
    for part, color, shape in (("screen", case, panel), ("screen", palette.SCREEN, glass)):
        made.add(part, color, shape.turned("x", 90 - angle).moved(y=thick, z=-depth / 2 - lid * 0.3))
    hinge = mirror(cylinder(lid * 0.7, width * 0.14, 8).turned("z", 90).moved(width * 0.36, thick, -depth / 2))
    made.add("hinge", tinted(case, 0.6), hinge)
    if style.flag("has_mouse", 0.1):
        made.add("mouse", palette.DARK, cushion(0.06, 0.03, 0.1, 2.6).moved(width * 0.68, 0, 0.03))
    return made


def _stand(style: Style, made: Assembly, color: Color, width: float, lift: float, behind: float) -> None:
    kind = style.choice("stand", ("disc", "plate", "legs", "arch"))
    reach = width * style.real("stand_size", 0.28, 0.5)
    if kind == "disc":
        base = frustum(reach / 2, reach * 0.4, 0.02, 24)
    elif kind == "plate":
        base = box(reach, 0.015, reach * 0.7, 0.004)
    elif kind == "legs":
        leg = bar((0, lift * 0.4, 0), (reach * 0.55, 0.008, reach * 0.45), 0.01, sides=6)
        base = radial_array(leg, 4, 0)
    else:
        base = tube(
            [
                (-reach / 2, 0.008, reach * 0.4),
                (-reach * 0.3, 0.008, -reach * 0.2),
                (reach * 0.3, 0.008, -reach * 0.2),
                (reach / 2, 0.008, reach * 0.4),
            ],
            0.012,
            6,
        )
    neck = box(width * style.real("neck_width", 0.06, 0.22), lift * 1.6, 0.03)
    made.add("stand", color, base, neck.moved(z=-behind))


def _panel(
    style: Style, made: Assembly, color: Color, size: tuple[float, float, float], lift: float, tilt: float
) -> None:
    width, height, thick = size
    edge = style.real("bezel", 0.015, 0.07) * width
    front = span((-width / 2 + edge, width / 2 - edge), (edge, height - edge), (thick / 2, thick / 2 + 0.003))
    bulge = (
        wedge((width * 0.6, height * 0.6), (width * 0.9, height * 0.9), thick)
        .turned("x", 90)
        .moved(y=height / 2, z=-thick * 1.3)
    )
    for part, tone, shape in (
        ("frame", color, box(width, height, thick, 0.006)),
        ("screen", palette.SCREEN, front),
        ("frame", tinted(color, 0.9), bulge),
    ):
        made.add(part, tone, shape.turned("x", -tilt).moved(y=lift))


def monitor(style: Style) -> Assembly:
    """Computer monitor: flat panel on a stand, tube monitor with a deep back, or two panels."""
    made = Assembly()
    variant = style.choice("variant", {"flat": 5, "tube": 1.5, "all_in_one": 0.8, "double": 0.4, "wall": 0.6})
    color = style.color("case_color", palette.KEYS, palette.KEYS, palette.PLASTIC)
    width = style.real("width", 0.38, 0.62)
    height = width * style.real("aspect", 0.56, 0.8)
    lift = style.real("lift", 0.05, 0.15)
    tilt = style.real("tilt_deg", 0, 10)
    if variant == "tube":
        height = width * style.real("tube_aspect", 0.75, 0.9)
        deep = width * style.real("tube_depth", 0.5, 0.95)
        made.add("frame", color, box(width, height, deep * 0.3, 0.02).moved(y=lift))
        back = wedge(
            (width * 0.92, height * 0.92), (width * 0.5, height * 0.5), deep * 0.7, (0, -height * 0.08)
        ).turned("x", -90)
        made.add("frame", tinted(color, 0.95), back.moved(y=lift + height / 2, z=-deep * 0.15))
        screen = cushion(width * 0.84, height * 0.8, 0.04, 6).moved(y=lift + height * 0.1, z=deep * 0.14)
        made.add("screen", palette.SCREEN, screen)
        made.add("stand", color, frustum(width * 0.36, width * 0.22, lift, 20).moved(z=-deep * 0.12))
        return made
    thick = style.real("thickness", 0.015, 0.05)
    _panel(style, made, color, (width, height, thick), lift, tilt)
    if variant == "double":
        _panel(style, made, color, (width, height, thick), lift, tilt)
        half = len(made.pieces) // 2
        for i, (part, tone, shape) in enumerate(list(made.pieces)):
            side = -1 if i < half else 1
            made.pieces[i] = (part, tone, shape.turned("y", -12 * side).moved(side * width * 0.51))
    if variant == "all_in_one":
        made.add("frame", tinted(color, 1.05), box(width, lift * 0.9, thick * 1.2).moved(y=lift * 0.3))
    if variant != "wall":
        _stand(style, made, tinted(color, 0.85), width, lift, thick * 1.2)
    else:
        made.add("stand", palette.DARK, box(width * 0.2, height * 0.3, 0.08).moved(y=lift + height * 0.35, z=-0.06))
    if style.flag("has_keyboard", 0.1):
        made.add(
            "keyboard",
            color,
            box(width * 0.85, 0.02, 0.14).moved(z=0.28),
            key_grid(width * 0.8, 0.12, 12, 4, 0.006).moved(y=0.02, z=0.28),
        )
    if style.flag("has_speakers", 0.1):
        made.add("speaker", color, mirror(box(0.08, height * 0.6, 0.09, 0.01).moved(width * 0.64)))
    return made


def display(style: Style) -> Assembly:
    """Display: television or screen on feet, desk screen, presentation screen on a trolley, advertising panel."""
    made = Assembly()
    variant = style.choice("variant", {"television": 3, "desk": 3, "trolley": 0.8, "kiosk": 0.6, "old_television": 0.7})
    color = style.color("case_color", palette.KEYS, palette.KEYS, palette.PLASTIC)
    width = style.real("width", 0.8, 1.4) if variant in ("television", "trolley") else style.real("width", 0.42, 0.65)
    height = width * style.real("aspect", 0.54, 0.68)
    thick = style.real("thickness", 0.03, 0.08)
    lift = {"television": 0.07, "desk": 0.13, "trolley": 1.0, "kiosk": 0.4, "old_television": 0.06}[
        variant
    ] * style.real("lift", 0.8, 1.25)
    tilt = style.real("tilt_deg", -2, 8) if variant != "kiosk" else 30.0
    if variant == "old_television":
        deep = width * style.real("tube_depth", 0.5, 0.8)
        made.add("frame", color, box(width, height * 1.25, deep, 0.02).moved(y=lift))
        screen = cushion(width * 0.68, height, 0.05, 5).moved(-width * 0.1, lift + height * 0.12, deep / 2)
        made.add("screen", palette.SCREEN, screen)
        knob = linear_array(
            cylinder(0.02, 0.03, 10).turned("x", 90).moved(width * 0.38, lift + height * 0.8, deep / 2), 2, y=-0.1
        )
        made.add("knob", palette.DARK, knob)
        stand = mirror(mirror(bar((width * 0.4, lift, deep * 0.4), (width * 0.45, 0, deep * 0.45), 0.015), "z"))
        made.add("stand", palette.DARK, stand)
        if style.flag("has_antenna", 0.5):
            antenna = mirror(bar((0.01, lift + height * 1.25, 0), (0.2, lift + height * 2, 0), 0.006, sides=5))
            made.add("antenna", palette.METAL["chrome"], antenna)
        return made
    _panel(style, made, color, (width, height, thick), lift, tilt)
    if variant == "television" and style.flag("has_two_feet", 0.5):
        foot = join(
            [
                bar((0, 0.01, -0.12), (0, 0.01, 0.14), 0.012, sides=4),
                bar((0, 0.01, 0), (0, lift + 0.02, 0), 0.014, sides=4),
            ]
        )
        made.add("stand", color, mirror(foot.moved(width * 0.36)))
    elif variant in ("television", "desk"):
        _stand(style, made, color, width * 0.9, lift, thick)
    elif variant == "trolley":
        stand = mirror(bar((width * 0.2, 0.05, -0.06), (width * 0.2, lift + height * 0.6, -0.06), 0.02, sides=6))
        made.add("stand", palette.DARK, stand)
        made.add(
            "stand",
            palette.DARK,
            mirror(bar((width * 0.25, 0.05, -0.3), (width * 0.25, 0.05, 0.3), 0.025, sides=4)),
            box(width * 0.5, 0.02, 0.3).moved(y=lift * 0.5),
        )
    else:
        made.add("stand", color, wedge((width * 0.5, 0.3), (width * 0.35, 0.15), lift + height * 0.25))
    if style.flag("has_speaker_bar", 0.15):
        speaker = box(width * 0.8, 0.05, 0.07, 0.01).moved(
            y=0 if variant == "television" else lift - 0.05, z=thick + 0.06
        )
        made.add("speaker", palette.DARK, speaker)
    return made
