"""Bananas and donuts."""

from __future__ import annotations

import numpy as np

from concord3d.world.objects import palette
from concord3d.world.objects.categories.style import Assembly, Color, Style, tinted
from concord3d.world.objects.grammar import Shape, bar, cylinder, ellipsoid, join, torus, tube

_PEEL = {"yellow": (240, 206, 60), "green": (168, 186, 70), "ripe yellow": (222, 172, 48), "brown": (132, 92, 48)}
_DOUGH = {"golden": (206, 150, 82), "brown": (160, 104, 56), "chocolate": (92, 56, 38)}
_ICING = {
    "pink": (236, 140, 178),
    "chocolate": (84, 48, 32),
    "white": (244, 240, 232),
    "vanilla": (244, 222, 160),
    "blue": (120, 176, 226),
    "caramel": (196, 122, 54),
}
_SPRINKLES = ((230, 60, 60), (70, 140, 220), (250, 220, 70), (250, 250, 250), (90, 190, 90))


def banana(style: Style) -> Assembly:
    """Banana: one, a bunch, or one with its peel half off; lying, or hanging from the stem of a bunch."""
    made = Assembly()
    variant = style.choice("variant", {"single": 3, "bunch": 2, "peeled": 1})
    peel = style.color("peel_color", _PEEL)
    tip = style.color("tip_color", {"dark": (70, 52, 36), "green": (120, 140, 60)})
    long, fat = style.real("length", 0.16, 0.21), style.real("thickness", 0.016, 0.022)
    sweep, sides = style.real("curve_deg", 50, 105), style.whole("num_edges", 5, 8)
    if variant == "bunch":
        count = style.whole("num_fruits", 3, 6)
        for number in range(count):
            share = number / (count - 1) - 0.5
            fruit = _fruit(long * (1 + style.jitter(0.06)), fat, sweep, sides)
            fan = style.values.get("num_fruits", 3)
            for part, color, shape in zip(("fruit", "tip", "stem"), (peel, tip, peel), fruit, strict=True):
                lean = shape.turned("x", -60 - 12 * abs(share))
                made.add(part, color, lean.turned("y", 26.0 * float(fan) * share))
        top = np.array([0, 0.0, 0])
        made.add(
            "stem",
            tinted(tip, 1.1),
            bar(top + np.array([0, -0.012, 0.004]), top + np.array([0, 0.035, -0.012]), 0.016, 0.012),
        )
        return made
    body, end, stem = _fruit(long, fat, sweep, sides, share=0.5 if variant == "peeled" else 1.0)
    pieces = [("fruit", peel, body), ("stem", tinted(peel, 0.8), stem)]
    if variant == "single":
        pieces.append(("tip", tip, end))
    else:
        pieces += _peeled(style, (long, fat, sweep), peel)
    upright = variant == "peeled" or style.flag("is_upright", 0.15)
    for part, color, shape in pieces:
        made.add(part, color, shape if upright else shape.turned("x", 90))
    spots = style.whole("num_spots", 0, 6)
    for _ in range(0 if upright else spots):
        at = _centre(style.rng.uniform(0.2, 0.8), long, sweep)
        spot = ellipsoid(fat * 0.3, fat * 0.3, fat * 0.3, 6, 8).moved(*(at + np.array([fat * 0.85, 0, 0])))
        made.add("fruit", (104, 72, 40), spot.turned("x", 90))
    return made


def _centre(t: float, long: float, sweep: float) -> np.ndarray:
    """Return a point of the middle line from the stem (t = 0, at the origin) along an arc in the yz plane, upwards."""
    bow = np.radians(sweep)
    radius = long / bow
    angle = bow * (t - 0.5)
    return np.array([0, radius * (np.sin(angle) + np.sin(bow / 2)), radius * (np.cos(bow / 2) - np.cos(angle))])


def _fruit(long: float, fat: float, sweep: float, sides: int, share: float = 1.0) -> tuple[Shape, Shape, Shape]:
    """Return peel, tip and stem of a fruit, or of the first ``share`` of it."""
    t = np.linspace(0.14, 0.14 + 0.82 * share, 12)
    profile = np.interp(t, [0.14, 0.22, 0.38, 0.6, 0.8, 0.92, 0.96], [0.5, 0.75, 1.0, 1.05, 0.92, 0.55, 0.35]) * fat
    body = tube([_centre(x, long, sweep) for x in t], profile, sides)
    tip = bar(_centre(0.955, long, sweep), _centre(1.0, long, sweep), fat * 0.36, fat * 0.28)
    stem = tube([_centre(x, long, sweep) for x in (0, 0.08, 0.15)], [fat * 0.38, fat * 0.34, fat * 0.52], 6)
    return body, tip, stem


def _peeled(style: Style, form: tuple[float, float, float], peel: Color) -> list[tuple[str, Color, Shape]]:
    long, fat, sweep = form
    t = np.linspace(0.5, 1.0, 9)
    profile = np.interp(t, [0.5, 0.8, 0.93, 1.0], [0.92, 0.85, 0.6, 0.1]) * fat
    flesh = style.color("flesh_color", {"cream": (244, 232, 190), "white": (248, 244, 226)})
    pieces = [("flesh", flesh, tube([_centre(x, long, sweep) for x in t], profile, 9))]
    flaps = style.whole("num_flaps", 3, 4)
    drop = style.real("flap_drop", 0.3, 0.9)
    edge = _centre(0.54, long, sweep)
    for number in range(flaps):
        path = [
            (fat * 0.9, 0, 0),
            (fat * 1.9, fat * 0.7, 0),
            (fat * 3.0, -fat * drop, 0),
            (fat * 3.5, -fat * 3.5 * drop, 0),
        ]
        flap = tube(path, [fat * 0.55, fat * 0.6, fat * 0.5, fat * 0.12], 6).scaled(1, 1, 1.3)
        pieces.append(("flap", tinted(peel, 0.95), flap.turned("y", 360 * number / flaps).moved(*edge)))
    return pieces


def donut(style: Style) -> Assembly:
    """Donut: plain, iced, with sprinkles, with stripes of icing, or bitten; lying flat."""
    made = Assembly()
    variant = style.choice("variant", {"plain": 1, "iced": 2, "sprinkled": 2.5, "striped": 1, "bitten": 1.2})
    dough = style.color("dough_color", _DOUGH)
    radius = 0.033 * style.real("size", 0.9, 1.1)
    thick = radius * style.real("thickness", 0.5, 0.72)
    squash = style.real("squash", 0.75, 1.0)
    sweep = 360.0 if variant != "bitten" else style.real("rest_deg", 230, 320)
    start = style.real("start_deg", 0, 360)
    segments, sides = style.whole("num_segments", 22, 30), 12
    ring = torus(radius, thick, sweep, segments, sides)
    made.add("dough", dough, ring.scaled(1, squash, 1).turned("y", start))
    iced = variant in ("iced", "sprinkled") or (variant == "bitten" and style.flag("has_icing", 0.7))
    icing = style.color("icing_color", _ICING) if iced or variant == "striped" else dough
    if iced:
        coat = torus(radius, thick * style.real("coat", 0.95, 1.0), sweep, segments, sides)
        made.add("icing", icing, coat.scaled(1, squash * 0.92, 1).moved(y=thick * squash * 0.16).turned("y", start))
    if variant == "sprinkled" or (iced and style.flag("has_sprinkles", 0.4)):
        for number in range(style.whole("num_sprinkles", 16, 40)):
            made.add(
                "sprinkle",
                _SPRINKLES[number % len(_SPRINKLES)],
                _sprinkle(style, (radius, thick, squash), (start, sweep)),
            )
    if variant == "striped":
        stripes = style.whole("num_stripes", 8, 14)
        arc = np.linspace(15, 165, 9)
        cross = np.column_stack([radius + 0.98 * thick * np.cos(np.radians(arc)),
                                 0.98 * thick * squash * np.sin(np.radians(arc)), 0 * arc])  # fmt: skip
        drip = tube(cross, thick * 0.09, 5)
        made.add("icing", icing, join([drip.turned("y", 360 * i / stripes) for i in range(stripes)]))
    if style.flag("has_sugar", 0.5 if variant == "plain" else 0.0):
        for _ in range(style.whole("num_crumbs", 20, 50)):
            crumb = _sprinkle(style, (radius, thick * 0.98, squash), (start, sweep))
            made.add("sprinkle", palette.WHITE, crumb)
    if style.flag("has_plate", 0.15):
        plate = cylinder(radius * 2.3, 0.003, 24).moved(y=-thick * squash - 0.002)
        made.add("plate", style.color("plate_color", palette.CERAMIC), plate)
    return made


def _sprinkle(style: Style, form: tuple[float, float, float], arc: tuple[float, float]) -> Shape:
    radius, thick, squash = form
    start, sweep = arc
    rng = style.rng
    around, over = float(rng.uniform(4, sweep - 4)), np.radians(float(rng.uniform(35, 145)))
    stick = bar((-0.0028, 0, 0), (0.0028, 0, 0), 0.0008, sides=4).turned("y", float(rng.uniform(0, 180)))
    at = (radius + thick * np.cos(over), thick * squash * (np.sin(over) * 0.94 + 0.16), 0)
    # A ring begins at +x and runs towards +z, which is against the right-hand rule about y.
    return stick.turned("z", float(np.degrees(over)) - 90).moved(*at).turned("y", start - around)
