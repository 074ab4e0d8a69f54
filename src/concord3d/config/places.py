"""Where something stands in a YAML file: looked up when an error is raised, never before."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import yaml

from concord3d.config.strict_yaml import compose_yaml

Layer = Literal["default", "scale", "experiment", "scale and experiment"]
Key = str | int
MERGE_TAG = "tag:yaml.org,2002:merge"


@dataclass(frozen=True)
class Place:
    """A value in a YAML file of the configuration.

    Attributes:
        root: The repository.
        file: The file, relative to ``root``.
        keys: Keys of mappings and positions in lists that lead to the value.
        layer: Which layer of a paper's configuration the value belongs to, where it is a setting.
    """

    root: Path
    file: Path
    keys: tuple[Key, ...] = ()
    layer: Layer | None = None

    def below(self, *keys: Key) -> Place:
        """Return the place of a value inside this one."""
        return replace(self, keys=(*self.keys, *keys))

    @property
    def line(self) -> int | None:
        """The line of the value, or of the innermost mapping that should hold it; None where the file is unreadable."""
        return line_of(self.root / self.file, self.keys)

    def __str__(self) -> str:
        line = self.line
        parts = [str(self.file)]
        parts += [] if line is None else [f"line {line}"]
        parts += [".".join(map(str, self.keys))] if self.keys else []
        return ", ".join(parts) + (f" ({self.layer})" if self.layer else "")


def line_of(path: Path, keys: tuple[Key, ...]) -> int | None:
    """Return the line on which a value stands.

    Aliases lead to the line of their anchor, merged keys to the mapping that they are merged from.

    Args:
        path: A YAML file.
        keys: Keys of mappings and positions in lists. Where one does not exist, the line is that of what exists.

    Returns:
        The line, from 1; None where the file is absent or no YAML.
    """
    try:
        node = compose_yaml(path)
    except (OSError, yaml.YAMLError, UnicodeDecodeError):
        return None
    if node is None:
        return None
    line = node.start_mark.line
    for key in keys:
        found = _child(node, key)
        if found is None:
            break
        line, node = found
    return int(line) + 1


def _child(node: yaml.Node, key: Key) -> tuple[int, yaml.Node] | None:
    """Return the line and the node of one value in a mapping or a list."""
    if isinstance(node, yaml.SequenceNode):
        inside = isinstance(key, int) and 0 <= key < len(node.value)
        return (node.value[key].start_mark.line, node.value[key]) if inside else None
    if not isinstance(node, yaml.MappingNode):
        return None
    for name, value in node.value:
        if name.tag != MERGE_TAG and name.value == str(key):
            return name.start_mark.line, value
    # The first mapping that is merged wins.
    return next((found for merged in _merged(node) if (found := _child(merged, key)) is not None), None)


def _merged(node: yaml.MappingNode) -> Iterator[yaml.Node]:
    for name, value in node.value:
        if name.tag == MERGE_TAG:
            yield from value.value if isinstance(value, yaml.SequenceNode) else [value]
