"""The site tells everything that the results hold, in the same words, and leads nowhere that is not there."""

from __future__ import annotations

import json
import re
from html import unescape
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
from tests.site.html_pages import read_page

from concord3d.commands.site import reported_papers
from concord3d.errors import ConfigError, ReportingError
from concord3d.reporting.pages.bottom_line import is_about_print
from concord3d.site.build import build_site
from concord3d.site.paper_results import PaperResults
from concord3d.site.writer import words


def _grid(path: Path) -> list[list[str]]:
    """Return the rows of the one table of a committed page."""
    lines = [line for line in path.read_text(encoding="utf-8").splitlines() if line.startswith("|")]
    rows = [re.split(r"(?<!\\)\|", line)[1:-1] for line in (lines[0], *lines[2:])]
    return [[cell.strip().replace("\\|", "|") for cell in row] for row in rows]


def test_every_link_leads_to_a_file_of_the_site_without_the_network(site: Path) -> None:
    pages = sorted(site.rglob("*.html"))
    wrong = []
    for page in pages:
        for tag, link in read_page(page).links:
            parts = urlsplit(link)
            if parts.scheme or parts.netloc:
                # Words may lead away; what a page is made of may not.
                wrong += [(page.name, link)] if tag != "a" else []
                continue
            target = (page.parent / unquote(parts.path)).resolve() if parts.path else page
            # 404.html is served from any address, so its links start at the root of the site.
            if page.name == "404.html":
                continue
            found = target.is_file() and target.is_relative_to(site.resolve()) and not parts.path.startswith("/")
            anchored = not parts.fragment or target.suffix != ".html" or parts.fragment in read_page(target).ids
            wrong += [] if found and (anchored or parts.fragment.startswith("__")) else [(str(page), link)]
    assert len(pages) > 50
    assert not wrong, wrong[:10]


def test_every_table_of_the_results_has_its_rows_as_the_committed_page_writes_them(
    site: Path, papers: list[PaperResults]
) -> None:
    compared = 0
    for paper in papers:
        for path in sorted((paper.folder / "tables").glob("*.csv")):
            page = read_page(site / paper.scale / paper.name / "tables" / f"{path.stem}.html")
            assert [row[:-1] for row in page.tables[path.stem]] == _grid(path.with_suffix(".md")), path
            compared += 1
    assert compared > 30


def test_every_claim_of_the_results_has_its_verdict_and_the_numbers_of_its_parts(
    site: Path, papers: list[PaperResults]
) -> None:
    for paper in papers:
        page = read_page(site / paper.scale / paper.name / "claims.html")
        claims = json.loads((paper.folder / "claims.json").read_text())
        assert {f"claim-{claim['id']}" for claim in claims} <= page.ids
        shown = " ".join(page.text.split())
        for claim in claims:
            assert " ".join(unescape(re.sub("<[^>]+>", "", words(claim["details"]))).split()) in shown, claim["id"]
            for part in claim["parts"]:
                assert part["name"] in shown


def test_a_number_of_ours_leads_to_the_command_that_makes_it_anew(site: Path, papers: list[PaperResults]) -> None:
    paper = next(paper for paper in papers if paper.name == "mm_point")
    page = (site / "small/mm_point/tables/linear_svm.html").read_text()
    cell = next(cell for cell in paper.headline.cells if cell.address is not None)
    link = f"../runs/{cell.experiment}.html#{cell.address.dataset}--{cell.address.protocol}"
    assert f'href="{link}"' in page
    run = read_page(site / f"small/mm_point/runs/{cell.experiment}.html")
    seed, record = next((s, r) for s in range(9) if (r := paper.records.get(f"{cell.experiment}__s{s}")))
    evaluation = f"{cell.experiment}__{cell.address.dataset}__{cell.address.protocol}__s{seed}.json"
    assert f"rm -f artifacts/small/mm_point/eval/{evaluation}" in run.text
    assert record["git_commit"] in run.text


def test_the_front_page_names_every_paper_and_what_became_of_its_claims(site: Path, papers: list[PaperResults]) -> None:
    text = " ".join(read_page(site / "index.html").text.split())
    for paper in papers:
        assert paper.paper.title in text
        about_print = sum(is_about_print(claim) for claim in paper.claims)
        assert f"{len(paper.claims) - about_print} claims" in text


def test_an_unknown_scale_and_a_repository_without_results_are_refused(repository: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"'smal'.*'small'"):
        reported_papers(repository, ["smal"])
    (tmp_path / "config/scales").mkdir(parents=True)
    (tmp_path / "config/scales/demo.yaml").touch()
    with pytest.raises(ReportingError, match="no results"):
        reported_papers(tmp_path)


def test_a_folder_with_other_files_is_left_as_it_is(
    repository: Path, papers: list[PaperResults], tmp_path: Path
) -> None:
    (tmp_path / "thesis.tex").touch()
    with pytest.raises(ConfigError, match="something else"):
        build_site(repository, papers, [], tmp_path)
    assert (tmp_path / "thesis.tex").exists()
