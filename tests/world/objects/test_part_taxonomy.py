"""Part names of the world and the official numbers of ShapeNetPart."""

from __future__ import annotations

import pytest

from concord3d.errors import ConfigError
from concord3d.world.objects.generation import generate
from concord3d.world.objects.part_taxonomy import OFFICIAL_CLASSES, WORLD_CATEGORIES, official_parts


def test_official_part_numbers():
    """Numbers that are common knowledge of the release: chair 12-15 back, seat, leg, arm; table 47-49."""
    assert len(OFFICIAL_CLASSES) == 16 and sum(len(parts) for _, _, parts in OFFICIAL_CLASSES) == 50
    label, numbers = official_parts("chair", ("seat", "back", "legs", "armrests", "visitor"))
    assert label == 4 and numbers.tolist() == [13, 12, 14, 15, -1]
    label, numbers = official_parts("table", ("top", "leg", "drawer"))
    assert label == 15 and numbers.tolist() == [47, 48, 49]
    label, numbers = official_parts("cup", ("body", "handle"))
    assert label == 11 and numbers.tolist() == [37, 36]
    assert official_parts("airplane", ("body", "wings", "tail", "engines"))[1].tolist() == [0, 1, 2, 3]
    with pytest.raises(ConfigError, match="did you mean 'chair'"):
        official_parts("chairs", ("seat",))


@pytest.mark.parametrize("category", WORLD_CATEGORIES)
def test_every_part_name_of_the_world_is_translated(category):
    """Only things put on or beside the object may lack an official number, and at least two parts occur."""
    seen: set[int] = set()
    for index in range(40):
        obj = generate(category, index, 1)
        _, numbers = official_parts(category, obj.part_names)
        missing = {name for name, number in zip(obj.part_names, numbers, strict=True) if number < 0}
        assert missing <= {"item", "mouse", "saucer", "strap"}, missing
        seen |= set(numbers.tolist())
    assert len(seen) >= 2
