"""All pages of the site, and the navigation over them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from concord3d.site.api_names import API
from concord3d.site.api_pages import write_api
from concord3d.site.guides import GUIDES, write_guides
from concord3d.site.paper_pages import write_paper
from concord3d.site.paper_results import PaperResults
from concord3d.site.scene_files import Scene
from concord3d.site.writer import SCALE_ORDER, SECTIONS, PageWriter

TEMPLATES = Path("config/site/templates")
Navigation = list[dict[str, Any]]


def write_pages(root: Path, papers: Sequence[PaperResults], scenes: Sequence[Scene], folder: Path) -> Navigation:
    """Write the Markdown of all pages, and copy the files that they lead to.

    Args:
        root: The repository, which has the templates and the documents.
        papers: What is told.
        scenes: Examples of the 3D viewer.
        folder: Where pages go.

    Returns:
        The navigation, as the generator wants it.

    Raises:
        DependencyMissing: Jinja is not installed.
        UnreadableFile: A document is not there.
        ConfigError: What the pages of the API name is not there.
    """
    writer = PageWriter(root / TEMPLATES, papers, folder)
    by_scale = {scale: {paper.name: paper for paper in papers if paper.scale == scale} for scale in SCALE_ORDER}
    by_scale = {scale: found for scale, found in by_scale.items() if found}
    _write_front(writer, by_scale)
    navigation: Navigation = [{"Home": "index.md"}]
    for scale, found in by_scale.items():
        entries: list[dict[str, Any]] = []
        for paper in found.values():
            write_paper(writer, paper)
            first, *others = SECTIONS
            place = f"{scale}/{paper.name}"
            pages = [f"{place}/{first}.md", *({SECTIONS[key]: f"{place}/{key}.md"} for key in others)]
            entries.append({paper.paper.short_name: pages})
        cross = next(iter(found.values())).folder.parent / "cross"
        if cross.is_dir():
            writer.copy(cross, f"{scale}/cross")
            entries.append({"All encoders": f"{scale}/cross/encoders.md"})
        navigation.append({f"Scale {scale}": entries})
    kinds = dict.fromkeys(scene.kind for scene in scenes)
    by_kind = {kind: [scene for scene in scenes if scene.kind == kind] for kind in kinds}
    writer.write("viewer.md", "viewer.md.j2", scenes=by_kind)
    guides, api = write_guides(writer, root), write_api(writer)
    return [*navigation, {"3D viewer": "viewer.md"}, {"Guides": guides}, {"Python API": api}]


def _write_front(writer: PageWriter, by_scale: dict[str, dict[str, PaperResults]]) -> None:
    """Write the front page: every paper at every scale, also where it has no results."""
    anywhere: dict[str, PaperResults] = {}
    for found in by_scale.values():
        anywhere = {**found, **anywhere}
    shown = {scale: {name: found.get(name) for name in sorted(anywhere)} for scale, found in by_scale.items()}
    writer.write("index.md", "index.md.j2", by_scale=shown, papers=anywhere, guides=GUIDES, api=API)
