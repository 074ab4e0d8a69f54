"""Readers of the real on-disk formats, which the synthetic world writes too.

A module of this package is a reader: its name is the reader's name in ``datasets.yaml``, its ``READER`` the reader.
"""

from __future__ import annotations

from functools import cache
from importlib import import_module
from pkgutil import iter_modules
from typing import TYPE_CHECKING

from concord3d.errors import ConfigError, nearest

if TYPE_CHECKING:
    from concord3d.data.readers.interface import Reader

_NOT_READERS = ("interface",)


@cache
def reader_names() -> tuple[str, ...]:
    """Return the names of all readers, in alphabetical order, without importing one."""
    return tuple(sorted(module.name for module in iter_modules(__path__) if module.name not in _NOT_READERS))


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
    if name not in reader_names():
        raise ConfigError(f"Unknown reader '{name}'{nearest(name, reader_names())}", expected=", ".join(reader_names()))
    reader: Reader = import_module(reader_module(name)).READER
    return reader
