"""Nodes of frozen towers and of what they say of pictures, texts and class names."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from concord3d.config.models import TowerUse
from concord3d.config.numbers import speedless
from concord3d.data.manifest import sampled_digest
from concord3d.files import read_json
from concord3d.workflow.data_nodes import DataNodes
from concord3d.workflow.node import Made

_TOWER_FILES = ("model.safetensors", "open_clip_config.json", "tower.json", "gate.json", "run.json", "provenance.json")


@dataclass(frozen=True)
class TowerNodes:
    """Makes the nodes of towers as others ask for them.

    Attributes:
        data: Makes the nodes of data.
    """

    data: DataNodes

    def _model(self, use: TowerUse) -> Any:
        """What a tower's model is: the content of a configuration of ours, or a name that open_clip knows."""
        path = self.data.root / use.model
        return read_json(path) if path.suffix == ".json" else use.model

    def _weights(self, use: TowerUse) -> Any:
        """Which released weights a tower has: their tag, or the checksum of a file's size and blocks."""
        path = self.data.root / (use.weights or "")
        return sampled_digest(path) if use.weights and path.is_file() else use.weights

    def tower(self, name: str) -> list[Made]:
        """The weights of a tower that is trained here; released ones are no file of the workflow."""
        use = self.data.scale.towers[name]
        training = use.training
        if training is None:
            return []
        folder = self.data.layout.tower(name)
        views = {
            dataset: {
                view_set: self.data.views(dataset, "train", view_set, training.image_size)
                for view_set in training.view_sets
            }
            for dataset in training.datasets
        }
        sets = [
            {
                "dataset": dataset,
                "clouds": str(self.data.layout.store(dataset, "train")),
                "views": {view_set: str(made.files[0]) for view_set, made in parts.items()},
            }
            for dataset, parts in views.items()
        ]
        made = self.data.graph.add_node(
            f"towers/{name}",
            "towers",
            {
                "model": self._model(use),
                "seed": training.seed,
                "sets": [[dataset, training.view_sets, training.image_size] for dataset in training.datasets],
                "settings": speedless(training.settings),
            },
            ["workflow_scripts/tower.py"],
            {
                "clouds": [self.data.store(dataset, "train") for dataset in training.datasets],
                "views": [made for parts in views.values() for made in parts.values()],
            },
            [folder / file for file in _TOWER_FILES],
            {"run": self._tower_run(name), "sets": sets},
        )
        return [Made(made.node, (folder / "model.safetensors",))]

    def _tower_run(self, name: str) -> dict[str, Any]:
        """The configuration of a tower's training, in the form of every training's."""
        use = self.data.scale.towers[name]
        assert use.training is not None
        return {
            "experiment": f"tower_{name}",
            "scale": self.data.params.scale,
            "model": use.model,
            "seed": use.training.seed,
            "sets": {"datasets": use.training.datasets, "view_sets": use.training.view_sets},
            "training": use.training.settings,
        }

    def gate(self, name: str) -> list[Made]:
        return [Made(made.node, (self.data.layout.tower(name) / "gate.json",)) for made in self.tower(name)]

    def tower_spec(self, name: str) -> dict[str, Any]:
        """Return what opens a tower: its model, and its weights by file or by the tag of their release."""
        use = self.data.scale.towers[name]
        own = self.data.layout.tower(name) / "model.safetensors"
        return {"model": use.model, "weights": str(own) if use.training else use.weights}

    def _features(self, tower: str, of: str, kind: str, inputs: Mapping[str, Sequence[Made]], script: str) -> Made:
        use = self.data.scale.towers[tower]
        suffixes = {"classes": (".json", ".npz", ".run.json")}.get(kind, (".json", ".run.json"))
        index = self.data.layout.features(tower, of)
        made = self.data.graph.add_node(
            f"features/{tower}/{of}",
            "towers",
            {"model": self._model(use), "weights": self._weights(use), "kind": kind},
            [script],
            {**inputs, "tower": self.tower(tower)},
            [index.with_name(index.stem + suffix) for suffix in suffixes],
            {"tower": self.tower_spec(tower)},
        )
        wanted = ".npz" if kind == "classes" else ".json"
        return Made(made.node, (index.with_name(index.stem + wanted),))

    def _shipped(self, tower: str, dataset: str, split: str, kind: str) -> Made:
        use = self.data.scale.towers[tower]
        names = [f"{dataset}__{split}__{part}" for part in ("images", "texts", "shipped.run")]
        made = self.data.graph.add_node(
            f"features/{tower}/{dataset}__{split}__shipped",
            "towers",
            {"model": self._model(use), "weights": self._weights(use), "spec": self.data.spec(dataset, "files")},
            ["workflow_scripts/shipped_features.py", self.data.reader_module(dataset)],
            {"marker": [self.data.raw(dataset)]},
            [self.data.layout.features(tower, name) for name in names],
            {"tower": self.tower_spec(tower)},
        )
        return Made(made.node, (self.data.layout.features(tower, f"{dataset}__{split}__{kind}"),))

    def image_features(self, tower: str, dataset: str, split: str, view_set: str, pixels: int) -> Made:
        if self.data.brings_features(dataset):
            return self._shipped(tower, dataset, split, "images")
        views = self.data.views(dataset, split, view_set, pixels)
        of = f"{dataset}__{split}__{view_set}__{pixels}__images"
        return self._features(tower, of, "images", {"views": [views]}, "workflow_scripts/image_features.py")

    def text_features(self, tower: str, dataset: str, split: str) -> Made:
        if self.data.brings_features(dataset):
            return self._shipped(tower, dataset, split, "texts")
        clouds = {"clouds": [self.data.store(dataset, split)]}
        return self._features(tower, f"{dataset}__{split}__texts", "texts", clouds, "workflow_scripts/text_features.py")

    def class_features(self, tower: str, dataset: str) -> Made:
        clouds = {"clouds": [self.data.store(dataset, "test")]}
        return self._features(tower, f"{dataset}__classes", "classes", clouds, "workflow_scripts/text_features.py")
