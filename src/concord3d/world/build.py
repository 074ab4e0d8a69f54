"""Building a synthetic data set in the on-disk layout of a real one.

Each shape has its own source of randomness, derived from the recipe's seed and the shape's identity, so that the bytes
do not depend on the number of workers. Splits, and data sets of different families, never share a shape.
"""

from __future__ import annotations

import errno
import multiprocessing
import os
import shutil
import zlib
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from concord3d.errors import BadMesh, ConfigError, DiskFull, nearest
from concord3d.files import TEMPORARY_PREFIX, write_json
from concord3d.geometry.mesh import Mesh, sample_surface
from concord3d.world import part_taxonomy, writers
from concord3d.world.objects import CATEGORIES, WorldObject, generate
from concord3d.world.scan import object_in_box, object_only, perturbed_box, scan_scene
from concord3d.world.text_sets import ensembled_shape, long_tail, long_tail_shape

SCANOBJECTNN_CLASSES = (
    "bag", "bin", "box", "cabinet", "chair", "desk", "display", "door", "shelf", "table", "bed", "pillow", "sink",
    "sofa", "toilet",
)  # fmt: skip
MODELNET10_CLASSES = (
    "bathtub", "bed", "chair", "desk", "dresser", "monitor", "night_stand", "sofa", "table", "toilet",
)  # fmt: skip
MODELNET40_CLASSES = (
    "airplane", "bathtub", "bed", "bench", "bookshelf", "bottle", "bowl", "car", "chair", "cone", "cup", "curtain",
    "desk", "door", "dresser", "flower_pot", "glass_box", "guitar", "keyboard", "lamp", "laptop", "mantel", "monitor",
    "night_stand", "person", "piano", "plant", "radio", "range_hood", "sink", "sofa", "stairs", "stool", "table",
    "tent", "toilet", "tv_stand", "vase", "wardrobe", "xbox",
)  # fmt: skip

_SCANNED = tuple(writers.SCANOBJECTNN_FILES)
_WITH_TEXTS = ("ensembled", "objaverse_lvis")
_PERTURBATIONS_PER_OBJECT = 5
_SPLIT_OFFSET = {"train": 0, "val": 1_000_000, "test": 2_000_000}
_FAMILY_OFFSET = 10_000_000


@dataclass(frozen=True)
class _Layout:
    family: int
    splits: tuple[str, ...]
    categories: tuple[str, ...]


# Data sets of one family are made of the same shapes, as ModelNet10 is of ModelNet40 and the three scanned sets are.
_LAYOUTS: dict[str, _Layout] = {
    "modelnet40": _Layout(0, ("train", "test"), MODELNET40_CLASSES),
    "modelnet10": _Layout(0, ("train", "test"), MODELNET10_CLASSES),
    "modelnet40_off": _Layout(0, ("train", "test"), MODELNET40_CLASSES),
    **{name: _Layout(1, ("train", "test"), SCANOBJECTNN_CLASSES) for name in _SCANNED},
    "shapenetpart": _Layout(2, ("train", "val", "test"), part_taxonomy.WORLD_CATEGORIES),
    "shapenet": _Layout(3, ("train",), CATEGORIES),
    "ensembled": _Layout(4, ("train", "test"), CATEGORIES),
    "objaverse_lvis": _Layout(5, ("test",), CATEGORIES),
}
WORLD_DATASETS: tuple[str, ...] = tuple(_LAYOUTS)


@dataclass(frozen=True)
class WorldRecipe:
    """What to build.

    Attributes:
        dataset: One of ``WORLD_DATASETS``.
        splits: Shapes per split; they are spread evenly over the categories (over a long tail in objaverse_lvis).
        categories: Restriction to these, or None for all that the real set has. Labels keep the official numbers.
        num_points: Points per cloud; sets of meshes leave it to their reader.
        seed: The world's seed.
    """

    dataset: str
    splits: dict[str, int]
    categories: tuple[str, ...] | None
    num_points: int
    seed: int

    def validated(self) -> WorldRecipe:
        """Return self.

        Raises:
            ConfigError: An unknown data set, split or category, or a count that is impossible.
        """
        if self.dataset not in _LAYOUTS:
            raise ConfigError(
                f"The world cannot write '{self.dataset}'{nearest(self.dataset, WORLD_DATASETS)}",
                where="dataset", expected=", ".join(WORLD_DATASETS), found=self.dataset,
            )  # fmt: skip
        layout = _LAYOUTS[self.dataset]
        limit = _SPLIT_OFFSET["val"]
        for split, count in self.splits.items():
            if split not in layout.splits:
                raise ConfigError(
                    f"'{self.dataset}' has no split '{split}'{nearest(split, layout.splits)}",
                    where="splits", expected=", ".join(layout.splits), found=split,
                )  # fmt: skip
            if not 0 < count < limit:
                expected = f"1 to {limit - 1}"
                raise ConfigError(
                    "Impossible number of shapes", where=f"splits.{split}", expected=expected, found=count
                )
        for category in self.categories or ():
            if category not in layout.categories:
                raise ConfigError(
                    f"'{self.dataset}' has no category '{category}'{nearest(category, layout.categories)}",
                    where="categories", expected=", ".join(layout.categories), found=category,
                )  # fmt: skip
        if self.num_points < 1 or self.seed < 0 or not self.splits or self.categories == ():
            raise ConfigError(
                "A world recipe needs points, a seed, splits and categories",
                expected="num_points >= 1, seed >= 0, at least one split, categories null or not empty",
                found=asdict(self),
            )
        return self


@dataclass(frozen=True)
class _Task:
    """One world object and how many clouds are made of it (more than one for perturbed scans).

    ``paint`` is the colour of its class in a long tail.
    """

    split: str
    category: str
    index: int
    copies: int = 1
    paint: str | None = None

    @property
    def name(self) -> str:
        return f"{self.category}_{self.index:08d}"


@dataclass(frozen=True)
class _Made:
    """Clouds of one object: (copies, P, 3) points, perhaps (copies, P) labels of points, perhaps its texts."""

    points: NDArray[np.float32]
    point_labels: NDArray[np.int64] | None = None
    caption: dict[str, str] | None = None
    row: dict[str, object] | None = None


_NO_CLOUDS = np.empty((0, 0, 3), np.float32)


def build_dataset(recipe: WorldRecipe, out: Path, workers: int = 1) -> None:
    """Write a synthetic data set in the layout of the real one, and ``world.json`` with the recipe as the last file.

    Args:
        recipe: What to build.
        out: Folder of this data set alone; an earlier one in it is replaced when the new one is complete.
        workers: Processes; the bytes are the same for any number.

    Raises:
        ConfigError: The recipe is impossible.
        DiskFull: The disk has no room; an earlier data set in ``out`` is untouched.
    """
    layout = _LAYOUTS[recipe.validated().dataset]
    tasks = [task for split in layout.splits if split in recipe.splits for task in _tasks(recipe, split)]
    with _staged(out) as staging:
        make = partial(_make, recipe, staging)
        if workers <= 1:
            made = [make(task) for task in tasks]
        else:
            # Forked, because a spawned process would run the caller's main script again.
            context = multiprocessing.get_context("fork")
            with ProcessPoolExecutor(workers, mp_context=context) as pool:
                made = list(pool.map(make, tasks, chunksize=max(1, min(16, len(tasks) // (4 * workers)))))
        _write_collected(recipe, staging, tasks, made)
    counts = {split: sum(task.copies for task in tasks if task.split == split) for split in recipe.splits}
    write_json(out / "world.json", {"recipe": asdict(recipe), "shapes": counts, "data_kind": "synthetic"})


@contextmanager
def _staged(out: Path) -> Iterator[Path]:
    """Yield a temporary folder in ``out``; on success its entries replace those of the same name, at one sync's cost.

    Syncing each of thousands of small mesh files took longer than making them.
    """
    staging = out / f"{TEMPORARY_PREFIX}world"
    shutil.rmtree(staging, ignore_errors=True)
    staging.mkdir(parents=True)
    try:
        yield staging
        os.sync()
        (out / "world.json").unlink(missing_ok=True)
        for entry in sorted(staging.iterdir()):
            if (out / entry.name).is_dir():
                shutil.rmtree(out / entry.name)
            entry.replace(out / entry.name)
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise DiskFull("The disk is full", where=out, next_step="free some space and run it again") from error
        raise
    finally:
        shutil.rmtree(staging, ignore_errors=True)


def _tasks(recipe: WorldRecipe, split: str) -> list[_Task]:
    """Spread the split's shapes evenly over the categories; which get one more is drawn by the seed."""
    layout = _LAYOUTS[recipe.dataset]
    categories = tuple(name for name in layout.categories if name in (recipe.categories or layout.categories))
    if recipe.dataset == "objaverse_lvis":
        return _long_tail_tasks(recipe, split, categories)
    order = np.random.default_rng([recipe.seed, _SPLIT_OFFSET[split], 1]).permutation(len(categories))
    share, rest = divmod(recipe.splits[split], len(categories))
    per_object = _PERTURBATIONS_PER_OBJECT if recipe.dataset == "scanobjectnn_pb_t50_rs" else 1
    first = layout.family * _FAMILY_OFFSET + _SPLIT_OFFSET[split]
    tasks = []
    for place, category in zip(order.argsort(), categories, strict=True):
        clouds = share + (1 if place < rest else 0)
        for number, start in enumerate(range(0, clouds, per_object)):
            tasks.append(_Task(split, category, first + number, min(per_object, clouds - start)))
    return tasks


def _long_tail_tasks(recipe: WorldRecipe, split: str, categories: tuple[str, ...]) -> list[_Task]:
    """Shapes of colour and category by Zipf's law; those of one category are numbered through."""
    first = _LAYOUTS[recipe.dataset].family * _FAMILY_OFFSET + _SPLIT_OFFSET[split]
    taken = dict.fromkeys(categories, first)
    tasks = []
    for entry in long_tail(categories, recipe.splits[split], recipe.seed):
        numbers = range(taken[entry.category], taken[entry.category] + entry.count)
        tasks += [_Task(split, entry.category, number, paint=entry.paint) for number in numbers]
        taken[entry.category] += entry.count
    return tasks


def _rng(recipe: WorldRecipe, task: _Task, purpose: int) -> np.random.Generator:
    return np.random.default_rng([recipe.seed, zlib.crc32(task.category.encode()), task.index, purpose])


def _make(recipe: WorldRecipe, out: Path, task: _Task) -> _Made:
    """Generate one object and what the data set keeps of it; mesh files are written here."""
    rng = _rng(recipe, task, 0)
    if recipe.dataset in _WITH_TEXTS:
        return _with_texts(recipe, out, task, rng)
    obj = generate(task.category, task.index, recipe.seed)
    if recipe.dataset in _SCANNED:
        return _scanned(recipe, task, obj, rng)
    if recipe.dataset == "modelnet40_off":
        writers.write_modelnet_off(out, task.category, task.split, task.name, obj.mesh)
        return _Made(_NO_CLOUDS)
    if recipe.dataset == "shapenetpart":
        _, numbers = part_taxonomy.official_parts(task.category, obj.part_names)
        mesh, face_numbers = _annotated(obj, numbers)
        sample = sample_surface(mesh, recipe.num_points, rng)
        return _Made(_unit_sphere(sample.points)[None], face_numbers[sample.face_index][None])
    if recipe.dataset == "shapenet":
        mesh = obj.mesh.normalized()
        sample = sample_surface(mesh, recipe.num_points, rng)
        colors = _face_colors(mesh, task)[sample.face_index]
        writers.write_shapenet_model(out, task.category, task.name, sample.points, colors, mesh)
        texts = {kind: getattr(obj.captions, kind) for kind in ("name", "descriptive", "noisy")}
        return _Made(_NO_CLOUDS, caption={"category": task.category, "model": task.name, **texts})
    return _Made(_unit_sphere(sample_surface(obj.mesh, recipe.num_points, rng).points)[None])


def _with_texts(recipe: WorldRecipe, out: Path, task: _Task, rng: np.random.Generator) -> _Made:
    """Write one mesh and return its row of the index."""
    if task.paint is None:
        obj, row = ensembled_shape(task.category, task.index, recipe.seed, rng)
    else:
        obj, row = long_tail_shape(task.category, task.paint, task.index, recipe.seed, rng)
    file = writers.write_text_mesh(out / recipe.dataset, task.name, obj.mesh.normalized())
    return _Made(_NO_CLOUDS, row={"uid": task.name, "file": file, "split": task.split, **row})


def _face_colors(mesh: Mesh, task: _Task) -> NDArray[np.uint8]:
    if mesh.face_colors is None:
        raise BadMesh("A world object has no colours", where=task.name)
    return mesh.face_colors


def _scanned(recipe: WorldRecipe, task: _Task, obj: WorldObject, rng: np.random.Generator) -> _Made:
    """Scan one object beside another; the three variants crop the same scan."""
    others = recipe.categories or SCANOBJECTNN_CLASSES
    neighbour = generate(others[int(rng.integers(len(others)))], task.index + _FAMILY_OFFSET // 2, recipe.seed)
    scene = scan_scene(obj, recipe.num_points, rng, [neighbour.mesh])
    crop = {
        "scanobjectnn_obj_bg": object_in_box,
        "scanobjectnn_obj_only": object_only,
        "scanobjectnn_pb_t50_rs": perturbed_box,
    }[recipe.dataset]
    crop_rng = _rng(recipe, task, 1 + _SCANNED.index(recipe.dataset))
    clouds = [crop(scene, recipe.num_points, crop_rng) for _ in range(task.copies)]
    foreground = np.stack([mask for _, mask in clouds])
    return _Made(np.stack([points for points, _ in clouds]), np.where(foreground, 1, -1).astype(np.int64))


def _annotated(obj: WorldObject, numbers: NDArray[np.int64]) -> tuple[Mesh, NDArray[np.int64]]:
    """Return the mesh without faces that have no official part, and the official part number of each face left."""
    if obj.mesh.face_parts is None:
        raise BadMesh("A world object has no part labels", where=obj.category)
    face_numbers = numbers[obj.mesh.face_parts]
    keep = face_numbers >= 0
    mesh = Mesh(obj.mesh.vertices, obj.mesh.faces[keep]).validated(where=f"{obj.category} {obj.index}")
    return mesh, face_numbers[keep]


def _unit_sphere(points: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return (P, 3) points with zero mean and the farthest at distance 1, as ModelNet40 does (MM-Point spec 1.2)."""
    centred = points.astype(np.float64) - points.mean(axis=0, dtype=np.float64)
    return (centred / max(float(np.linalg.norm(centred, axis=1).max()), 1e-12)).astype(np.float32)


def _collect(recipe: WorldRecipe, split: str, tasks: list[_Task], made: list[_Made]) -> writers.LabelledClouds:
    """Gather one split, in an order shuffled by the seed."""
    layout = _LAYOUTS[recipe.dataset]
    chosen = [(task, item) for task, item in zip(tasks, made, strict=True) if task.split == split]
    if recipe.dataset == "shapenetpart":
        numbers = {name: part_taxonomy.official_parts(name, ())[0] for name in layout.categories}
    else:
        numbers = {name: number for number, name in enumerate(layout.categories)}
    points = np.concatenate([item.points for _, item in chosen])
    labels = np.array([numbers[task.category] for task, _ in chosen for _ in range(task.copies)], dtype=np.int64)
    names = [f"{task.category}/{task.name}" for task, _ in chosen for _ in range(task.copies)]
    marks = [item.point_labels for _, item in chosen if item.point_labels is not None]
    order = np.random.default_rng([recipe.seed, _SPLIT_OFFSET[split], 2]).permutation(len(points))
    return writers.LabelledClouds(
        points[order],
        labels[order],
        tuple(names[i] for i in order),
        np.concatenate(marks)[order] if marks else None,
    )


def _write_collected(recipe: WorldRecipe, out: Path, tasks: list[_Task], made: list[_Made]) -> None:
    """Write the files that hold more than one shape."""
    if recipe.dataset in _WITH_TEXTS:
        rows = [item.row for item in made if item.row is not None]
        order = np.random.default_rng([recipe.seed, 2]).permutation(len(rows))
        class_names = sorted({str(row["category"]) for row in rows})
        writers.write_text_index(out / recipe.dataset, [rows[i] for i in order], class_names)
        return
    if recipe.dataset == "shapenet":
        writers.write_captions(out, [item.caption for item in made if item.caption is not None])
        return
    if recipe.dataset == "modelnet40_off":
        return
    splits = {split: _collect(recipe, split, tasks, made) for split in recipe.splits}
    if recipe.dataset in _SCANNED:
        writers.write_scanobjectnn(out, recipe.dataset, splits)
    elif recipe.dataset == "shapenetpart":
        writers.write_shapenetpart_h5(out, splits)
    else:
        write = writers.write_modelnet_h5 if recipe.dataset == "modelnet40" else writers.write_modelnet10_h5
        write(out, splits, _LAYOUTS[recipe.dataset].categories)
