"""Finding a protocol by its name, and checking its settings."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from concord3d import protocols
from concord3d.config.validation import StrictModel, Where, validate
from concord3d.named_modules import load_named, module_names
from concord3d.protocols.interface import Protocol

NOT_PROTOCOLS = ("evaluation", "interface", "loading")


def protocol_names() -> tuple[str, ...]:
    """Return the names of the modules in ``concord3d.protocols`` that hold a protocol, sorted."""
    return tuple(name for name in module_names(protocols.__name__) if name not in NOT_PROTOCOLS)


def protocol_module(name: str) -> str:
    """Return the module that holds a protocol, of which an evaluation's numbers are made."""
    return f"{protocols.__name__}.{name}"


def load_protocol(name: str, where: object = "protocols") -> Protocol:
    """Return ``concord3d.protocols.<name>.PROTOCOL``.

    Args:
        name: Module name below ``concord3d.protocols``.
        where: What names the protocol, for the message.

    Raises:
        ConfigError: There is no such protocol; the nearest name is given.
        TypeError: The module's ``PROTOCOL`` is none.
    """
    module = load_named(protocols.__name__, "protocol", name, where, NOT_PROTOCOLS)
    protocol = getattr(module, "PROTOCOL", None)
    if not isinstance(protocol, Protocol):
        raise TypeError(f"{protocol_module(name)}.PROTOCOL is {type(protocol)}, not a Protocol")
    return protocol


def parse(name: str, values: Mapping[str, Any], where: Where | None = None) -> StrictModel:
    """Check the settings of a protocol and complete them with its defaults.

    Args:
        name: The protocol.
        values: Keys and values as configured.
        where: What holds them, for the message.

    Raises:
        ConfigError: The protocol or a setting is unknown, with the nearest valid name, or a value is impossible.
    """
    where = where or f"settings of protocol '{name}'"
    return validate(load_protocol(name, where).settings, dict(values), where)
