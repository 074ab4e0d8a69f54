"""PLY as a format: elements of any number and order, with properties that are numbers or lists of them.

Shape legend: E entries of one element.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from concord3d.data.formats.linked_files import lines_of
from concord3d.data.layout import NEXT_STEP
from concord3d.errors import UnreadableFile

_TYPES = {
    **dict.fromkeys(("char", "int8"), "i1"),
    **dict.fromkeys(("uchar", "uint8"), "u1"),
    **dict.fromkeys(("short", "int16"), "i2"),
    **dict.fromkeys(("ushort", "uint16"), "u2"),
    **dict.fromkeys(("int", "int32"), "i4"),
    **dict.fromkeys(("uint", "uint32"), "u4"),
    **dict.fromkeys(("float", "float32"), "f4"),
    **dict.fromkeys(("double", "float64"), "f8"),
}
_ORDERS = {"binary_little_endian": "<", "binary_big_endian": ">"}
# A header has a line for each property; comments make it longer.
_HEADER_BYTES = 1 << 16
_FAULTS = (OSError, ValueError, KeyError, IndexError, OverflowError, MemoryError)
_END = re.compile(rb"(?:^|[\r\n])[ \t]*end_header[ \t]*(\r\n|\n|\r|$)")


@dataclass(frozen=True)
class Lists:
    """A property that is a list for each entry.

    Attributes:
        values: All lists, one after another.
        lengths: (E,) int64 length of each.
    """

    values: NDArray[np.generic]
    lengths: NDArray[np.int64]


Column = NDArray[np.generic] | Lists


@dataclass(frozen=True)
class Ply:
    """What a PLY file holds.

    Attributes:
        elements: Columns by name of element and property, both in small letters, with the types of the header.
        textures: Pictures that its comments name.
    """

    elements: dict[str, dict[str, Column]]
    textures: tuple[str, ...]

    def numbers(self, element: str, name: str) -> NDArray[np.generic] | None:
        """Return (E,) a property that is a number, None where there is none of this name."""
        column = self.elements.get(element, {}).get(name)
        return None if isinstance(column, Lists) else column

    def table(self, element: str, names: tuple[str, ...]) -> NDArray[np.generic] | None:
        """Return (E, len(names)) properties that are numbers, in one type that holds them; None where one is absent."""
        columns = [column for name in names if (column := self.numbers(element, name)) is not None]
        return np.stack(columns, axis=1) if len(columns) == len(names) else None

    def lists(self, element: str, *names: str) -> Lists | None:
        """Return the first of some properties that is a list, or None."""
        columns = (self.elements.get(element, {}).get(name) for name in names)
        return next((column for column in columns if isinstance(column, Lists)), None)


@dataclass(frozen=True)
class _Property:
    name: str
    code: str
    count_code: str | None = None


@dataclass
class _Element:
    name: str
    count: int
    properties: list[_Property]

    @property
    def has_lists(self) -> bool:
        return any(own.count_code for own in self.properties)


def count_entries(path: Path) -> dict[str, int]:
    """Return how many entries each element of a PLY file has, by its name in small letters, from its header alone.

    Raises:
        UnreadableFile: No header within 64 KiB, not PLY, or with a type that the format does not have.
    """
    try:
        with path.open("rb") as stream:
            _, elements, _, _ = _header(stream.read(_HEADER_BYTES))
    except _FAULTS as error:
        raise _unreadable(path, error) from error
    return {element.name: element.count for element in elements}


def read_ply(path: Path) -> Ply:
    """Read every element of a PLY file, ASCII or binary.

    Raises:
        UnreadableFile: Truncated, not PLY, or with a type that the format does not have.
    """
    try:
        content = path.read_bytes()
        form, elements, textures, end = _header(content)
        body = content[end:]
        if form == "ascii":
            return Ply(_text_elements(body.decode("latin-1"), elements), textures)
        return Ply(_binary_elements(body, elements, _ORDERS[form]), textures)
    except _FAULTS as error:
        raise _unreadable(path, error) from error


def _unreadable(path: Path, error: Exception) -> UnreadableFile:
    return UnreadableFile("Cannot read a PLY file", where=path, found=error, next_step=NEXT_STEP)


def _header(content: bytes) -> tuple[str, list[_Element], tuple[str, ...], int]:
    """Return the format, the elements, the pictures that comments name, and where the body begins."""
    end = _END.search(content)
    if not content[:3].lower() == b"ply" or end is None:
        raise ValueError("no header from 'ply' to 'end_header'")
    form, elements, textures = "", list[_Element](), []
    # Comments may be in any encoding; keywords and names are ASCII.
    for line in lines_of(content[: end.start()].decode("latin-1"))[1:]:
        words = line.split()
        match [word.lower() for word in words[:2]]:
            case ["format", name]:
                form = name
            case ["element", name]:
                elements.append(_Element(name, int(words[2]), []))
            case ["property", "list"]:
                elements[-1].properties.append(_Property(words[4].lower(), _type(words[3]), _type(words[2])))
            case ["property", kind]:
                elements[-1].properties.append(_Property(words[2].lower(), _type(kind)))
            case ["comment", "texturefile"]:
                textures.append(line.split(None, 2)[2].strip())
            case _:
                pass
    if form != "ascii" and form not in _ORDERS:
        raise ValueError(f"unknown format {form!r}")
    if any(element.count < 0 for element in elements):
        raise ValueError("an element with a negative number of entries")
    return form, elements, tuple(textures), end.end()


def _type(name: str) -> str:
    if name.lower() not in _TYPES:
        raise ValueError(f"unknown type {name!r}")
    return _TYPES[name.lower()]


def _text_elements(text: str, elements: list[_Element]) -> dict[str, dict[str, Column]]:
    rows = [words for line in lines_of(text) if (words := line.split())]
    read: dict[str, dict[str, Column]] = {}
    position = 0
    for element in elements:
        own = rows[position : position + element.count]
        position += element.count
        if len(own) != element.count:
            raise ValueError(f"{len(own)} of {element.count} lines of '{element.name}'")
        if element.has_lists:
            read[element.name] = _text_lists(own, element.properties)
            continue
        width = len(element.properties)
        if any(len(row) < width for row in own):
            raise ValueError(f"a line of '{element.name}' with fewer than {width} numbers")
        table = np.array([row[:width] for row in own], dtype=np.float64).reshape(-1, width)
        read[element.name] = {
            each.name: table[:, place].astype(each.code) for place, each in enumerate(element.properties)
        }
    return read


def _text_lists(rows: list[list[str]], properties: list[_Property]) -> dict[str, Column]:
    values: list[list[str]] = [[] for _ in properties]
    lengths: list[list[int]] = [[] for _ in properties]
    for row in rows:
        position = 0
        for place, own in enumerate(properties):
            count = 1
            if own.count_code:
                count = int(float(row[position]))
                lengths[place].append(count)
                position += 1
            words = row[position : position + count]
            if count < 0 or len(words) != count:
                raise ValueError(f"a list of {count} with {len(words)} numbers")
            values[place] += words
            position += count
    columns = [
        np.array(words, dtype=np.float64).astype(own.code) for words, own in zip(values, properties, strict=True)
    ]
    return {
        own.name: Lists(column, np.array(counts, dtype=np.int64)) if own.count_code else column
        for own, column, counts in zip(properties, columns, lengths, strict=True)
    }


def _binary_elements(body: bytes, elements: list[_Element], order: str) -> dict[str, dict[str, Column]]:
    read: dict[str, dict[str, Column]] = {}
    position = 0
    for element in elements:
        columns, size = _records(body, position, element, order) or _varying(body, position, element, order)
        read[element.name] = columns
        position += size
    return read


def _records(body: bytes, start: int, element: _Element, order: str) -> tuple[dict[str, Column], int] | None:
    """Read an element whose lists are all as long as those of its first entry; None where they are not."""
    if not element.count:
        none = np.zeros(0, np.int64)
        empty = {own.name: np.zeros(0, own.code) for own in element.properties}
        return {
            own.name: Lists(empty[own.name], none) if own.count_code else empty[own.name] for own in element.properties
        }, 0
    fields: list[tuple[str, str, tuple[int, ...]]] = []
    position = start
    for place, own in enumerate(element.properties):
        length: tuple[int, ...] = ()
        if own.count_code:
            count = int(np.frombuffer(body, order + own.count_code, 1, position)[0])
            position += np.dtype(own.count_code).itemsize
            fields.append((f"count {place}", order + own.count_code, ()))
            length = (max(count, 0),)
        fields.append((f"value {place}", order + own.code, length))
        position += np.dtype(own.code).itemsize * (length[0] if length else 1)
    dtype = np.dtype(fields)
    available = (len(body) - start) // max(dtype.itemsize, 1)
    if available < element.count and not element.has_lists:
        raise ValueError(f"{available} of {element.count} entries of '{element.name}'")
    records = np.frombuffer(body, dtype, min(available, element.count), start) if dtype.itemsize else np.zeros(0, dtype)
    columns: dict[str, Column] = {}
    for place, own in enumerate(element.properties):
        values = records[f"value {place}"]
        if own.count_code:
            width = values.shape[1]
            if not (len(records) == element.count and (records[f"count {place}"] == width).all()):
                return None
            columns[own.name] = Lists(values.reshape(-1), np.full(len(records), width, np.int64))
        else:
            columns[own.name] = values
    return columns, dtype.itemsize * element.count


def _varying(body: bytes, start: int, element: _Element, order: str) -> tuple[dict[str, Column], int]:
    """Read an element whose lists differ in length, entry by entry."""
    sizes = [np.dtype(own.code).itemsize for own in element.properties]
    counters = [own.count_code and np.dtype(order + own.count_code) for own in element.properties]
    parts: list[list[bytes]] = [[] for _ in element.properties]
    lengths: list[list[int]] = [[] for _ in element.properties]
    position = start
    for _ in range(element.count):
        for place, (size, counter) in enumerate(zip(sizes, counters, strict=True)):
            count = 1
            if counter:
                count = int(np.frombuffer(body, counter, 1, position)[0])
                position += counter.itemsize
                lengths[place].append(count)
            end = position + count * size
            if count < 0 or end > len(body):
                raise ValueError(f"a list of {count} beyond the end of '{element.name}'")
            parts[place].append(body[position:end])
            position = end
    columns: dict[str, Column] = {}
    for own, pieces, counts in zip(element.properties, parts, lengths, strict=True):
        values = np.frombuffer(b"".join(pieces), order + own.code)
        columns[own.name] = Lists(values, np.array(counts, dtype=np.int64)) if own.count_code else values
    return columns, position - start
