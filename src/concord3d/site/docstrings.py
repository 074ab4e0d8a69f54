"""Docstrings taken apart: what they say in sentences, and their sections."""

from __future__ import annotations

import inspect
import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

_SECTION = re.compile(r"(Args|Attributes|Returns|Yields|Raises|Example):")
_ENTRY = re.compile(r"(\S[^:]*): ?(.*)")
# Sections whose lines name something and say what it is; the others are sentences or code.
_NAMING = ("Args", "Attributes", "Raises")


@dataclass(frozen=True)
class Section:
    """One section of a docstring.

    Attributes:
        title: ``Args``, ``Attributes``, ``Returns``, ``Yields``, ``Raises`` or ``Example``.
        entries: Names and what is said of each; none in a section of sentences or code.
        text: The sentences or the code; empty in a section of names.
    """

    title: str
    entries: tuple[tuple[str, str], ...] = ()
    text: str = ""


@dataclass(frozen=True)
class Docstring:
    """What a docstring says.

    Attributes:
        paragraphs: Paragraphs before the sections, each on one line; the first is the summary.
        sections: Its sections in their order.
    """

    paragraphs: tuple[str, ...]
    sections: tuple[Section, ...] = ()

    @classmethod
    def of(cls, text: str) -> Docstring:
        """Take a docstring apart.

        Args:
            text: As :func:`inspect.getdoc` returns it, without common indentation.
        """
        lines = text.splitlines()
        starts = [place for place, line in enumerate(lines) if _SECTION.fullmatch(line)]
        before = lines[: starts[0]] if starts else lines
        sections = [_section(lines[start:end]) for start, end in pairwise([*starts, len(lines)])]
        return cls(_paragraphs(before), tuple(sections))


def _section(lines: Sequence[str]) -> Section:
    """Return the section that these lines are, its title first."""
    title, content = lines[0].rstrip(":"), inspect.cleandoc("\n".join(["", *lines[1:]]))
    if title not in _NAMING:
        return Section(title, text=content if title == "Example" else " ".join(content.split()))
    entries: list[tuple[str, str]] = []
    for line in content.splitlines():
        entry = _ENTRY.fullmatch(line)
        if entry is not None:
            entries.append((entry[1], entry[2]))
        elif entries:
            name, said = entries[-1]
            entries[-1] = (name, f"{said} {line.strip()}".strip())
        else:
            return Section(title, text=" ".join(content.split()))
    return Section(title, tuple(entries))


def _paragraphs(lines: Sequence[str]) -> tuple[str, ...]:
    """Return paragraphs, each on one line."""
    return tuple(" ".join(part.split()) for part in re.split(r"\n\s*\n", "\n".join(lines)) if part.strip())
