"""Retrieval grids."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tests.reporting.fabricate import Fabricated, svg

from concord3d.protocols.evaluation.results import ProtocolResult, Record
from concord3d.reporting.figures.kinds.retrieval_grid import RIGHT, WRONG

REPORT = """
paper: mm_point
headline: one
tables: [{id: one, title: One}]
figures:
  - id: f
    kind: retrieval_grid
    title: T
    caption: C
    options:
      experiments: {left: plain, right: mixed}
      datasets: [elsewhere, things]
      directions: [text_to_shape, shape_to_shape]
      pictures: figures/pictures__{dataset}.npz
"""


NAMES = tuple(f"thing_{number}" for number in range(8))


def retrieval(found: list[list[int]]) -> ProtocolResult:
    """Two text queries for things 1 and 4, and one shape query for thing 2 of class 0 (things 0 to 3)."""
    arrays: dict[str, NDArray[Any]] = {
        "labels": np.array([0, 0, 0, 0, 1, 1, 1, 1]),
        "text_to_shape_examples": np.array([1, 4]),
        "text_to_shape_top5": np.array(found),
        "text_to_shape_example_texts": np.array(["a small round thing", "a tall thing with three legs"]),
        "shape_to_shape_examples": np.array([2]),
        "shape_to_shape_top5": np.array([[0, 5, 3, 1, 4]]),
    }
    record = Record("text_to_shape_r1", 50.0, 2, 5.0, 95.0)
    return ProtocolResult((record,), {}, NAMES, {}, arrays)


def retrieved(root: Path) -> Fabricated:
    made = Fabricated(root)
    made.report(REPORT)
    made.write(retrieval([[1, 0, 2, 3, 4], [6, 4, 5, 7, 0]]), "left", 1, "things", "retrieval")
    made.write(retrieval([[0, 1, 2, 3, 4], [4, 6, 5, 7, 0]]), "right", 1, "things", "retrieval")
    return made


def store_pictures(made: Fabricated, names: tuple[str, ...], images: NDArray[Any] | None = None) -> Path:
    path = made.root / "artifacts" / "figures" / "pictures__things.npz"
    path.parent.mkdir(parents=True, exist_ok=True)
    colors = np.arange(len(names), dtype=np.uint8)[:, None, None, None]
    np.savez(path, names=np.array(names), images=np.tile(colors, (1, 6, 6, 3)) if images is None else images)
    return path


def files_of(made: Fabricated) -> list[Path]:
    return sorted((made.root / "artifacts" / "eval").glob("*.npz"))


def test_the_grid_shows_queries_and_what_each_encoder_found(tmp_path: Path) -> None:
    made = retrieved(tmp_path)
    store_pictures(made, NAMES)
    text = svg(made, "f")
    assert "a small round thing" in text and "three legs" in text and "by shape" in text
    assert text.count(">plain<") == text.count(">mixed<") == 3
    # Each encoder finds each text's shape once; three of the shape's class are found, by both encoders.
    # A frame has four sides, and the legend has one frame of each colour.
    assert text.count(f"stroke: {RIGHT.lower()}") == 4 * (2 * 2 + 2 * 3) + 1
    assert text.count(f"stroke: {WRONG.lower()}") == 4 * (2 * 2 * 4 + 2 * 2) + 1
    assert text.count("<image") == 2 * 2 * 5 + 2 * 5 + 1, "the query by shape is a picture, drawn once"
    assert "data_kind: real" in text and "no picture" not in text


def test_a_shape_without_picture_says_so(tmp_path: Path) -> None:
    made = retrieved(tmp_path)
    store_pictures(made, NAMES[:5])
    assert "no picture" in svg(made, "f")


def test_the_same_results_give_the_same_bytes(tmp_path: Path) -> None:
    texts = []
    for name in "ab":
        made = retrieved(tmp_path / name)
        store_pictures(made, NAMES)
        texts.append(svg(made, "f"))
    assert texts[0] == texts[1]


def test_without_results_or_pictures_it_is_a_placard(tmp_path: Path) -> None:
    made = retrieved(tmp_path / "a")
    assert "nothing to draw at scale" in svg(made, "f")
    made = Fabricated(tmp_path / "b")
    made.report(REPORT)
    store_pictures(made, NAMES)
    assert "needs retrieval of left, right" in svg(made, "f")


def test_a_direction_that_was_not_run_leaves_no_rows(tmp_path: Path) -> None:
    made = retrieved(tmp_path)
    made.report(REPORT.replace("[text_to_shape, shape_to_shape]", "[image_to_shape]"))
    store_pictures(made, NAMES)
    assert "needs retrieval, image to shape" in svg(made, "f")
