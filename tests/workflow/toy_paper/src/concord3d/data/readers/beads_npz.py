"""Reader of strings of beads."""

from __future__ import annotations

from pathlib import Path

from concord3d.arrays import read_arrays
from concord3d.data.catalog import DatasetSpec
from concord3d.data.layout import split_files
from concord3d.data.readers.interface import Reader, Reading
from concord3d.data.stores.sweeps import SweepSplit


class BeadsReader(Reader):
    """One file per split."""

    kind = "sweeps"

    def read(self, spec: DatasetSpec, root: Path, split: str, data_kind: str, num_points: int | None = None) -> Reading:
        """Read one split."""
        [path] = split_files(spec, root, split)
        arrays = read_arrays(path, "strings of beads")
        names = tuple(str(name) for name in arrays["names"])
        store = SweepSplit(spec.id, split, data_kind, arrays["offsets"], arrays["points"], (), names)
        return Reading(store, class_names=spec.class_names)


READER = BeadsReader()
