"""How far a verdict reaches."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from concord3d.reporting.claims.scopes import scope_of


@pytest.mark.parametrize(
    ("kinds", "scale", "trained", "scope"),
    [
        (["synthetic"], "paper", [], "synthetic"),
        (["real", "synthetic"], "paper", [], "synthetic"),
        (["real"], "paper", ["synthetic"], "real_reduced"),
        (["real"], "paper", ["mixed"], "real_reduced"),
        (["real"], "small", ["real"], "real_reduced"),
        (["real"], "paper", ["real"], "paper"),
        ([], "demo", [], "synthetic"),
    ],
)
def test_scope(kinds: list[str], scale: str, trained: list[str], scope: str) -> None:
    assert scope_of(kinds, scale, trained) == scope


@given(
    kinds=st.lists(st.sampled_from(["real", "synthetic"]), max_size=3),
    scale=st.sampled_from(["smoke", "demo", "small", "paper"]),
    trained=st.lists(st.sampled_from(["real", "synthetic", "mixed"]), max_size=2),
)
def test_synthetic_data_never_reach_the_paper(kinds: list[str], scale: str, trained: list[str]) -> None:
    if {"synthetic", "mixed"} & {*kinds, *trained} or scale != "paper":
        assert scope_of(kinds, scale, trained) != "paper"
