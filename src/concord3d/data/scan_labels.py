"""What a catalogue says of LiDAR scans whose labels lie in files of their own (CMCR spec 1.2, 1.3)."""

from __future__ import annotations

from collections import Counter

from pydantic import Field, NonNegativeInt, model_validator

from concord3d.config.validation import StrictModel

_LARGEST = 0xFFFF


class ScanLabels(StrictModel):
    """Files of points and of labels, as SemanticKITTI has them.

    Attributes:
        values: Values of a point, of which the first four are read: x, y, z, remission.
        points: Folder that holds the points of a sequence.
        labels: Folder beside it that holds the labels.
        labels_of: Another one for some splits.
        classes: Numbers in the files of each class, in the order of the classes.
        no_class: Numbers of points without a class; any other is an error.
    """

    values: int = Field(default=4, ge=4)
    points: str = "velodyne"
    labels: str = "labels"
    labels_of: dict[str, str] = {}
    classes: dict[str, tuple[NonNegativeInt, ...]]
    no_class: tuple[NonNegativeInt, ...]

    @model_validator(mode="after")
    def _each_number_once(self) -> ScanLabels:
        numbers = [number for own in (*self.classes.values(), self.no_class) for number in own]
        twice = [number for number, count in Counter(numbers).items() if count > 1]
        if twice or max(numbers, default=0) > _LARGEST:
            raise ValueError(f"labels are numbers up to {_LARGEST}, each of one class (found {twice or max(numbers)})")
        return self
