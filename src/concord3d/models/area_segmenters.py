"""The segmenters of a cross-validation over areas of a building, as one module."""

from __future__ import annotations

from collections.abc import Mapping

from torch import nn


class AreaSegmenters(nn.Module):
    """One segmenter per area, trained without it.

    Args:
        segmenters: Segmenters by the area that was left out of their training.
    """

    def __init__(self, segmenters: Mapping[int, nn.Module]) -> None:
        super().__init__()
        self.by_area = nn.ModuleDict({str(area): segmenter for area, segmenter in segmenters.items()})

    @property
    def areas(self) -> tuple[int, ...]:
        """The areas."""
        return tuple(int(area) for area in self.by_area)

    def of(self, area: int) -> nn.Module:
        """Return the segmenter that never saw an area."""
        return self.by_area[str(area)]
