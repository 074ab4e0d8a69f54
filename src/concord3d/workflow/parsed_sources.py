"""What a source does and what it imports, from its syntax tree; remembered by its content from call to call.

A source is hashed without docstrings, comments and log messages, so that words change nothing.
"""

from __future__ import annotations

import ast
import hashlib
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

from concord3d.errors import ConcordError, ConfigError, UnreadableFile
from concord3d.files import read_json, write_json
from concord3d.layout import WORK

PACKAGE = "concord3d"
_LOGGERS = ("_log", "log", "logger", "logging")
_LEVELS = ("debug", "info", "warning", "error", "exception", "critical")


def _parsed(path: Path, content: bytes) -> tuple[str, list[str]]:
    try:
        tree = ast.parse(content.decode("utf-8"))
    except (SyntaxError, ValueError) as error:
        raise ConfigError("A source is no valid Python", where=path, found=error) from error
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names.update([node.module, *(f"{node.module}.{alias.name}" for alias in node.names)])
    ours = sorted(name for name in names if name.split(".")[0] == PACKAGE)
    return hashlib.sha256(repr(_meaning(tree)).encode()).hexdigest(), ours


class ParsedSources:
    """What parsing has said of sources by their content, kept from call to call: to parse them all takes a second.

    Args:
        root: The repository; the file lies in its folder for work.
    """

    def __init__(self, root: Path) -> None:
        self._path = root / WORK / "sources.json"
        # Another version of Python has other syntax trees, and another version of this file another idea of meaning.
        self._reader = hashlib.sha256(f"{sys.version}{Path(__file__).read_text()}".encode()).hexdigest()[:16]
        self._entries, self._grown = self._stored(), False

    def _stored(self) -> dict[str, Any]:
        try:
            stored = read_json(self._path)
            return stored["entries"] if stored["reader"] == self._reader else {}
        except (UnreadableFile, KeyError, TypeError):
            return {}

    def of(self, path: Path, content: bytes) -> tuple[str, list[str]]:
        """Return the hash of a source and the names in its import statements that may be the project's.

        Raises:
            ConfigError: It is no valid Python.
        """
        key = hashlib.sha256(content).hexdigest()
        if key not in self._entries:
            self._entries[key], self._grown = _parsed(path, content), True
        meaning, names = self._entries[key]
        return meaning, names

    def keep(self) -> None:
        """Write what is new; a folder that cannot be written only costs time."""
        if self._grown:
            self._grown = False
            with suppress(OSError, ConcordError):
                write_json(self._path, {"reader": self._reader, "entries": self._entries})


def _meaning(node: Any) -> Any:
    """Return what a syntax tree does, as plain values: no positions, docstrings or log messages, no empty fields."""
    if isinstance(node, ast.AST):
        fields = [(name, _meaning(value)) for name, value in ast.iter_fields(node)]
        return type(node).__name__, [(name, value) for name, value in fields if value is not None and value != []]
    if isinstance(node, list):
        return [_meaning(item) for item in node if not _is_word(item)]
    return node


def _is_word(statement: Any) -> bool:
    if not isinstance(statement, ast.Expr):
        return False
    value = statement.value
    if isinstance(value, ast.Constant):
        return isinstance(value.value, str)
    called = value.func if isinstance(value, ast.Call) else None
    if not isinstance(called, ast.Attribute) or not isinstance(called.value, ast.Name):
        return False
    return called.value.id in _LOGGERS and called.attr in _LEVELS
