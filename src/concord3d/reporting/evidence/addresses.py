"""Where a number is found."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Address:
    """Which number of which evaluation is meant, for all seeds."""

    experiment: str
    dataset: str
    protocol: str
    metric: str
    selection: str = "last"


@dataclass(frozen=True)
class HistoryAddress:
    """A figure of the training history: ``held_out[key]`` at the first or last snapshot."""

    experiment: str
    key: str
    at: str


Leaf = Address | HistoryAddress
