"""The evaluation files of the OpenShape release: ModelNet40, ScanObjectNN and the features of class names.

Layout below the root (MM-Mixing spec 1.2): ``meta_data/modelnet40/test_split.json`` (name and category of each shape)
and ``test_pc.npy`` (dictionaries with ``xyz`` (10,000, 3) and ``rgb``, constant 100 of 255);
``meta_data/scanobjectnn/xyz_label.npy`` (a dictionary with ``xyz`` (581, 2,048, 3) and ``label``); beside them
``cat_name_pt_feat.npy``; ``meta_data/lvis_cat_name_pt_feat.npy``. Objaverse-LVIS itself is read by ``openshape_npy``.

Shape legend: S shapes, P points, C classes, D width of the tower's features.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from concord3d.data.catalog import DatasetSpec
from concord3d.data.readers.layout import NEXT_STEP, as_labels, find_split, layout_folder
from concord3d.data.readers.npy_objects import read_objects
from concord3d.data.readers.raw import RawClouds
from concord3d.data.records import NO_COLOR
from concord3d.errors import DatasetMissing, UnreadableFile, WrongRelease
from concord3d.files import read_json

MODELNET40_SPLIT = "meta_data/modelnet40/test_split.json"
MODELNET40_POINTS = "meta_data/modelnet40/test_pc.npy"
SCANOBJECTNN = "meta_data/scanobjectnn/xyz_label.npy"
FEATURE_KEY = "open_clip_text_feat"


def read_modelnet40(spec: DatasetSpec, root: Path, split: str) -> RawClouds:
    """Read the ModelNet40 test shapes of the release.

    Args:
        spec: The data set; its class names decide the labels.
        root: Folder that holds the layout.
        split: ``test``.

    Raises:
        DatasetMissing: A file is absent.
        UnreadableFile: A file is truncated, of another form, or asks for more than plain data.
        WrongRelease: A category is not in the catalogue.
    """
    folder = layout_folder(spec, root)
    rows, path = _modelnet40_rows(spec, folder, split), _file(spec, folder, MODELNET40_POINTS)
    clouds = read_objects(path)
    try:
        if len(clouds) != len(rows):
            raise ValueError(f"{len(clouds)} clouds for {len(rows)} shapes of the list")
        points = np.stack([np.asarray(cloud["xyz"], dtype=np.float32) for cloud in clouds])
        shades = np.stack([np.asarray(cloud["rgb"], dtype=np.float64) for cloud in clouds])
        if points.ndim != 3 or points.shape[2] != 3 or shades.shape != points.shape:
            raise ValueError(f"xyz {points.shape} and rgb {shades.shape} where both are (S, P, 3)")
        if not (shades.min() >= 0 and shades.max() <= 255):
            raise ValueError(f"rgb from {shades.min():g} to {shades.max():g} where [0, 255] belongs")
    except (TypeError, KeyError, ValueError, IndexError) as error:
        raise _another_form(path, "dictionaries with xyz and rgb, (P, 3) each", error) from error
    categories = [category for _, category in rows]
    return RawClouds(
        points=points,
        labels=np.array([spec.class_names.index(category) for category in categories], dtype=np.int64),
        names=tuple(f"{category}/{name}" for name, category in rows),
        dtype=None,
        colors=shades.round().astype(np.uint8),
    )


def count_modelnet40(spec: DatasetSpec, root: Path, split: str) -> int:
    """Return the number of test shapes listed, after a look whether their clouds are there.

    Raises:
        DatasetMissing: A file is absent.
        UnreadableFile: The list is damaged.
        WrongRelease: A category is not in the catalogue.
    """
    folder = layout_folder(spec, root)
    _file(spec, folder, MODELNET40_POINTS)
    return len(_modelnet40_rows(spec, folder, split))


def read_scanobjectnn(spec: DatasetSpec, root: Path, split: str) -> RawClouds:
    """Read the ScanObjectNN test shapes of the release (OBJ_ONLY); they have no colour and become grey.

    Args:
        spec: The data set.
        root: Folder that holds the layout.
        split: ``test``.

    Raises:
        DatasetMissing: The file is absent.
        UnreadableFile: It is truncated, of another form, or asks for more than plain data.
    """
    find_split(spec, split)
    path = _file(spec, layout_folder(spec, root), SCANOBJECTNN)
    content = read_objects(path)
    try:
        points = np.asarray(content["xyz"], dtype=np.float32)
        labels = as_labels(np.asarray(content["label"]), path)
        if points.ndim != 3 or points.shape[2] != 3 or len(labels) != len(points):
            raise ValueError(f"xyz {points.shape} and label {labels.shape} where (S, P, 3) and (S,) belong")
        colors = np.full(points.shape, NO_COLOR, np.uint8)
        if "rgb" in content:
            shades = np.asarray(content["rgb"], dtype=np.float64)
            if shades.shape != points.shape or not (shades.min() >= 0 and shades.max() <= 1):
                raise ValueError(f"rgb {shades.shape}, {shades.min():g} to {shades.max():g}, where [0, 1] belongs")
            colors = (255 * shades).round().astype(np.uint8)
    except (TypeError, KeyError, ValueError, IndexError) as error:
        raise _another_form(path, "a dictionary with xyz (S, P, 3) and label (S,)", error) from error
    names = tuple(f"{path.stem}_{index:05d}" for index in range(len(points)))
    return RawClouds(points=points, labels=labels, names=names, dtype=None, colors=colors)


def count_scanobjectnn(spec: DatasetSpec, root: Path, split: str) -> int:
    """Return the number of test shapes; the file is small enough to be read.

    Raises:
        DatasetMissing: The file is absent.
        UnreadableFile: It is truncated, of another form, or asks for more than plain data.
    """
    return len(read_scanobjectnn(spec, root, split).points)


def read_class_features(path: Path, class_names: tuple[str, ...]) -> NDArray[np.float32]:
    """Read the tower's features of class names, averaged over prompts.

    Args:
        path: ``cat_name_pt_feat.npy`` (features by name) or ``lvis_cat_name_pt_feat.npy`` (rows in label order).
        class_names: Class names in label order.

    Returns:
        (C, D) float32, not normalised.

    Raises:
        DatasetMissing: The file is absent.
        UnreadableFile: It is truncated, of another form, asks for more than plain data, or lacks a class.
    """
    if not path.is_file():
        raise DatasetMissing("Features of class names are missing", where=path, next_step="obtain the data set again")
    content = read_objects(path)
    try:
        if isinstance(content, dict):
            by_name = {_spelled(str(name)): feature for name, feature in content.items()}
            rows = [np.asarray(by_name[_spelled(name)][FEATURE_KEY], dtype=np.float32) for name in class_names]
            features = np.stack([row.reshape(-1) for row in rows])
        else:
            features = np.asarray(content, dtype=np.float32)
        if features.ndim != 2 or len(features) != len(class_names):
            raise ValueError(f"an array of shape {features.shape} for {len(class_names)} classes")
        return features
    except (TypeError, KeyError, ValueError, IndexError) as error:
        raise _another_form(path, f"features of {len(class_names)} classes", error) from error


def _modelnet40_rows(spec: DatasetSpec, folder: Path, split: str) -> list[tuple[str, str]]:
    """Name and category of every test shape, in the spelling of the catalogue."""
    find_split(spec, split)
    path = _file(spec, folder, MODELNET40_SPLIT)
    try:
        rows = [(str(row["name"]), _spelled(str(row["category"]))) for row in read_json(path)]
    except (TypeError, KeyError) as error:
        raise _another_form(path, "objects with name and category", error) from error
    strangers = sorted({category for _, category in rows} - set(spec.class_names))
    if strangers or not rows:
        raise WrongRelease(
            "The list of test shapes does not fit the catalogue",
            where=path,
            expected=", ".join(spec.class_names),
            found=", ".join(strangers) or "no shapes",
        )
    return rows


def _spelled(name: str) -> str:
    return name.strip().replace(" ", "_")


def _file(spec: DatasetSpec, folder: Path, name: str) -> Path:
    path = folder / name
    if not path.is_file():
        raise DatasetMissing(
            f"A file of {spec.id} is missing",
            where=path,
            next_step=f"obtain '{spec.id}' ('concord3d status' lists the steps)",
        )
    return path


def _another_form(path: Path, expected: str, error: Any) -> UnreadableFile:
    return UnreadableFile(
        "A file of the release has another form", where=path, expected=expected, found=repr(error), next_step=NEXT_STEP
    )
