"""Materials of OBJ files (MTL): their colour or picture, with the options of pictures."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from concord3d.data.formats.linked_files import LinkedFiles, decoded, lines_of
from concord3d.geometry.surface_colors import Picture, Wrap

# Number of values after each option of a picture; a tuple is a range of them.
_OPTIONS = {
    "-blendu": (1, 1), "-blendv": (1, 1), "-bm": (1, 1), "-boost": (1, 1), "-cc": (1, 1), "-clamp": (1, 1),
    "-colorspace": (1, 1), "-imfchan": (1, 1), "-mm": (2, 2), "-o": (1, 3), "-s": (1, 3), "-t": (1, 3),
    "-texres": (1, 1), "-type": (1, 1),
}  # fmt: skip
_COMMENT = re.compile(r"(^|\s)#.*")


@dataclass(frozen=True)
class Material:
    """What the surface of a material shows.

    Attributes:
        color: (3,) RGB from 0 to 255 of ``Kd``, white where there is none.
        picture: ``map_Kd``, or None where there is none, or where it cannot be had.
        scale: Across and down: how often the picture is repeated.
        offset: Across and down: by how much it is moved.
    """

    color: NDArray[np.float32]
    picture: Picture | None = None
    scale: tuple[float, float] = (1.0, 1.0)
    offset: tuple[float, float] = (0.0, 0.0)


def statements(text: str) -> list[tuple[str, str]]:
    """Return keyword and rest of every line that says something; one that ends with ``\\`` goes on in the next."""
    joined = re.sub(r"\\[ \t]*(\r\n|\r|\n)", " ", text)
    found = []
    for line in lines_of(joined):
        words = (_COMMENT.sub("", line) if "#" in line else line).split(None, 1)
        if words:
            found.append((words[0], words[1].strip() if len(words) > 1 else ""))
    return found


def read_materials(path: Path, files: LinkedFiles) -> dict[str, Material]:
    """Read the materials of one file.

    Args:
        path: The file.
        files: Where its pictures lie; their names are relative to this file.

    Raises:
        ValueError: A colour is no colour, or is given as a spectrum.
        UnreadableFile: A picture leaves the data set, breaks off, or has a format that is not read.
    """
    materials: dict[str, Material] = {}
    name = ""
    for keyword, rest in statements(decoded(path.read_bytes())):
        match keyword.lower():
            case "newmtl":
                name = rest
                materials[name] = Material(np.full(3, 255, np.float32))
            case "kd" if name:
                materials[name] = replace(materials[name], color=_color(rest))
            case "map_kd" if name:
                materials[name] = _with_picture(materials[name], rest, files, path.parent)
            case _:
                pass
    return materials


def _color(words: str) -> NDArray[np.float32]:
    parts = words.split()
    if parts[:1] == ["spectral"] or parts[:1] == ["xyz"]:
        raise ValueError(f"Kd {words}: a colour that is not given as RGB")
    numbers = np.array(parts[:3], dtype=np.float32)
    if len(numbers) == 1:
        numbers = np.repeat(numbers, 3)
    if numbers.shape != (3,) or not np.isfinite(numbers).all():
        raise ValueError(f"Kd {words}: no colour")
    # Some tools write bytes; a shade a little above 1 is a bright colour.
    return (numbers if numbers.max() >= 2 else 255 * numbers).clip(0, 255)


def _with_picture(material: Material, words: str, files: LinkedFiles, folder: Path) -> Material:
    options, name = _split_options(words)
    pixels = files.picture(name, folder)
    if pixels is None:
        return material
    if "-mm" in options:
        base, gain = (float(word) for word in options["-mm"])
        pixels = (255 * base + gain * pixels.astype(np.float64)).round().clip(0, 255).astype(np.uint8)
    wrap: Wrap = "clamp" if options.get("-clamp", ["off"])[0].lower() == "on" else "repeat"
    return replace(
        material,
        picture=Picture(pixels, wrap, wrap),
        scale=_pair(options.get("-s", []), 1.0),
        offset=_pair(options.get("-o", []), 0.0),
    )


def _split_options(words: str) -> tuple[dict[str, list[str]], str]:
    """Return the options and the name of the picture, which may hold blanks."""
    options: dict[str, list[str]] = {}
    rest = words
    while (head := re.match(r"(-[a-z]+)\s+", rest, re.IGNORECASE)) and head[1].lower() in _OPTIONS:
        least, most = _OPTIONS[head[1].lower()]
        rest = rest[head.end() :]
        values: list[str] = []
        while len(values) < most and (value := re.match(r"(\S+)\s+", rest)):
            if len(values) >= least and not _is_number(value[1]):
                break
            values.append(value[1])
            rest = rest[value.end() :]
        options[head[1].lower()] = values
    return options, rest.strip()


def _is_number(word: str) -> bool:
    try:
        float(word)
    except ValueError:
        return False
    return True


def _pair(values: list[str], default: float) -> tuple[float, float]:
    numbers = [float(value) for value in values[:2]]
    return (numbers[0] if numbers else default, numbers[1] if len(numbers) > 1 else default)
