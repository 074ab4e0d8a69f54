"""The documents for users are pages of the site."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from tests.site.html_pages import read_page

from concord3d.errors import ReportingError
from concord3d.site.formulas import with_formulas
from concord3d.site.guides import GUIDES, NOT_GUIDES


def test_every_document_is_a_guide_or_is_said_to_be_none(repository: Path) -> None:
    assert {path.stem for path in (repository / "docs").glob("*.md")} == {*GUIDES, *NOT_GUIDES}


def test_a_guide_has_every_heading_and_every_table_of_its_document(repository: Path, site: Path) -> None:
    for name in GUIDES:
        text = re.sub(r"^```.*?^```", "", (repository / f"docs/{name}.md").read_text(), flags=re.M | re.S)
        page = read_page(site / f"guides/{name}.html")
        shown = " ".join(page.text.split())
        for heading in re.findall(r"^#+ (.+)$", text, re.M):
            assert heading.replace("`", "") in shown, (name, heading)
        rows = len(re.findall(r"^\|", text, re.M)) - len(re.findall(r"^\|[-|: ]+\|$", text, re.M))
        assert sum(map(len, page.tables.values())) == rows, name
        # GitHub starts a list right below a paragraph; the generator wants an empty line between them.
        assert not re.findall(r"\n(?:[*-] |\d+\. |\| ).*", re.sub(r"\n\s*\n", "\n\n", page.text)), name


def test_the_front_page_leads_to_guides_and_api(site: Path) -> None:
    links = {link for _, link in read_page(site / "index.html").links}
    assert {f"guides/{name}.html" for name in GUIDES} <= links and "api/encoders.html" in links


def test_a_formula_is_drawn_and_what_stands_in_code_is_left() -> None:
    code = "`echo $HOME $PATH`:\n\n```sh\ncost=$1 $2\n```"
    shown = with_formulas(f"With $\\sigma_a^2/n$ and {code}\n\n$$a < b$$\n", "x.md")
    assert shown.count("<svg") == 2 and "$\\sigma" not in shown
    assert code in shown
    assert 'aria-label="σ_a^2/n"' in shown and 'aria-label="a &lt; b"' in shown


def test_a_formula_sits_on_the_line_of_its_text() -> None:
    below = re.compile(r"vertical-align: (-?[\d.]+)em")
    plain, deep = (float(below.search(with_formulas(f"${tex}$", "x.md"))[1]) for tex in ("x", "x_{y_z}"))
    assert deep < plain <= 0


def test_a_formula_that_cannot_be_drawn_is_named() -> None:
    with pytest.raises(ReportingError, match=r"nosuch.*|formula"):
        with_formulas("$\\nosuch{x}$", "docs/STATISTICS.md")
