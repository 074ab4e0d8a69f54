"""Objects of the synthetic world: one category, index and seed give always the same mesh, style and captions."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np

from concord3d.errors import ConfigError, nearest
from concord3d.geometry.mesh import Mesh
from concord3d.world.objects.captions import Captions, write_captions
from concord3d.world.objects.categories import (
    bicycles,
    building,
    cases,
    electronics,
    figures,
    food,
    gadgets,
    hearth,
    instruments,
    leisure,
    lights,
    lorries,
    lounging,
    motorcycles,
    outdoors,
    plants,
    roadworks,
    sanitary,
    seating,
    signs,
    storage,
    street,
    tables,
    trees,
    vehicles,
    vessels,
)
from concord3d.world.objects.categories.style import Assembly, Style, StyleValue
from concord3d.world.objects.grammar import deformed, join, rotation, subdivided

Generator = Callable[[Style], Assembly]

_COMMON: Mapping[str, Generator] = MappingProxyType(
    {
        "airplane": vehicles.airplane,
        "bathtub": sanitary.bathtub,
        "bed": lounging.bed,
        "bench": lounging.bench,
        "bookshelf": storage.bookshelf,
        "bottle": vessels.bottle,
        "bowl": vessels.bowl,
        "car": vehicles.car,
        "chair": seating.chair,
        "cone": vessels.traffic_cone,
        "cup": vessels.cup,
        "curtain": building.curtain,
        "desk": tables.desk,
        "door": building.door,
        "dresser": storage.dresser,
        "flower_pot": vessels.flower_pot,
        "glass_box": cases.glass_box,
        "guitar": instruments.guitar,
        "keyboard": electronics.keyboard,
        "lamp": lights.lamp,
        "laptop": electronics.laptop,
        "mantel": hearth.mantel,
        "monitor": electronics.monitor,
        "night_stand": storage.night_stand,
        "person": figures.person,
        "piano": instruments.piano,
        "plant": plants.plant,
        "radio": gadgets.radio,
        "range_hood": hearth.range_hood,
        "sink": sanitary.sink,
        "sofa": lounging.sofa,
        "stairs": building.stairs,
        "stool": lounging.stool,
        "table": tables.table,
        "tent": outdoors.tent,
        "toilet": sanitary.toilet,
        "tv_stand": cases.tv_stand,
        "vase": vessels.vase,
        "wardrobe": cases.wardrobe,
        "xbox": gadgets.xbox,
        "bag": figures.bag,
        "bin": cases.waste_bin,
        "box": cases.cardboard_box,
        "cabinet": cases.cabinet,
        "display": electronics.display,
        "shelf": storage.shelf,
        "pillow": lounging.pillow,
    }
)

GENERATORS: Mapping[str, Generator] = MappingProxyType(
    {
        **_COMMON,
        "bicycle": bicycles.bicycle,
        "motorcycle": motorcycles.motorcycle,
        "traffic_sign": signs.traffic_sign,
        "trash_container": street.trash_container,
        "banana": food.banana,
        "donut": food.donut,
        "hydrant": street.hydrant,
        "skateboard": leisure.skateboard,
        "stop_sign": signs.stop_sign,
        "teddy_bear": leisure.teddy_bear,
        "umbrella": leisure.umbrella,
        "truck": lorries.truck,
        "bus": lorries.bus,
        "trailer": lorries.trailer,
        "construction_vehicle": roadworks.construction_vehicle,
        "barrier": roadworks.barrier,
        "tree": trees.tree,
    }
)

CATEGORIES: tuple[str, ...] = tuple(GENERATORS)

# The classes of ModelNet40, then those that ScanObjectNN adds. Sets that are not bound to a real list of classes hold
# these; the others belong to the sets whose classes they are (Redwood, CO3D) and to streets.
COMMON_CATEGORIES: tuple[str, ...] = tuple(_COMMON)

# Directions (degrees about y) in which the front of a real ModelNet40 object points, seen on its training split;
# every category is built with its front towards +z and then turned. Absent: always +z.
HEADINGS: Mapping[str, Mapping[int, float]] = MappingProxyType(
    {
        "airplane": {0: 0.75, -90: 0.2, 90: 0.05},
        "bench": {0: 0.55, 90: 0.2, -90: 0.25},
        "car": {0: 0.5, -90: 0.25, 90: 0.15, 180: 0.1},
        "curtain": {0: 0.75, 90: 0.25},
        "desk": {-90: 0.9, 0: 0.1},
        "display": {-90: 0.5, 0: 0.5},
        "door": {0: 0.82, 90: 0.18},
        "dresser": {-90: 1.0},
        "glass_box": {0: 0.5, 90: 0.5},
        "guitar": {0: 0.5, 90: 0.22, -90: 0.22, 180: 0.06},
        "keyboard": {0: 0.8, 90: 0.2},
        "laptop": {0: 0.72, -90: 0.14, 90: 0.14},
        "monitor": {-90: 1.0},
        "night_stand": {-90: 1.0},
        "piano": {0: 0.6, -90: 0.2, 90: 0.2},
        "radio": {0: 0.7, 90: 0.3},
        "sink": {0: 0.65, -90: 0.2, 90: 0.15},
        "sofa": {-90: 1.0},
        "stairs": {0: 0.4, 90: 0.2, -90: 0.2, 180: 0.2},
        "table": {90: 1.0},
        "tent": {0: 0.7, 90: 0.3},
        "tv_stand": {0: 0.75, 90: 0.25},
        "wardrobe": {0: 0.75, -90: 0.25},
        "xbox": {90: 0.3, 0: 0.7},
    }
)

_MIN_FACES = 200


@dataclass(frozen=True)
class Variation:
    """How far objects leave the shelf of a shop: the default is clean, aligned CAD.

    Attributes:
        spread: Factor on stretch, taper, bend and twist.
        any_heading: Turned by any angle about y instead of to the heading of its category.
        paint: Colour of ``palette.BASIC`` that takes the place of every colour drawn, or None.
    """

    spread: float = 1.0
    any_heading: bool = False
    paint: str | None = None


@dataclass(frozen=True)
class WorldObject:
    """One object.

    Attributes:
        category: One of ``CATEGORIES``.
        index: Number of the object within its category.
        seed: Seed of the world.
        mesh: Mesh in metres, standing on y = 0, with ``face_colors`` and ``face_parts`` (indices into ``part_names``).
        part_names: Names of the parts present.
        style: Style parameters by name.
        captions: Three texts.
    """

    category: str
    index: int
    seed: int
    mesh: Mesh
    part_names: tuple[str, ...]
    style: dict[str, StyleValue]
    captions: Captions


def generate(category: str, index: int, seed: int, variation: Variation = Variation()) -> WorldObject:
    """Make one object; equal arguments give equal bytes in every process.

    Args:
        category: One of ``CATEGORIES``.
        index: Number of the object within its category, at least 0.
        seed: Seed of the world, at least 0.
        variation: How far it may differ from clean, aligned CAD.

    Raises:
        ConfigError: The category is unknown, or a number is negative.
    """
    if category not in GENERATORS:
        raise ConfigError(f"Unknown world category '{category}'{nearest(category, CATEGORIES)}", expected=CATEGORIES)
    if index < 0 or seed < 0:
        raise ConfigError("World index and seed must not be negative", found={"index": index, "seed": seed})
    entropy = [seed, zlib.crc32(category.encode()), index]
    shape_rng, pose_rng, text_rng = (
        np.random.default_rng(sequence) for sequence in np.random.SeedSequence(entropy).spawn(3)
    )
    style = Style(shape_rng, paint=variation.paint)
    mesh, part_names = _mesh(GENERATORS[category](style))
    mesh = _posed(category, mesh, Style(pose_rng, style.values), variation)
    extent = np.ptp(mesh.vertices, axis=0).astype(float)
    captions = write_captions(
        category, style.values, part_names, (float(extent[0]), float(extent[1]), float(extent[2])), text_rng
    )
    return WorldObject(category, index, seed, mesh, part_names, style.values, captions)


def _mesh(assembly: Assembly) -> tuple[Mesh, tuple[str, ...]]:
    part_names = tuple(dict.fromkeys(part for part, _, _ in assembly.pieces))
    counts = [len(shape.faces) for _, _, shape in assembly.pieces]
    parts = np.repeat([part_names.index(part) for part, _, _ in assembly.pieces], counts)
    colors = np.repeat([color for _, color, _ in assembly.pieces], counts, axis=0)
    shape = join(shape for _, _, shape in assembly.pieces)
    # Boxes alone have too few corners to follow the bends of `deformed`.
    while len(shape.faces) < _MIN_FACES:
        shape = subdivided(shape)
        parts, colors = np.repeat(parts, 4), np.repeat(colors, 4, axis=0)
    mesh = Mesh(shape.vertices.astype(np.float32), shape.faces, colors.astype(np.uint8), parts.astype(np.int32))
    return mesh, part_names


def _posed(category: str, mesh: Mesh, style: Style, variation: Variation) -> Mesh:
    """Deform a little, turn to the category's heading and put on the floor."""
    rng, spread = style.rng, variation.spread
    stretch = np.exp(spread * rng.normal(0, 0.09, 3)).clip(0.75**spread, 1.33**spread).tolist()
    taper, bend, twist = spread * np.array([0.03, 0.02, 1.5]) * rng.normal(0, 1, 3).clip(-2.5, 2.5)
    vertices = deformed(mesh.vertices.astype(float), stretch=stretch, taper=taper, bend=bend, twist=twist)
    headings = HEADINGS.get(category, {0: 1.0})
    heading = int(style.choice("heading_deg", {str(angle): weight for angle, weight in headings.items()}))
    if variation.any_heading:
        heading = int(rng.integers(360))
    style.values["heading_deg"] = heading
    vertices = vertices @ rotation("y", heading).T
    vertices[:, 1] -= vertices[:, 1].min()
    for name, value in zip("xyz", stretch, strict=True):
        style.values[f"stretch_{name}"] = round(float(value), 4)
    for name, value in (("taper", taper), ("bend", bend), ("twist_deg", twist)):
        style.values[name] = round(float(value), 4)
    return Mesh(vertices.astype(np.float32), mesh.faces, mesh.face_colors, mesh.face_parts)
