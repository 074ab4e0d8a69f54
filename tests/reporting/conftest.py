"""Cheaper settings for the tests of reporting: fewer resamples and smaller pictures change no logic."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from concord3d.reporting import expressions, figure_style, results

NUM_RESAMPLES = 1000


@pytest.fixture(scope="session", autouse=True)
def cheap() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(expressions, "NUM_RESAMPLES", NUM_RESAMPLES)
        patch.setattr(results, "NUM_RESAMPLES", 300)
        patch.setitem(figure_style.SETTINGS, "savefig.dpi", 40)
        yield
