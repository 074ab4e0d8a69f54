"""The class and part numbering of ShapeNetPart, and how the world's part names map to it.

Numbers follow the public release (16 classes, 50 parts, MM-Point spec 1.2). The world's set has nine of the
classes; the numbers of the other seven do not occur in it.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from concord3d.errors import ConfigError, nearest

# Class name, its WordNet offset in ShapeNet, and its parts in the order of their official numbers.
OFFICIAL_CLASSES: tuple[tuple[str, str, tuple[str, ...]], ...] = (
    ("Airplane", "02691156", ("body", "wing", "tail", "engine")),
    ("Bag", "02773838", ("handle", "body")),
    ("Cap", "02954340", ("crown", "visor")),
    ("Car", "02958343", ("roof", "hood", "wheel", "body")),
    ("Chair", "03001627", ("back", "seat", "leg", "arm")),
    ("Earphone", "03261776", ("earcup", "headband", "wire")),
    ("Guitar", "03467517", ("head", "neck", "body")),
    ("Knife", "03624134", ("blade", "handle")),
    ("Lamp", "03636649", ("base", "shade", "bracket", "stem")),
    ("Laptop", "03642806", ("keyboard", "screen")),
    ("Motorbike", "03790512", ("tank", "seat", "wheel", "handlebar", "light", "frame")),
    ("Mug", "03797390", ("handle", "cup")),
    ("Pistol", "03948459", ("barrel", "handle", "trigger")),
    ("Rocket", "04099429", ("body", "fin", "nose")),
    ("Skateboard", "04225987", ("wheel", "deck", "belt")),
    ("Table", "04379243", ("top", "leg", "drawer")),
)

# World category -> official class, and for each official part the words that name it in the world. The first part
# of which a word occurs in the world's part name wins; a part that matches none (things put on a table, a mouse beside
# a laptop) has no number.
_WORLD_PARTS: dict[str, tuple[str, dict[str, str]]] = {
    "airplane": (
        "Airplane",
        {
            "engine": "engine prop nacelle",
            "tail": "tail fin rudder stabil",
            "wing": "wing",
            "body": "body fuselage cockpit nose gear wheel window",
        },
    ),
    "bag": ("Bag", {"handle": "handle strap", "body": "body pocket flap buckle clasp zip lid wheel base rim"}),
    "car": (
        "Car",
        {
            "wheel": "wheel tire tyre",
            "roof": "roof cabin rack",
            "hood": "hood bonnet",
            "body": "body bumper light window glass mirror door spoiler trunk bed cargo seat",
        },
    ),
    "chair": (
        "Chair",
        {
            "arm": "arm",
            "back": "back head slat",
            "leg": "leg base wheel caster pedestal stretcher sled column foot star rocker",
            "seat": "seat cushion",
        },
    ),
    "cup": ("Mug", {"handle": "handle", "cup": "body cup bowl wall rim stem base foot drink band lid"}),
    "guitar": (
        "Guitar",
        {"head": "head tuner peg", "neck": "neck fret", "body": "body bridge hole pick knob string"},
    ),
    "lamp": (
        "Lamp",
        {
            "shade": "shade bulb globe head",
            "bracket": "bracket canopy ceiling mount rose",
            "base": "base foot leg",
            "stem": "stem pole arm cord cable rod body joint column tube wire chain",
        },
    ),
    "laptop": (
        "Laptop",
        {"screen": "screen display lid bezel", "keyboard": "key base body touchpad trackpad hinge"},
    ),
    "table": (
        "Table",
        {
            "drawer": "drawer shelf knob handle",
            "leg": "leg base pedestal trestle stretcher column foot frame apron support panel",
            "top": "top board edge glass",
        },
    ),
}
WORLD_CATEGORIES: tuple[str, ...] = tuple(_WORLD_PARTS)


def official_parts(category: str, part_names: Sequence[str]) -> tuple[int, NDArray[np.int64]]:
    """Translate a world category and its part names to ShapeNetPart's numbers.

    Args:
        category: One of ``WORLD_CATEGORIES``.
        part_names: The world's names, in the order of the mesh's part indices.

    Returns:
        Class number 0 to 15, and (len(part_names),) part numbers 0 to 49, -1 where there is no official counterpart.

    Raises:
        ConfigError: The category has no official class.
    """
    if category not in _WORLD_PARTS:
        raise ConfigError(
            f"ShapeNetPart has no class for '{category}'{nearest(category, WORLD_CATEGORIES)}",
            expected=", ".join(WORLD_CATEGORIES),
            found=category,
        )
    official, rules = _WORLD_PARTS[category]
    first = 0
    for number, (name, _, parts) in enumerate(OFFICIAL_CLASSES):
        if name == official:
            numbers = {part: first + offset for offset, part in enumerate(parts)}
            found = [_match(part_name.lower(), rules) for part_name in part_names]
            return number, np.array([numbers.get(part, -1) for part in found], dtype=np.int64)
        first += len(parts)
    raise ConfigError("A world category names an official class that does not exist", found=official)


def _match(part_name: str, rules: dict[str, str]) -> str:
    return next((part for part, words in rules.items() if any(word in part_name for word in words.split())), "")
