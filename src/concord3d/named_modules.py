"""Modules that are found by looking into a package, so that adding one file adds what it holds."""

from __future__ import annotations

import pkgutil
from functools import cache
from importlib import import_module
from types import ModuleType

from concord3d.errors import ConfigError, nearest


def module_names(package: str) -> tuple[str, ...]:
    """Return the names of the modules and packages in a package, sorted."""
    return _names_in(tuple(import_module(package).__path__))


@cache
def _names_in(folders: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(sorted(module.name for module in pkgutil.iter_modules(folders)))


def load_named(package: str, what: str, name: object, where: object, others: tuple[str, ...] = ()) -> ModuleType:
    """Import the module of a package that a configuration names.

    Args:
        package: Full name of the package.
        what: What its modules are, for messages.
        name: As configured.
        where: Place for messages.
        others: Modules of the package that hold none.

    Raises:
        ConfigError: There is no such module; the nearest name is given.
    """
    names = tuple(module for module in module_names(package) if module not in others)
    if name not in names:
        raise ConfigError(
            f"Unknown {what} '{name}'{nearest(str(name), names)}", where=where, expected=", ".join(names), found=name
        )
    return import_module(f"{package}.{name}")
