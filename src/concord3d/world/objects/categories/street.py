"""What stands at the side of a street: trash containers and hydrants."""

from __future__ import annotations

import numpy as np

from concord3d.world.objects import palette
from concord3d.world.objects.categories.style import Assembly, Color, Style, tinted
from concord3d.world.objects.grammar import (
    Shape,
    bar,
    box,
    cylinder,
    ellipsoid,
    extrude,
    frustum,
    join,
    lathe,
    linear_array,
    mirror,
    polygon,
    radial_array,
    rim_ring,
    stack_rings,
    torus,
    tube,
    wedge,
)

_LID = {"yellow": (232, 190, 40), "blue": (38, 78, 152), "brown": (104, 70, 46)}
_WHEEL_SIDES = 12


def trash_container(style: Style) -> Assembly:
    """Trash container: two-wheeled bin, four-wheeled container, dumpster, street bin, slatted bin or bottle bank."""
    made = Assembly()
    variant = style.choice(
        "variant",
        {"two_wheeled": 2.5, "four_wheeled": 2, "dumpster": 2, "street": 1.2, "slatted": 0.9, "bottle_bank": 0.8},
    )
    if variant in ("two_wheeled", "four_wheeled", "dumpster"):
        body = style.color("body_color", palette.PAINT, {"green": (40, 96, 62), "dark grey": (72, 76, 80)})
        lid = style.color("lid_color", {"matching": body}, _LID, palette.PAINT)
    else:
        body, lid = style.color("body_color", palette.PAINT, palette.METAL), style.color("lid_color", palette.METAL)
    {
        "two_wheeled": _two_wheeled,
        "four_wheeled": _four_wheeled,
        "dumpster": _dumpster,
        "street": _street_bin,
        "slatted": _slatted,
        "bottle_bank": _bottle_bank,
    }[variant](style, made, body, lid)
    if style.flag("has_label", 0.4):
        height = max(float(shape.vertices[:, 1].max()) for _, _, shape in made.pieces)
        front = max(float(s.vertices[(np.abs(s.vertices[:, 1] - 0.5 * height) < 0.5 * height), 2].max(initial=0.0))
                    for part, _, s in made.pieces if part == "body")  # fmt: skip
        made.add("label", palette.PAPER, box(0.16, 0.12, 0.012).moved(y=height * 0.5, z=front - 0.004))
    return made


def _wheel(radius: float, width: float) -> Shape:
    return cylinder(radius, width, _WHEEL_SIDES).moved(y=-width / 2).turned("z", 90)


def _caster(radius: float) -> Shape:
    return join([_wheel(radius, 0.05).moved(y=radius), box(0.07, radius, 0.05).moved(y=radius * 1.2)])


def _two_wheeled(style: Style, made: Assembly, body: Color, lid: Color) -> None:
    wide, deep, high = style.real("width", 0.46, 0.6), style.real("depth", 0.5, 0.72), style.real("height", 0.85, 1.1)
    narrow = style.real("taper", 0.72, 0.88)
    made.add(
        "body", body, wedge((wide * narrow, deep * narrow), (wide, deep), high - 0.05, (0, deep * 0.06)).moved(y=0.05)
    )
    back, middle = -deep / 2 + deep * 0.06, deep * 0.06
    made.add("rim", tinted(body, 0.9), box(wide + 0.05, 0.045, deep + 0.05).moved(y=high - 0.05, z=middle))
    profile = np.array([[back - 0.02, 0], [deep * 0.6, 0], [deep * 0.6, 0.02], [deep * 0.2, 0.08], [back - 0.02, 0.06]])
    cover = extrude(profile, wide + 0.06).turned("y", -90)
    if style.flag("is_open", 0.15):
        cover = cover.moved(z=-back).turned("x", -style.real("lid_deg", 60, 110)).moved(z=back)
    made.add("lid", lid, cover.moved(y=high))
    made.add(
        "handle", tinted(body, 0.8), bar((-wide * 0.42, high, back - 0.08), (wide * 0.42, high, back - 0.08), 0.02)
    )
    made.add(
        "handle",
        tinted(body, 0.8),
        mirror(bar((wide * 0.36, high - 0.02, back), (wide * 0.36, high, back - 0.09), 0.018)),
    )
    radius = style.real("wheel_radius", 0.1, 0.15)
    made.add(
        "wheel",
        palette.RUBBER,
        mirror(_wheel(radius, 0.06).moved(wide * narrow / 2 + 0.02, radius, -deep * narrow * 0.42)),
    )
    axle = wide * narrow / 2
    made.add(
        "wheel",
        palette.METAL["steel"],
        bar((-axle, radius, -deep * narrow * 0.42), (axle, radius, -deep * narrow * 0.42), 0.014),
    )
    if style.flag("has_ribs", 0.5):
        rib = bar((0, 0.1, deep * narrow / 2 + deep * 0.005), (0, high - 0.08, deep / 2 + deep * 0.056), 0.012, sides=4)
        made.add("body", tinted(body, 0.85), linear_array(rib.moved(x=-wide * 0.25), 3, x=wide * 0.25))


def _four_wheeled(style: Style, made: Assembly, body: Color, lid: Color) -> None:
    wide, deep, high = style.real("width", 1.15, 1.45), style.real("depth", 0.72, 1.0), style.real("height", 0.8, 1.05)
    low, narrow = 0.22, style.real("taper", 0.78, 0.92)
    made.add("body", body, wedge((wide * narrow, deep * narrow), (wide, deep), high - low).moved(y=low))
    made.add("rim", tinted(body, 0.85), box(wide + 0.06, 0.07, deep + 0.06, 0.015).moved(y=high - 0.05))
    if style.choice("lid", {"round": 1.5, "flat": 1, "split": 1}) == "round":
        t = np.linspace(0, np.pi, 11)
        arch = np.column_stack([np.cos(t) * deep * 0.53, np.sin(t) * style.real("lid_height", 0.2, 0.36)])
        made.add("lid", lid, extrude(arch, wide * 1.02).turned("y", -90).moved(y=high))
    elif style.values["lid"] == "flat":
        made.add("lid", lid, wedge((wide * 1.04, deep * 1.06), (wide * 0.96, deep * 0.9), 0.09).moved(y=high + 0.02))
    else:
        half = wedge((wide * 0.51, deep * 1.06), (wide * 0.46, deep * 0.95), 0.07)
        made.add("lid", lid, mirror(half.moved(x=wide * 0.26, y=high + 0.02)))
    pivot = cylinder(0.05, 0.09, 12).turned("z", 90).moved(x=-wide / 2 - 0.01, y=high - 0.1)
    made.add("handle", palette.METAL["steel"], mirror(pivot))
    if style.flag("has_handles", 0.6):
        grip = bar(
            (wide * 0.2, high - 0.16, deep / 2 + 0.04), (wide * 0.4, high - 0.16, deep / 2 + 0.04), 0.016, sides=6
        )
        made.add("handle", palette.METAL["steel"], mirror(grip))
    if style.flag("has_ribs", 0.7):
        count = style.whole("num_ribs", 3, 7)
        z0, z1 = deep * narrow / 2, deep / 2
        ribs = [bar((x * narrow, low + 0.05, z0 + 0.01), (x, high - 0.08, z1 - 0.005), 0.02, sides=4)
                for x in np.linspace(-wide * 0.4, wide * 0.4, count)]  # fmt: skip
        made.add("body", tinted(body, 0.88), *(mirror(rib, "z") for rib in ribs))
    caster = _caster(style.real("wheel_radius", 0.08, 0.11))
    made.add("wheel", palette.RUBBER, mirror(mirror(caster.moved(wide * narrow * 0.42, 0, deep * narrow * 0.36), "z")))


def _dumpster(style: Style, made: Assembly, body: Color, lid: Color) -> None:
    wide, deep, high = style.real("width", 1.7, 2.4), style.real("depth", 1.0, 1.5), style.real("height", 1.0, 1.4)
    on_wheels = style.flag("has_wheels", 0.5)
    low = 0.16 if on_wheels else 0.06
    slope = style.real("slope", 0.0, 0.4)
    front = high * (1 - slope)
    side = np.array(
        [[-deep / 2, low], [deep * 0.42, low], [deep / 2, low + 0.15], [deep / 2, front], [-deep / 2, high]]
    )
    made.add("body", body, extrude(side, wide).turned("y", -90))
    tilt, long = np.degrees(np.arctan2(high - front, deep)), float(np.hypot(high - front, deep))
    lids = style.whole("num_lids", 1, 3)
    for place in range(lids):
        width = wide / lids * 0.96
        x = (place - (lids - 1) / 2) * wide / lids
        cover = box(width, 0.05, long * 1.04, 0.012).turned("x", tilt)
        made.add("lid", lid, cover.moved(x, (high + front) / 2 + 0.01, 0.0))
        made.add("lid", tinted(lid, 0.8), box(width * 0.7, 0.03, long * 0.7).turned("x", tilt)
                 .moved(x, (high + front) / 2 + 0.05, 0.0))  # fmt: skip
    pocket = box(0.1, 0.16, deep * 0.8).moved(wide / 2 + 0.05, style.real("pocket_height", 0.45, 0.65) * front, 0)
    made.add("handle", tinted(body, 0.8), mirror(pocket))
    ribs = style.whole("num_ribs", 2, 6)
    for x in np.linspace(-wide * 0.44, wide * 0.44, ribs):
        made.add("body", tinted(body, 0.85), box(0.06, front - low - 0.2, 0.05).moved(x, low + 0.16, deep / 2 + 0.02))
    made.add("rim", tinted(body, 0.85), box(wide + 0.08, 0.08, 0.08).moved(y=front - 0.1, z=deep / 2))
    if on_wheels:
        made.add("wheel", palette.RUBBER, mirror(mirror(_caster(0.08).moved(wide * 0.42, 0, deep * 0.36), "z")))
    else:
        made.add("foot", palette.DARK, mirror(box(0.12, low + 0.01, deep * 0.9).moved(wide * 0.36)))


def _street_bin(style: Style, made: Assembly, body: Color, lid: Color) -> None:
    radius, high = style.real("radius", 0.2, 0.32), style.real("height", 0.75, 1.1)
    power = 2.0 if style.flag("is_round", 0.6) else 10.0
    outline = polygon(24, radius, radius, power)
    made.add("body", body, stack_rings([outline * 0.95, outline, outline, outline * 0.9], [0.04, 0.1, high, high]))
    made.add("foot", palette.DARK, stack_rings([outline * 0.9, outline * 0.9], [0, 0.05]))
    gap = style.real("opening", 0.14, 0.24)
    post = bar((radius * 0.62, high - 0.02, radius * 0.62), (radius * 0.62, high + gap, radius * 0.62), 0.02, sides=6)
    made.add("post", lid, radial_array(post, 4))
    made.add("rim", tinted(body, 0.8), rim_ring(outline * 1.04, outline * 0.8, high - 0.03, high + 0.015))
    peak = style.choice("hood", {"dome": 1.5, "flat": 1, "cone": 0.8})
    heights = {
        "dome": [(1.05, 0), (1.05, 0.04), (0.8, 0.14), (0.4, 0.2), (0.02, 0.22)],
        "flat": [(1.06, 0), (1.06, 0.06), (0.9, 0.07)],
        "cone": [(1.08, 0), (1.08, 0.02), (0.1, 0.24)],
    }[peak]
    made.add("lid", lid, stack_rings([outline * r for r, _ in heights], [high + gap + y for _, y in heights]))
    if style.flag("has_ashtray", 0.3):
        made.add("lid", palette.DARK, cylinder(radius * 0.4, 0.03, 14).moved(y=high + gap + heights[-1][1] - 0.01))
    if style.flag("has_band", 0.5):
        made.add("body", tinted(body, 0.75), stack_rings([outline * 1.02, outline * 1.02], [high * 0.3, high * 0.36]))


def _slatted(style: Style, made: Assembly, body: Color, lid: Color) -> None:
    wood = style.color("slat_color", palette.WOOD)
    radius, high = style.real("radius", 0.22, 0.34), style.real("height", 0.7, 0.95)
    flare = style.real("flare", 1.0, 1.2)
    count = style.whole("num_slats", 14, 22)
    slat = bar((radius, 0.08, 0), (radius * flare, high, 0), np.pi * radius / count * 0.55, sides=4)
    made.add("body", wood, radial_array(slat, count))
    made.add("liner", palette.DARK, frustum(radius * 0.9, radius * flare * 0.9, high - 0.16, 16).moved(y=0.08))
    for y, share in ((0.12, 0.1), (high - 0.05, 0.95)):
        made.add("rim", lid, torus(radius * (1 + (flare - 1) * share) * 1.02, 0.022, sides=6).moved(y=y))
    made.add("foot", lid, cylinder(radius * 0.7, 0.09, 14))
    if style.flag("has_hood", 0.5):
        made.add(
            "post", lid, radial_array(bar((radius, high, 0), (radius * 0.9, high + 0.2, 0), 0.015, sides=6), 4, 45)
        )
        made.add("lid", body, frustum(radius * 1.15, radius * 0.3, 0.14, 20).moved(y=high + 0.2))


def _bottle_bank(style: Style, made: Assembly, body: Color, lid: Color) -> None:
    radius, high = style.real("radius", 0.6, 0.8), style.real("height", 1.3, 1.8)
    power = style.choice("section", {"round": 2, "square": 1})
    outline = polygon(24, radius, radius, 2.0 if power == "round" else 5.0)
    rows = [(0.9, 0.06), (1.0, 0.2), (1.0, 0.55), (0.92, 0.75), (0.6, 0.94), (0.2, 1.0)]
    made.add("body", body, stack_rings([outline * r for r, _ in rows], [high * y for _, y in rows]))
    made.add("foot", palette.DARK, stack_rings([outline * 0.85, outline * 0.85], [0, high * 0.07]))
    place = radius * 0.9
    hole = join([torus(0.12, 0.03, segments=16, sides=6), cylinder(0.11, 0.02, 16)]).turned("x", 90)
    holes = style.whole("num_holes", 2, 4)
    ring = [hole.turned("x", -12).moved(y=high * 0.72, z=place).turned("y", 360 * i / holes) for i in range(holes)]
    made.add("opening", palette.DARK, *ring)
    hook = tube(
        [(-0.08, high - 0.02, 0), (-0.07, high + 0.12, 0), (0.07, high + 0.12, 0), (0.08, high - 0.02, 0)], 0.018, 6
    )
    made.add("handle", lid, hook)
    band = outline * 1.015
    made.add(
        "body", tinted(lid, 0.9), stack_rings([band, band], [high * 0.3, high * 0.3 + style.real("band", 0.05, 0.25)])
    )


def hydrant(style: Style) -> Assembly:
    """Hydrant: with a domed bonnet, a flat cap or as a slim pillar; two or three outlets, the large one towards +z."""
    made = Assembly()
    variant = style.choice("variant", {"domed": 3, "flat": 1, "pillar": 1})
    body = style.color("body_color", palette.PAINT, {"red": (190, 36, 34), "yellow": (232, 190, 40)})
    cap = style.color("cap_color", palette.PAINT, palette.METAL)
    radius, high = style.real("radius", 0.1, 0.13), style.real("height", 0.6, 0.85)
    if variant == "pillar":
        radius, high = radius * 0.8, high * 1.25
    neck = high * style.real("barrel", 0.6, 0.7)
    flange = radius * style.real("flange", 1.35, 1.6)
    made.add("body", body, lathe([(0, 0), (flange, 0), (flange, 0.04), (radius, 0.06), (radius * 0.95, neck),
                                  (flange * 0.95, neck + 0.01), (flange * 0.95, neck + 0.05), (radius, neck + 0.06),
                                  (0, neck + 0.06)], 20))  # fmt: skip
    rise = high - neck - 0.06
    if variant == "domed":
        t = np.linspace(0, np.pi / 2, 6)
        dome = np.column_stack([np.cos(t) * radius * 1.05, neck + 0.06 + np.sin(t) * rise])
        made.add("bonnet", cap, lathe(np.concatenate([[[0, neck + 0.05], [radius * 1.05, neck + 0.05]], dome]), 20))
    else:
        made.add(
            "bonnet",
            cap,
            frustum(radius * 1.05, radius * (0.9 if variant == "flat" else 0.7), rise, 20).moved(y=neck + 0.06),
        )
    made.add("bonnet", cap, cylinder(0.022, 0.06, 5).moved(y=high - 0.005))
    level, small = neck * style.real("outlet_height", 0.72, 0.86), radius * style.real("outlet_size", 0.45, 0.6)
    outlets = [(90.0, small), (-90.0, small), *([(0.0, small * 1.25)] if style.flag("has_front_outlet", 0.75) else [])]
    for angle, size in outlets:
        pipe = join([cylinder(size, radius * 1.5, 12), cylinder(0.02, radius * 1.5 + 0.075, 5)]).turned("x", 90)
        lip = (
            join([cylinder(size * 1.3, 0.05, 12), cylinder(size * 1.1, 0.075, 12)])
            .turned("x", 90)
            .moved(z=radius * 1.4)
        )
        made.add("outlet", body, pipe.turned("y", angle).moved(y=level))
        made.add("outlet", cap, lip.turned("y", angle).moved(y=level))
    bolts = style.whole("num_bolts", 4, 8)
    bolt = cylinder(0.013, 0.02, 6)
    for y in (0.04, neck + 0.05):
        made.add("bolt", palette.METAL["steel"], radial_array(bolt.moved(flange * 0.84, y), bolts))
    if style.flag("has_chains", 0.4):
        chain = tube(
            [(radius * 1.4, level - small, 0.02), (radius * 1.5, level - 0.16, 0.08), (radius, level - 0.1, 0.09)],
            0.008,
            5,
        )
        made.add("chain", palette.METAL["steel"], mirror(chain))
    if style.flag("has_ball_top", 0.25):
        made.add("bonnet", cap, ellipsoid(0.035, 0.035, 0.035, 7, 10).moved(y=high + 0.05))
    return made
