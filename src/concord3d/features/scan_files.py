"""Files of what frozen encoders make of a split of scans; apart, so that others need not know their store."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple


class ScanFiles(NamedTuple):
    """Files of one split; :mod:`concord3d.features.scan_features` reads them.

    Attributes:
        pictures: Of pictures.
        texts: Of texts.
        points: Of objects' clouds.
    """

    pictures: Path
    texts: Path
    points: Path
