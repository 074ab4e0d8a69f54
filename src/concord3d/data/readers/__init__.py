"""Readers of the real on-disk formats, which the synthetic world writes too.

A module of this package is a reader: its name is the reader's name in ``datasets.yaml``, its ``READER`` the reader.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from concord3d.named_modules import load_named, module_names

if TYPE_CHECKING:
    from concord3d.data.readers.interface import Reader

_NOT_READERS = ("interface",)


def reader_names() -> tuple[str, ...]:
    """Return the names of all readers, in alphabetical order, without importing one."""
    return tuple(name for name in module_names(__name__) if name not in _NOT_READERS)


def reader_module(name: str) -> str:
    """Return the name of the module that a reader is, the source that its data sets are made with."""
    return f"{__name__}.{name}"


def find_reader(name: str) -> Reader:
    """Return a reader.

    Args:
        name: One of :func:`reader_names`.

    Raises:
        ConfigError: There is no such reader; the nearest name is given.
    """
    reader: Reader = load_named(__name__, "reader", name, "reader", _NOT_READERS).READER
    return reader
