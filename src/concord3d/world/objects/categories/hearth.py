"""Fireplace surrounds and range hoods."""

from __future__ import annotations

import numpy as np

from concord3d.world.objects import palette
from concord3d.world.objects.categories.style import Assembly, Color, Style, tinted
from concord3d.world.objects.grammar import (
    box,
    cylinder,
    frustum,
    linear_array,
    loft,
    mirror,
    span,
    tube,
    wedge,
)


def mantel(style: Style) -> Assembly:
    """Mantel: fireplace surround with pillars, lintel, shelf, hearth, and sometimes an overmantel."""
    made = Assembly()
    variant = style.choice(
        "variant", {"classic": 2.5, "plain": 1.5, "breast": 4, "overmantel": 1, "corbelled": 0.8, "chimney": 0.6}
    )
    color = style.color("surround_color", palette.STONE, palette.WOOD)
    brick = style.color("firebox_color", palette.STONE)
    width, height = style.real("width", 1.2, 1.9), style.real("height", 0.95, 1.35)
    if variant == "breast":
        height *= style.real("lower_height", 0.35, 0.9)
    depth = style.real("depth", 0.15, 0.5) + (0.25 if variant == "breast" else 0.0)
    pillar = width * style.real("pillar_width", 0.1, 0.2)
    lintel = height * style.real("lintel_height", 0.14, 0.3)
    opening = width - 2 * pillar
    made.add("pillar", color, mirror(box(pillar, height - lintel, depth).moved((opening + pillar) / 2)))
    made.add("lintel", color, box(width, lintel, depth).moved(y=height - lintel))
    over = style.real("shelf_overhang", 0.03, 0.16)
    shelf = style.real("shelf_thickness", 0.03, 0.09)
    made.add(
        "shelf",
        tinted(color, 0.95),
        wedge((width, depth), (width + over, depth + over), shelf * 0.6, (0, over / 3)).moved(y=height - shelf * 0.2),
        box(width + over * 1.4, shelf, depth + over * 1.2).moved(y=height + shelf * 0.35, z=over / 3),
    )
    if variant in ("classic", "corbelled"):
        relief = box(pillar * 0.6, (height - lintel) * 0.75, 0.02).moved(y=(height - lintel) * 0.15, z=depth / 2)
        made.add(
            "pillar",
            tinted(color, 0.88),
            mirror(relief.moved((opening + pillar) / 2)),
            mirror(box(pillar * 1.15, height * 0.1, depth * 1.08).moved((opening + pillar) / 2)),
        )
        lintel_shape = box(opening * 0.5, lintel * 0.6, 0.02).moved(y=height - lintel * 0.8, z=depth / 2)
        made.add("lintel", tinted(color, 0.88), lintel_shape)
    if variant == "corbelled":
        shelf_shape = mirror(
            wedge((pillar * 0.6, 0.02), (pillar * 0.7, over + 0.1), 0.2, (0, over / 2)).moved(
                (opening + pillar) / 2, height - 0.2, depth / 2
            )
        )
        made.add("shelf", color, shelf_shape)
    if style.flag("has_firebox", 1.0 if variant == "breast" else 0.6):
        _firebox(style, made, (opening, height - lintel, depth), brick)
    if style.flag("has_hearth", 0.5):
        reach = style.real("hearth_reach", 0.1, 0.5)
        made.add("hearth", brick, box(width * 1.08, 0.06, depth + reach).moved(y=-0.06, z=reach / 2))
    _chimney_breast(style, made, variant, (width, height, depth, shelf), color)
    if style.flag("has_ornaments", 0.2):
        made.add(
            "item",
            style.color("item_color", palette.CERAMIC),
            mirror(frustum(0.04, 0.07, 0.22, 12).moved(width * 0.38, height + shelf * 1.3)),
            box(0.22, 0.3, 0.04).moved(y=height + shelf * 1.3),
        )
    return made


def _chimney_breast(
    style: Style, made: Assembly, variant: str, size: tuple[float, float, float, float], color: Color
) -> None:
    """Add what stands above the shelf."""
    width, height, depth, shelf = size
    if variant == "breast":
        rise = style.real("breast_rise", 0.4, 1.1)
        breast = box(width * style.real("breast_width", 0.85, 1.0), rise, depth * style.real("breast_depth", 0.7, 1.0))
        made.add("upper", color, breast.moved(y=height + shelf, z=-depth * 0.1))
    if variant in ("overmantel", "chimney"):
        rise = height * style.real("upper_height", 0.5, 0.95)
        top_width = width * (0.85 if variant == "overmantel" else 0.6)
        upper = wedge(
            (top_width, depth * 0.6), (top_width * style.real("upper_taper", 0.6, 1.0), depth * 0.5), rise
        ).moved(y=height + shelf, z=-depth * 0.2)
        made.add("upper", color, upper)


def _firebox(style: Style, made: Assembly, size: tuple[float, float, float], brick: Color) -> None:
    opening, top, depth = size
    deep = depth * 0.9
    made.add(
        "firebox",
        brick,
        box(opening, top, 0.03).moved(z=-depth / 2 + 0.02),
        mirror(span((opening / 2 - 0.04, opening / 2), (0, top), (-depth / 2, -depth / 2 + deep))),
    )
    if style.flag("has_inner_frame", 0.5):
        made.add(
            "firebox",
            tinted(brick, 0.7),
            mirror(box(opening * 0.12, top, 0.04).moved(opening * 0.44, 0, depth * 0.3)),
            box(opening, top * 0.15, 0.04).moved(y=top * 0.85, z=depth * 0.3),
        )
    if style.flag("has_logs", 0.25):
        log = linear_array(
            cylinder(0.05, opening * 0.5, 8).turned("z", 90).moved(opening * 0.25, 0.06, -depth * 0.1),
            3,
            z=depth * 0.13,
        )
        made.add("log", palette.WOOD["walnut"], log)


def range_hood(style: Style) -> Assembly:
    """Range hood: pyramid canopy, box or curved canopy with chimney, slim under-cabinet hood, or island hood."""
    made = Assembly()
    variant = style.choice("variant", {"pyramid": 3, "box": 2, "curved": 1.5, "slim": 1, "bell": 1.2})
    color = style.color("body_color", palette.METAL, {"white": (236, 236, 234), "black": (40, 40, 42)})
    accent = style.color("accent_color", palette.METAL, palette.WOOD)
    width, depth = style.real("width", 0.6, 1.1), style.real("depth", 0.4, 0.55)
    lip = style.real("lip_height", 0.03, 0.12)
    canopy, duct = style.real("canopy_height", 0.12, 0.4), style.real("chimney_height", 0.25, 0.75)
    pipe_x, pipe_z = width * style.real("chimney_width", 0.22, 0.5), depth * style.real("chimney_depth", 0.4, 0.75)
    rear = -(depth - pipe_z) / 2 * (0 if style.flag("is_island", 0.12) else 1)
    made.add("canopy", accent if style.flag("has_trim", 0.25) else color, box(width, lip, depth))
    top = lip
    if variant == "pyramid":
        made.add("canopy", color, wedge((width, depth), (pipe_x, pipe_z), canopy, (0, rear)).moved(y=lip))
        top += canopy
    elif variant in ("bell", "curved"):
        t = np.linspace(0, 1, 8)
        share = (1 - t) ** 2 if variant == "bell" else np.sqrt(1 - t**2)
        unit = np.array([[0.5, 0.5], [-0.5, 0.5], [-0.5, -0.5], [0.5, -0.5]])
        rings = []
        for value, level in zip(share, t, strict=True):
            flat = unit * np.array([pipe_x + (width - pipe_x) * value, pipe_z + (depth - pipe_z) * value]) + np.array(
                [0, rear * (1 - value)]
            )
            rings.append(np.column_stack([flat[:, 0], np.full(4, lip + level * canopy), flat[:, 1]]))
        made.add("canopy", color, loft(np.stack(rings)))
        top += canopy
    elif variant == "box":
        canopy_shape = box(width * style.real("upper_width", 0.7, 1.0), canopy, depth * 0.9).moved(
            y=lip, z=-depth * 0.05
        )
        made.add("canopy", color, canopy_shape)
        top += canopy
    else:
        made.add(
            "canopy", color, wedge((width, depth), (width, depth * 0.6), canopy * 0.5, (0, -depth * 0.2)).moved(y=lip)
        )
        top += canopy * 0.5
        duct *= 0.6
    _hood_fittings(style, made, (width, depth, lip, top, duct, pipe_x, pipe_z, rear), color)
    if style.flag("has_rail", 0.2):
        rail = tube(
            [
                (-width / 2, lip / 2, depth / 2),
                (-width / 2, lip / 2, depth * 0.56),
                (width / 2, lip / 2, depth * 0.56),
                (width / 2, lip / 2, depth / 2),
            ],
            0.01,
            6,
        )
        made.add("rail", accent, rail)
    return made


def _hood_fittings(style: Style, made: Assembly, size: tuple[float, ...], color: Color) -> None:
    width, depth, lip, top, duct, pipe_x, pipe_z, rear = size
    if style.flag("has_chimney", 0.85):
        low = duct * style.real("sleeve_share", 0.4, 0.7)
        made.add(
            "chimney",
            color,
            box(pipe_x, low, pipe_z).moved(y=top, z=rear),
            box(pipe_x * 0.94, duct - low, pipe_z * 0.94).moved(y=top + low, z=rear),
        )
    filter = linear_array(box(width * 0.9, 0.008, 0.03).moved(y=-0.008, z=-depth * 0.4), 7, z=depth * 0.13)
    made.add("filter", tinted(color, 0.6), filter)
    if style.flag("has_buttons", 0.6):
        button = linear_array(cylinder(0.012, 0.012, 8).turned("x", 90).moved(-0.06, lip / 2, depth / 2), 4, x=0.04)
        made.add("button", palette.DARK, button)
