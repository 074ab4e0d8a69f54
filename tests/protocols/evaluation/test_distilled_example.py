"""Distillations on sweeps that they have not seen: their figures, and what drawings show of one sweep."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.batches.streets import street_data, streets
from tests.methods.cmcr.small import ENCODER, method_of
from tests.protocols.small_jobs import check_contract, make_job

from concord3d.models.weights import save_weights
from concord3d.protocols.evaluation.distilled_example import SHOWN_CAMERAS
from concord3d.protocols.evaluation.distilled_sweeps import Distillation, drawn_sweep
from concord3d.protocols.evaluation.evaluate import evaluate

OF_PICTURES = {"pictures", "rebuilt", "hidden"}
OF_OCCUPANCY = {"points", "occupancy", "map_place"}
OF_COSINES = {"channel_cosines", "cosine_points", "cosine_pixels", "asked_point", "asked_pixel"}


def evaluated(folder: Path, name: str) -> tuple[dict[str, float], dict[str, Any]]:
    """The figures of an untrained network with the parts of a name, and the arrays that it keeps."""
    method = method_of(name)
    job = make_job(folder, "distillation", {"num_pairs": 40}, method="cmcr", module="distillation")
    save_weights(method.network, job.model_path, {"config_hash": "x", **method.header("distillation")})
    data = {"picture_encoder": "random", "picture_size": [32, 64], "picture_stride": 16}
    run_config = {**job.run_config, "encoder": ENCODER, "data": data}
    job = replace(job, train=None, test=streets("val"), run_config=run_config)
    evaluate(job)
    body, arrays = check_contract(job)
    assert body["details"]["example"] == streets("val").names[0]
    return {record["metric"]: record["value"] for record in body["records"]}, arrays


@pytest.mark.parametrize(
    ("name", "kept"),
    [
        ("ppkt", set()),
        ("occupancy", OF_OCCUPANCY),
        ("masked_pictures", OF_PICTURES),
        ("cmcr", {"code_counts"} | OF_PICTURES | OF_OCCUPANCY | OF_COSINES),
    ],
)
def test_figures_show_what_a_network_has_parts_for(tmp_path: Path, name: str, kept: set[str]) -> None:
    _, arrays = evaluated(tmp_path, name)
    assert {key for key in arrays if "__" not in key} == kept | {"item_names"}


def test_what_is_kept_of_a_sweep(tmp_path: Path) -> None:
    figures, arrays = evaluated(tmp_path, "cmcr")
    store = streets("val")
    points = store.network_points(0)[:, :3]
    np.testing.assert_array_equal(arrays["points"], points.astype(np.float16))
    assert arrays["pictures"].shape == arrays["rebuilt"].shape == (SHOWN_CAMERAS, 32, 64, 3)
    assert arrays["hidden"].shape == (SHOWN_CAMERAS, 4, 8) and 0 < arrays["hidden"].mean() < 1
    # Both sweeps have their pairs counted, by points and by pixels.
    assert arrays["code_counts"].shape == (2, 12) and (arrays["code_counts"].sum(1) == 80).all()
    cosines, asked = arrays["cosine_points"], int(arrays["asked_point"])
    np.testing.assert_allclose(cosines[:, asked], 1, atol=1e-2)
    assert cosines.shape == (2, len(points)) and arrays["cosine_pixels"].shape == (2, 32, 64)
    assert arrays["asked_pixel"][0] < SHOWN_CAMERAS and np.abs(arrays["channel_cosines"].astype(float)).max() <= 1.001
    # The map tells of a place if and only if a point is within a metre of it.
    occupancy, (reach, height, _) = arrays["occupancy"], arrays["map_place"].tolist()
    cell = 2 * reach / len(occupancy)
    for row, column in np.random.default_rng(0).integers(0, len(occupancy), (200, 2)):
        place = np.array([cell * (column + 0.5) - reach, cell * (row + 0.5) - reach, height])
        assert np.isfinite(occupancy[row, column]) == (np.linalg.norm(points - place, axis=1).min() <= 1)
    assert 0 < figures["masked_error"] < 1


def test_masks_and_pairs_are_the_same_with_and_without_queries() -> None:
    drawn = []
    for name in ("ppkt", "occupancy"):
        method = method_of(name)
        data = street_data(method.network.settings.num_queries, split="val")
        told = Distillation(method.network, None, next(method.network.parameters()).device)
        drawn.append(drawn_sweep(told, data, 1, 30, 0))
    assert drawn[0].batch.queries is None and drawn[1].batch.queries is not None
    assert drawn[0].masks.equal(drawn[1].masks) and drawn[0].rows.equal(drawn[1].rows)
