"""Nodes of frozen towers, of what they and frozen picture encoders say of their inputs, and of superpixels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from concord3d.config.models import TowerUse
from concord3d.config.places import Place
from concord3d.config.validation import validate
from concord3d.data.manifest import sampled_digest
from concord3d.errors import ConfigError
from concord3d.features.picture_strength import PictureStrength
from concord3d.features.tower_config import (
    AlignedTowerConfig,
    PatchTowerConfig,
    PretrainedTowerConfig,
    config_kind,
    encoder_checksums,
    feature_widths,
    has_patch_tokens,
)
from concord3d.files import content_hash, read_json
from concord3d.layout import CATALOG
from concord3d.methods.settings import method_kind, method_settings
from concord3d.training.files import TrainingFolder
from concord3d.training.settings import training_settings
from concord3d.workflow.data_nodes import DataNodes
from concord3d.workflow.node import Made
from concord3d.workflow.training_inputs import require_data_settings
from concord3d.workflow.training_nodes import MadeTraining, TrainingRequest, add_training

ENCODE = "workflow_scripts/encode.py"


@dataclass(frozen=True)
class TowerNodes:
    """Makes the nodes of towers as others ask for them.

    Attributes:
        data: Makes the nodes of data.
        places: Where the scale's towers stand, by name.
    """

    data: DataNodes
    places: Mapping[str, Place]

    def _pretrained(self, use: TowerUse) -> PretrainedTowerConfig | None:
        """The configuration of a tower of pre-trained encoders, checked; None for a model of open_clip."""
        path = self.data.root / use.model
        content = read_json(path) if path.suffix == ".json" else None
        kind = config_kind(content)
        return None if kind is None else validate(kind, content, self._file(use))

    def _file(self, use: TowerUse) -> Place:
        return Place(self.data.root, Path(use.model))

    def _model(self, use: TowerUse) -> Any:
        """What a tower's model is: the content of a configuration of ours, or a name that open_clip knows.

        The weights of pre-trained encoders are no files of the workflow; their checksums stand here.
        """
        path = self.data.root / use.model
        pretrained = self._pretrained(use)
        if pretrained is not None:
            return {**pretrained.model_dump(), "weights_sha256": encoder_checksums(pretrained)}
        return read_json(path) if path.suffix == ".json" else use.model

    def _weights(self, use: TowerUse) -> Any:
        """Which released weights a tower has: their tag, or the checksum of a file's size and blocks."""
        path = self.data.root / (use.weights or "")
        return sampled_digest(path) if use.weights and path.is_file() else use.weights

    def training(self, name: str) -> MadeTraining | None:
        """Return the training of a tower that is trained here; released weights are no file of the workflow."""
        use, place = self.data.scale.towers[name], self.places[name].below("training")
        training = use.training
        if training is None:
            return None
        pretrained = self._pretrained(use)
        run: dict[str, Any] = {
            "experiment": f"tower_{name}",
            "seed": training.seed,
            "scale": self.data.params.scale,
            "method": training.method,
            "pretrain": {"dataset": training.data["dataset"]},
            "encoder": {"model": use.model} if pretrained is None else pretrained.model_dump(),
            "objective": training.objective,
            "data": {key: value for key, value in training.data.items() if key != "dataset"},
            "training": training.training,
        }
        method_kind(training.method, place.below("method"))
        settings = method_settings(training.method, training.objective, place.below("objective"))
        require_data_settings(settings.data, run["data"], place.below("data"))
        training_settings(training.training, settings, place.below("training"))
        request = TrainingRequest(
            f"towers/{name}",
            "towers",
            f"train_tower_{name}",
            run,
            settings,
            settings.encoder_modules(run["encoder"], self.places[name] if pretrained is None else self._file(use)),
            TrainingFolder(self.data.layout.tower(name)),
            {},
            {"encoder": self._model(use)},
        )
        return add_training(request, self)

    def identity(self, name: str) -> dict[str, Any]:
        """Return which tower it is: its model, and the weights of its release; those of a training are an input."""
        use = self.data.scale.towers[name]
        return {"model": self._model(use), "weights": self._weights(use)}

    def require_patch_tokens(self, name: str, where: Place) -> None:
        """Refuse a tower whose picture encoder has no patch tokens.

        Args:
            name: The tower.
            where: Where it is named.

        Raises:
            ConfigError: It has none, as its configuration says; that of open_clip's own models is not read here.
        """
        use = self.data.scale.towers[name]
        path = self.data.root / use.model
        if not has_patch_tokens(read_json(path) if path.suffix == ".json" else use.model):
            raise ConfigError(
                f"The picture encoder of the tower '{name}' has no patch tokens",
                where=where,
                expected="a patch tower, or a vision transformer in open_clip's form",
                found=use.model,
            )

    def require_unseen(self, name: str, classes: Sequence[str], where: Place) -> None:
        """Refuse a tower that may have seen one of these classes, for a training that must not see them.

        Args:
            name: The tower.
            classes: Names of classes.
            where: Where the training leaves them out.

        Raises:
            ConfigError: The tower was not aligned here, or not without all of them.
        """
        training = self.training(name)
        never_seen = () if training is None else training.settings.never_seen
        seen = [class_name for class_name in classes if class_name not in never_seen]
        if seen:
            raise ConfigError(
                f"The tower '{name}' may have seen classes that this training leaves out",
                where=where,
                expected="a tower that is trained here with objective.unseen_classes naming them, and unseen_apart",
                found=", ".join(seen),
            )

    def gate(self, name: str) -> list[Made]:
        """Return what was measured of a tower that is trained here."""
        training = self.training(name)
        return [] if training is None else [training.made(training.files.report("gate"))]

    def spec(self, name: str) -> dict[str, Any]:
        """Return what opens a tower: its model, and its weights by file or by the tag of their release."""
        use, training = self.data.scale.towers[name], self.training(name)
        return {"model": use.model, "weights": use.weights if training is None else str(training.weights.files[0])}

    def _encoded(
        self,
        tower: str,
        of: str,
        kind: str,
        inputs: Mapping[str, Sequence[Made]],
        files: Sequence[str],
        modules: Sequence[str] = (),
        spec: Mapping[str, Any] | None = None,
        params: Mapping[str, Any] | None = None,
    ) -> Made:
        """Add the node of features, and return its files.

        Args:
            tower: The tower.
            of: What is encoded; the data set comes first.
            kind: ``images``, ``projected``, ``texts``, ``classes``, or ``shipped`` for features that a release brings.
            inputs: What is encoded.
            files: Names of the files, in the order in which the kind knows them; the last is the record of the run.
            modules: Modules that the kind looks up by name.
            spec: What else changes the numbers.
            params: What else the kind is told.
        """
        use, training = self.data.scale.towers[tower], self.training(tower)
        weights = [] if training is None else [training.weights]
        return self.data.graph.add_node(
            f"features/{tower}/{of}",
            "towers",
            {**self.identity(tower), "kind": kind, **(spec or {})},
            [ENCODE, f"concord3d.features.encode.{kind}", *modules],
            {**inputs, "tower": weights},
            [self.data.layout.features(tower, name) for name in files],
            {"tower": self.spec(tower), **self._told(kind, self._width(use)), **(params or {})},
            self.data.batching.features(tower, of),
        )

    def _told(self, kind: str, width: int | None) -> dict[str, Any]:
        return {"kind": kind, "store": str(self.data.layout.feature_store), "width": width}

    def _width(self, use: TowerUse) -> int | None:
        """Width of a tower's features; None where no file of ours says it."""
        pretrained = self._pretrained(use)
        if pretrained is not None:
            return feature_widths(pretrained)[1]
        path = self.data.root / use.model
        content = read_json(path) if path.suffix == ".json" else {}
        width: int | None = content.get("model_cfg", {}).get("embed_dim")
        return width

    def _shipped(self, tower: str, dataset: str, split: str, kind: str) -> Made:
        files = [f"{dataset}__{split}__{part}.json" for part in ("images", "texts", "shipped.run")]
        of, inputs = f"{dataset}__{split}__shipped", {"marker": [self.data.raw(dataset)]}
        spec = {"spec": self.data.spec(dataset, "files")}
        params = {"dataset": dataset, "split": split, "catalog": str(CATALOG)}
        made = self._encoded(tower, of, "shipped", inputs, files, [self.data.reader_module(dataset)], spec, params)
        return Made(made.node, made.files[:1] if kind == "images" else made.files[1:2])

    def image_features(self, tower: str, dataset: str, split: str, view_set: str, pixels: int) -> Made:
        """Return the index of a tower's features of pictures."""
        if self.data.brings_features(dataset):
            return self._shipped(tower, dataset, split, "images")
        config = self._pretrained(self.data.scale.towers[tower])
        of = f"{dataset}__{split}__{view_set}__{pixels}__images"
        if isinstance(config, AlignedTowerConfig):
            kind = "projected"
            inputs = {"pictures": [self.frozen_features(config, dataset, split, view_set, pixels)]}
        else:
            kind, inputs = "images", {"views": [self.data.views(dataset, split, view_set, pixels)]}
        made = self._encoded(tower, of, kind, inputs, [f"{of}.json", f"{of}.run.json"])
        return Made(made.node, made.files[:1])

    def frozen_features(
        self, aligned: AlignedTowerConfig, dataset: str, split: str, view_set: str, pixels: int
    ) -> Made:
        """Return the index of what an aligned tower's picture encoder makes of pictures.

        Towers with the same encoder at the same size share the node: nothing of the projection is in it.
        """
        side, kind = aligned.pictures, "frozen"
        encoder, of = f"{side.encoder}__{side.image_size}", f"{dataset}__{split}__{view_set}__{pixels}__images"
        told = {"pictures": side.model_dump()}
        made = self.data.graph.add_node(
            f"features/{kind}/{encoder}/{of}",
            "towers",
            {**told, "weights_sha256": encoder_checksums(aligned)[side.encoder], "kind": kind},
            [ENCODE, f"concord3d.features.encode.{kind}"],
            {"views": [self.data.views(dataset, split, view_set, pixels)]},
            [self.data.layout.frozen_features(encoder, name) for name in (f"{of}.json", f"{of}.run.json")],
            {**told, **self._told(kind, feature_widths(aligned)[0])},
            self.data.batching.features(f"{kind}_{encoder}", of),
        )
        return Made(made.node, made.files[:1])

    def trunk_maps(self, data: Mapping[str, Any], dataset: str, split: str, view_set: str, num_strong: int) -> Made:
        """Return what the frozen trunk of a patch tower makes of pictures, and of strong versions of them.

        Towers above the same trunk at the same size share the node: no tower is trained in it.

        Args:
            data: The ``data`` section of the training: tower, size, and the strength of strong versions.
            dataset: The data set.
            split: Its split.
            view_set: Its pictures.
            num_strong: Strong versions of each picture.

        Raises:
            ConfigError: The tower has no trunk, or one that is trained.
        """
        name = data["tower"]
        config, training = self._pretrained(self.data.scale.towers[name]), self.training(name)
        frozen = training is not None and not training.run["objective"].get("trunk_rate")
        if not isinstance(config, PatchTowerConfig) or not frozen:
            raise ConfigError(
                f"Strong pictures can be made once above a frozen trunk alone, and the tower '{name}' has none",
                where="data.num_strong",
                expected="a patch tower with objective.trunk_rate 0, or num_strong 0",
                found=num_strong,
            )
        strength = PictureStrength.model_validate(data.get("strength", {})).model_dump(mode="json")
        told = {
            "trunk": config.trunk.model_dump(),
            "num_views": data.get("num_views"),
            "num_strong": num_strong,
            **({"strength": strength} if num_strong else {}),
        }
        encoder = f"{config.trunk.encoder}__{config.trunk.image_size}"
        own = content_hash(told)[:8]
        of = f"{dataset}__{split}__{view_set}__{data['image_size']}__maps__{own}"
        made = self.data.graph.add_node(
            f"features/frozen/{encoder}/{of}",
            "towers",
            {**told, "weights_sha256": encoder_checksums(config)[config.trunk.encoder], "kind": "trunk_maps"},
            [ENCODE, "concord3d.features.encode.trunk_maps"],
            {"views": [self.data.views(dataset, split, view_set, data["image_size"])]},
            [self.data.layout.frozen_features(encoder, name) for name in (f"{of}.npz", f"{of}.run.json")],
            {**told, **self._told("trunk_maps", None)},
            self.data.batching.features(f"frozen_{encoder}", of),
        )
        return Made(made.node, made.files[:1])

    def superpixels(self, dataset: str, split: str, num_superpixels: int) -> Made:
        """Return the superpixels of the pictures that a store of sweeps holds."""
        kind, of = "superpixels", f"{dataset}__{split}__{num_superpixels}"
        told = {"num_superpixels": num_superpixels}
        made = self.data.graph.add_node(
            f"features/{kind}/{of}",
            "towers",
            {**told, "kind": kind},
            [ENCODE, f"concord3d.features.encode.{kind}"],
            {"sweeps": [self.data.store(dataset, split)]},
            [self.data.layout.superpixels(name) for name in (f"{of}.npz", f"{of}.run.json")],
            {**told, **self._told(kind, None)},
            self.data.batching.features(kind, of),
        )
        return Made(made.node, made.files[:1])

    def text_features(self, tower: str, dataset: str, split: str) -> Made:
        """Return the index of a tower's features of the shapes' texts."""
        if self.data.brings_features(dataset):
            return self._shipped(tower, dataset, split, "texts")
        of, clouds = f"{dataset}__{split}__texts", self.data.store(dataset, split)
        made = self._encoded(tower, of, "texts", {"clouds": [clouds]}, [f"{of}.json", f"{of}.run.json"])
        return Made(made.node, made.files[:1])

    def class_features(self, tower: str, dataset: str) -> Made:
        """Return a tower's features of the class names."""
        of, clouds = f"{dataset}__classes", self.data.store(dataset, "test")
        files = [f"{of}.npz", f"{of}.json", f"{of}.run.json"]
        made = self._encoded(tower, of, "classes", {"clouds": [clouds]}, files)
        return Made(made.node, made.files[:1])
