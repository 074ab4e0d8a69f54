"""Tables and desks."""

from __future__ import annotations

from concord3d.world.objects import palette
from concord3d.world.objects.categories.seating import four_legs, plate, stretchers
from concord3d.world.objects.categories.storage import carcass, fronts
from concord3d.world.objects.categories.style import Assembly, Color, Style
from concord3d.world.objects.grammar import bar, box, cylinder, frustum, join, mirror, polygon, radial_array


def table(style: Style) -> Assembly:
    """Table: dining, coffee or side table on legs, pedestal, trestles, cross frame or slabs."""
    made = Assembly()
    form = style.choice("top", {"rectangle": 5, "rounded": 1.2, "round": 2, "oval": 1})
    base = style.choice("variant", {"legs": 5, "pedestal": 1.5, "slab": 1, "cross": 0.8, "trestle": 0.8})
    long = style.real("length", 0.7, 2.0)
    short = long if form == "round" else long * style.real("width_ratio", 0.4, 0.95)
    height = style.real("height", 0.38, 0.8)
    thickness = style.real("top_thickness", 0.02, 0.07)
    surface = style.color("top_color", palette.WOOD, palette.GLASS, palette.STONE)
    frame = style.color("base_color", palette.WOOD, palette.METAL)
    power = {"rectangle": 40.0, "rounded": 6.0, "round": 2.0, "oval": 2.0}[form]
    outline = (
        polygon(4, long * 0.7071, short * 0.7071) if form == "rectangle" else polygon(28, long / 2, short / 2, power)
    )
    made.add("top", surface, plate(outline, thickness).moved(y=height - thickness))
    leg = height - thickness
    thin = style.real("leg_thickness", 0.018, 0.05)
    inset = 0.68 if form in ("round", "oval") else style.real("inset", 0.8, 1.0)
    width, depth = long * inset, short * inset
    if base == "legs":
        splay = style.real("splay", 0, 0.1) if style.flag("has_splayed_legs", 0.3) else 0.0
        made.add("leg", frame, four_legs(width, depth, leg, thin, splay, style.flag("has_round_legs", 0.5)))
        if style.flag("has_apron", 0.5):
            made.add("support", frame, box(width * 0.96, 0.08, depth * 0.96).moved(y=leg - 0.08))
        if style.flag("has_stretchers", 0.2):
            made.add("support", frame, stretchers(width, depth, leg * 0.25, thin * 0.6))
        if style.flag("has_lower_shelf", 0.15):
            made.add("support", surface, plate(outline * inset * 0.92, 0.02).moved(y=leg * 0.3))
    elif base == "pedestal":
        made.add("leg", frame, frustum(short * 0.06, short * 0.04, leg, 14))
        if style.flag("has_star_foot", 0.5):
            made.add("leg", frame, radial_array(bar((0, 0.14, 0), (0, 0.02, short * 0.34), 0.03, 0.02, 6), 4))
        else:
            made.add("leg", frame, frustum(short * 0.3, short * 0.25, 0.05))
    elif base == "slab":
        made.add("leg", frame, mirror(box(thin * 2, leg, depth * 0.9).moved(x=width * 0.45)))
    elif base == "cross":
        side = join(
            [
                bar((0, 0, -depth / 2), (0, leg, depth / 2), thin, sides=4),
                bar((0, 0, depth / 2), (0, leg, -depth / 2), thin, sides=4),
            ]
        )
        made.add(
            "leg",
            frame,
            mirror(side.moved(x=width * 0.42)),
            bar((-width * 0.42, leg / 2, 0), (width * 0.42, leg / 2, 0), thin * 0.7, sides=4),
        )
    else:
        post = join([box(thin * 2, leg, thin * 3), box(thin * 2, thin * 2, depth * 0.8), cylinder(thin, leg, 8)])
        made.add("leg", frame, mirror(post.moved(x=width * 0.35)))
    if style.flag("has_clutter", 0.15):
        clutter(style, made, (long * 0.5, short * 0.5), height)
    return made


def desk(style: Style) -> Assembly:
    """Desk: pedestal desk, writing desk, L-shaped, with hutch, secretary or computer desk."""
    made = Assembly()
    variant = style.choice(
        "variant", {"one_pedestal": 2.5, "two_pedestals": 2.5, "writing": 1.5, "corner": 1.2, "hutch": 1.3, "panel": 1}
    )
    wood, metal = style.color("body_color", palette.WOOD), style.color("handle_color", palette.METAL)
    width, depth = style.real("width", 1.0, 1.7), style.real("depth", 0.5, 0.85)
    height, thick = style.real("height", 0.68, 0.8), style.real("top_thickness", 0.02, 0.06)
    made.add("top", wood, box(width, thick, depth, style.real("bevel", 0, 0.01)).moved(y=height - thick))
    low = height - thick
    block = width * style.real("pedestal_width", 0.2, 0.33)
    foot = style.real("foot_height", 0.0, 0.12)
    rows = style.whole("num_drawers", 2, 4)
    sides = {"one_pedestal": (1,), "two_pedestals": (-1, 1), "hutch": (1,), "corner": (1,)}.get(variant, ())
    if style.flag("is_mirrored", 0.5):
        sides = tuple(-side for side in sides)
    for side in sides:
        x = side * (width - block) / 2
        made.add("pedestal", wood, box(block, low - foot, depth * 0.92).moved(x, foot))
        if foot > 0.02:
            made.add("leg", wood, four_legs(block, depth * 0.9, foot, 0.02).moved(x))
        fronts(style, made, (x - block / 2, x + block / 2, foot, low), depth * 0.46, (1, rows), "drawer", (wood, metal))
    thin = style.real("leg_thickness", 0.02, 0.04)
    if variant == "writing":
        made.add("leg", wood, four_legs(width * 0.96, depth * 0.94, low, thin, 0.0, style.flag("has_round_legs", 0.4)))
        share = style.real("drawer_height", 0.08, 0.2)
        made.add("pedestal", wood, box(width * 0.9, share, depth * 0.85).moved(y=low - share))
        fronts(
            style,
            made,
            (-width * 0.45, width * 0.45, low - share, low),
            depth * 0.43,
            (style.whole("num_columns", 1, 3), 1),
            "drawer",
            (wood, metal),
        )
    elif len(sides) == 1:
        x = -sides[0] * (width / 2 - thin)
        if style.flag("has_side_panel", 0.5):
            made.add("leg", wood, box(thin, low, depth * 0.92).moved(x))
        else:
            made.add("leg", wood, mirror(box(thin * 1.6, low, thin * 1.6).moved(0, 0, depth * 0.42), "z").moved(x))
    elif variant == "panel":
        made.add("leg", wood, mirror(box(thin, low, depth * 0.92).moved(width * 0.48)))
    if variant != "writing" and style.flag("has_modesty_panel", 0.6):
        tall = low * style.real("panel_height", 0.4, 0.9)
        made.add("panel", wood, box(width * 0.94, tall, 0.02).moved(y=low - tall, z=-depth * 0.42))
    _desk_extension(style, made, variant, (width, depth, low, thick), sides[0] if sides else 1, wood)
    if style.flag("has_clutter", 0.25):
        clutter(style, made, (width * 0.6, depth * 0.4), height)
    if style.flag("has_screen", 0.12):
        made.add(
            "item",
            palette.SCREEN,
            box(0.45, 0.3, 0.04).moved(y=height + 0.1, z=-depth * 0.2),
            box(0.2, 0.1, 0.12).moved(y=height, z=-depth * 0.22),
        )
    return made


def _desk_extension(
    style: Style, made: Assembly, variant: str, size: tuple[float, float, float, float], side: int, wood: Color
) -> None:
    width, depth, low, thick = size
    height = low + thick
    if variant == "corner":
        reach, x = style.real("wing_length", 0.6, 1.1), -side * (width / 2 - depth * 0.4)
        made.add("top", wood, box(depth * 0.8, thick, reach).moved(x, low, depth / 2 + reach / 2))
        made.add("leg", wood, four_legs(depth * 0.8, reach, low, 0.03).moved(x, 0, depth / 2 + reach / 2))
    if variant == "hutch":
        rise, deep = style.real("hutch_height", 0.35, 0.9), depth * 0.4
        hutch = carcass((width, rise, deep), 0.025, style.flag("has_back", 0.6)).moved(y=height, z=-depth * 0.28)
        made.add("hutch", wood, hutch)
        made.add("hutch", wood, box(width, 0.02, deep).moved(y=height + rise * 0.55, z=-depth * 0.28))


def clutter(style: Style, made: Assembly, area: tuple[float, float], height: float) -> None:
    """Stand one to three small things within an (x, z) area at a height."""
    for _ in range(style.whole("num_items", 1, 3)):
        x, z = style.jitter(area[0] / 2), style.jitter(area[1] / 2)
        color = style.color("item_color", palette.CERAMIC, palette.PLASTIC)
        kind = style.choice("item", ("book", "cup", "box"))
        if kind == "cup":
            thing = frustum(0.035, 0.045, 0.1, 12)
        elif kind == "book":
            thing = box(0.17, 0.03, 0.24).turned("y", style.jitter(40))
        else:
            thing = box(0.15, 0.12, 0.1).turned("y", style.jitter(90))
        made.add("item", color, thing.moved(x, height, z))
