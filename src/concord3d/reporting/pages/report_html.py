"""A page of a report as one HTML file, which Snakemake's own report shows where it would offer Markdown to download."""

from __future__ import annotations

import re

from concord3d.errors import DependencyMissing

_STYLE = (
    "body{font:15px/1.5 system-ui,sans-serif;max-width:70rem;margin:1rem auto;padding:0 1rem}"
    "table{border-collapse:collapse;display:block;overflow-x:auto;font-size:85%}"
    "td,th{border-bottom:1px solid #ccc;padding:.25rem .5rem;text-align:left;vertical-align:top}"
    "code{background:#f3f3f3;overflow-wrap:anywhere}"
)
_PICTURE = re.compile(r"!\[([^\]]*)\]\([^)]+\)")
# A link into the folder of results; from inside Snakemake's report it would lead nowhere.
_INTO_FOLDER = re.compile(r"\[([^\]]+)\]\((?!https?://)[^)\s]+\)")


def html_page(text: str, title: str) -> str:
    """Return a page of a report as HTML.

    Pictures stay behind, because Snakemake's report has them beside the page; so do links into the folder of results,
    whose words stay.

    Args:
        text: The page, as ``README.md`` has it.
        title: Title of the window.

    Raises:
        DependencyMissing: The library is not installed.
    """
    try:
        from markdown import markdown
    except ImportError as error:
        raise DependencyMissing(
            "The library that makes HTML of Markdown is not installed",
            found=error,
            next_step="make setup, or in the clone: pip install '.[workflow]'; then the command again",
        ) from error
    told = _INTO_FOLDER.sub(r"\1", _PICTURE.sub(r"*Figure: \1*", text))
    body = markdown(told, extensions=["tables", "sane_lists"])
    head = f'<meta charset="utf-8"><title>{title}</title><style>{_STYLE}</style>'
    return f'<!DOCTYPE html>\n<html lang="en"><head>{head}</head><body>\n{body}\n</body></html>\n'
