"""The documents for users as pages of the site."""

from __future__ import annotations

import re
from pathlib import Path, PurePosixPath
from typing import Any

from concord3d.errors import UnreadableFile
from concord3d.site.formulas import outside_code, with_formulas
from concord3d.site.writer import PageWriter

FOLDER = Path("docs")
# Documents by file name without suffix, with what menus call them, in the order of the menu.
GUIDES = {
    "REPRODUCING": "Reproducing",
    "COMMANDS": "Commands",
    "VERDICTS": "Verdicts",
    "STATISTICS": "Statistics",
    "OWN_DATA": "Your own data",
    "QUERIES": "Queries",
    "PITFALLS": "Pitfalls",
    "COSTS": "Costs",
    "TOWERS": "Frozen towers",
    "CAMERAS": "Cameras",
    "MESHES": "Mesh files",
    "ADDING_A_PAPER": "Adding a paper",
}
# For those who change the sources; its diagrams need a script from the network.
NOT_GUIDES = ("ARCHITECTURE",)
# What belongs to an item of a list: GitHub takes two or three blanks before it, the generator wants four.
_INDENTED = re.compile(r"^ {2,3}(?=\S)", re.M)
_LINK = re.compile(r"(!?)\[([^\]]*)\]\(([^)#\s]*)(#[^)\s]*)?\)")


def write_guides(writer: PageWriter, root: Path) -> list[dict[str, Any]]:
    """Write the documents for users as pages, with their pictures.

    Args:
        writer: Writes the pages.
        root: The repository.

    Returns:
        Their entries in the navigation.

    Raises:
        UnreadableFile: A document, or a picture in one, is not there.
        ReportingError: A formula cannot be drawn.
    """
    for name in GUIDES:
        writer.write_text(f"guides/{name}.md", _page(writer, root, root / FOLDER / f"{name}.md"))
    return [{title: f"guides/{name}.md"} for name, title in GUIDES.items()]


def _page(writer: PageWriter, root: Path, path: Path) -> str:
    """Return a document whose links lead to pages of the site, or name a file of the repository in words."""
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError as error:
        raise UnreadableFile("A document of the site is not there", where=path, found=error) from error

    def link(match: re.Match[str]) -> str:
        picture, words, target, _ = match.groups()
        if "://" in target or not target or PurePosixPath(target).stem in GUIDES:
            return match[0]
        if picture:
            writer.copy(path.parent / target, f"guides/{target}")
            return match[0]
        file = (path.parent / target).resolve().relative_to(root.resolve())
        return f"{words} (`{file}` in the repository)"

    told = outside_code(text, lambda prose: _INDENTED.sub("    ", _LINK.sub(link, prose)))
    return with_formulas(told, path)
