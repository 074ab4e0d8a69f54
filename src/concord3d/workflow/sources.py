"""Which of this project's modules compute a node's numbers, and a hash of each that only a change of behaviour moves.

The modules are those that an entry imports, directly or through others, wherever in a file the import stands. A module
is hashed as a syntax tree without docstrings, comments and log messages, so that words change nothing.
"""

from __future__ import annotations

import ast
import hashlib
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Any

from concord3d.errors import ConfigError

PACKAGE = "concord3d"
# What cannot change a number: how errors are named, files are written whole, progress is shown and runs are recorded.
# What the configuration says stands in a node's recipe.
NUMBER_FREE = (
    "concord3d",
    "concord3d.config",
    "concord3d.errors",
    "concord3d.files",
    "concord3d.provenance",
    "concord3d.training.progress",
    "concord3d.workflow",
)
_LOGGERS = ("_log", "log", "logger", "logging")
_LEVELS = ("debug", "info", "warning", "error", "exception", "critical")


def is_number_free(module: str) -> bool:
    """Whether a module is left out of every hash."""
    return module in NUMBER_FREE or any(module.startswith(f"{name}.") for name in NUMBER_FREE[1:])


def source_hashes(root: Path, entries: Iterable[str]) -> dict[str, str]:
    """Return the hash of every module that some entries compute with.

    Args:
        root: The repository.
        entries: Modules (``concord3d.losses.nt_xent``) or scripts (``workflow_scripts/pretrain.py``).

    Returns:
        SHA-256 by module or script, sorted.

    Raises:
        ConfigError: An entry does not exist, or a source is no Python.
    """
    found: dict[str, str] = {}
    waiting = list(entries)
    while waiting:
        name = waiting.pop()
        if name in found:
            continue
        path = _path_of(root, name)
        if path is None:
            raise ConfigError("A source does not exist", where=root, found=name, expected="a module or a script")
        found[name], imported = _read(root, path, hashlib.sha256(path.read_bytes()).hexdigest())
        waiting += [module for module in imported if not is_number_free(module) and module not in found]
    return dict(sorted(found.items()))


def bytes_digest(root: Path, names: Iterable[str]) -> str:
    """Return one hash of the bytes of some sources: quicker than their meaning, and moved by words too.

    Args:
        root: The repository.
        names: Modules or scripts.
    """
    digest = hashlib.sha256()
    for name in sorted(names):
        path = _path_of(root, name)
        digest.update(name.encode() + (path.read_bytes() if path is not None else b"absent"))
    return digest.hexdigest()


def _path_of(root: Path, name: str) -> Path | None:
    if name.endswith(".py"):
        return root / name if (root / name).is_file() else None
    place = root.joinpath("src", *name.split("."))
    return next((path for path in (place.with_suffix(".py"), place / "__init__.py") if path.is_file()), None)


@cache
def _read(root: Path, path: Path, _content: str) -> tuple[str, tuple[str, ...]]:
    """Return the hash of a source and the project's modules that it imports; known by content within a process."""
    try:
        tree = ast.parse(path.read_text(encoding="utf-8"))
    except (SyntaxError, ValueError) as error:
        raise ConfigError("A source is no valid Python", where=path, found=error) from error
    imported = {module for node in ast.walk(tree) for module in _imported(root, node)}
    return hashlib.sha256(repr(_meaning(tree)).encode()).hexdigest(), tuple(sorted(imported))


def _imported(root: Path, node: ast.AST) -> Iterable[str]:
    names: list[str] = []
    if isinstance(node, ast.Import):
        names = [alias.name for alias in node.names]
    elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
        names = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
    for name in names:
        parts = name.split(".")
        if parts[0] == PACKAGE:
            # Importing a module runs its packages too.
            modules = [".".join(parts[:end]) for end in range(1, len(parts) + 1)]
            yield from (module for module in modules if _path_of(root, module) is not None)


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
