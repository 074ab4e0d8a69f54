"""Maps of features."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from tests.reporting.fabricate import Fabricated, svg

from concord3d.protocols.evaluation.results import ProtocolResult, Record
from concord3d.reporting.figures.kinds.embedding import shown_classes

REPORT = """
paper: cross_most
headline: one
tables: [{id: one, title: One}]
figures:
  - id: f
    kind: embedding
    title: T
    caption: C
    options:
      experiments: {cross_most_modelnet40: Both, gone: Gone}
      datasets: [modelnet40]
      map: tsne
      protocol: two_branch_maps
"""


def drawn(root: Path, with_modality: bool = True) -> str:
    made = Fabricated(root, "demo", "synthetic", paper="cross_most")
    made.report(REPORT)
    rng = np.random.default_rng(0)
    arrays = {
        "tsne": rng.normal(size=(20, 2)),
        "labels": np.arange(20) % 2,
        "class_names": np.array(["bed", "glass_box"]),
    }
    if with_modality:
        arrays["modality"] = np.repeat([0, 1], 10)
    records = (Record("picture_to_cloud_purity", 41.6, 10, 30, 50), Record("cloud_to_picture_purity", 22.4, 10, 20, 30))
    result = ProtocolResult(records, {}, (), {}, arrays)
    made.write(result, "cross_most_modelnet40", 1, "modelnet40", "two_branch_maps", "point_transformer")
    return svg(made, "f")


def test_markers_tell_modalities_apart_and_colours_classes(tmp_path: Path) -> None:
    both, one = drawn(tmp_path / "both"), drawn(tmp_path / "one", with_modality=False)
    assert "Both, modelnet40" in both and "Not run at this scale: Gone." in both
    assert "clouds near a picture 42 %, pictures near a cloud 22 %" in both
    assert both.count(">bed<") == both.count(">glass box<") == 1, "each class once in the legend"
    in_legend = 2
    assert both.count("PathCollection_") - in_legend == 2 * (one.count("PathCollection_") - in_legend)


def test_of_many_classes_the_most_frequent_are_in_colour() -> None:
    assert shown_classes(np.array([3, 1, 1, 7])) == [1, 3, 7]
    labels = np.concatenate([np.arange(14), [13, 13, 5], np.full(4, 9)])
    # Of the classes that occur once the first ones.
    assert shown_classes(labels) == [0, 1, 2, 3, 4, 5, 6, 7, 9, 13]
