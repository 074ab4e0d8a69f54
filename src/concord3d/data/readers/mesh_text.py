"""Meshes with texts: ``index.jsonl`` beside GLB or OBJ files, sampled into coloured clouds.

One line of the index per shape: ``uid`` (its identifier), ``file`` (relative path) and ``name`` (raw text, may be
empty); where they are known also ``captions`` and ``retrieved`` (lists of texts), ``category`` (class in words),
``split``, ``source`` and ``pack``. Other keys are ignored. ``class_names.txt``, one per line, may fix the order of the
classes; else they are sorted. A row without ``split`` belongs to ``train``, unless the catalogue holds out a share of
the names: then the hash of its name decides, so that all meshes of one name are on one side.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from concord3d.data.catalog import DatasetSpec, path_inside
from concord3d.data.formats.clouds import rng_of
from concord3d.data.formats.findings import Findings
from concord3d.data.formats.mesh_files import MESH_SUFFIXES, read_colored_mesh, read_mesh
from concord3d.data.formats.texts import clean_text, shape_texts
from concord3d.data.layout import NEXT_STEP, find_split, layout_folder, read_lines
from concord3d.data.readers.interface import Census, NamedMesh, Reader, Reading
from concord3d.data.stores.objects import NO_COLOR, CloudSplit, ShapeTexts
from concord3d.errors import DatasetMissing, UnreadableFile, WrongRelease
from concord3d.geometry.mesh import Mesh, sample_surface
from concord3d.geometry.surface_colors import SurfaceColors

INDEX = "index.jsonl"
CLASS_NAMES = "class_names.txt"
NUM_POINTS = 10_000


class IndexRow(BaseModel):
    """One shape of the index; see the head of the module."""

    model_config = ConfigDict(frozen=True, strict=True)

    uid: str = Field(min_length=1)
    file: str
    name: str = ""
    captions: list[str] = []
    retrieved: list[str] = []
    category: str | None = None
    split: str | None = None
    source: str | None = None
    pack: str | None = None

    @field_validator("file")
    @classmethod
    def _is_a_mesh_below_the_index(cls, file: str) -> str:
        file = file.replace("\\", "/")
        if Path(file).suffix.lower() not in MESH_SUFFIXES:
            raise ValueError(f"{file!r} is no mesh ({', '.join(MESH_SUFFIXES)})")
        return path_inside(file)

    @property
    def texts(self) -> ShapeTexts:
        """The texts, cleaned."""
        return shape_texts(self.name, self.captions, self.retrieved)


class MeshText(Reader):
    """Meshes with texts, and coloured clouds sampled from them uniformly by area, zero-mean in the unit sphere."""

    has_labels = False
    has_colors = True
    has_texts = True
    has_meshes = True

    def read(self, spec: DatasetSpec, root: Path, split: str, data_kind: str, num_points: int | None = None) -> Reading:
        """Sample coloured points on the meshes of a split; arguments as in :meth:`Reader.read`, by default 10,000.

        The points of a shape depend on its ``uid``, its geometry and their number alone, so reading twice gives the
        same clouds. A mesh without colours is grey all over (MM-Mixing spec 1.3).

        Raises:
            DatasetMissing: No index, no shape in the split, or a mesh is absent.
            UnreadableFile: A line of the index is no such row, or a mesh is truncated or of another format.
            WrongRelease: A category is not in ``class_names.txt``, or a row names an unknown split.
            BadMesh: A mesh has no faces, no area, broken indices or values that are not finite.
        """
        folder = layout_folder(spec, root)
        rows = read_index(spec, folder)
        class_names = _class_names(folder, rows)
        chosen = rows_of_split(spec, folder, rows, split)
        count = NUM_POINTS if num_points is None else num_points
        points = np.empty((len(chosen), count, 3), np.float32)
        colors = np.full((len(chosen), count, 3), NO_COLOR, np.uint8)
        findings = Findings()
        for place, row in enumerate(chosen):
            mesh, shades = read_colored_mesh(_mesh_path(folder, row), folder, findings)
            points[place], own = _sampled(mesh, shades, row.uid, count, folder / row.file)
            if own is not None:
                colors[place] = own
        categories = [_category(row) for row in chosen]
        clouds = CloudSplit(
            spec.id,
            split,
            data_kind,
            points=points,
            labels=np.array([class_names.index(name) if name else -1 for name in categories], dtype=np.int64),
            class_names=(),
            names=tuple(row.uid for row in chosen),
            colors=colors,
            texts=tuple(row.texts for row in chosen),
        )
        return Reading(clouds, class_names=class_names, findings=findings, drawn=True)

    def read_meshes(self, spec: DatasetSpec, root: Path, split: str) -> Iterator[NamedMesh]:
        """Yield the meshes of a split, in the order of its clouds, with their first caption (else name, else category).

        Raises:
            DatasetMissing: No index, no shape in the split, or a mesh is absent.
            UnreadableFile: A line of the index is no such row, or a mesh is truncated or of another format.
            WrongRelease: A row names an unknown split.
            BadMesh: A mesh has no faces, broken indices or values that are not finite.
        """
        folder = layout_folder(spec, root)
        for row in rows_of_split(spec, folder, read_index(spec, folder), split):
            texts, category = row.texts, _category(row)
            text = next(iter((*texts.captions, *texts.all)), category)
            yield NamedMesh(row.uid, category, read_mesh(_mesh_path(folder, row), folder), text)

    def census(self, spec: DatasetSpec, root: Path, split: str) -> Census:
        """Count the shapes of a split, from the index alone.

        Raises:
            DatasetMissing: No index, or no shape in the split.
            UnreadableFile: A line of the index is no such row.
            WrongRelease: A row names an unknown split.
        """
        folder = layout_folder(spec, root)
        return Census(len(rows_of_split(spec, folder, read_index(spec, folder), split)))


def read_index(spec: DatasetSpec, folder: Path) -> list[IndexRow]:
    """Read every row of the index.

    Raises:
        DatasetMissing: There is no index.
        UnreadableFile: It is not UTF-8, or a line is no such row; the message gives its number.
    """
    path = folder / INDEX
    if not path.is_file():
        raise DatasetMissing(
            f"No index of {spec.id}",
            where=path,
            next_step=f"obtain '{spec.id}' ('concord3d status' lists the steps)",
        )
    try:
        lines = path.read_text(encoding="utf-8-sig").split("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise UnreadableFile("Cannot read an index of meshes", where=path, found=error, next_step=NEXT_STEP) from error
    rows: dict[str, IndexRow] = {}
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        row = _row(line, f"{path}, line {number}")
        if row.uid in rows:
            raise UnreadableFile("A shape stands twice in the index", where=f"{path}, line {number}", found=row.uid)
        rows[row.uid] = row
    return list(rows.values())


def _row(line: str, where: str) -> IndexRow:
    try:
        content: Any = json.loads(line)
        return IndexRow.model_validate(content)
    except ValidationError as error:
        found = "; ".join(
            f"'{'.'.join(map(str, item['loc']))}': {item['msg']} ({item['input']!r:.80})" for item in error.errors()
        )
    except (ValueError, RecursionError) as error:
        found = str(error)
    raise UnreadableFile(
        "A line of an index is no shape",
        where=where,
        expected="an object with uid, file and name; captions and retrieved are lists of texts",
        found=found,
        next_step="correct the line",
    )


def rows_of_split(spec: DatasetSpec, folder: Path, rows: list[IndexRow], split: str) -> list[IndexRow]:
    """Return the rows of a split, in the order of the index.

    Raises:
        ConfigError: The data set has no such split.
        DatasetMissing: No row belongs to it.
        WrongRelease: A row names a split that the data set has not.
    """
    find_split(spec, split)
    strange = sorted({row.split for row in rows if row.split is not None and row.split not in spec.splits})
    if strange:
        raise WrongRelease(
            "The index names splits that are not in the catalogue",
            where=folder / INDEX,
            expected=", ".join(spec.splits),
            found=", ".join(strange),
        )
    chosen = [row for row in rows if split_of(row, spec.held_out) == split]
    if not chosen:
        raise DatasetMissing(f"No shapes of {spec.id}/{split}", where=folder / INDEX, found=f"{len(rows)} rows")
    return chosen


def split_of(row: IndexRow, held_out: float | None) -> str:
    """Return the split of a row: its own, else by the hash of its name (of its ``uid`` where it has none).

    Args:
        row: The row.
        held_out: Share of the names that belongs to ``test``, or None.
    """
    if row.split is not None:
        return row.split
    key = clean_text(row.name).casefold() or row.uid
    share = int.from_bytes(hashlib.sha256(key.encode()).digest()[:8], "big") / 2**64
    return "test" if held_out is not None and share < held_out else "train"


def _class_names(folder: Path, rows: list[IndexRow]) -> tuple[str, ...]:
    """Class names in label order, the same for every split."""
    found = {category for row in rows if (category := _category(row))}
    if not (folder / CLASS_NAMES).is_file():
        return tuple(sorted(found))
    listed = tuple(read_lines(folder / CLASS_NAMES))
    strangers = sorted(found - set(listed))
    if strangers or len(set(listed)) != len(listed):
        raise WrongRelease(
            "The list of classes does not fit the index",
            where=folder / CLASS_NAMES,
            expected="every category of the index, once",
            found=f"missing: {', '.join(strangers[:5])}" if strangers else "a class stands twice",
        )
    return listed


def _category(row: IndexRow) -> str:
    return clean_text(row.category or "")


def _mesh_path(folder: Path, row: IndexRow) -> Path:
    path = folder / row.file
    if not path.is_file():
        raise DatasetMissing("A mesh of the index is missing", where=path, next_step=NEXT_STEP)
    return path


def _sampled(
    mesh: Mesh, colors: SurfaceColors | None, uid: str, num_points: int, path: Path
) -> tuple[NDArray[np.float32], NDArray[np.uint8] | None]:
    rng = rng_of(uid)
    sample = sample_surface(mesh, num_points, rng, path)
    cloud = sample.points.astype(np.float64)
    cloud -= cloud.mean(axis=0)
    cloud /= max(float(np.linalg.norm(cloud, axis=1).max()), 1e-12)
    return cloud.astype(np.float32), None if colors is None else colors.at(sample)


READER = MeshText()
