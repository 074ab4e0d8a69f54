"""Nodes of one paper: trainings and evaluations."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

from concord3d.config.places import Place
from concord3d.config.study import POINT_MODULE, EvaluationKey, Study, joined_datasets
from concord3d.config.validation import Places, require_known
from concord3d.errors import ConfigError
from concord3d.layout import evaluation_files
from concord3d.methods.settings import EXTRACTOR, TOWER, MethodSettings, method_settings
from concord3d.protocols.interface import Protocol
from concord3d.protocols.loading import load_protocol, parse, protocol_module
from concord3d.training.files import TrainingFolder
from concord3d.training.settings import training_settings
from concord3d.workflow.batching import Batching
from concord3d.workflow.node import Made
from concord3d.workflow.scan_nodes import encoded_scans
from concord3d.workflow.tower_nodes import TowerNodes
from concord3d.workflow.training_inputs import require_data_settings
from concord3d.workflow.training_inputs.scan_objects import feature_settings
from concord3d.workflow.training_inputs.unlabelled import tested_pictures
from concord3d.workflow.training_nodes import MadeTraining, TrainingRequest, add_training

EVALUATE = "workflow_scripts/evaluate.py"
# What a protocol calls the features of tested scans, and their kinds.
SCAN_INPUTS = {"scan_pictures": "pictures", "scan_texts": "texts", "scan_points": "points"}


class StudyNodes:
    """Makes the nodes of one paper's trainings and evaluations.

    Args:
        study: The paper at a scale.
        towers: Makes the nodes of towers.
        others: Makers of this paper's nodes and of those of all papers whose trainings it needs, by paper.

    Raises:
        ConfigError: A protocol or one of its settings is unknown or impossible.
    """

    def __init__(self, study: Study, towers: TowerNodes, others: Mapping[str, StudyNodes]) -> None:
        self.study, self.towers, self.others = study, towers, others
        self.data = towers.data
        self.paper = study.paper.paper
        self._batching = Batching(study.overlay.batch) if study.overlay.batch else towers.data.batching
        self._trainings: dict[tuple[str, int], MadeTraining] = {}
        self._protocols = {name: load_protocol(name, self._protocol_place(name)) for name in study.paper.protocols}
        self.protocol_settings = {name: self._checked_protocol(name) for name in study.overlay.protocols}
        self._groups: dict[tuple[str, int], list[EvaluationKey]] = {}
        for key in study.evaluations():
            # Evaluations of one module share a node, and its features.
            own = "" if key.module == POINT_MODULE else f"__{key.module}"
            self._groups.setdefault((f"{key.experiment}{own}", key.seed), []).append(key)

    @cached_property
    def _encoding(self) -> set[str]:
        """Experiments whose point encoder encodes scans for others of this paper, and those of it that they rest on."""
        needs = [self.study.needs_of(experiment) for experiment in self.study.experiments]
        waiting, found = [given[EXTRACTOR] for given in needs if EXTRACTOR in given], set[str]()
        while waiting:
            need = waiting.pop()
            if need.paper == self.paper and need.experiment not in found:
                found.add(need.experiment)
                waiting += self.study.needs_of(need.experiment).values()
        return found

    def _protocol_place(self, name: str) -> Place:
        return self.study.paper_place.below("protocols", name)

    def _checked_protocol(self, name: str) -> dict[str, Any]:
        """Return the settings of a protocol as plain JSON, checked and complete; its module is checked too."""
        module = self._protocol_place(name).below("module")
        require_known(self.study.protocol(name).modules, self.study.saved_modules(), "saved module", module)
        overlay = self.study.overlay.protocols[name].settings
        own, scaled = (
            place.below("protocols", name, "settings") for place in (self.study.paper_place, self.study.overlay_place)
        )
        places = Places(lambda keys: (scaled if keys and keys[0] in overlay else own).below(*keys))
        return parse(name, self.study.protocol(name).settings, places).model_dump(mode="json")

    def training(self, experiment: str, seed: int) -> MadeTraining:
        """Return one training.

        Raises:
            ConfigError: A setting of its method, encoder or training is unknown or impossible, or it lacks an earlier
                training that its method learns from.
        """
        if (experiment, seed) not in self._trainings:
            self._trainings[experiment, seed] = self._training(experiment, seed)
        return self._trainings[experiment, seed]

    def _training(self, experiment: str, seed: int) -> MadeTraining:
        study, layout = self.study, self.data.layout
        run = study.run_config(experiment, seed)

        def places(section: str) -> Places:
            return Places(lambda keys: study.place_of(experiment, ".".join([section, *map(str, keys[:1])])))

        settings = method_settings(run["method"], run["objective"], places("objective"))
        encoder_modules = settings.encoder_modules(run["encoder"], places("encoder"))
        if settings.reads_data:
            require_data_settings(settings.data, run["data"], places("data"))
        training_settings(run["training"], settings, places("training"))
        self._check_roles(experiment, settings.roles)
        strict = run["data"].get("without_classes") and not run["data"].get("tower_knows_them")
        if strict and run["data"].get("tower"):
            place = study.place_of(experiment, "data.without_classes")
            self.towers.require_unseen(run["data"]["tower"], run["data"]["without_classes"], place)
        needs = {
            role: self.others[need.paper].training(need.experiment, seed)
            for role, need in study.needs_of(experiment).items()
        }
        identity = {}
        if settings.through_tower:
            tower = self._tower(run, settings, places("data"))
            needs |= {} if tower is None else {TOWER: tower}
            identity = {"tower": self.towers.identity(run["data"]["tower"])} if tower is None else {}
        request = TrainingRequest(
            f"{self.paper}/train/{experiment}__s{seed}",
            self.paper,
            self._batching.training(self.paper, experiment, seed, study.job_seed(seed), experiment in self._encoding),
            run,
            settings,
            encoder_modules,
            TrainingFolder(layout.training(self.paper, experiment, seed), layout.exports(self.paper, experiment, seed)),
            needs,
            identity,
        )
        return add_training(request, self.towers)

    def _tower(self, run: Mapping[str, Any], settings: MethodSettings, data: Places) -> MadeTraining | None:
        """Return the training of the tower that a method is made of; None for a released one.

        Raises:
            ConfigError: There is no tower, or none of the kind that the method needs, or it was trained on other
                pictures, or on clouds of another size.
        """
        name, place = run["data"].get("tower"), data.of(("tower",))
        training = None if name is None else self.towers.training(name)
        if name is None or (training is None and not settings.takes_released):
            kinds = "" if settings.takes_released else " that is trained here"
            raise ConfigError(
                f"The method '{run['method']}' is made of a tower{kinds}",
                where=place,
                expected="a tower" if settings.takes_released else "a tower with 'training'",
                found=name,
            )
        if settings.sees_patches:
            self.towers.require_patch_tokens(name, place)
        if training is None:
            return None
        settings.check_tower(run["data"], training.run, data)
        shown = joined_datasets(training.run["pretrain"]["dataset"]) if settings.shows_clouds else []
        for dataset in shown:
            use = self.data.scale.datasets[dataset]
            known = use.source == "world" or "num_points" in use.model_fields_set
            if known and use.num_points != run["data"]["num_points"]:
                raise ConfigError(
                    f"The tower '{name}' was trained on clouds of another number of points",
                    where=data.of(("num_points",)),
                    expected=f"{use.num_points}, as in '{dataset}'",
                    found=run["data"]["num_points"],
                )
        return training

    def _check_roles(self, experiment: str, roles: Sequence[str]) -> None:
        """Refuse earlier trainings that the method does not use, and the lack of one that it does."""
        place = self.study.experiment_place(experiment)
        given = self.study.needs_of(experiment)
        require_known(given, roles, "role", place.below("needs"))
        missing = [role for role in roles if role not in given]
        if missing:
            raise ConfigError(
                f"'{experiment}' learns from an earlier training in the role '{missing[0]}', and names none",
                where=place,
                expected=f"needs: {{{missing[0]}: <experiment>}}",
                found=", ".join(given) or "no needs",
            )

    def histories(self) -> list[Made]:
        """Return the history, the provenance and what else the method exports of every training."""
        made = [self.training(experiment, seed) for experiment, seed in self.study.trainings()]
        return [
            training.made(training.files.history, training.files.provenance, *training.exports) for training in made
        ]

    def evaluations(self) -> list[Made]:
        """Return the files of every evaluation."""
        return [self._evaluation(name, keys) for (name, _), keys in self._groups.items()]

    def evaluation_of(self, key: EvaluationKey) -> Made:
        """Return the outcomes of one evaluation."""
        [(name, keys)] = [(name, keys) for (name, _), keys in self._groups.items() if key in keys]
        [stem] = self._stems([key])
        return Made(self._evaluation(name, keys).node, (stem.with_name(f"{stem.name}.npz"),))

    def _stems(self, keys: Sequence[EvaluationKey]) -> list[Path]:
        layout = self.data.layout
        return [layout.evaluation(self.paper, k.experiment, k.dataset, k.protocol, k.seed) for k in keys]

    def _require_store(self, key: EvaluationKey, protocol: Protocol) -> None:
        """Refuse a data set that has another kind of store than the protocol reads."""
        kind = self.data.reader(key.dataset).kind
        if kind != protocol.store:
            raise ConfigError(
                f"Protocol '{key.protocol}' reads stores of {protocol.store}",
                where=self._protocol_place(key.protocol).below("datasets"),
                expected=f"a data set of {protocol.store}",
                found=f"'{key.dataset}', a data set of {kind}",
            )

    def _compared(self, key: EvaluationKey, protocol: Protocol) -> dict[str, Made]:
        """Return the tower features that an evaluation compares with, by what they are of.

        Raises:
            ConfigError: The experiment has no tower.
        """
        data, dataset = self.training(key.experiment, key.seed).run["data"], key.dataset
        needs = [need for need in protocol.needs if need not in SCAN_INPUTS]
        if needs and data.get("tower") is None:
            raise ConfigError(
                f"Protocol '{key.protocol}' compares with a tower's features, and '{key.experiment}' has no tower",
                where=self._protocol_place(key.protocol),
                expected="experiments with data.tower",
                found=key.experiment,
            )
        makers = {
            "classes": lambda: self.towers.class_features(data["tower"], dataset),
            "images": lambda: self.towers.image_features(
                data["tower"], dataset, "test", data["view_set"], data["image_size"]
            ),
            "texts": lambda: self.towers.text_features(data["tower"], dataset, "test"),
            "pictures": lambda: tested_pictures(data, dataset, self.towers),
        }
        return {need: makers[need]() for need in needs}

    def _encoded(self, key: EvaluationKey, protocol: Protocol) -> dict[str, Made]:
        """Return what the encoders of a training make of the tested scans, by kind.

        Raises:
            ConfigError: The experiment names no training whose point encoder encodes clouds, or not how scans are seen.
        """
        wanted = [kind for need, kind in SCAN_INPUTS.items() if need in protocol.needs]
        if not wanted:
            return {}
        training = self.training(key.experiment, key.seed)
        split = self.data.tested_split(key.dataset)
        told = feature_settings(training.run, self.study.experiment_place(key.experiment))
        made = encoded_scans(self.data, self.paper, key.dataset, split, told, training.needs)
        return {kind: made[kind] for kind in wanted}

    def _weights(self, training: MadeTraining, key: EvaluationKey) -> Made:
        """Return the file of the saved module that is evaluated."""
        place = self._protocol_place(key.protocol).below("module")
        require_known(key.module, training.settings.saved, "saved module", place)
        return training.made(training.files.weights(key.module))

    def _evaluation(self, name: str, keys: Sequence[EvaluationKey]) -> Made:
        first = keys[0]
        node = f"{self.paper}/eval/{name}__s{first.seed}"
        if node in self.data.graph:
            return Made(node, self.data.graph[node].outputs)
        training = self.training(first.experiment, first.seed)
        compared: dict[str, dict[str, Made]] = {}
        encoded: dict[str, dict[str, Made]] = {}
        for key in keys:
            protocol = self._protocols[key.protocol]
            self._require_store(key, protocol)
            compared.setdefault(key.dataset, {}).update(self._compared(key, protocol))
            encoded.setdefault(key.dataset, {}).update(self._encoded(key, protocol))
        protocols = [[key.protocol, key.dataset, self.protocol_settings[key.protocol]] for key in keys]
        datasets = sorted({key.dataset for key in keys})
        scans = [made for needs in encoded.values() for made in needs.values()]
        looked_up = {protocol_module(key.protocol) for key in keys}
        looked_up |= {self.data.store_module(dataset) for dataset in datasets}
        return self.data.graph.add_node(
            node,
            self.paper,
            {"protocols": protocols, "module": first.module},
            [EVALUATE, *training.modules, *sorted(looked_up)],
            {
                "model": [self._weights(training, first)],
                "snapshots": [training.made(training.files.snapshots)],
                "stores": [made for dataset in datasets for made in self.data.stores(dataset)],
                "tower": [made for needs in compared.values() for made in needs.values()],
                **({"scans": scans} if scans else {}),
            },
            evaluation_files(self._stems(keys)),
            {
                "run": dict(training.run),
                "module": first.module,
                "jobs": protocols,
                "tower": _files(compared),
                "scans": _files(encoded),
            },
            self._batching.evaluation(self.paper, first.experiment, first.seed, self.study.job_seed(first.seed), name),
            training.run["training"]["threads"],
        )


def _files(made: Mapping[str, Mapping[str, Made]]) -> dict[str, dict[str, str]]:
    """Return the first file of each, by data set and kind, of data sets that have any."""
    return {
        dataset: {kind: str(each.files[0]) for kind, each in kinds.items()} for dataset, kinds in made.items() if kinds
    }
