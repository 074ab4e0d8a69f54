"""Part labels of test shapes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from tests.reporting.fabricate import Fabricated, svg

from concord3d.protocols.evaluation.results import ProtocolResult, Record


def test_part_renders(tmp_path: Path) -> None:
    made = Fabricated(tmp_path)
    rng = np.random.default_rng(0)
    truth = rng.integers(0, 3, (2, 64))
    arrays = {
        "example_points": rng.normal(size=(2, 64, 3)),
        "example_truth": truth,
        "example_predicted": truth,
        "example_category": np.array([1, 0]),
        "class_names": np.array(["airplane", "bag"]),
    }
    result = ProtocolResult((Record("instance_miou", 50.0, 2, 40.0, 60.0),), {}, (), {}, arrays)
    made.write(result, "mm_point_partseg", 1, "shapenetpart", "part_segmentation")
    text = svg(made, "f7_part_segmentation")
    assert (
        "bag" in text
        and "100 % of points right" in text
        and ">part 3<" in text
        and ">part 4<" not in text
        and "data_kind: real" in text
    )
