"""Cabinets, wardrobes, television stands, boxes and bins."""

from __future__ import annotations

import numpy as np

from concord3d.world.objects import palette
from concord3d.world.objects.categories.seating import four_legs
from concord3d.world.objects.categories.storage import carcass, feet, fronts, handle
from concord3d.world.objects.categories.style import Assembly, Style, tinted
from concord3d.world.objects.grammar import (
    bar,
    box,
    cushion,
    cylinder,
    ellipsoid,
    frustum,
    join,
    linear_array,
    mirror,
    polygon,
    radial_array,
    rim_ring,
    span,
    stack_rings,
    torus,
    wedge,
)


def cabinet(style: Style) -> Assembly:
    """Cabinet: filing cabinet, kitchen unit, sideboard, glazed cupboard."""
    made = Assembly()
    variant = style.choice("variant", {"filing": 2, "kitchen": 2, "sideboard": 1.5, "glazed": 1, "wall": 0.7})
    width = {"filing": 0.45, "kitchen": 0.9, "sideboard": 1.4, "glazed": 0.9, "wall": 0.8}[variant]
    height = {"filing": 1.0, "kitchen": 0.85, "sideboard": 0.8, "glazed": 1.7, "wall": 0.6}[variant]
    size = (
        width * style.real("width", 0.8, 1.25),
        height * style.real("height", 0.8, 1.25),
        style.real("depth", 0.34, 0.62),
    )
    body = (
        style.color("body_color", palette.METAL, palette.PLASTIC)
        if variant == "filing"
        else style.color("body_color", palette.WOOD)
    )
    metal = style.color("handle_color", palette.METAL)
    base = 0.0 if variant in ("filing", "wall") else feet(style, made, size, body, 0.12)
    w, h, d = size
    top = base + h
    made.add("body", body, box(w, h, d).moved(y=base))
    if variant == "filing":
        fronts(
            style,
            made,
            (-w / 2, w / 2, base, top),
            d / 2,
            (1, style.whole("num_drawers", 2, 4)),
            "drawer",
            (body, metal),
        )
    else:
        doors = style.whole("num_doors", 1, 3) + (variant == "sideboard")
        split = style.real("drawer_share", 0.15, 0.3) if style.flag("has_drawers", 0.45) else 0.0
        glass = palette.GLASS["clear glass"] if variant == "glazed" else body
        fronts(style, made, (-w / 2, w / 2, base, top - split * h), d / 2, (doors, 1), "door", (glass, metal))
        if split:
            fronts(style, made, (-w / 2, w / 2, top - split * h, top), d / 2, (doors, 1), "drawer", (body, metal))
    if variant in ("kitchen", "sideboard") or style.flag("has_top", 0.4):
        top_color = style.color("top_color", palette.WOOD, palette.STONE)
        top_shape = box(w + 0.04, 0.035, d + 0.04, 0.008).moved(y=top)
        made.add("top", top_color, top_shape)
        top += 0.035
    if style.flag("has_clutter", 0.25):
        item = frustum(0.07, 0.09, 0.22, 12) if style.flag("has_pot", 0.5) else box(0.3, 0.2, 0.22)
        item_color = style.color("item_color", palette.CERAMIC, palette.CARDBOARD)
        item_shape = item.moved(style.jitter(w * 0.3), top)
        made.add("item", item_color, item_shape)
    return made


def wardrobe(style: Style) -> Assembly:
    """Wardrobe: two to four tall doors, with drawers below, mirror, arch, open bay or sliding doors."""
    made = Assembly()
    variant = style.choice("variant", {"doors": 4, "drawers_below": 2, "open_bay": 1.3, "open_doors": 0.8})
    size = (style.real("width", 0.8, 2.1), style.real("height", 1.75, 2.3), style.real("depth", 0.5, 0.7))
    w, h, d = size
    wood, metal = style.color("body_color", palette.WOOD), style.color("handle_color", palette.METAL)
    face = wood if style.flag("has_plain_front", 0.6) else style.color("door_color", palette.WOOD)
    base = feet(style, made, size, wood, 0.15)
    doors = max(2, round(w / style.real("door_width", 0.4, 0.65)))
    drawer = style.real("drawer_share", 0.15, 0.3) * h if variant == "drawers_below" else 0.0
    if variant in ("doors", "drawers_below"):
        made.add("body", wood, box(w, h, d).moved(y=base))
        fronts(style, made, (-w / 2, w / 2, base + drawer, base + h), d / 2, (doors, 1), "door", (face, metal))
        if drawer:
            fronts(
                style,
                made,
                (-w / 2, w / 2, base, base + drawer),
                d / 2,
                (max(1, doors // 2), 2),
                "drawer",
                (face, metal),
            )
    else:
        made.add("body", wood, carcass(size, 0.03).moved(y=base))
        x = w * style.real("bay", -0.2, 0.2)
        made.add("body", wood, span((x - 0.015, x + 0.015), (base, base + h), (-d / 2, d / 2)))
        levels = style.whole("num_shelves", 2, 5)
        board = span((-w / 2, x), (0, 0.025), (-d / 2, d / 2))
        made.add("shelf", wood, linear_array(board.moved(y=base + h / (levels + 1)), levels, y=h / (levels + 1)))
        made.add("rod", metal, bar((x, base + h * 0.88, 0), (w / 2, base + h * 0.88, 0), 0.015, sides=6))
        for place in np.linspace(x + 0.12, w / 2 - 0.1, style.whole("num_clothes", 0, 4)):
            clothes_color = style.color("clothes_color", palette.FABRIC)
            clothes = wedge((0.06, 0.44), (0.05, 0.3), 0.9).moved(place, base + h * 0.88 - 0.95)
            made.add("clothes", clothes_color, clothes)
        if variant == "open_doors":
            leaf = box(w / 2, h, 0.025).moved(w / 4).turned("y", -style.real("door_angle", 60, 120))
            made.add("door", face, mirror(leaf.scaled(x=-1).moved(w / 2, base, d / 2)))
        else:
            fronts(style, made, (-w / 2, x, base, base + h), d / 2, (1, 1), "door", (face, metal))
    if style.flag("has_crown", 0.4):
        made.add("body", tinted(wood, 0.9), box(w * 1.05, 0.07, d * 1.08, 0.015).moved(y=base + h))
    return made


def tv_stand(style: Style) -> Assembly:
    """Television stand: low and long, open bays or drawers, glass shelves, or a wall unit; sometimes with a TV."""
    made = Assembly()
    variant = style.choice("variant", {"bays": 4, "shelves": 2, "towers": 1.2, "glass": 1})
    w, h, d = style.real("width", 0.9, 1.9), style.real("height", 0.3, 0.7), style.real("depth", 0.36, 0.55)
    wood, metal = style.color("body_color", palette.WOOD), style.color("handle_color", palette.METAL)
    thick = style.real("board_thickness", 0.02, 0.06)
    base = feet(style, made, (w, h, d), wood, 0.15)
    top = base + h
    if variant == "glass":
        glass = style.color("glass_color", palette.GLASS)
        count = style.whole("num_shelves", 2, 3)
        made.add(
            "shelf", glass, linear_array(box(w, 0.015, d).moved(y=base + 0.04), count, y=(h - 0.05) / max(1, count - 1))
        )
        made.add("leg", metal, four_legs(w * 0.9, d * 0.85, top, 0.03, 0.0, True))
    else:
        made.add("body", wood, carcass((w, h, d), thick, style.flag("has_back", 0.7)).moved(y=base))
        columns = style.whole("num_columns", 2, 4)
        closed = style.rng.random(columns) < 0.45
        for i in range(columns):
            left, right = -w / 2 + i * w / columns, -w / 2 + (i + 1) * w / columns
            if i:
                made.add("body", wood, span((left - thick / 2, left + thick / 2), (base, top), (-d / 2, d / 2)))
            if closed[i]:
                kind = "drawer" if style.rng.random() < 0.5 else "door"
                fronts(
                    style,
                    made,
                    (left, right, base, top),
                    d / 2,
                    (1, 1 + int(style.rng.integers(2))),
                    kind,
                    (wood, metal),
                )
            else:
                made.add("shelf", wood, span((left, right), (base + h / 2, base + h / 2 + thick), (-d / 2, d / 2)))
    if variant == "towers":
        tall, wide = style.real("tower_height", 1.2, 1.7), style.real("tower_width", 0.25, 0.4)
        tower = join(
            [carcass((wide, tall, d), 0.025), linear_array(box(wide, 0.02, d).moved(y=tall / 4), 3, y=tall / 4)]
        )
        made.add("tower", wood, mirror(tower.moved((w + wide) / 2)))
        if style.flag("has_bridge", 0.5):
            made.add("tower", wood, box(w + 2 * wide, 0.2, d).moved(y=tall))
    if style.flag("has_television", 0.2):
        made.add(
            "item",
            palette.SCREEN,
            box(w * 0.6, w * 0.36, 0.06).moved(y=top + 0.04),
            box(w * 0.2, 0.05, 0.2).moved(y=top),
        )
    elif style.flag("has_overhang", 0.4):
        made.add("top", wood, box(w * 1.06, 0.03, d * 1.08, 0.008).moved(y=top))
    return made


def cardboard_box(style: Style) -> Assembly:
    """Box: shipping carton with flaps, shut parcel, shoe box, crate or plastic tub."""
    made = Assembly()
    variant = style.choice("variant", {"open_carton": 2.5, "parcel": 2, "lidded": 1.2, "crate": 0.8})
    w, h, d = style.real("width", 0.25, 0.7), style.real("height", 0.15, 0.55), style.real("depth", 0.2, 0.55)
    color = style.color("body_color", palette.CARDBOARD, palette.PLASTIC)
    accent = style.color("accent_color", palette.CARDBOARD)
    wall = 0.012
    if variant in ("open_carton", "crate"):
        tray = carcass((w, d, h), wall).turned("x", -90)
        made.add("body", color, tray.moved(y=h / 2, z=d / 2))
    if variant == "open_carton":
        lift = style.real("flap_deg", 15, 140)
        for turn, across, reach in ((0, w, d), (180, w, d), (90, d, w), (270, d, w)):
            flap = span((-across / 2, across / 2), (0, wall * 0.6), (0, min(reach, across) * 0.42))
            angle = lift + style.jitter(25)
            made.add(
                "flap", tinted(color, 0.93), flap.turned("x", 90 - angle).moved(y=h, z=reach / 2).turned("y", turn)
            )
        if style.flag("has_content", 0.3):
            made.add("content", accent, cushion(w * 0.9, h * 0.4, d * 0.9).moved(y=h * 0.5))
    elif variant == "crate":
        count = style.whole("num_slats", 2, 4)
        slat = box(w + 0.02, h / count * 0.6, d + 0.02)
        slat_shape = linear_array(
            carcass((w + 0.03, d + 0.03, h / count * 0.5), 0.015, False)
            .turned("x", -90)
            .moved(y=h / count * 0.4, z=d / 2 + 0.015),
            count,
            y=h / count,
        )
        made.add("slat", accent, slat_shape)
        if style.flag("has_content", 0.3):
            made.add("content", accent, slat.scaled(0.8, 1, 0.8))
    else:
        made.add("body", color, box(w, h, d))
        if variant == "parcel":
            tape = style.real("tape_width", 0.04, 0.08)
            made.add("tape", accent, box(tape, h + 0.006, d + 0.006).moved(y=-0.003))
            if style.flag("has_label", 0.6):
                made.add(
                    "label", palette.PAPER, span((-w * 0.35, -w * 0.05), (h * 0.4, h * 0.8), (d / 2, d / 2 + 0.004))
                )
        else:
            tilt = style.real("lid_tilt", 0, 12)
            lid = box(w * 1.06, h * style.real("lid_share", 0.15, 0.4), d * 1.06).turned("x", tilt).moved(y=h * 0.78)
            made.add("lid", accent, lid)
    return made


def glass_box(style: Style) -> Assembly:
    """Glass box: display case or aquarium of panes with edges, base, lid and sometimes something inside."""
    made = Assembly()
    variant = style.choice("variant", {"case": 3, "panelled": 4, "aquarium": 1, "lidded": 1.5, "terrarium": 0.5})
    w, d = style.real("width", 0.45, 1.0), style.real("depth", 0.35, 0.6)
    h = style.real("height", 0.22, 0.55)
    pane, edge = style.color("pane_color", palette.GLASS), style.color("edge_color", palette.METAL, palette.WOOD)
    wall = style.real("pane_thickness", 0.006, 0.025)
    made.add("pane", pane, carcass((w, d, h), wall).turned("x", -90).moved(y=h / 2, z=d / 2))
    rim = style.real("edge_thickness", 0.008, 0.02)
    if variant in ("case", "terrarium"):
        made.add("edge", edge, four_legs(w + rim, d + rim, h, rim))
    if variant == "panelled":
        sections = style.whole("num_sections", 2, 5)
        frame = carcass((d + rim, h + rim, rim * 2), rim, False).turned("y", 90)
        made.add("edge", edge, linear_array(frame.moved(-w / 2), sections + 1, x=w / sections))
    if variant == "terrarium":
        made.add("pane", pane, wedge((w, d), (w * 0.5, d * 0.3), h * 0.35).moved(y=h))
    elif variant != "aquarium" or style.flag("has_lid", 0.3):
        over = style.real("lid_overhang", 0.0, 0.03)
        lid = box(w + over, rim + h * style.real("lid_share", 0.01, 0.2), d + over).moved(y=h)
        made.add("lid", pane if variant == "case" else edge, lid)
        if style.flag("has_knob", 0.3):
            made.add("lid", edge, ellipsoid(0.03, 0.03, 0.03, 6, 10).moved(y=h * 1.15 + rim))
    if style.flag("has_base", 0.5):
        made.add("base", edge, box(w * 1.04, h * style.real("base_share", 0.04, 0.14), d * 1.04))
    if style.flag("has_content", 0.2):
        content_color = style.color("content_color", palette.CERAMIC)
        content = ellipsoid(w * 0.2, h * 0.3, d * 0.2).moved(y=h * 0.32)
        made.add("content", content_color, content)
    return made


def waste_bin(style: Style) -> Assembly:
    """Bin: open basket, pedal bin, swing lid, wheeled bin or street bin with a hood."""
    made = Assembly()
    variant = style.choice("variant", {"open": 3, "pedal": 1.6, "swing": 1.2, "wheeled": 1.2, "hooded": 0.7})
    color = style.color("body_color", palette.PLASTIC, palette.METAL)
    accent = style.color("accent_color", palette.PLASTIC, palette.METAL)
    height, width = style.real("height", 0.3, 0.9), style.real("width", 0.25, 0.45)
    widen = style.real("widening", 1.0, 1.4)
    power = {"round": 2.0, "square": 14.0, "soft": 5.0}[style.choice("section", ("round", "round", "square", "soft"))]
    if variant == "wheeled":
        power, height = 14.0, max(height, 0.75)
    outline = polygon(28, width / 2, width / 2 * style.real("depth_ratio", 0.7, 1.05), power)
    shell = [outline, outline * widen, outline * widen * 0.94, outline * 0.92]
    made.add("body", color, stack_rings(shell, [0, height, height, 0.03]))
    if style.flag("has_rim", 0.6) or variant == "open":
        rim = outline * widen * 1.04
        made.add("rim", accent, rim_ring(rim, rim * 0.9, height - 0.03, height + 0.01))
    top = outline * widen
    if variant == "pedal":
        made.add("lid", accent, stack_rings([top * 1.02, top * 1.0, top * 0.6], [height, height + 0.04, height + 0.08]))
        made.add("pedal", accent, box(0.1, 0.02, 0.08).moved(y=0.02, z=width / 2 + 0.02))
    elif variant == "swing":
        made.add("lid", accent, stack_rings([top, top * 0.95, top * 0.55], [height, height + 0.06, height + 0.2]))
        flap = box(width * 0.7, 0.015, width * 0.5).turned("x", 30).moved(y=height + 0.13, z=width * 0.22)
        made.add("flap", tinted(accent, 0.7), flap)
    elif variant == "wheeled":
        made.add(
            "lid", accent, stack_rings([top * 1.06, top * 1.06, top * 0.9], [height, height + 0.03, height + 0.09])
        )
        wheel = cylinder(0.09, 0.05, 14).turned("z", 90)
        made.add("wheel", palette.RUBBER, mirror(wheel.moved(width * 0.5, 0.09, -width * 0.45)))
        lid = bar(
            (-width * 0.4, height, -width * widen * 0.62), (width * 0.4, height, -width * widen * 0.62), 0.018, sides=6
        )
        made.add("lid", accent, lid)
    elif variant == "hooded":
        made.add(
            "lid",
            accent,
            radial_array(bar((width * 0.4, height, 0), (width * 0.4, height + 0.18, 0), 0.012, sides=6), 4),
            frustum(width * widen * 0.6, width * 0.1, 0.12).moved(y=height + 0.18),
        )
    elif style.flag("has_bag", 0.4):
        made.add("bag", palette.WHITE, rim_ring(top * 1.08, top * 0.88, height - 0.12, height + 0.02))
    if variant == "open" and style.flag("has_ribs", 0.3):
        made.add(
            "body",
            tinted(color, 0.85),
            *(
                torus(width / 2 * (1 + (widen - 1) * t) * 1.02, 0.006, sides=5).moved(y=height * t)
                for t in (0.25, 0.5, 0.75)
            ),
        )
    if style.flag("has_handles", 0.3 if variant == "open" and power == 2.0 else 0.0):
        grip = handle("bow", 0, height * 0.85, width * widen / 2, 0.12)
        made.add("handle", accent, grip.turned("y", 90), grip.turned("y", -90))
    return made
