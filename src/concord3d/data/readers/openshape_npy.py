"""The training release of OpenShape: one dictionary per shape, with points, texts and tower features.

Layout below the root (MM-Mixing spec 1.2): ``meta_data/`` as unpacked, and the shapes of ``ShapeNet``, ``ABO``,
``3D-FUTURE`` and ``Objaverse/000-xxx`` as ``<id>.npy`` in folders of these names, or packed as they are offered
(``ShapeNet.tar.gz``, ``000-xxx.tar.gz`` in ``Objaverse`` or beside it). The JSON list of a split says which shapes
belong to it; a shape is found by the file name in its ``data_path``.

Shape legend: P points (10,000), V renderings (12), D width of the tower's features (1,280), T texts.
"""

from __future__ import annotations

import io
import tarfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from concord3d.data.catalog import DatasetSpec
from concord3d.data.formats.npy_objects import parse_objects, read_objects
from concord3d.data.formats.texts import clean_text
from concord3d.data.layout import NEXT_STEP, find_split, layout_folder, without_side_files
from concord3d.data.readers.interface import Census, Reader, Reading, ShapeFeatures
from concord3d.data.storage import scratch_array
from concord3d.data.stores.objects import CloudSplit, ShapeTexts
from concord3d.errors import BadCloud, DatasetMissing, UnreadableFile, UnsafeArchive
from concord3d.files import read_json

FILTER = "meta_data/gpt4_filtering.json"
PROMPTED, PLAIN = "prompt_avg", "original"
# A shape has about half a megabyte; a packed file may announce any size.
MAX_SHAPE_BYTES = 1 << 28


@dataclass(frozen=True)
class SplitEntry:
    """One shape of a list of the release.

    Attributes:
        id: Identifier, ``uid`` in the list of Objaverse-LVIS.
        file_name: Name of its file.
        dataset: ``Objaverse``, ``ShapeNet``, ``ABO`` or ``3D-FUTURE``.
        category: Class of Objaverse-LVIS, None in training lists.
    """

    id: str
    file_name: str
    dataset: str
    category: str | None


@dataclass(frozen=True)
class OpenShapeRecord:
    """One shape of the release.

    Attributes:
        entry: Its entry in the list of the split.
        points: (P, 3) float32 in [-1, 1], y up.
        colors: (P, 3) uint8 RGB.
        texts: Raw text (the first; none where GPT-4 found it useless), captions of BLIP and Azure, retrieved texts.
        image_features: (V, D) float32 of the renderings, not normalised.
        thumbnail_feature: (D,) float32 of the source's own picture (Objaverse), or None.
        text_features: (T, D) float32, not normalised, one row per text of ``texts.all`` and in its order: averaged over
            prompts for raw text and captions, of the bare text for retrieved ones (MM-Mixing spec 1.3, step 6).
    """

    entry: SplitEntry
    points: NDArray[np.float32]
    colors: NDArray[np.uint8]
    texts: ShapeTexts
    image_features: NDArray[np.float32]
    thumbnail_feature: NDArray[np.float32] | None
    text_features: NDArray[np.float32]


def iterate_records(spec: DatasetSpec, root: Path, split: str) -> Iterator[OpenShapeRecord]:
    """Yield the shapes of a split one by one.

    Folders and shards come in the order of their names, shapes by name within a folder and as packed within a shard.

    Args:
        spec: The data set; ``list_json`` of the split names the list.
        root: Folder that holds the layout.
        split: Name of the split.

    Raises:
        DatasetMissing: The list, or a shape of it, is missing.
        UnreadableFile: A file is truncated, of another format, lacks a key, or asks for more than plain data.
        UnsafeArchive: A packed shape is too large to be one.
    """
    folder = layout_folder(spec, root)
    entries = {entry.file_name: entry for entry in read_list(spec, folder, split)}
    useless = _useless_texts(folder)
    wanted = set(entries)
    for name, where, content in _shapes(spec, folder, split, wanted):
        entry = entries[name]
        wanted.discard(name)
        yield _record(content, entry, where, entry.dataset == "Objaverse" and entry.id in useless)
    if wanted:
        raise DatasetMissing(
            f"Shapes of {spec.id}/{split} are missing",
            where=folder,
            expected=f"{len(entries)} shapes",
            found=f"{len(wanted)} missing, first: {min(wanted)}",
            next_step=f"obtain '{spec.id}' again",
        )


class OpenShapeNpy(Reader):
    """Coloured clouds with texts, and the features that a large tower has of their pictures and texts."""

    has_labels = False
    has_colors = True
    has_texts = True
    has_tower_features = True

    def read(self, spec: DatasetSpec, root: Path, split: str, data_kind: str, num_points: int | None = None) -> Reading:
        """Read the clouds and texts of a split; clouds that are large together lie in a file of the temporary folder.

        Raises:
            DatasetMissing: The list, or a shape of it, is missing.
            UnreadableFile: A file is truncated, of another format, lacks a key, or asks for more than plain data.
            BadCloud: Shapes have different numbers of points.
            DiskFull: The temporary folder has too little room.
        """
        num_shapes = self.census(spec, root, split).num_items
        entries: list[SplitEntry] = []
        texts = []
        points, colors = np.zeros((0, 0, 3), np.float32), np.zeros((0, 0, 3), np.uint8)
        for number, record in enumerate(iterate_records(spec, root, split)):
            if number == 0:
                shape = (num_shapes, *record.points.shape)
                points, colors = scratch_array(shape, np.float32), scratch_array(shape, np.uint8)
            if record.points.shape != points.shape[1:]:
                found = f"{record.entry.id}: {len(record.points)}"
                raise BadCloud("Shapes differ in their points", where=root, expected=points.shape[1], found=found)
            points[number], colors[number] = record.points, record.colors
            entries.append(record.entry)
            texts.append(record.texts)
        # The official order of the classes of Objaverse-LVIS is that of their names.
        class_names = tuple(sorted({entry.category for entry in entries if entry.category is not None}))
        number_of = {name: index for index, name in enumerate(class_names)}
        labels = [-1 if entry.category is None else number_of[entry.category] for entry in entries]
        clouds = CloudSplit(
            spec.id,
            split,
            data_kind,
            points=points,
            labels=np.array(labels, dtype=np.int64),
            class_names=(),
            names=tuple(entry.id for entry in entries),
            colors=colors,
            texts=tuple(texts),
        )
        return Reading(clouds, num_points=points.shape[1], class_names=class_names)

    def read_tower_features(self, spec: DatasetSpec, root: Path, split: str) -> Iterator[ShapeFeatures]:
        """Yield the features of a split's shapes, in the order of its clouds; see :func:`iterate_records`."""
        for record in iterate_records(spec, root, split):
            yield ShapeFeatures(record.entry.id, record.texts, record.image_features, record.text_features)

    def census(self, spec: DatasetSpec, root: Path, split: str) -> Census:
        """Count the shapes of a split by its list, after a look whether any shapes are there.

        Raises:
            DatasetMissing: The list is absent, or neither a folder nor a shard of shapes is there.
            UnreadableFile: The list is damaged.
        """
        folder = layout_folder(spec, root)
        entries = read_list(spec, folder, split)
        _sources(spec, folder, split)
        return Census(len(entries))


def read_list(spec: DatasetSpec, folder: Path, split: str) -> list[SplitEntry]:
    """Read the JSON list of a split.

    Raises:
        DatasetMissing: It is absent.
        UnreadableFile: It is not such a list, is empty, or two shapes share a file name.
    """
    path = folder / str(find_split(spec, split).list_json)
    if not path.is_file():
        raise DatasetMissing(
            f"No list of {spec.id}/{split}",
            where=path,
            next_step=f"obtain '{spec.id}' ('concord3d status' lists the steps)",
        )
    rows = read_json(path)
    try:
        entries = [
            SplitEntry(
                id=str(row["uid"] if "uid" in row else row["id"]),
                file_name=Path(str(row["data_path"])).name,
                dataset=str(row.get("dataset", "Objaverse")),
                category=None if row.get("category") is None else str(row["category"]),
            )
            for row in rows
        ]
    except (TypeError, KeyError, AttributeError) as error:
        raise UnreadableFile(
            "Not a list of shapes",
            where=path,
            expected="objects with id (or uid), dataset and data_path",
            found=repr(error),
            next_step=NEXT_STEP,
        ) from error
    if not entries or len({entry.file_name for entry in entries}) < len(entries):
        found = f"{len(entries)} shapes, {len({entry.file_name for entry in entries})} file names"
        raise UnreadableFile("A list of shapes is empty or names a file twice", where=path, found=found)
    return entries


def _useless_texts(folder: Path) -> set[str]:
    """Identifiers of Objaverse whose raw text is no use (MM-Mixing spec 1.1); none where there is no such list."""
    path = folder / FILTER
    if not path.is_file():
        return set()
    flags = read_json(path)
    if not isinstance(flags, dict) or not all(isinstance(verdict, dict) for verdict in flags.values()):
        raise UnreadableFile("Not a list of verdicts on texts", where=path, expected="{id: {flag: Y or N}}")
    return {name for name, verdict in flags.items() if verdict.get("flag") == "N"}


def _sources(spec: DatasetSpec, folder: Path, split: str) -> list[Path]:
    """Folders and shards that may hold shapes of the split, in the order of their names."""
    matched = (path for pattern in find_split(spec, split).patterns for path in folder.glob(pattern))
    found = set(without_side_files(matched, folder))
    unpacked = {path for path in found if path.is_dir()}
    shards = {path for path in found if path.is_file() and path.with_suffix("").with_suffix("") not in unpacked}
    if not unpacked and not shards:
        raise DatasetMissing(
            f"No shapes of {spec.id}/{split}",
            where=folder,
            expected=" or ".join(find_split(spec, split).patterns),
            next_step=f"obtain '{spec.id}' ('concord3d status' lists the steps)",
        )
    return sorted(unpacked | shards)


def _shapes(spec: DatasetSpec, folder: Path, split: str, wanted: set[str]) -> Iterator[tuple[str, str, Any]]:
    """Yield file name, place and content of every wanted shape that is there."""
    for source in _sources(spec, folder, split):
        if source.is_dir():
            for path in sorted(source.rglob("*.npy")):
                if path.name in wanted:
                    yield path.name, str(path), read_objects(path)
            continue
        try:
            with tarfile.open(source, "r|*") as shard:
                for member in shard:
                    name = Path(member.name).name
                    stream = shard.extractfile(member) if name in wanted and member.isreg() else None
                    if stream is not None:
                        where = f"{source}: {member.name}"
                        if member.size > MAX_SHAPE_BYTES:
                            expected = f"at most {MAX_SHAPE_BYTES} bytes"
                            raise UnsafeArchive(
                                "A packed shape is too large", where=where, expected=expected, found=member.size
                            )
                        yield name, where, parse_objects(io.BytesIO(stream.read()), where)
        except (tarfile.TarError, OSError, EOFError, zlib.error) as error:
            raise UnreadableFile("Cannot read a shard", where=source, found=error, next_step=NEXT_STEP) from error


def _record(content: Any, entry: SplitEntry, where: str, raw_is_useless: bool) -> OpenShapeRecord:
    try:
        points = np.asarray(content["xyz"], dtype=np.float32)
        colors = np.asarray(content["rgb"], dtype=np.float64)
        if points.ndim != 2 or points.shape[1:] != (3,) or colors.shape != points.shape:
            raise ValueError(f"xyz {points.shape} and rgb {colors.shape} where both are (P, 3)")
        if not (colors.min() >= 0 and colors.max() <= 1):
            raise ValueError(f"rgb from {colors.min():g} to {colors.max():g} where [0, 1] belongs")
        images = np.asarray(content["image_feat"], dtype=np.float32)
        thumbnail = content.get("thumbnail_feat")
        width = images.shape[-1]
        texts, features = _texts_with_features(content, raw_is_useless, width)
        return OpenShapeRecord(
            entry,
            points,
            (255 * colors).round().astype(np.uint8),
            texts,
            images.reshape(-1, width),
            None if thumbnail is None else np.asarray(thumbnail, dtype=np.float32).reshape(width),
            features,
        )
    except (KeyError, TypeError, ValueError, AttributeError, IndexError) as error:
        raise UnreadableFile(
            "A shape of the release has another form",
            where=where,
            expected="a dictionary with xyz, rgb, image_feat, text, captions, retrieval_text and their features",
            found=repr(error),
            next_step=NEXT_STEP,
        ) from error


def _texts_with_features(
    content: dict[str, Any], raw_is_useless: bool, width: int
) -> tuple[ShapeTexts, NDArray[np.float32]]:
    """The texts that training may choose from (MM-Mixing spec 1.3, step 6), and one row of features for each."""

    def pairs(texts: list[Any], features: list[Any], kind: str) -> list[tuple[str, NDArray[np.float32]]]:
        if isinstance(texts, str):
            raise ValueError(f"one text where a list of texts belongs: {texts!r:.40}")
        return [
            (text, np.asarray(feature[kind], dtype=np.float32).reshape(width))
            for given, feature in zip(texts, features, strict=True)
            if (text := clean_text(given or ""))
        ]

    raw = [] if raw_is_useless else pairs(content["text"][:1], content["text_feat"][:1], PROMPTED)
    captions = [
        pair
        for source in ("blip_caption", "msft_caption")
        if content[source]
        for pair in pairs([content[source]], [content[f"{source}_feat"]], PROMPTED)
    ]
    retrieved = pairs(content["retrieval_text"], content["retrieval_text_feat"], PLAIN)
    texts = ShapeTexts(
        raw[0][0] if raw else "", tuple(text for text, _ in captions), tuple(text for text, _ in retrieved)
    )
    rows = [feature for _, feature in (*raw, *captions, *retrieved)]
    return texts, np.stack(rows) if rows else np.zeros((0, width), np.float32)


READER = OpenShapeNpy()
