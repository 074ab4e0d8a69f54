"""Cheaper settings for the tests of reporting: fewer resamples and smaller pictures change no logic."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from concord3d.reporting.claims import comparisons
from concord3d.reporting.evidence import estimates
from concord3d.reporting.figures import style

NUM_RESAMPLES = 1000


@pytest.fixture(scope="session", autouse=True)
def cheap() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(comparisons, "NUM_RESAMPLES", NUM_RESAMPLES)
        patch.setattr(estimates, "NUM_RESAMPLES", 300)
        patch.setitem(style.SETTINGS, "savefig.dpi", 40)
        yield
