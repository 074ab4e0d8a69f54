"""Docstrings, taken apart."""

from __future__ import annotations

from concord3d.site.docstrings import Docstring, Section

TEXT = """Return a thing
of two lines.

A second paragraph.

Args:
    name: What it is
        called: by a user.
    size: (B, N).

Returns:
    (B, D) float32,
    finite.

Raises:
    ConfigError: No such thing.

Example:
    >>> thing("a")
    1
"""


def test_paragraphs_and_sections_keep_their_words_and_their_order() -> None:
    told = Docstring.of(TEXT)
    assert told.paragraphs == ("Return a thing of two lines.", "A second paragraph.")
    assert told.sections == (
        Section("Args", (("name", "What it is called: by a user."), ("size", "(B, N)."))),
        Section("Returns", text="(B, D) float32, finite."),
        Section("Raises", (("ConfigError", "No such thing."),)),
        Section("Example", text='>>> thing("a")\n1'),
    )


def test_a_docstring_without_sections_has_none() -> None:
    assert Docstring.of("One sentence: no section.") == Docstring(("One sentence: no section.",))
