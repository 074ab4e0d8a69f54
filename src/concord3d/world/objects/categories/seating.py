"""Chairs, stools, benches and sofas."""

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
    polygon,
    radial_array,
    sheet,
    smooth,
    span,
    stack_rings,
    tube,
)


def four_legs(
    width: float, depth: float, height: float, thickness: float, splay: float = 0.0, round_legs: bool = False
) -> Shape:
    """Return four legs under the corners of a width x depth rectangle, spread outwards at the floor by ``splay``."""
    x, z = width / 2 - thickness, depth / 2 - thickness
    sides = 10 if round_legs else 4
    foot = 0.7 if splay else 1.0
    return join(
        bar((i * x, height, k * z), (i * (x + splay), 0, k * (z + splay)), thickness, thickness * foot, sides)
        for i in (-1, 1)
        for k in (-1, 1)
    )


def stretchers(width: float, depth: float, height: float, thickness: float) -> Shape:
    """Return four rails that join the legs at one height."""
    x, z = width / 2 - 2 * thickness, depth / 2 - 2 * thickness
    ends = [((-x, z), (x, z)), ((-x, -z), (x, -z)), ((-x, -z), (-x, z)), ((x, -z), (x, z))]
    return join(bar((a[0], height, a[1]), (b[0], height, b[1]), thickness, sides=6) for a, b in ends)


def star_base(radius: float, height: float, arms: int, casters: bool) -> Shape:
    """Return the foot of an office chair: a column on a star of arms."""
    arm = bar((0, 0.1, 0), (0, 0.06, radius), 0.034, 0.024, 6)
    wheel = cylinder(0.04, 0.04, 10).turned("z", 90).moved(0.015, 0.035, radius) if casters else None
    star = radial_array(join([arm, wheel]) if wheel else arm, arms)
    return join([star, cylinder(0.03, height - 0.06, 12).moved(y=0.06)])


def _seat_outline(kind: str, width: float, depth: float) -> np.ndarray:
    if kind == "round":
        return polygon(24, width / 2, depth / 2)
    if kind == "rounded":
        return polygon(24, width / 2, depth / 2, 5)
    narrow = 0.82 if kind == "trapezoid" else 1.0
    x, z = width / 2, depth / 2
    return np.array([[x, z], [-x, z], [-x * narrow, -z], [x * narrow, -z]])


def plate(outline: np.ndarray, thickness: float, edge: float = 0.0) -> Shape:
    """Return a plate standing on y = 0 over an (x, z) outline, its edges rounded by a fraction ``edge``."""
    if edge <= 0:
        return stack_rings([outline, outline], [0, thickness])
    inner = outline * (1 - edge)
    return stack_rings([inner, outline, outline, inner], [0, 0.3 * thickness, 0.7 * thickness, thickness])


def back_rest(style: Style, kind: str, width: float, height: float, thickness: float) -> Shape:
    """Return an upright chair back standing on y = 0 in the plane z = 0."""
    rim = max(0.018, thickness * 0.6)
    posts = mirror(bar((width / 2 - rim, 0, 0), (width / 2 - rim, height, 0), rim, sides=4))
    rail = box(width, rim * 3, rim * 2).moved(y=height - rim * 3)
    if kind == "panel":
        start = style.real("back_gap", 0, 0.35) * height
        panel = box(width, height - start, thickness, thickness * 0.4).moved(y=start)
        return join([panel, posts]) if start > 0.1 * height else panel
    if kind == "slats":
        count = style.whole("num_back_slats", 3, 7)
        step = width / (count + 1)
        slat = box(step * 0.45, height * 0.86, rim).moved(x=-width / 2 + step, y=height * 0.06)
        return join([posts, rail, linear_array(slat, count, x=step)])
    if kind == "ladder":
        count = style.whole("num_back_rungs", 2, 4)
        step = height * 0.8 / count
        rung = box(width, step * 0.45, rim).moved(y=height * 0.25)
        return join([posts, linear_array(rung, count, y=step)])
    if kind == "hoop":
        angle = np.linspace(0, np.pi, 15)
        path = np.stack([np.cos(angle) * width / 2, np.sin(angle) * height, 0 * angle], axis=1)
        rods = [bar((x, 0, 0), (x, height * np.sqrt(1 - (2 * x / width) ** 2), 0), rim * 0.5, sides=6)
                for x in np.linspace(-0.32, 0.32, 5) * width]  # fmt: skip
        return join([tube(path, rim, 6), *rods])
    return curved_panel(width, height, thickness, style.real("back_wrap", 0.05, 0.3) * width)


def curved_panel(width: float, height: float, thickness: float, wrap: float) -> Shape:
    """Return a panel standing on y = 0 whose sides come forward by ``wrap``."""
    x = np.linspace(-1, 1, 11)
    top = height * (1 - 0.12 * x**4)
    front = np.stack([x * width / 2, 0 * x, wrap * x**2 + thickness / 2], axis=1)
    rear = front - np.array([0, 0, thickness])
    ring = np.concatenate([front, rear[::-1]])
    crown = ring + np.concatenate([top, top[::-1]])[:, None] * np.array([0, 1.0, 0])
    return sheet_between(ring, crown)


def sheet_between(low: np.ndarray, high: np.ndarray) -> Shape:
    """Return the solid between two outlines, (K, 3) each, that run front then rear."""
    half = len(low) // 2
    grid = np.stack([low[:half], high[:half], high[half:][::-1], low[half:][::-1], low[:half]])
    return sheet(grid[::-1])


def chair(style: Style) -> Assembly:
    """Chair: four legs, office swivel, sled, cantilever, pedestal, block armchair, rocking or folding."""
    made = Assembly()
    variant = style.choice(
        "variant",
        {"four_leg": 5, "swivel": 2, "sled": 1, "cantilever": 1, "pedestal": 0.7, "armchair": 1.6, "rocking": 0.5,
         "folding": 0.7, "shell": 1},
    )  # fmt: skip
    width, depth = style.real("seat_width", 0.4, 0.58), style.real("seat_depth", 0.4, 0.55)
    seat_height = style.real("seat_height", 0.38, 0.52)
    back_height = style.real("back_height", 0.32, 0.75)
    recline = style.real("recline_deg", 0, 18)
    frame = style.color("frame_color", palette.WOOD, palette.METAL, palette.PLASTIC)
    cover = style.color("seat_color", palette.FABRIC, palette.WOOD, palette.PLASTIC)
    padded = style.flag("has_cushion", 0.45) or variant in ("armchair", "swivel")
    seat_kind = style.choice("seat", ("square", "square", "rounded", "trapezoid", "round"))
    thickness = 0.09 if padded else style.real("seat_thickness", 0.02, 0.05)
    if variant == "armchair":
        return _armchair(style, made, cover, frame, width, depth)
    seat = plate(_seat_outline(seat_kind, width, depth), thickness, 0.06 if padded else 0)
    made.add("seat", cover, seat.moved(y=seat_height - thickness))
    back_kind = style.choice("back", ("panel", "panel", "slats", "ladder", "hoop", "curved", "curved"))
    if variant == "shell":
        back_kind = "curved"
    back = back_rest(style, back_kind, width * 0.96, back_height, 0.07 if padded else 0.03)
    back = back.turned("x", -recline).moved(y=seat_height - thickness * 0.5, z=-depth / 2 + 0.03)
    made.add("back", cover if back_kind in ("panel", "curved") else frame, back)
    inset = 0.76 if seat_kind == "round" else 1.0
    _chair_base(style, made, variant, frame, (width * inset, depth * inset, seat_height - thickness))
    if style.flag("has_arms", 0.75 if variant in ("swivel", "rocking") else 0.35):
        _arms(style, made, frame, (width, depth, seat_height))
    return made


def _arms(style: Style, made: Assembly, color: Color, size: tuple[float, float, float]) -> None:
    width, depth, seat = size
    top = seat + style.real("arm_height", 0.17, 0.26)
    x = width / 2 + 0.02
    pad = span((x - 0.025, x + 0.025), (top - 0.03, top), (-depth / 2, depth * 0.38))
    if style.choice("arm_kind", ("post", "loop", "panel")) == "panel":
        support = span((x - 0.015, x + 0.015), (seat - 0.05, top), (-depth / 2, depth * 0.35))
    elif style.values["arm_kind"] == "post":
        support = bar((x, seat - 0.05, depth * 0.25), (x, top, depth * 0.28), 0.018, sides=6)
    else:
        points = [(x, seat - 0.04, depth * 0.1), (x + 0.04, seat + 0.06, depth * 0.36), (x, top - 0.01, depth * 0.3)]
        support = tube(smooth(points, 8), 0.016, 6)
    made.add("arm", color, mirror(join([pad, support])))


def _chair_base(style: Style, made: Assembly, variant: str, color: Color, size: tuple[float, float, float]) -> None:
    width, depth, height = size
    thin = style.real("leg_thickness", 0.013, 0.028)
    x, z = width / 2 - thin, depth / 2 - thin
    if variant == "swivel":
        leg = star_base(
            style.real("base_radius", 0.25, 0.36),
            height,
            style.whole("num_base_arms", 4, 5),
            style.flag("has_casters", 0.8),
        )
        made.add("leg", color, leg)
    elif variant == "pedestal":
        made.add("leg", color, frustum(width * 0.42, 0.03, 0.05), cylinder(0.035, height, 12))
    elif variant == "sled":
        side = tube([(x, height, z), (x, thin, z), (x, thin, -z), (x, height, -z)], thin, 6)
        made.add("leg", color, mirror(side))
    elif variant == "cantilever":
        path = [
            (x, height, -z),
            (x, height, z),
            (x, height * 0.5, z + 0.03),
            (x, thin, z),
            (x, thin, -z),
            (0, thin, -z),
        ]
        made.add("leg", color, mirror(tube(path, thin, 6)))
    elif variant == "rocking":
        made.add("leg", color, four_legs(width, depth, height, thin))
        rocker = [(x, 0.09, -z - 0.22), (x, 0.01, -z * 0.4), (x, 0.0, z * 0.4), (x, 0.07, z + 0.16)]
        made.add("leg", color, mirror(tube(smooth(rocker, 12), thin, 6)))
    elif variant == "folding":
        made.add(
            "leg",
            color,
            mirror(
                join([bar((x, height, -z), (x, 0, z), thin, sides=6), bar((x, height, z), (x, 0, -z), thin, sides=6)])
            ),
            bar((-x, thin, z), (x, thin, z), thin, sides=6),
        )
    else:
        splay = style.real("splay", 0, 0.08) if style.flag("has_splayed_legs", 0.4) else 0.0
        made.add("leg", color, four_legs(width, depth, height, thin, splay, style.flag("has_round_legs", 0.5)))
        if style.flag("has_stretchers", 0.35):
            made.add(
                "leg", color, stretchers(width, depth, height * style.real("stretcher_level", 0.3, 0.6), thin * 0.6)
            )


def _armchair(style: Style, made: Assembly, cover: Color, frame: Color, width: float, depth: float) -> Assembly:
    width, depth, arm = width * 1.2, depth * 1.25, style.real("arm_width", 0.08, 0.18)
    foot, seat = style.real("foot_height", 0.03, 0.2), style.real("cushion_height", 0.12, 0.2)
    body, top = 0.22, style.real("arm_top", 0.12, 0.28)
    made.add(
        "seat",
        cover,
        box(width, body, depth, 0.02).moved(y=foot),
        cushion(width, seat, depth).moved(y=foot + body * 0.8),
    )
    arm_shape = (
        cushion(arm, body + top, depth) if style.flag("has_round_arms", 0.5) else box(arm, body + top, depth, 0.02)
    )
    made.add("arm", tinted(cover, 0.92), mirror(arm_shape.moved(x=(width + arm) / 2, y=foot)))
    back_height = style.real("back_rise", 0.45, 0.8)
    back = box(width + 2 * arm, back_height + body, 0.16, 0.04).turned("x", -style.real("back_tilt", 0, 12))
    made.add("back", cover, back.moved(y=foot, z=-depth / 2))
    made.add("leg", frame, four_legs(width + arm, depth, foot + 0.02, 0.025))
    return made
