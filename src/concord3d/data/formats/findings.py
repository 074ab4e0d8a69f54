"""What readers met and went on: counted and named, for the log and the store."""

from __future__ import annotations

_SHOWN = 5


def printable(name: object) -> str:
    """Return a name that a file holds as a log can write it: bytes that are no UTF-8 become escapes."""
    return str(name).encode("utf-8", "backslashreplace").decode("utf-8")


class Findings:
    """Names by kind of finding; a name is counted once."""

    def __init__(self) -> None:
        self._names: dict[str, dict[str, None]] = {}

    def note(self, what: str, name: object) -> None:
        """Count ``name`` among those of which ``what`` is true, such as "pictures that are not there"."""
        self._names.setdefault(what, {})[printable(name)] = None

    def sentences(self) -> tuple[str, ...]:
        """Return one sentence per kind: how many, and the first names."""
        return tuple(
            f"{len(names)} {what}: {', '.join(list(names)[:_SHOWN])}"
            + (f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else "")
            for what, names in self._names.items()
        )
