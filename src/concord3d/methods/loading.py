"""Finding the module of a method by its name."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Mapping
from typing import Any

from torch import nn

from concord3d import methods
from concord3d.errors import ConfigError, nearest
from concord3d.methods.interface import DataFacts, Method

NOT_METHODS = ("image_augment", "interface", "loading")


def method_names() -> tuple[str, ...]:
    """Return the names of the modules in ``concord3d.methods`` that hold a method."""
    names = (module.name for module in pkgutil.iter_modules(methods.__path__))
    return tuple(sorted(name for name in names if name not in NOT_METHODS))


def load_method(name: str, settings: Mapping[str, Any], encoder: nn.Module, facts: DataFacts) -> Method:
    """Build the method ``name`` by calling ``concord3d.methods.<name>.build(settings, encoder, facts)``.

    Args:
        name: Module name below ``concord3d.methods``.
        settings: The run's ``objective`` section.
        encoder: Point encoder, (B, N, 3) -> (B, feature_dim).
        facts: What is known about the data.

    Raises:
        ConfigError: There is no such method, or its settings are wrong.
    """
    names = method_names()
    if name not in names:
        raise ConfigError(f"Unknown method '{name}'{nearest(name, names)}", where="method", expected=names, found=name)
    method = importlib.import_module(f"concord3d.methods.{name}").build(settings, encoder, facts)
    if not isinstance(method, Method):
        raise TypeError(f"concord3d.methods.{name}.build returned {type(method)}, not a Method")
    return method
