"""Texts as files hold them, brought to one line of valid Unicode each."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable

from concord3d.data.stores.objects import ShapeTexts


def clean_text(text: str) -> str:
    """Return a text as one line: control characters and white space become single spaces, lone surrogates vanish.

    Letters of every script and texts of any length are kept (towers cut what is too long for them).
    """
    kept = (" " if unicodedata.category(mark) in ("Cc", "Zl", "Zp") else mark for mark in text)
    return " ".join("".join(mark for mark in kept if not "\ud800" <= mark <= "\udfff").split())


def shape_texts(raw: str = "", captions: Iterable[str] = (), retrieved: Iterable[str] = ()) -> ShapeTexts:
    """Return the cleaned texts of a shape; those that are empty are left out."""
    return ShapeTexts(
        clean_text(raw),
        tuple(text for caption in captions if (text := clean_text(caption))),
        tuple(text for found in retrieved if (text := clean_text(found))),
    )
