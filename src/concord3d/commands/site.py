"""``concord3d site``: static pages of everything in ``results/``."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from concord3d.config.resolve import load_study
from concord3d.errors import ReportingError
from concord3d.layout import SCALES
from concord3d.reporting.evidence.report_inputs import report_inputs
from concord3d.reporting.specs.output_files import METRICS
from concord3d.site.build import build_site
from concord3d.site.paper_results import read_paper
from concord3d.site.scenes import all_scenes

SITE = Path("build/site")


def make_site(root: Path, scales: Collection[str] | None = None, out: Path | None = None) -> Path:
    """Build the site of all results that are there.

    Args:
        root: The repository.
        scales: Only these scales; None takes all that have results.
        out: Folder of the site; ``build/site`` of the repository unless it is given.

    Returns:
        The front page.

    Raises:
        ReportingError: There are no results, or they contradict themselves.
        UnreadableFile: A result is damaged.
        DependencyMissing: The generator is not installed.
    """
    root = root.resolve()
    found = sorted((root / "results").glob(f"*/*/{METRICS}"))
    known = [path.stem for path in (root / SCALES).glob("*.yaml")]
    places = [(path.parts[-3], path.parts[-2]) for path in found if path.parts[-3] in (scales or known)]
    if not places:
        raise ReportingError(
            "There are no results to show",
            where=root / "results",
            expected=METRICS,
            found="none",
            next_step="make reproduce",
        )
    papers = [read_paper(report_inputs(root, load_study(root, paper, scale))) for scale, paper in places]
    return build_site(root, papers, all_scenes(), out or root / SITE)
