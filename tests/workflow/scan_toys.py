"""A paper on scans with two methods and a protocol of a few lines, for tests of the plan and of what it reads."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from textwrap import dedent

import pytest

from concord3d import methods, protocols
from concord3d.config.resolve import load_params
from concord3d.workflow.plan import Plan

SETTINGS = """
from typing import ClassVar

from concord3d.methods.settings import MethodSettings


class Settings(MethodSettings):
    data: ClassVar[str] = "{data}"
    saved: ClassVar[tuple[str, ...]] = ("{saved}",)
    rebuilt_by: ClassVar[str | None] = "concord3d.methods.{name}.method"
    encodes: ClassVar[None] = None
    least_batch: ClassVar[int] = 1
    loose_objects: ClassVar[bool] = False

    @classmethod
    def encoder_modules(cls, encoder, where="encoder"):
        return ()

    @property
    def roles(self):
        return {roles}


SETTINGS = Settings
"""
METHOD = """
from torch import nn

from concord3d.methods.interface import LossTerms, Method


class Toy(Method):
    def __init__(self, width):
        super().__init__()
        self.head = nn.Linear(width, 1)

    def saved(self):
        return {{"{saved}": self.head}}

    def loss(self, batch, draw):
        found = self.head({features})
        return LossTerms(found.square().mean(), {{}})


def build(settings, context):
    import numpy as np
    import torch

    batch = context.data.read(np.zeros(1, np.int64), torch.Generator())
    return Toy({features}.shape[-1])
"""
PROTOCOL = """
from concord3d.config.validation import StrictModel
from concord3d.protocols.interface import Protocol


class Settings(StrictModel):
    pass


def run(job, settings):
    raise AssertionError("this paper is planned, and its evaluations never run")


PROTOCOL = Protocol(Settings, run, ("scan_pictures", "scan_texts", "scan_points"), store="scans")
"""
OBJECTS = "batch.objects.features['point']"
METHODS = {
    "toy_objects": ("scan_objects", "objects", '("extractor",)', "batch.features['point']"),
    "toy_scenes": ("scan_scenes", "scenes", '("extractor", "instance")', OBJECTS),
}
PAPER = """paper: rooms
title: "Telling Rooms Apart"
authors: "Nobody"
venue: "Nowhere 2026"
method: toy_objects

defaults:
  encoder:
    name: {value: pointnet, origin: ours, source: test}
  objective: {}
  data:
    dataset: {value: scannet+scan3r, origin: ours, source: test}
    picture_encoder: {value: efficientnet_lite0, origin: ours, source: test}
    picture_size: {value: 32, origin: ours, source: test}
    crop_levels: {value: 2, origin: ours, source: test}
    sentence_encoder: {value: all_minilm_l6_v2, origin: ours, source: test}
    cloud_points: {value: 64, origin: ours, source: test}
    only: {value: {}, origin: ours, source: test}
  training:
    epochs: {value: 1, origin: ours, source: test}
    batch_size: {value: 2, origin: ours, source: test}
    threads: {value: 1, origin: ours, source: test}
    num_snapshots: {value: 1, origin: ours, source: test}

experiments:
  extractor: {label: "untrained encoder", method: random_init, protocols: []}
  objects: {label: "objects", needs: {extractor: extractor}}
  split: {label: "each scan lacks one", set: {data.only: {point: 0.25, cad: 0.75}}, needs: {extractor: extractor}}
  scenes:
    label: "scenes"
    method: toy_scenes
    needs: {extractor: extractor, instance: objects}
    set:
      data.picture_encoder: efficientnet_lite0
      data.picture_size: 32
      data.crop_levels: 2
      data.sentence_encoder: all_minilm_l6_v2
      data.cloud_points: 64
      data.num_pictures: 4
      data.scene_points: 100

protocols:
  toy_scans: {datasets: [scannet, scan3r], module: objects}
"""
REPORT = """paper: rooms
headline: main
tables:
  - {id: main, title: "Rooms", metrics: [{protocol: toy_scans, metric: recall, label: recall}], own: all}
"""
ROOMS = "{frames: 11, height: 24, width: 32, rescans: 1, square: 0.5, object_vertices: 80}"
SCALE = f"""experiments: all
protocols: {{toy_scans: {{}}}}
datasets:
  scannet: {{source: world, splits: {{train: 2, val: 2}}, options: {ROOMS}}}
  scan3r: {{source: world, splits: {{train: 2, val: 2}}, options: {ROOMS}}}
"""


@contextmanager
def known_toys(folder: Path) -> Iterator[None]:
    """Let the methods and the protocol be found by their names, as if they lay among the others."""
    with pytest.MonkeyPatch.context() as patch:
        for name, (data, saved, roles, features) in METHODS.items():
            package = folder / "methods" / name
            package.mkdir(parents=True)
            (package / "__init__.py").touch()
            (package / "settings.py").write_text(SETTINGS.format(data=data, saved=saved, name=name, roles=roles))
            (package / "method.py").write_text(METHOD.format(saved=saved, features=features))
        (folder / "protocols").mkdir()
        (folder / "protocols/toy_scans.py").write_text(PROTOCOL)
        for package in (methods, protocols):
            patch.setattr(package, "__path__", [*package.__path__, str(folder / package.__name__.split(".")[-1])])
        try:
            yield
        finally:
            for name in [name for name in sys.modules if ".toy_" in name]:
                del sys.modules[name]


def written(root: Path, repository: Path, paper: str = PAPER, scale: str = SCALE) -> Plan:
    """The plan of the paper in a copy of the configuration."""
    for folder in ("config", "datasets"):
        shutil.copytree(repository / folder, root / folder)
    folder = root / "papers/rooms"
    (folder / "scales").mkdir(parents=True)
    (folder / "paper.yaml").write_text(dedent(paper))
    (folder / "report.yaml").write_text(REPORT)
    (folder / "published.csv").write_text("part,table,method,dataset,pair,setting,metric,value,unit,evidence,source\n")
    (folder / "scales/smoke.yaml").write_text(scale)
    return Plan(root, load_params({"scale": "smoke", "papers": ["rooms"], "device": "cpu", "renderer": "open3d"}))
