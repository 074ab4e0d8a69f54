"""A site of the committed results."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from concord3d.commands.site import reported_papers
from concord3d.site.build import build_site
from concord3d.site.paper_results import PaperResults
from concord3d.site.scene_files import Scene


@pytest.fixture(scope="session")
def papers(repository: Path) -> list[PaperResults]:
    """What the repository has at the scale small."""
    return reported_papers(repository, ["small"])


@pytest.fixture(scope="session")
def site(repository: Path, papers: list[PaperResults], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Its site, with one small example in the viewer."""
    corners = np.stack(np.meshgrid([0.0, 1.0], [0.0, 1.0], [0.0, 1.0]), axis=-1).reshape(-1, 3)
    scene = Scene("cube", "Objects", "a cube", "The corners of a cube.", "z", {"corner": corners})
    return build_site(repository, papers, [scene], tmp_path_factory.mktemp("site") / "site").parent
