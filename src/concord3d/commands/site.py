"""``concord3d site``: static pages of everything in ``results/``."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from concord3d.config.resolve import load_study
from concord3d.config.validation import require_known
from concord3d.errors import ReportingError
from concord3d.layout import SCALES, Layout
from concord3d.reporting.evidence.report_inputs import report_inputs
from concord3d.reporting.specs.output_files import METRICS
from concord3d.site.build import build_site
from concord3d.site.paper_results import PaperResults, read_paper
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
    papers = reported_papers(root.resolve(), scales)
    return build_site(root.resolve(), papers, all_scenes(), out or root / SITE)


def reported_papers(root: Path, scales: Collection[str] | None = None) -> list[PaperResults]:
    """Read every paper that has results, at every scale.

    Raises:
        ConfigError: There is no such scale.
        ReportingError: There are no results, or they contradict themselves.
        UnreadableFile: A result is damaged.
    """
    known = sorted(path.stem for path in (root / SCALES).glob("*.yaml"))
    require_known(scales or (), known, "scale", "--scale")
    folders = {scale: root / Layout(scale).results for scale in scales or known}
    found = [(scale, path) for scale, folder in folders.items() for path in sorted(folder.glob(f"*/{METRICS}"))]
    places = [(scale, path.parent.name) for scale, path in found]
    if not places:
        raise ReportingError(
            "There are no results to show",
            where=", ".join(str(folder) for folder in folders.values()),
            expected=f"<paper>/{METRICS}",
            found="none",
            next_step="make reproduce",
        )
    return [read_paper(report_inputs(root, load_study(root, paper, scale))) for scale, paper in places]
