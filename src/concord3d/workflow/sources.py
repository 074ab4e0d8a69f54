"""Which of this project's modules compute a node's numbers, and a hash of each that only a change of behaviour moves.

The modules are those that an entry imports, directly or through others, wherever in a file the import stands.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from concord3d.errors import ConfigError
from concord3d.workflow.parsed_sources import ParsedSources

# What cannot change a number: how errors are named, files are written whole, progress is shown and runs are recorded.
# What the configuration says stands in a node's recipe.
NUMBER_FREE = (
    "concord3d",
    "concord3d.config",
    "concord3d.errors",
    "concord3d.files",
    "concord3d.layout",
    "concord3d.provenance",
    "concord3d.refusals",
    "concord3d.training.progress",
    "concord3d.workflow",
)


def is_number_free(module: str) -> bool:
    """Whether a module is left out of every hash."""
    return module in NUMBER_FREE or any(module.startswith(f"{name}.") for name in NUMBER_FREE[1:])


@dataclass(frozen=True)
class _Source:
    """One source.

    Attributes:
        digest: Hash of its bytes.
        meaning: Hash of what it does.
        imports: The project's modules that it imports.
    """

    digest: str
    meaning: str
    imports: tuple[str, ...]


class Sources:
    """The sources of a repository as they are at one look: each is read once.

    Args:
        root: The repository.
    """

    def __init__(self, root: Path) -> None:
        self._root = root
        self._found: dict[str, _Source | None] = {}
        self._known_modules: dict[str, bool] = {}

    @cached_property
    def _parsed(self) -> ParsedSources:
        return ParsedSources(self._root)

    def hashes(self, entries: Iterable[str]) -> dict[str, str]:
        """Return the hash of every module that some entries compute with.

        Args:
            entries: Modules (``concord3d.losses.nt_xent``) or scripts (``workflow_scripts/train.py``).

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
            source = self._source(name)
            if source is None:
                expected = "a module or a script"
                raise ConfigError("A source does not exist", where=self._root, found=name, expected=expected)
            found[name] = source.meaning
            waiting += [module for module in source.imports if not is_number_free(module) and module not in found]
        self._parsed.keep()
        return dict(sorted(found.items()))

    def bytes_digest(self, names: Iterable[str]) -> str:
        """Return one hash of the bytes of some sources: moved by words too.

        Args:
            names: Modules or scripts that :meth:`hashes` has found.
        """
        sources = ((name, self._source(name)) for name in sorted(names))
        return _joint([(name, None if source is None else source.digest) for name, source in sources])

    def _source(self, name: str) -> _Source | None:
        if name not in self._found:
            path = _path_of(self._root, name)
            self._found[name] = None if path is None else self._read(path)
        return self._found[name]

    def _read(self, path: Path) -> _Source:
        content = path.read_bytes()
        meaning, names = self._parsed.of(path, content)
        # Importing a module runs its packages too.
        parts = [name.split(".") for name in names]
        modules = {".".join(part[:end]) for part in parts for end in range(1, len(part) + 1)}
        imports = sorted(module for module in modules if self._exists(module))
        return _Source(hashlib.sha256(content).hexdigest(), meaning, tuple(imports))

    def _exists(self, module: str) -> bool:
        if module not in self._known_modules:
            self._known_modules[module] = _path_of(self._root, module) is not None
        return self._known_modules[module]


def bytes_digest(root: Path, names: Iterable[str]) -> str:
    """Return :meth:`Sources.bytes_digest` without a look at what sources mean.

    Args:
        root: The repository.
        names: Modules or scripts.
    """
    paths = ((name, _path_of(root, name)) for name in sorted(names))
    return _joint([(n, None if path is None else hashlib.sha256(path.read_bytes()).hexdigest()) for n, path in paths])


def _joint(digests: list[tuple[str, str | None]]) -> str:
    joint = hashlib.sha256()
    for name, digest in digests:
        joint.update(f"{name} {digest or 'absent'}\n".encode())
    return joint.hexdigest()


def _path_of(root: Path, name: str) -> Path | None:
    if name.endswith(".py"):
        return root / name if (root / name).is_file() else None
    place = root.joinpath("src", *name.split("."))
    return next((path for path in (place.with_suffix(".py"), place / "__init__.py") if path.is_file()), None)
