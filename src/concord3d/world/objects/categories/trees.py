"""Trees of streets and gardens."""

from __future__ import annotations

import numpy as np

from concord3d.world.objects.categories.style import Assembly, Style, tinted
from concord3d.world.objects.grammar import bar, cone, ellipsoid, smooth, tube

_BARK = {"brown": (92, 68, 48), "grey": (120, 112, 102), "birch": (208, 204, 196), "dark": (66, 50, 40)}
_CROWN = {
    "green": (66, 112, 48),
    "dark green": (40, 78, 40),
    "yellow-green": (120, 142, 58),
    "olive green": (98, 108, 58),
    "autumn orange": (178, 112, 48),
    "autumn red": (142, 66, 48),
}


def tree(style: Style) -> Assembly:
    """Tree: round crown, spreading crown, poplar, conifer or bare branches."""
    made = Assembly()
    kind = style.choice("variant", {"round": 3, "spreading": 2, "poplar": 1, "conifer": 1.2, "bare": 0.5})
    height = style.real("height", 4.0, 10.0)
    bark, green = style.color("bark_color", _BARK), style.color("leaf_color", _CROWN)
    stem = height * style.real("stem", 0.26, 0.4) * {"poplar": 0.5, "conifer": 0.45}.get(kind, 1.0)
    thick = height * style.real("trunk_radius", 0.018, 0.03)
    lean = height * 0.03
    top = np.array([style.jitter(lean), stem, style.jitter(lean)])
    path = smooth([(0, 0, 0), tuple(top / 2 + np.array([style.jitter(lean * 0.5), 0, 0])), tuple(top)], 5)
    made.add("trunk", bark, tube(path, np.linspace(thick * 1.2, thick * 0.8, 5), 7))
    crown = height - stem
    if kind == "conifer":
        layers = style.whole("num_layers", 3, 6)
        made.add("trunk", bark, bar(tuple(top), (top[0], height * 0.93, top[2]), thick * 0.7, thick * 0.2, 7))
        broad = height * style.real("crown_width", 0.15, 0.25)
        for layer in range(layers):
            level = layer / layers
            tier = cone(broad * (1 - 0.72 * level), crown * 1.5 / layers, 14)
            tier = tier.moved(top[0], stem * 0.9 + crown * level * 0.95, top[2])
            made.add("leaf", tinted(green, 0.85 + 0.2 * level), tier)
        return made
    radius = crown * {"round": 0.48, "spreading": 0.72, "poplar": 0.2, "bare": 0.45}[kind]
    radius *= style.real("crown_width", 0.85, 1.2)
    centre = top + np.array([0, crown * 0.48, 0])
    count = style.whole("num_branches", 4, 7)
    for angle in np.arange(count) * 2.4:
        reach = np.array([np.sin(angle) * radius, crown * float(style.rng.uniform(0.1, 0.4)), np.cos(angle) * radius])
        tip = centre + reach * 0.75
        made.add("branch", bark, bar(tuple(top - np.array([0, thick, 0])), tuple(tip), thick * 0.6, thick * 0.2, 5))
        if kind == "bare":
            for turn in (-0.7, 0.6):
                twig = (
                    np.array([np.sin(angle + turn), style.rng.uniform(0.4, 1.0), np.cos(angle + turn)]) * radius * 0.5
                )
                middle = top + (tip - top) * 0.6
                made.add("branch", bark, bar(tuple(middle), tuple(middle + twig), thick * 0.25, thick * 0.08, 5))
    if kind == "bare":
        return made
    made.add("leaf", green, ellipsoid(radius * 0.8, crown * 0.46, radius * 0.8, 6, 9).moved(*centre))
    flat = 0.62 if kind == "spreading" else 1.0
    for _ in range(style.whole("num_clumps", 6, 13)):
        way = style.rng.normal(size=3)
        way = way / np.linalg.norm(way) * np.array([radius * 0.62, crown * 0.36 * flat, radius * 0.62])
        size = float(style.rng.uniform(0.32, 0.5))
        clump = ellipsoid(radius * size, min(crown * 0.3, radius * size * 1.3) * flat, radius * size, 5, 7)
        made.add("leaf", tinted(green, float(style.rng.uniform(0.85, 1.18))), clump.moved(*(centre + way)))
    return made
