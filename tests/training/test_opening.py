"""From files to a task: stores, views and earlier trainings are opened as the method's settings say."""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType
from typing import Any, ClassVar

import numpy as np
import pytest
from tests.training.made_up import Restoring, VectorData, register
from tests.training.tiny_training import NUM_SHAPES, tiny_points, tiny_run, tiny_task

from concord3d.batches.objects import ObjectData
from concord3d.data.stores.objects import CloudSplit
from concord3d.errors import ConfigError, UnreadableFile
from concord3d.methods.settings import MethodSettings
from concord3d.models.pointnet import PointNet
from concord3d.render.shards import render_cloud_views
from concord3d.render.view_spec import cloud_view_spec
from concord3d.training.opening import opened_task
from concord3d.training.train import train


def store(folder: Path, name: str = "tiny") -> Path:
    names = tuple(map(str, range(NUM_SHAPES)))
    labels = np.arange(NUM_SHAPES) % 4
    CloudSplit(name, "train", "synthetic", tiny_points(), labels, tuple("abcd"), names).save(folder / f"{name}.npz")
    return folder / f"{name}.npz"


def opened(folder: Path, run: dict[str, Any], files: dict[str, list[Path]], **options: Any) -> Any:
    needs = options.pop("needs", {})
    return opened_task(run, files, needs, folder / "work", folder / "out", "cpu", **options)


def test_clouds_and_views_become_objects(tmp_path: Path) -> None:
    views = tmp_path / "views.json"
    render_cloud_views(tiny_points(), cloud_view_spec(), tmp_path / "views", views)
    task = opened(tmp_path, tiny_run(), {"clouds": [store(tmp_path)], "views": [views]}, inputs_identity="known")
    assert isinstance(task.data, ObjectData) and len(task.data) == NUM_SHAPES
    np.testing.assert_array_equal(task.data.points, tiny_points())
    assert (task.data.drawn_views, task.data.num_views, task.data.num_classes) == (2, 10, 4)
    assert task.inputs_identity == "known" and task.device == "cpu" and task.validated() is task
    with pytest.raises(ConfigError, match="train on one data set"):
        opened(tmp_path, tiny_run(), {"clouds": [store(tmp_path)] * 2, "views": [views] * 2})


def test_labels_of_several_data_sets_are_not_mixed_up(tmp_path: Path) -> None:
    run = tiny_run({"method": "supervised", "objective": {}})
    one = opened(tmp_path, run, {"clouds": [store(tmp_path)]})
    two = opened(tmp_path, run, {"clouds": [store(tmp_path), store(tmp_path, "other")]})
    assert one.data.num_classes == 4 and one.data.views is None
    assert len(two.data) == 2 * NUM_SHAPES and two.data.labels is None


def test_a_damaged_store_is_named(tmp_path: Path) -> None:
    path = store(tmp_path)
    path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(UnreadableFile, match=path.name):
        opened(tmp_path, tiny_run({"method": "supervised", "objective": {}}), {"clouds": [path]})


def test_a_method_that_is_not_trained_reads_nothing(tmp_path: Path) -> None:
    run = tiny_run({"method": "random_init", "objective": {}})
    task = opened(tmp_path, run, {})
    assert task.data is None
    train(task)
    assert (tmp_path / "out/weights/point.safetensors").exists()


def test_earlier_trainings_are_opened_by_role_with_their_own_configuration(tmp_path: Path) -> None:
    first = tiny_task(tmp_path / "first", {"method": "supervised", "objective": {}, "training.epochs": 1})
    train(first)
    run = tiny_run({"method": "random_init", "objective": {}})
    task = opened(tmp_path, run, {}, needs={"init": (first.run, first.out_dir)})
    assert set(task.needs) == {"init"} and task.needs["init"].run is first.run
    weights = first.out_dir / "weights"
    assert task.needs["init"].weights == {name: weights / f"{name}.safetensors" for name in ("point", "classifier")}
    assert isinstance(task.context().needs["init"].module(), PointNet)


class OwnData(MethodSettings):
    data: ClassVar[str] = "made_up_vectors"


def test_a_kind_of_data_is_a_module_of_batches(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[Any, ...]] = []
    kind = ModuleType("concord3d.batches.made_up_vectors")
    kind.opened = lambda *told: asked.append(told) or VectorData()
    monkeypatch.setitem(sys.modules, kind.__name__, kind)
    register(monkeypatch, lambda settings, context: Restoring(), OwnData)
    run = tiny_run({"method": "made_up", "objective": {}})
    task = opened(tmp_path, run, {"rooms": [tmp_path / "rooms"]})
    assert isinstance(task.data, VectorData)
    ((told_run, settings, files),) = asked
    assert told_run is run and isinstance(settings, OwnData) and files == {"rooms": [tmp_path / "rooms"]}
