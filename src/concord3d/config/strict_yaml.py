"""YAML without its traps: duplicate keys, ``no`` as a boolean, ``1e-3`` as a string, empty files."""

from __future__ import annotations

import io
import re
from pathlib import Path
from typing import Any

import yaml

from concord3d.errors import ConfigError

# The parser of libyaml is ten times as fast as the one in Python, which is there without it.
_SafeLoader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class _NamedText(io.StringIO):
    """A text whose name stands in messages."""

    def __init__(self, text: str, name: str) -> None:
        super().__init__(text)
        self.name = name


class _StrictLoader(_SafeLoader):
    """Safe loader with YAML 1.2 booleans and floats, which refuses duplicate keys."""

    yaml_implicit_resolvers = {
        first: [pair for pair in pairs if pair[0] not in ("tag:yaml.org,2002:bool", "tag:yaml.org,2002:float")]
        for first, pairs in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        keys = [key.value for key, _ in node.value]
        for position, key in enumerate(keys):
            if key in keys[:position]:
                mark = node.value[position][0].start_mark
                raise ConfigError(
                    "A key stands twice", where=f"{mark.name}, line {mark.line + 1}", expected="one value", found=key
                )
        content: dict[Any, Any] = super().construct_mapping(node, deep)
        return content


_StrictLoader.add_implicit_resolver("tag:yaml.org,2002:bool", re.compile(r"^(?:true|false)$"), list("tf"))
_StrictLoader.add_implicit_resolver(
    "tag:yaml.org,2002:float",
    re.compile(r"^[-+]?(?:\d+\.\d*|\.\d+|\d+(?=[eE]))(?:[eE][-+]?\d+)?$|^[-+]?\.inf$|^\.nan$"),
    list("-+0123456789."),
)


def compose_yaml(path: Path) -> yaml.Node | None:
    """Return the nodes of a YAML file, which know their lines; None for an empty file."""
    node: yaml.Node | None = _StrictLoader(_NamedText(path.read_text(encoding="utf-8"), path.name)).get_single_node()
    return node


def load_yaml(path: Path) -> dict[str, Any]:
    """Read a YAML mapping.

    Raises:
        ConfigError: The file is absent, empty, not YAML, not a mapping, or repeats a key.
    """
    try:
        content = _StrictLoader(_NamedText(path.read_text(encoding="utf-8"), path.name)).get_single_data()
    except FileNotFoundError as error:
        raise ConfigError("A configuration file is missing", where=path) from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ConfigError("A configuration file is not valid YAML", where=path, found=error) from error
    if not isinstance(content, dict):
        raise ConfigError(
            "A configuration file holds no mapping",
            where=path,
            expected="key: value lines",
            found="an empty file" if content is None else type(content).__name__,
        )
    return content
