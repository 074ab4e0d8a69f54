"""Canonical stores: one split of a data set as one file, in a class of its own for each kind of data.

A module of this package is a kind: its name is the kind, its class ``STORE`` reads and writes the file.
"""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from concord3d.arrays import read_array
from concord3d.errors import UnreadableFile, nearest
from concord3d.named_modules import module_names

if TYPE_CHECKING:
    from concord3d.data.stores.interface import Store

_NOT_KINDS = ("interface",)


def store_kinds() -> tuple[str, ...]:
    """Return the kinds of stores, in alphabetical order."""
    return tuple(name for name in module_names(__name__) if name not in _NOT_KINDS)


def store_module(kind: str) -> str:
    """Return the name of the module that reads and writes a kind of store."""
    return f"{__name__}.{kind}"


def open_store(path: Path) -> Store:
    """Read a store of whatever kind the file says; large arrays are mapped (:func:`concord3d.arrays.read_arrays`).

    Args:
        path: Written by :meth:`concord3d.data.stores.interface.Store.save`.

    Raises:
        UnreadableFile: The file is absent, truncated, no store, or of an unknown kind.
    """
    kind = str(read_array(path, "kind", "the kind of a store"))
    if kind not in store_kinds():
        raise UnreadableFile(
            f"A store has an unknown kind{nearest(kind, store_kinds())}",
            where=path,
            expected=", ".join(store_kinds()),
            found=kind,
            next_step="delete the file and run again",
        )
    opened: Store = import_module(store_module(kind)).STORE.load(path)
    return opened
