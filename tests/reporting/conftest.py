"""Cheaper settings for the tests of reporting: smaller pictures change no logic."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from concord3d.reporting.figures import style


@pytest.fixture(scope="session", autouse=True)
def cheap() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(style.SETTINGS, "savefig.dpi", 40)
        yield
