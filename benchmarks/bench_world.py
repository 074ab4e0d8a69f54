"""Speed of the synthetic world: mesh, captions and 2,048 surface points of one object per category."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from concord3d.geometry.mesh import sample_surface
from concord3d.world.objects.generation import CATEGORIES, generate


def make(categories: tuple[str, ...], index: int) -> int:
    total = 0
    for category in categories:
        made = generate(category, index, 0)
        total += len(sample_surface(made.mesh, 2048, np.random.default_rng(index)).points)
    return total


def test_one_object_of_every_category(benchmark: Any) -> None:
    assert benchmark(make, CATEGORIES, 1) == 2048 * len(CATEGORIES)


@pytest.mark.parametrize("category", ["box", "chair", "person", "guitar", "plant"])
def test_one_object(benchmark: Any, category: str) -> None:
    assert benchmark(make, (category,), 2) == 2048
