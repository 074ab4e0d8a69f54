"""Numbers that labels have in files, as classes of the catalogue.

Shape legend: P points.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from concord3d.data.catalog import DatasetSpec
from concord3d.data.scan_labels import ScanLabels
from concord3d.errors import ConfigError, WrongRelease

_UNKNOWN = -2


def told_labels(spec: DatasetSpec) -> ScanLabels:
    """Return what the catalogue says of a data set's labels.

    Raises:
        ConfigError: It says nothing of them.
    """
    if spec.scan_labels is None:
        raise ConfigError("The catalogue does not say what labels mean", where=spec.id, expected="a key 'scan_labels'")
    return spec.scan_labels


def classes_of(told: ScanLabels, labels: NDArray[np.integer[Any]], where: Path | str) -> NDArray[np.int64]:
    """Return the class of each label.

    Args:
        told: What the numbers mean.
        labels: (P,) of any type of whole numbers.
        where: The file, for an error.

    Returns:
        (P,) index of the class, -1 for points without one.

    Raises:
        WrongRelease: A number is none of the catalogue.
    """
    known = {number: -1 for number in told.no_class}
    known |= {number: index for index, numbers in enumerate(told.classes.values()) for number in numbers}
    table = np.full(max(known) + 1, _UNKNOWN, np.int64)
    table[list(known)] = list(known.values())
    inside = (labels >= 0) & (labels < len(table))
    classes = np.where(inside, table[np.where(inside, labels, 0)], _UNKNOWN)
    if (strange := np.unique(labels[classes == _UNKNOWN])).size:
        raise WrongRelease(
            "A label is none of this data set", where=where, expected=", ".join(map(str, sorted(known))),
            found=", ".join(map(str, strange.tolist())), next_step="obtain the release that the catalogue describes",
        )  # fmt: skip
    return classes
