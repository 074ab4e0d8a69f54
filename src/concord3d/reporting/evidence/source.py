"""Where a report takes from what it tells: the artifacts of a run, or the results of an earlier report."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from concord3d.reporting.evidence.measurements import Evaluation
from concord3d.reporting.evidence.page_facts import PageFacts


class Source(Protocol):
    """Everything measured, each thing read at its first use and once."""

    @property
    def evaluations(self) -> tuple[Evaluation, ...]:
        """The evaluations that count, sorted."""

    @property
    def histories(self) -> Mapping[tuple[str, int], list[dict[str, Any]]]:
        """Entries of the history by experiment and seed, in the order of the epochs; numbers alone."""

    @property
    def records(self) -> Mapping[str, Mapping[str, Any]]:
        """The record of every training that counts, by ``<experiment>__s<seed>``."""

    @property
    def facts(self) -> PageFacts:
        """What pages tell beside the numbers."""
