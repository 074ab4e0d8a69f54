"""Names in Markdown show as the text they are, to GitHub's rules and to those of the site's generator."""

from __future__ import annotations

import html
import re
from collections.abc import Callable

import markdown as site_generator
import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from tests.reporting.fabricate import Fabricated, outcomes

from concord3d.reporting.csv_text import csv_text
from concord3d.reporting.markdown import Markdown, code, grid, heading, plain, prose
from concord3d.reporting.parts import pages, tables
from concord3d.site.writer import for_the_site

GITHUB = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])
EXTENSIONS = ["attr_list", "md_in_html", "tables", "pymdownx.superfences", "pymdownx.details", "admonition", "toc"]
RENDERERS: list[Callable[[str], str]] = [
    GITHUB.render,
    lambda page: site_generator.markdown(for_the_site(page), extensions=EXTENSIONS),
]
HOSTILE = (
    "<b>bold</b>", "<script>alert(1)</script>", "a|b", "`code`", "*stars*", "_under_", "**a**", "__a__", "[a](b)",
    "[a][b]", "![a](b)", "[^1]", "&lt;b&gt;", "&#42;", "&copy;", "~~gone~~", "a\\*b", "a\\", "a\\|b", "<!-- a -->",
    "costs $5 or $6$", "a {#id .class}", "a { #id }", "# a #", "1. a", "a `b", "``", "<http://a.b>", "http://a.b/_c_",
    "- a", "> a", "a<br>b", "a\nb", "a\r\n| b |", "a\u2028b", "椅子", "λ", "😹", "mm_point__s1", "&", "<", "a < b & c",
    "2 * 3 * 4", "^$", "| --- |", "{% raw %}", "[x] a",
)  # fmt: skip
SIGNS = st.text(st.sampled_from("ab1 _*`[]()<>&|~$\\{}#!:^-+.'\"=/\n"), min_size=1, max_size=12)


def shown(page: str) -> str:
    """What a browser shows of a page: its text."""
    return " ".join(html.unescape(re.sub(r"<[^>]*>", "", page)).replace("¶", "").split())


def cells(page: str) -> list[str]:
    return [shown(cell) for cell in re.findall(r"<td[^>]*>(.*?)</td>", page, re.DOTALL)]


@pytest.mark.parametrize("render", RENDERERS, ids=["GitHub", "site"])
@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_names_show_as_they_are(render: Callable[[str], str], name: str) -> None:
    check(render, name)


@pytest.mark.parametrize("render", RENDERERS, ids=["GitHub", "site"])
@given(name=SIGNS)
def test_any_name_shows_as_it_is(render: Callable[[str], str], name: str) -> None:
    check(render, name)


def check(render: Callable[[str], str], name: str) -> None:
    text = " ".join(name.split())
    assert cells(render("\n".join(grid(["a", "b"], [[name, code(name)], ["x", "y"]])))) == [text, text, "x", "y"]
    around = " ".join(f"x {text} y".split())
    for page in (heading(2, f"x {plain(name)} y"), f"- x {plain(name)} y", f"x {plain(name)} y"):
        assert shown(render(page)) == around
    if text:
        assert shown(render(f"*{plain(f'x {name} y')}.*")) == f"{around}."


@pytest.mark.parametrize("render", RENDERERS, ids=["GitHub", "site"])
def test_sentences_keep_their_marks_and_show_html_as_text(render: Callable[[str], str]) -> None:
    page = render(prose("It is `a<b>_c_` and *so* **on**, <b>not</b> results/<scale>/x &copy; \x07."))
    assert "<em>so</em>" in page and "<strong>on</strong>" in page and "<b>" not in page
    assert shown(page) == "It is a<b>_c_ and so on, <b>not</b> results/<scale>/x &copy; ⟨U+0007⟩."


def test_what_needs_no_escape_has_none() -> None:
    for name in (
        "mm_point__s1",
        "62.1 [60.0, 64.1]",
        "[1, 2] (a)",
        "-0.6",
        "+0.58",
        "a < b",
        "R&D",
        "100 %",
        "~5",
        "$5",
        "OBJ_BG",
        "2 x 3",
    ):
        assert plain(name) == name
    assert isinstance(plain("a"), Markdown)


@pytest.mark.parametrize("name", [*HOSTILE, "a\rb", '"a", b', "'", "=1+1", " a ", "a\x00b"])
def test_csv_holds_every_name_as_it_is(name: str, tmp_path) -> None:
    import csv

    path = tmp_path / "a.csv"
    path.write_text(csv_text(("name", "b"), [(name, 1.0), ("c", None)]), encoding="utf-8", newline="")
    with path.open(encoding="utf-8", newline="") as stream:
        assert list(csv.reader(stream)) == [["name", "b"], [name, "1.000000"], ["c", ""]]


@pytest.mark.parametrize("render", RENDERERS, ids=["GitHub", "site"])
def test_hostile_labels_and_data_sets_show_in_the_pages_of_a_report(tmp_path, render: Callable[[str], str]) -> None:
    made = Fabricated(tmp_path)
    bad = "_a_ <b>|`*[x](y)"
    made.report(
        "paper: mm_point\nheadline: one\n" + f"datasets: {{'{bad}': modelnet40}}\n"
        "tables:\n  - {id: one, title: '<i>T</i>', note: 'n <u>', published: [one], own: all, metrics: [{"
        f"protocol: linear_svm, metric: overall_accuracy, label: '{bad}', published: accuracy}}]}}\n"
    )
    made.published([("one", bad, bad, bad, "accuracy", "66.0", "other_paper")])
    made.accuracy("mm_point", outcomes(200, 150))
    tables.build(made.material)
    page = render((made.inputs.out / "tables" / "one.md").read_text())
    assert cells(page).count(bad) >= 2 and "<i>T</i>" in shown(page) and "n <u>" in shown(page)
    pages.build(made.material)
    assert bad in cells(render((made.inputs.out / "README.md").read_text()))
