"""Furniture that is not the world's own: one real data set a module, named as in ``datasets.yaml``.

A module has ``MESHES``, which says by kind and split which meshes are taken and how high each stands, and ``supplier``.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from concord3d.named_modules import load_named, module_names

OWN = "world"
_SHARED = ("meshes",)


def suppliers() -> tuple[str, ...]:
    """Return what rooms may be furnished from: the world, or a data set of meshes."""
    return (OWN, *(name for name in module_names(__name__) if name not in _SHARED))


def supplier_module(name: str) -> str:
    """Return the full name of the module that takes meshes from a data set.

    Args:
        name: Identifier of the data set.
    """
    return f"{__name__}.{name}"


def foreign_meshes(name: str) -> Any:
    """Return the module that takes meshes from a data set.

    Args:
        name: Identifier of the data set.

    Raises:
        ConfigError: No module is named so.
    """
    return load_named(__name__, "furniture", name, "options.furniture", _SHARED)


def told(names: tuple[str, ...]) -> Mapping[str, Any]:
    """Return which meshes of other data sets furnish the rooms of each split, by data set and kind.

    Args:
        names: Identifiers of the data sets.
    """
    return {
        name: {
            kind: {split: list(meshes) for split, meshes in by_split.items()}
            for kind, by_split in foreign_meshes(name).MESHES.items()
        }
        for name in names
    }


def folder_of(name: str, folder: Path) -> Path:
    """Return where the files of a data set lie: in a folder of its name, or in the folder itself."""
    return folder / name if (folder / name).is_dir() else folder
