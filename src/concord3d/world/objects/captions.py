"""Three captions of an object: its bare name, a description made from its style, and a noisy shop text."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

_SHOP = ("best price", "NEW!!", "free shipping", "3D model", "download", "high quality", "home decor", "sale -30%",
         "item no.", "vintage", "set of 2", "HD", "lowpoly", "stock photo", "IKEA style", "handmade")  # fmt: skip
_FILES = ("IMG_{n}.jpg", "untitled{n}.obj", "model_{n}_final", "scan-{n}", "{name}_{n}.max", "DSC{n}", "SKU{n}",
          "export({n}).glb")  # fmt: skip
_OTHER = ("furniture", "object", "thing", "interior", "product", "misc", "component", "asset", "kitchen", "office")
_DESCRIPTIVE_OPENINGS = ("a {adjectives} {name}", "a 3D model of a {adjectives} {name}", "this {name} is {adjectives}")
_SHAPE_WORDS = ((1.6, "tall"), (1.0, "standing"), (0.55, "compact"), (0.0, "low"))
_SIDE_WORDS = ((2.2, "very wide"), (1.3, "wide"), (0.77, "square"), (0.45, "deep"), (0.0, "long"))


@dataclass(frozen=True)
class Captions:
    """Texts of one object.

    Attributes:
        name: The bare category name in words, such as "night stand".
        descriptive: A sentence that tells colours, variant, parts and proportions.
        noisy: A text as retrieval from the web would give it: crumbs, missing or wrong words.
    """

    name: str
    descriptive: str
    noisy: str


def write_captions(
    category: str,
    style: Mapping[str, float | int | str],
    part_names: tuple[str, ...],
    extent: tuple[float, float, float],
    rng: np.random.Generator,
) -> Captions:
    """Write the captions of one object.

    Args:
        category: Category name with underscores.
        style: Style parameters; names ending in ``color`` hold colour names, ``variant`` the kind of object.
        part_names: Names of its parts.
        extent: Width, height and depth.
        rng: Source of randomness.
    """
    name = category.replace("_", " ")
    descriptive = _descriptive(name, style, part_names, extent, rng)
    return Captions(name, descriptive, noisy_text(name, descriptive, rng))


def _word_for(ratio: float, table: tuple[tuple[float, str], ...]) -> str:
    return next(word for limit, word in table if ratio >= limit)


def _descriptive(
    name: str,
    style: Mapping[str, float | int | str],
    part_names: tuple[str, ...],
    extent: tuple[float, float, float],
    rng: np.random.Generator,
) -> str:
    colors = [(key, str(value)) for key, value in style.items() if key.endswith("color")]
    width, height, depth = extent
    shape = _word_for(height / max(width, depth), _SHAPE_WORDS)
    footprint = _word_for(width / max(depth, 1e-9), _SIDE_WORDS)
    adjectives = f"{shape}, {footprint}" if rng.random() < 0.7 else shape
    if colors:
        adjectives += f" {colors[0][1]}" if rng.random() < 0.6 else f", {colors[0][1]}"
    opening = str(rng.choice(_DESCRIPTIVE_OPENINGS)).format(adjectives=adjectives, name=name)
    if "variant" in style:
        opening += f" of the {str(style['variant']).replace('_', ' ')} kind"
    details = _details(style, colors[1:])
    if part_names:
        details.append("parts: " + ", ".join(part.replace("_", " ") for part in part_names))
    return "; ".join([opening, *details])


def _details(style: Mapping[str, float | int | str], colors: list[tuple[str, str]]) -> list[str]:
    details = []
    for key, value in style.items():
        words = key.replace("_", " ")
        if key.startswith("num_"):
            details.append(f"{value} {words[4:]}")
        elif key.startswith("has_") and value == 1:
            details.append(f"with {words[4:]}")
        elif isinstance(value, str) and key != "variant" and not key.endswith("color"):
            details.append(f"{value.replace('_', ' ')} {words}")
    details.extend(f"{value} {key.removesuffix('_color').replace('_', ' ')}" for key, value in colors)
    return details


def noisy_text(name: str, descriptive: str, rng: np.random.Generator) -> str:
    """Return a text about an object as retrieval from the web would give it.

    Args:
        name: The category in words.
        descriptive: The description whose crumbs are used.
        rng: Source of randomness.
    """
    number = int(rng.integers(10, 99999))
    crumb = str(rng.choice(_FILES)).format(n=number, name=name.replace(" ", ""))
    kind = float(rng.random())
    if kind < 0.06:
        return "-" if rng.random() < 0.5 else "untitled"
    if kind < 0.18:
        return crumb
    words = descriptive.replace(";", "").replace(",", "").replace(":", "").split()
    kept = [word for word in words if rng.random() < 0.45][:12]
    if rng.random() < 0.75:
        kept.insert(int(rng.integers(0, len(kept) + 1)), name if rng.random() < 0.85 else str(rng.choice(_OTHER)))
    for _ in range(int(rng.integers(1, 4))):
        kept.insert(int(rng.integers(0, len(kept) + 1)), str(rng.choice(_SHOP)))
    if rng.random() < 0.4:
        kept.append(crumb)
    text = " ".join(kept)
    return text.upper() if rng.random() < 0.1 else text
