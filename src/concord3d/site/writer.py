"""Pages from templates, written as Markdown with HTML in it."""

from __future__ import annotations

import re
import shutil
from collections import Counter
from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any

from concord3d.errors import DependencyMissing, UnreadableFile
from concord3d.files import copy_folder, write_text
from concord3d.reporting.markdown import plain, prose
from concord3d.reporting.pages.bottom_line import in_one_line, is_about_print
from concord3d.reporting.pages.claim_section import WORDS
from concord3d.reporting.pages.front_page import WARNINGS
from concord3d.site.paper_results import PaperResults

# The pages of a paper, by file name without its suffix, in the order of the menu.
SECTIONS = {
    "index": "Overview",
    "claims": "Claims",
    "tables/index": "Tables",
    "figures": "Figures",
    "audit": "Audit",
    "ledger": "Ledger",
    "runs/index": "Runs",
}
# Scales in the order in which a reader should trust them.
SCALE_ORDER = ("paper", "small", "demo", "smoke")


# Code keeps its braces; an escaped back-tick begins none.
_BRACE = re.compile(r"\\.|(`+)(?!`).+?(?<!`)\1(?!`)|\{", re.DOTALL)


class PageWriter:
    """Renders templates, and puts files of the results beside the pages.

    Args:
        templates: Folder of the templates.
        papers: All that the site tells of.
        folder: Where pages go.

    Raises:
        DependencyMissing: Jinja is not installed.
    """

    def __init__(self, templates: Path, papers: Sequence[PaperResults], folder: Path) -> None:
        try:
            from jinja2 import Environment, FileSystemLoader, StrictUndefined
            from markupsafe import Markup
        except ImportError as error:
            raise DependencyMissing("Jinja is not installed", found=error, next_step="make setup") from error
        self._folder = folder
        self._scales = {
            paper.name: [scale for scale in SCALE_ORDER if (paper.name, scale) in {(p.name, p.scale) for p in papers}]
            for paper in papers
        }
        loader = FileSystemLoader(templates)
        self._environment = Environment(loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True)
        self._environment.filters.update(
            words=words,
            name=lambda text: Markup(for_the_site(plain(text))),
            prose=lambda text: Markup(for_the_site(prose(text))),
            page=lambda text: Markup(for_the_site(text)),
        )
        self._environment.globals.update(
            in_one_line=in_one_line,
            scales_of=lambda paper: self._scales[paper.name],
            verdict_counts=verdict_counts,
            SECTIONS=SECTIONS,
            WARNINGS=WARNINGS,
            WORDS=WORDS,
        )

    def write(self, path: str, template: str, **context: Any) -> None:
        """Render a template to the page ``path``, which ends in ``.md``."""
        text = self._environment.get_template(template).render(context, up="../" * path.count("/"))
        self.write_text(path, text)

    def write_text(self, path: str, text: str) -> None:
        """Write a page that is Markdown already."""
        write_text(self._folder / path, text)

    def copy(self, source: Path, path: str) -> None:
        """Put a file, or a folder, of the repository beside the pages.

        Raises:
            UnreadableFile: It is not there.
        """
        target = self._folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        if not source.exists():
            raise UnreadableFile("A file that a page leads to is not there", where=source, found="no file")
        if source.is_dir():
            copy_folder(source, target)
        else:
            shutil.copyfile(source, target)
        for page in target.rglob("*.md"):
            write_text(page, for_the_site(page.read_text(encoding="utf-8")))


def for_the_site(page: str) -> str:
    """Return a Markdown page of the results for the site's generator, which takes words in braces for attributes."""
    return _BRACE.sub(lambda found: found[0] if found[0] != "{" else r"\{", page)


def words(text: str) -> str:
    """Return text as HTML, with what stands between backticks as code and between stars as emphasis."""
    marked = re.sub(r"`([^`]+)`", r"<code>\1</code>", escape(text))
    marked = re.sub(r"\*\*([^*]+)\*\*", r"<strong>\1</strong>", marked)
    return re.sub(r"(?<!\w)\*([^*]+)\*(?!\w)", r"<em>\1</em>", marked)


def verdict_counts(claims: Sequence[Mapping[str, Any]]) -> list[tuple[str, str]]:
    """Return verdicts with their number in words; claims about printed values alone are counted apart."""
    about_print = sum(is_about_print(claim) for claim in claims)
    counts = Counter(claim["verdict"] for claim in claims if not is_about_print(claim))
    short = {verdict: text.partition(" at this")[0].lower() for verdict, text in WORDS.items()}
    counted = [(verdict, f"{counts[verdict]} {text}") for verdict, text in short.items() if counts[verdict]]
    return [*counted, *([("print", f"{about_print} about printed values alone")] if about_print else [])]
