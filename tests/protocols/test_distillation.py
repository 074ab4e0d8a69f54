"""What a distillation has learnt, measured on streets that it has not seen."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tests.batches.streets import SIZE, streets
from tests.methods.cmcr.small import ENCODER, PARTS, SMALL, method_of
from tests.protocols.small_jobs import assert_traceable

from concord3d.losses.orthogonality import mean_squared_cosine
from concord3d.methods.cmcr.forward import see
from concord3d.models.weights import save_weights
from concord3d.protocols.evaluation.distilled_sweeps import drawn_sweep, measured_sweep, opened_distillation
from concord3d.protocols.evaluation.evaluate import evaluate
from concord3d.protocols.evaluation.job import EvaluationJob

ALWAYS = {"pair_top1"}
OCCUPANCY = {"occupancy_accuracy", "occupancy_accuracy_shared_alone"}
CODES = {"same_code_share", "code_perplexity"}
METRICS = {
    "ppkt": ALWAYS,
    "slidr": ALWAYS,
    "occupancy": ALWAYS | OCCUPANCY,
    "masked_pictures": ALWAYS | {"masked_error"},
    "decoupled": ALWAYS | OCCUPANCY | {"masked_error", "squared_cosine"},
    "codebook": ALWAYS | OCCUPANCY | CODES | {"masked_error", "squared_cosine"},
    "cmcr": ALWAYS | OCCUPANCY | CODES | {"masked_error", "squared_cosine"},
}


def job_of(folder: Path, name: str, settings: dict[str, Any] | None = None) -> EvaluationJob:
    method = method_of(name)
    weights = folder / f"{name}.safetensors"
    save_weights(method.network, weights, {"config_hash": "x", **method.header("distillation")})
    run = {
        "experiment": name, "seed": 1, "scale": "smoke", "method": "cmcr", "encoder": ENCODER,
        "objective": {**SMALL, **PARTS[name]},
        "data": {"picture_size": list(SIZE), "picture_encoder": "random", "picture_stride": 16},
    }  # fmt: skip
    return EvaluationJob(
        run, weights, [], None, streets("val"), "distillation", settings or {"num_pairs": 30}, folder / "out", "cpu",
        module="distillation",
    )  # fmt: skip


@pytest.mark.parametrize("name", PARTS)
def test_each_network_has_the_figures_of_its_parts(tmp_path: Path, name: str) -> None:
    job = job_of(tmp_path, name)
    evaluate(job)
    body = json.loads(Path(f"{job.out}.json").read_text())
    with np.load(f"{job.out}.npz", allow_pickle=False) as store:
        arrays = dict(store)
    assert_traceable(body, arrays)
    records = {record["metric"]: record for record in body["records"]}
    assert set(records) == METRICS[name]
    for metric, record in records.items():
        values = arrays[f"{metric}__last"]
        assert len(values) == 2 and record["value"] == pytest.approx(
            values.mean() * (100 if record["unit"] == "%" else 1)
        )


def test_a_sweep_says_the_same_whenever_it_is_asked(tmp_path: Path) -> None:
    told, data = opened_distillation(job_of(tmp_path, "cmcr"), None)
    one, other = (measured_sweep(told, drawn_sweep(told, data, 1, 30, 0)).figures for _ in range(2))
    assert one == other and one != measured_sweep(told, drawn_sweep(told, data, 1, 30, 1)).figures


def test_figures_are_those_of_their_definition(tmp_path: Path) -> None:
    told, data = opened_distillation(job_of(tmp_path, "cmcr"), None)
    found = measured_sweep(told, drawn_sweep(told, data, 0, 10_000, 0)).figures
    batch = data.read(np.array([0]), torch.Generator().manual_seed(0))
    network, pairs = told.network, batch.pairs
    with torch.inference_mode():
        masks = torch.zeros(batch.pictures[:, 0].shape, dtype=torch.bool)
        seen = see(network, told.trunk, batch, masks, torch.eye(3)[None])
        points = seen.of_voxels.shared[seen.voxels.rows(pairs.sweeps, pairs.points)]
        picture, row, column = pairs.pixels.unbind(1)
        pixels = seen.of_pixels.shared[picture, :, row, column]
        codes = [(values[:, None] - network.codebook.codes).norm(dim=2).argmin(1) for values in (points, pixels)]
    assert found["same_code_share"] == pytest.approx(float((codes[0] == codes[1]).float().mean()), abs=1e-6)
    shares = torch.bincount(codes[0], minlength=12).double() / len(codes[0])
    assert found["code_perplexity"] == pytest.approx(float(torch.special.entr(shares).sum().exp()), rel=1e-4)
    assert found["squared_cosine"] == pytest.approx(float(mean_squared_cosine(*seen.of_voxels)), rel=1e-5)
    right = [int((point @ pixels.T).argmax()) == number for number, point in enumerate(points)]
    assert found["pair_top1"] == pytest.approx(np.mean(right), abs=0.01)


def test_an_even_spread_of_sweeps_may_be_taken(tmp_path: Path) -> None:
    _, data = opened_distillation(job_of(tmp_path, "ppkt"), 1)
    assert len(data) == 1
