"""Pages of a report as Snakemake's own report shows them."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path

from concord3d.reporting.pages.report_html import html_page
from concord3d.reporting.specs.output_files import PAGES


class _Rows(HTMLParser):
    count = 0

    def handle_starttag(self, tag: str, _: object) -> None:
        self.count += tag == "tr"


def test_tables_stay_and_what_leads_into_the_folder_becomes_words() -> None:
    text = "# T\n\n![Costs](figures/f9.png)\n\nSee [claims](claims.json), [us](https://example.org/).\n\n|a|b|\n|-|-|\n|1|2|\n"
    page = html_page(text, "T")
    assert "<td>1</td>" in page and "figures/f9.png" not in page and "claims.json" not in page
    assert "Figure: Costs" in page and "See claims" in page and 'href="https://example.org/"' in page
    assert not re.search(r"<(?:script|link|img)\b", page)


def test_committed_pages_have_every_row_of_their_tables(repository: Path) -> None:
    folders = sorted(path.parent for path in (repository / "results").glob("*/*/metrics.csv"))
    for folder in folders:
        for name in PAGES:
            text, rows = (folder / name).read_text(encoding="utf-8"), _Rows()
            rows.feed(html_page(text, name))
            lines = [line for line in text.splitlines() if line.startswith("|")]
            assert rows.count == len(lines) - sum(bool(re.fullmatch(r"[|:\- ]+", line)) for line in lines), (
                folder,
                name,
            )
    assert len(folders) >= 9
