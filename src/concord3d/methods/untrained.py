"""A module that is kept as it is: random weights, a frozen tower, features that are given."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import nn

from concord3d.methods.interface import Method


class Untrained(Method[Any]):
    """Nothing but a module; there is no loss.

    Args:
        name: What the settings' ``saved`` calls it.
        module: The module.
        header: What its file says besides.
    """

    def __init__(self, name: str, module: nn.Module, header: Mapping[str, str] | None = None) -> None:
        super().__init__()
        self.name = name
        self.module = module
        self._header = dict(header or {})

    def saved(self) -> dict[str, nn.Module]:
        """Return the module by its name."""
        return {self.name: self.module}

    def header(self, name: str) -> dict[str, str]:
        """Return what the file says besides the weights."""
        return self._header
