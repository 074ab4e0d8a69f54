"""The pages of a paper's results as HTML, for Snakemake's own report, which would offer Markdown to download."""

from __future__ import annotations

from concord3d.files import write_text
from concord3d.reporting.evidence.material import Material
from concord3d.reporting.pages.report_html import html_page
from concord3d.reporting.specs.output_files import PAGES, html_pages


def build(material: Material) -> None:
    """Write front page, appendix and ledger, as they lie in the results, as HTML among the artifacts."""
    inputs, paper = material.inputs, material.paper
    for name, html_name in zip(PAGES, html_pages(paper.paper), strict=True):
        page = html_page((inputs.out / name).read_text(encoding="utf-8"), f"{paper.title}, scale {inputs.scale}")
        write_text(inputs.html / html_name, page)
