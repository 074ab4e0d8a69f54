"""Examples of the 3D viewer and their files."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from concord3d.files import write_text

Points = NDArray[np.floating[Any]]


@dataclass(frozen=True)
class Scene:
    """One example.

    Attributes:
        id: File name.
        kind: Heading that it stands under.
        title: Its name in the menu.
        caption: What is seen, and how it was made.
        up: Which axis is up.
        groups: (P, 3) points by what they belong to.
    """

    id: str
    kind: str
    title: str
    caption: str
    up: str
    groups: Mapping[str, Points]


def write_scenes(scenes: Iterable[Scene], folder: Path) -> None:
    """Write one script for each example, which a browser can read from a folder too; millimetres as integers."""
    for scene in scenes:
        groups = [
            {"name": name, "points": np.round(1000 * points).astype(int).ravel().tolist()}
            for name, points in scene.groups.items()
        ]
        content = {"title": scene.title, "caption": scene.caption, "up": scene.up, "groups": groups}
        text = json.dumps(content, separators=(",", ":"))
        write_text(folder / f"{scene.id}.js", f"window.scenes[{json.dumps(scene.id)}]={text};\n")
