"""Furniture that holds things: shelves, cabinets, dressers, wardrobes, stands."""

from __future__ import annotations

import numpy as np

from concord3d.world.objects import palette
from concord3d.world.objects.categories.seating import four_legs
from concord3d.world.objects.categories.style import Assembly, Color, Style, tinted
from concord3d.world.objects.grammar import (
    Shape,
    bar,
    box,
    ellipsoid,
    frustum,
    join,
    linear_array,
    mirror,
    span,
    tube,
)

Size = tuple[float, float, float]


def carcass(size: Size, thickness: float, back: bool = True) -> Shape:
    """Return a box of boards, open to the front (+z), standing on y = 0."""
    width, height, depth = size
    x, z = width / 2, depth / 2
    boards = [
        span((-x, -x + thickness), (0, height), (-z, z)),
        span((x - thickness, x), (0, height), (-z, z)),
        span((-x, x), (0, thickness), (-z, z)),
        span((-x, x), (height - thickness, height), (-z, z)),
    ]
    if back:
        boards.append(span((-x, x), (0, height), (-z, -z + thickness * 0.6)))
    return join(boards)


def handle(kind: str, x: float, y: float, z: float, size: float, upright: bool = False) -> Shape:
    """Return a knob, bow or bar handle in front of the point (x, y, z)."""
    if kind == "knob":
        return ellipsoid(size * 0.18, size * 0.18, size * 0.18, 5, 8).moved(x, y, z + size * 0.15)
    half = size / 2
    if kind == "bow":
        path = [(-half, 0, 0), (-half * 0.8, 0, size * 0.22), (half * 0.8, 0, size * 0.22), (half, 0, 0)]
        shape = tube(path, size * 0.07, 5)
    else:
        shape = span((-half, half), (-size * 0.06, size * 0.06), (0, size * 0.16))
    return (shape.turned("z", 90) if upright else shape).moved(x, y, z)


def fronts(
    style: Style,
    made: Assembly,
    area: tuple[float, float, float, float],
    z: float,
    grid: tuple[int, int],
    kind: str,
    colors: tuple[Color, Color],
) -> None:
    """Fill the rectangle (x0, x1, y0, y1) in front of plane z with ``grid`` = (columns, rows) drawers or doors."""
    left, right, low, high = area
    columns, rows = grid
    step_x, step_y = (right - left) / columns, (high - low) / rows
    gap = 0.06 * min(step_x, step_y)
    grip = style.choice("handles", ("knob", "bow", "bar", "none"))
    relief = 0.02
    inset = style.choice("panels", ("flat", "framed"))
    for i in range(columns):
        for j in range(rows):
            x0, x1 = left + i * step_x + gap / 2, left + (i + 1) * step_x - gap / 2
            y0, y1 = low + j * step_y + gap / 2, low + (j + 1) * step_y - gap / 2
            made.add(kind, colors[0], span((x0, x1), (y0, y1), (z, z + relief)))
            if inset == "framed":
                m = 0.14 * min(x1 - x0, y1 - y0)
                made.add(kind, tinted(colors[0], 0.88), span((x0 + m, x1 - m), (y0 + m, y1 - m), (z, z + relief * 1.8)))
            if grip == "none":
                continue
            size = min(0.16, 0.4 * step_x)
            if kind == "drawer":
                made.add("handle", colors[1], handle(grip, (x0 + x1) / 2, (y0 + y1) / 2, z + relief, size))
            else:
                side = x1 - 0.1 * step_x if i % 2 == 0 else x0 + 0.1 * step_x
                made.add("handle", colors[1], handle(grip, side, (y0 + y1) / 2, z + relief, size, upright=True))


def feet(style: Style, made: Assembly, size: Size, color: Color, high: float = 0.16) -> float:
    """Add legs or a plinth below a width x depth footprint; return their height."""
    kind = style.choice("base", {"legs": 2, "plinth": 2, "none": 1})
    if kind == "none":
        return 0.0
    height = style.real("base_height", 0.04, high)
    if kind == "legs":
        splay = style.real("splay", 0, 0.04)
        leg = four_legs(size[0] * 0.94, size[2] * 0.9, height, 0.025, splay, style.flag("has_round_legs", 0.5))
        made.add("leg", color, leg)
    else:
        made.add("leg", color, box(size[0] * 0.94, height, size[2] * 0.9))
    return height


def books(style: Style, left: float, right: float, height: float, depth: float) -> list[tuple[Color, Shape]]:
    """Return coloured books that stand on y = 0 between two x limits, some missing at the end."""
    found: list[tuple[Color, Shape]] = []
    x, end = left, left + (right - left) * float(style.rng.uniform(0.3, 1.0))
    while x < end - 0.02 and len(found) < 9:
        thick = float(style.rng.uniform(0.03, 0.09))
        tall = height * float(style.rng.uniform(0.55, 0.95))
        color = style.color("book_color", palette.FABRIC, palette.PLASTIC)
        found.append((color, span((x, min(x + thick, end)), (0, tall), (-depth / 2, depth * 0.3))))
        x += thick + 0.004
    return found


def _open_shelves(
    style: Style, made: Assembly, size: Size, levels: int, base: float, thick: float, filled: float
) -> None:
    width, height, depth = size
    step = (height - thick) / levels
    columns = style.whole("num_columns", 1, 3) if width > 0.9 else 1
    color = style.color("shelf_color", palette.WOOD)
    for level in range(levels):
        y = base + level * step
        if level:
            made.add("shelf", color, box(width, thick, depth).moved(y=y))
        for column in range(columns):
            left, right = -width / 2 + column * width / columns, -width / 2 + (column + 1) * width / columns
            if column:
                made.add(
                    "board", color, span((left - thick / 2, left + thick / 2), (y, y + step), (-depth / 2, depth / 2))
                )
            if style.rng.random() < filled:
                for shade, book in books(style, left + thick, right - thick, step - thick, depth * 0.8):
                    made.add("book", shade, book.moved(y=y + thick))


def bookshelf(style: Style) -> Assembly:
    """Bookshelf: closed-back case, open rack, ladder shelf or staggered, often with books."""
    made = Assembly()
    variant = style.choice("variant", {"case": 5, "open_back": 2, "rack": 1.5, "ladder": 0.5})
    size = (style.real("width", 0.6, 1.8), style.real("height", 1.0, 2.2), style.real("depth", 0.22, 0.42))
    levels = style.whole("num_levels", 3, 7)
    thick = style.real("board_thickness", 0.018, 0.05)
    wood = style.color("case_color", palette.WOOD)
    filled = style.real("fill", 0.0, 0.7)
    base = feet(style, made, size, wood, 0.14) if variant != "rack" else 0.0
    width, height, depth = size
    if variant == "rack":
        made.add("post", style.color("post_color", palette.METAL, palette.WOOD), four_legs(width, depth, height, 0.02))
    elif variant == "ladder":
        side = bar((width / 2, base, depth), (width / 2, base + height, -depth / 2), 0.025, sides=4)
        made.add(
            "post",
            wood,
            mirror(side),
            mirror(bar((width / 2, base, -depth / 2), (width / 2, base + height, -depth / 2), 0.025, sides=4)),
        )
    else:
        made.add("board", wood, carcass(size, thick, back=variant == "case").moved(y=base))
    _open_shelves(style, made, size, levels, base, thick, filled)
    if variant in ("rack", "ladder"):
        made.add(
            "shelf",
            wood,
            box(width, thick, depth).moved(y=base + height - thick),
            box(width, thick, depth).moved(y=base + 0.02),
        )
    if variant == "case" and style.flag("has_lower_doors", 0.25):
        z = depth / 2
        fronts(style, made, (-width / 2, width / 2, base, base + height * 0.3), z, (2, 1), "door", (wood, palette.DARK))
    if style.flag("has_crown", 0.25):
        made.add("board", wood, box(width * 1.06, 0.05, depth * 1.12, 0.01).moved(y=base + height))
    return made


def shelf(style: Style) -> Assembly:
    """Shelf: wall boards on brackets, metal rack, cube unit, corner or low open shelf with assorted things."""
    made = Assembly()
    variant = style.choice("variant", {"rack": 2.5, "cubes": 2, "wall": 1, "low": 1.5})
    width, depth = style.real("width", 0.6, 1.4), style.real("depth", 0.25, 0.5)
    height = {"rack": 1.7, "cubes": 1.2, "wall": 0.8, "low": 0.75}[variant] * style.real("height_factor", 0.75, 1.2)
    levels = style.whole("num_levels", 2, 5)
    color, frame = style.color("board_color", palette.WOOD, palette.PLASTIC), style.color("frame_color", palette.METAL)
    thick = style.real("board_thickness", 0.015, 0.045)
    step = height / levels
    count = levels + (variant != "wall")
    made.add("shelf", color, linear_array(box(width, thick, depth), count, y=step))
    if variant == "rack":
        made.add("post", frame, four_legs(width, depth, height + thick, 0.015))
        if style.flag("has_braces", 0.4):
            made.add(
                "post", frame, mirror(bar((width / 2, 0, -depth / 2), (width / 2, height, depth / 2), 0.008, sides=4))
            )
    elif variant == "wall":
        bracket = join(
            [
                bar((0, -0.12, -depth / 2), (0, 0, depth * 0.35), 0.012, sides=4),
                bar((0, -0.14, -depth / 2), (0, 0, -depth / 2), 0.014, sides=4),
            ]
        )
        made.add("post", frame, linear_array(mirror(bracket.moved(width * 0.36)), levels, y=step))
    else:
        columns = style.whole("num_columns", 2, 4)
        made.add(
            "board", color, linear_array(box(thick, height, depth).moved(-width / 2), columns + 1, x=width / columns)
        )
        if style.flag("has_back", 0.5):
            made.add("board", tinted(color, 0.9), box(width, height, 0.01).moved(z=-depth / 2))
    for level in range(count - (variant != "wall")):
        if style.rng.random() < 0.55:
            _things(style, made, width, depth, level * step + thick, step - thick)
    return made


def _things(style: Style, made: Assembly, width: float, depth: float, y: float, space: float) -> None:
    for x in np.linspace(-0.36, 0.36, int(style.rng.integers(1, 4))) * width:
        color = style.color("item_color", palette.CARDBOARD, palette.PLASTIC, palette.CERAMIC)
        tall = space * float(style.rng.uniform(0.35, 0.85))
        wide = min(0.2, width * 0.24)
        shape = box(wide, tall, depth * 0.6) if style.rng.random() < 0.6 else frustum(wide * 0.3, wide * 0.4, tall, 12)
        made.add("item", color, shape.moved(x, y, style.jitter(0.03)))


def _chest(style: Style, made: Assembly, size: Size, grid: tuple[int, int], kind: str, overhang: float) -> float:
    """Add a closed body with fronts over its whole face; return the height of its top."""
    width, height, depth = size
    wood, metal = style.color("body_color", palette.WOOD), style.color("handle_color", palette.METAL)
    front = wood if style.flag("has_plain_front", 0.7) else style.color("front_color", palette.WOOD)
    base = feet(style, made, size, wood)
    top = base + height
    made.add("body", wood, box(width, height, depth).moved(y=base))
    fronts(style, made, (-width / 2, width / 2, base, top), depth / 2, grid, kind, (front, metal))
    made.add("top", tinted(wood, 0.9), box(width + overhang, 0.03, depth + overhang, 0.008).moved(y=top))
    return top + 0.03


def dresser(style: Style) -> Assembly:
    """Dresser: chest of drawers, low and wide or tall, sometimes with a mirror."""
    made = Assembly()
    variant = style.choice("variant", {"tall": 4, "double": 2, "mirror": 0.7, "mixed": 0.8})
    wide = {"tall": 0.8, "double": 1.15, "mirror": 1.15, "mixed": 1.05}[variant]
    size = (
        wide * style.real("width", 0.85, 1.2),
        (1.12 if variant == "tall" else 0.95) * style.real("height", 0.85, 1.15),
        style.real("depth", 0.4, 0.58),
    )
    columns = 1 if variant == "tall" else style.whole("num_columns", 2, 3)
    top = _chest(style, made, size, (columns, style.whole("num_rows", 3, 6)), "drawer", style.real("overhang", 0, 0.06))
    if variant == "mirror":
        frame = style.color("mirror_frame_color", palette.WOOD)
        wide, tall = size[0] * style.real("mirror_width", 0.5, 0.9), style.real("mirror_height", 0.5, 0.9)
        made.add("mirror", frame, box(wide, tall, 0.04, 0.01).moved(y=top, z=-size[2] * 0.4))
        mirror = box(wide * 0.86, tall * 0.84, 0.045).moved(y=top + tall * 0.08, z=-size[2] * 0.39)
        made.add("mirror", palette.GLASS["clear glass"], mirror)
    if variant == "mixed":
        door_color = style.color("door_color", palette.WOOD)
        door = box(size[0] * 0.3, size[1] * 0.9, 0.05).moved(size[0] * 0.34, top - 0.03 - size[1] * 0.95, size[2] / 2)
        made.add("door", door_color, door)
    if style.flag("has_clutter", 0.1):
        _things(style, made, size[0], size[2] * 0.5, top, 0.3)
    return made


def night_stand(style: Style) -> Assembly:
    """Night stand: one to three drawers, drawer over an open shelf, or a small table with a drawer."""
    made = Assembly()
    variant = style.choice("variant", {"drawers": 3, "drawer_and_shelf": 3, "leggy": 2, "door": 0.7})
    width, depth = style.real("width", 0.4, 0.6), style.real("depth", 0.34, 0.5)
    height = style.real("height", 0.45, 0.7)
    over = style.real("overhang", 0.0, 0.06)
    wood, metal = style.color("body_color", palette.WOOD), style.color("handle_color", palette.METAL)
    if variant in ("drawers", "door"):
        rows = style.whole("num_drawers", 1, 3) if variant == "drawers" else 1
        top = _chest(style, made, (width, height, depth), (1, rows), "drawer" if variant == "drawers" else "door", over)
    else:
        leggy = variant == "leggy"
        foot = height * (style.real("leg_share", 0.35, 0.65) if leggy else style.real("foot_share", 0.0, 0.2))
        box_height = (height - foot) * (1.0 if leggy else style.real("drawer_share", 0.3, 0.5))
        low = height - box_height
        made.add("body", wood, box(width, box_height, depth).moved(y=low))
        fronts(style, made, (-width / 2, width / 2, low, height), depth / 2, (1, 1), "drawer", (wood, metal))
        if leggy:
            made.add("leg", wood, four_legs(width, depth, low, 0.022, style.real("splay", 0, 0.04)))
            if style.flag("has_low_shelf", 0.45):
                made.add("shelf", wood, box(width * 0.94, 0.02, depth * 0.94).moved(y=low * 0.3))
        else:
            body = carcass((width, low - foot + 0.02, depth), 0.025, style.flag("has_back", 0.7)).moved(y=foot)
            made.add("body", wood, body)
            made.add("leg", wood, four_legs(width, depth, foot + 0.01, 0.025))
        made.add("top", wood, box(width + over, 0.025, depth + over, 0.006).moved(y=height))
        top = height + 0.025
    if style.flag("has_clutter", 0.15):
        _things(style, made, width * 0.5, depth * 0.5, top, 0.25)
    return made
