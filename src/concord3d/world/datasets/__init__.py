"""Data sets that the world writes, by families.

A module of this package is a family: its ``FAMILY`` knows the data sets and writes them.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING, Any

from concord3d.errors import ConfigError, nearest
from concord3d.named_modules import module_names

if TYPE_CHECKING:
    from concord3d.world.datasets.interface import DatasetFamily

_NOT_FAMILIES = ("interface",)


@cache
def _families() -> Mapping[str, tuple[str, DatasetFamily[Any, Any]]]:
    """Return module and family of every data set."""
    names = [name for name in module_names(__name__) if name not in _NOT_FAMILIES]
    families = [(f"{__name__}.{name}", import_module(f"{__name__}.{name}").FAMILY) for name in names]
    return {dataset: (module, family) for module, family in families for dataset in family.layouts}


def world_datasets() -> tuple[str, ...]:
    """Return the data sets that the world can write."""
    return tuple(_families())


def find_family(dataset: str) -> DatasetFamily[Any, Any]:
    """Return the family of a data set.

    Raises:
        ConfigError: The world cannot write it; the nearest name is given.
    """
    return _find(dataset)[1]


def family_module(dataset: str) -> str:
    """Return the name of the module that writes a data set, the source that it is made with.

    Raises:
        ConfigError: The world cannot write it; the nearest name is given.
    """
    return _find(dataset)[0]


def _find(dataset: str) -> tuple[str, DatasetFamily[Any, Any]]:
    if dataset not in _families():
        raise ConfigError(
            f"The world cannot write '{dataset}'{nearest(dataset, world_datasets())}",
            where="dataset",
            expected=", ".join(world_datasets()),
            found=dataset,
        )
    return _families()[dataset]
