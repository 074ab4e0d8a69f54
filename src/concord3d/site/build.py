"""The site from the results: pages are written as Markdown and HTML, then mkdocs-material makes the site of them."""

from __future__ import annotations

import logging
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from concord3d.errors import ConcordError, ConfigError, DependencyMissing
from concord3d.files import copy_folder, write_text
from concord3d.site.assets import write_assets
from concord3d.site.pages import write_pages
from concord3d.site.paper_results import PaperResults
from concord3d.site.scene_files import Scene, write_scenes

SOURCES = Path("config/site")
# Says that a folder is a site; pages of GitHub are served as they are where it is there.
MARK = ".nojekyll"


def build_site(root: Path, papers: Sequence[PaperResults], scenes: Sequence[Scene], out: Path) -> Path:
    """Build the site.

    Args:
        root: The repository.
        papers: What it tells of: papers, each at the scales that it has results for.
        scenes: Examples of the 3D viewer.
        out: Its folder, which is replaced.

    Returns:
        The front page.

    Raises:
        ConfigError: The folder holds something else.
        DependencyMissing: The generator is not installed.
        ConcordError: The generator refuses the pages, for example for a link that leads nowhere.
    """
    try:
        from mkdocs.commands.build import build
        from mkdocs.config import load_config
        from mkdocs.exceptions import MkDocsException
    except ImportError as error:
        raise DependencyMissing(
            "The generator of the site is not installed",
            found=error,
            next_step="make setup, or in the clone: pip install '.[site]'; then the command again",
        ) from error
    _refuse_others(out)
    # What the generator reports of its work; warnings are errors below.
    logging.getLogger("mkdocs").setLevel(logging.WARNING)
    with tempfile.TemporaryDirectory(prefix="concord3d-site-") as temporary:
        docs, site = Path(temporary) / "pages", Path(temporary) / "site"
        navigation = write_pages(root, papers, scenes, docs)
        write_assets(root / SOURCES / "assets", docs / "assets")
        write_scenes(scenes, docs / "assets" / "scenes")
        settings: dict[str, Any] = {"docs_dir": str(docs), "site_dir": str(site), "nav": navigation, "strict": True}
        try:
            build(load_config(str(root / SOURCES / "mkdocs.yml"), **settings))
        except MkDocsException as error:
            raise ConcordError("The site could not be built", where=root / SOURCES, found=error) from error
        write_text(site / MARK, "")
        if out.exists():
            shutil.rmtree(out)
        copy_folder(site, out)
    return out / "index.html"


def _refuse_others(out: Path) -> None:
    """Refuse to replace a folder that is no site."""
    if out.exists() and not (out / MARK).exists() and not (out.is_dir() and not any(out.iterdir())):
        raise ConfigError(
            "The folder of the site holds something else",
            where=out,
            expected="no folder, an empty one, or an earlier site",
            found="a file" if out.is_file() else "other files",
            next_step="name another folder with --out",
        )
