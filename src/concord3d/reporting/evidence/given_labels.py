"""Pseudo-labels that a training gave its objects, as files; shares of the last epoch that was kept.

Shape legend: S objects that the epoch's batches held.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from concord3d.arrays import read_arrays
from concord3d.errors import ReportingError

FOLDER = "pseudo_labels"
KEYS = ("unit", "picture_label", "point_label", "label", "picture_kept", "point_kept")


def read_given_labels(exports: Path) -> dict[str, Any]:
    """Count the labels of the last epoch of which a training kept them.

    Args:
        exports: Folder of what the training exports; below it ``pseudo_labels/epoch_<number>.npz`` with ``unit`` (S,),
            the objects' rows in the store; ``picture_label``, ``point_label`` and ``label`` (S,), the votes of both
            branches and the one that was given; ``picture_kept`` and ``point_kept`` (S,) bool.

    Returns:
        ``epoch``, ``num_epochs`` of which labels are kept, ``num_objects``, ``num_kept_pictures``, ``num_kept_points``
        and ``num_disagreeing``, on which the branches vote differently; empty where there are no labels.

    Raises:
        UnreadableFile: A file is damaged.
        ReportingError: A file's name has no epoch, an array is missing, or lengths differ.
    """
    paths = sorted((exports / FOLDER).glob("*.npz"))
    if not paths:
        return {}
    last = paths[-1]
    number = last.stem.removeprefix("epoch_")
    if not number.isdigit():
        raise ReportingError("A file of labels has no epoch", where=last, expected="epoch_<number>.npz")
    arrays = read_arrays(last, "pseudo-labels")
    lacking = [key for key in KEYS if key not in arrays]
    lengths = {len(values) for key, values in arrays.items() if key in KEYS}
    if lacking or len(lengths) != 1:
        raise ReportingError(
            "Pseudo-labels do not hold what they must",
            where=last,
            expected=f"{KEYS} of one length",
            found=f"no {lacking}" if lacking else f"lengths {sorted(lengths)}",
        )
    return {
        "epoch": int(number),
        "num_epochs": len(paths),
        "num_objects": len(arrays["unit"]),
        "num_kept_pictures": int(arrays["picture_kept"].sum()),
        "num_kept_points": int(arrays["point_kept"].sum()),
        "num_disagreeing": int((arrays["picture_label"] != arrays["point_label"]).sum()),
    }
