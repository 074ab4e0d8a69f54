"""Work of trainings, counted from the networks that methods say they run, and measured speeds."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from concord3d.commands.training_work import (
    FORWARD_AND_BACKWARD,
    forward_passes,
    network_size,
    recorded_speeds,
    training_flops,
)
from concord3d.config.resolve import load_params, load_study
from concord3d.files import write_json
from concord3d.methods.settings import MethodSettings
from concord3d.models.forward_pass import ForwardPass, point_pass
from concord3d.workflow.plan import Plan

Run = dict[str, Any]


def run_of(repository: Path, paper: str, experiment: str) -> Run:
    return load_study(repository, paper, "demo").run_config(experiment, 1)


def changed(run: Run, section: str, values: Mapping[str, Any]) -> Run:
    return {**run, section: {**run[section], **values}}


def test_work_is_the_sum_over_networks(repository: Path) -> None:
    run = run_of(repository, "mm_point", "mm_point")
    clouds, pictures = forward_passes(run)
    assert (clouds.network, clouds.times) == ("pointnet", 2)
    assert (pictures.network, pictures.times) == ("resnet10_16", run["objective"]["views"])
    per_unit = 2 * network_size(repository, clouds).flops
    per_unit += run["objective"]["views"] * network_size(repository, pictures).flops
    expected = FORWARD_AND_BACKWARD * per_unit * 100 * run["training"]["epochs"]
    assert training_flops(repository, run, 100) == pytest.approx(expected)


def test_work_grows_with_epochs_views_and_points(repository: Path) -> None:
    run = run_of(repository, "mm_point", "mm_point")
    work = training_flops(repository, run, 100)
    assert work > 0
    longer = changed(run, "training", {"epochs": 2 * run["training"]["epochs"]})
    assert training_flops(repository, longer, 100) == pytest.approx(2 * work)
    assert training_flops(repository, changed(run, "objective", {"views": 8}), 100) > work
    assert training_flops(repository, changed(run, "objective", {"w_inter": 0.0}), 100) < work
    assert training_flops(repository, changed(run, "data", {"num_points": 512}), 100) > work


def test_a_teacher_runs_forward_alone(repository: Path) -> None:
    align, dual = (run_of(repository, "mm_mixing", name) for name in ("baseline", "full"))
    assert [part.is_trained for part in forward_passes(dual)] == [True, False]
    (student,) = forward_passes(align)
    flops = network_size(repository, student).flops
    epochs = dual["training"]["epochs"]
    assert training_flops(repository, align, 1) == pytest.approx(3 * flops * align["training"]["epochs"])
    # Both clouds of the half of the objects that are mixed.
    assert training_flops(repository, dual, 1) == pytest.approx((3 + 2 * 0.5) * flops * epochs)
    assert [part.times for part in forward_passes(changed(dual, "objective", {"w_clean": 0.0}))] == [0.5, 1.0]


def test_an_untrained_encoder_is_no_work(repository: Path) -> None:
    assert forward_passes(run_of(repository, "mm_point", "random_init")) == ()


def test_by_default_the_point_encoder_meets_a_cloud_once(repository: Path) -> None:
    run = run_of(repository, "mm_point", "mm_point")
    settings = MethodSettings()
    assert settings.forward_passes(run) == (point_pass(run),)
    assert settings.forward_passes({**run, "encoder": {"width": 16}}) == (), "another network than a point encoder"


def test_a_tower_is_found_whatever_the_current_directory_is(
    repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    plan = Plan(repository, load_params({"scale": "demo", "papers": ["mm_mixing"]}))
    run = plan.nodes["towers/concord_tiny"].params["run"]
    (pair,) = forward_passes(run)
    assert pair.network == "concord_tiny" and network_size(repository, pair).num_parameters > 1e4
    assert training_flops(repository, run, 10) > 0


def test_the_size_of_a_network_is_that_of_the_network(repository: Path) -> None:
    size = network_size(repository, ForwardPass("linear", f"{__name__}:linear", {"width": 4}))
    assert (size.flops, size.num_parameters) == (2 * 4 * 4, 4 * 4)


def linear(width: int) -> Any:
    import torch

    return torch.nn.Linear(width, width, bias=False), (torch.zeros(1, width),)


def test_speeds_come_from_records_of_papers_and_of_towers(repository: Path, tmp_path: Path) -> None:
    run = run_of(repository, "mm_point", "crosspoint")
    flops = training_flops(repository, changed(run, "training", {"epochs": 1}), 1)
    for name, rate, memory in (("a", 10.0, 500.0), ("b", 30.0, 700.0), ("c", 20.0, 600.0)):
        record = {"config": run, "device": "cpu", "machine": {"clouds_per_s": rate}, "peak_memory_mb": memory}
        write_json(tmp_path / "results" / "demo" / "mm_point" / "provenance" / f"{name}.json", record)
    tower = Plan(repository, load_params({"scale": "demo", "papers": ["mm_mixing"]})).nodes["towers/concord_tiny"]
    config = {**tower.params["run"], "encoder": {"model": str(repository / "config/towers/concord_tiny.json")}}
    record = {"config": config, "device": "cuda", "machine": {"pairs_per_s": 5.0}, "peak_memory_mb": 900.0}
    write_json(tmp_path / "artifacts" / "demo" / "towers" / "concord_tiny" / "provenance.json", record)
    old = {"config": {**run, "method": "gone"}, "device": "cpu", "machine": {"clouds_per_s": 1.0}, "peak_memory_mb": 1}
    write_json(tmp_path / "results" / "demo" / "gone" / "provenance" / "a.json", old)
    speeds = recorded_speeds(tmp_path)
    assert set(speeds) == {("pointnet", "cpu"), ("concord_tiny", "cuda")}
    speed = speeds["pointnet", "cpu"]
    assert speed.flops_per_s == pytest.approx(20 * flops)
    assert (speed.memory_mb, speed.num_records) == (700, 3)
