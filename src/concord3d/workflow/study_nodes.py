"""Nodes of one paper: trainings, evaluations, and the examples that its figures show."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from concord3d.config.numbers import numbers_of
from concord3d.config.resolve import EvaluationKey, Study, joined_datasets
from concord3d.errors import ConfigError, nearest
from concord3d.evaluation.table import PROTOCOLS
from concord3d.models.table import ENCODERS
from concord3d.workflow.layout import evaluation_files
from concord3d.workflow.node import Made
from concord3d.workflow.tower_nodes import TowerNodes

# Protocols that read blocks of rooms.
ROOM_PROTOCOLS = ("semantic_segmentation",)
MIXED_CLOUD_POINTS = 1024


@dataclass(frozen=True)
class EvaluationRule:
    """The evaluations of one experiment that share a job, with the seed left open.

    Attributes:
        name: E.g. ``evaluate_mm_point_crosspoint``.
        node: Key of the node, with ``{seed}``.
        outputs: Its files, with ``{seed}``.
        threads: Threads that its tensors use.
        script: Name of the script below ``workflow_scripts/``.
    """

    name: str
    node: str
    outputs: tuple[Path, ...]
    threads: int
    script: str


class StudyNodes:
    """Makes the nodes of one paper's trainings and evaluations.

    Args:
        study: The paper at a scale.
        towers: Makes the nodes of towers.
    """

    def __init__(self, study: Study, towers: TowerNodes) -> None:
        self.study, self.towers = study, towers
        self.data = towers.data
        self.paper = study.paper.paper
        self._runs: dict[tuple[str, int], dict[str, Any]] = {}
        self._jobs: dict[tuple[str, int], list[EvaluationKey]] = {}
        for key in study.evaluations():
            # Evaluations on frozen features of one training share a job; those that train have one each.
            own = f"__{key.dataset}__{key.protocol}" if study.protocol(key.protocol).trains_encoder else ""
            self._jobs.setdefault((f"{key.experiment}{own}", key.seed), []).append(key)

    def run(self, experiment: str, seed: int) -> dict[str, Any]:
        """Return the resolved configuration of a training."""
        if (experiment, seed) not in self._runs:
            self._runs[experiment, seed] = self.study.run_config(experiment, seed)
        return self._runs[experiment, seed]

    def training(self, experiment: str, seed: int) -> Made:
        """Return the weights and snapshots of one training."""
        key = f"{self.paper}/train/{experiment}__s{seed}"
        if key in self.data.graph:
            return Made(key, self.data.graph[key].outputs[:2])
        run = self.run(experiment, seed)
        folder = self.data.layout.training(self.paper, experiment, seed)
        files = ("model.safetensors", "snapshots", "train.json", "run.json", "provenance.json")
        made = self.data.graph.add_node(
            key,
            self.paper,
            {**numbers_of(run), "built_by": _encoder(run)},
            ["workflow_scripts/pretrain.py", *_modules(run)],
            self._training_inputs(run),
            [folder / file for file in files],
            {"run": run},
        )
        return Made(made.node, made.files[:2])

    def _training_inputs(self, run: Mapping[str, Any]) -> dict[str, list[Made]]:
        data = run["data"]
        sets = joined_datasets(run["pretrain"]["dataset"]) if run["pretrain"] else []
        pictures = (data.get("view_set"), data.get("image_size"))
        inputs = {"clouds": [self.data.store(name, "train") for name in sets]}
        if "tower" in run:
            tower = data["tower"]
            inputs["image_features"] = [self.towers.image_features(tower, name, "train", *pictures) for name in sets]
            inputs["text_features"] = [self.towers.text_features(tower, name, "train") for name in sets]
        elif run["method"] != "supervised":
            inputs["views"] = [self.data.views(name, "train", *pictures) for name in sets]
        if "teacher" in run:
            teacher = self.training(run["teacher"]["experiment"], run["seed"])
            inputs["teacher"] = [Made(teacher.node, teacher.files[:1])]
        return inputs

    def histories(self) -> list[Made]:
        """Return the history and the provenance of every training."""
        found = []
        for experiment, seed in self.study.trainings():
            made = self.training(experiment, seed)
            folder = made.files[0].parent
            found.append(Made(made.node, (folder / "train.json", folder / "provenance.json")))
        return found

    def evaluations(self) -> list[Made]:
        """Return what every job that evaluates leaves."""
        return [self._evaluation(self._job_key(name, seed), keys) for (name, seed), keys in self._jobs.items()]

    def _job_key(self, name: str, seed: int | str) -> str:
        return f"{self.paper}/eval/{name}__s{seed}"

    def _stems(self, keys: Sequence[EvaluationKey], seed: str | None = None) -> list[Path]:
        layout = self.data.layout
        return [layout.evaluation(self.paper, k.experiment, k.dataset, k.protocol, seed or k.seed) for k in keys]

    def evaluation_rules(self) -> list[EvaluationRule]:
        """Return the rules that evaluate: one per list of protocols and data sets, for experiments differ in them."""
        rules = {
            name: EvaluationRule(
                f"evaluate_{self.paper}_{name}",
                self._job_key(name, "{seed}"),
                tuple(evaluation_files(self._stems(keys, "{seed}"))),
                self.run(keys[0].experiment, keys[0].seed)["training"]["threads"],
                _evaluation_script(keys),
            )
            for (name, _), keys in self._jobs.items()
        }
        return list(rules.values())

    def _compared(self, key: EvaluationKey) -> dict[str, Made]:
        """Return the tower features that an evaluation compares with, by what they are of."""
        data, dataset = self.run(key.experiment, key.seed)["data"], key.dataset
        makers = {
            "classes": lambda: self.towers.class_features(data["tower"], dataset),
            "images": lambda: self.towers.image_features(
                data["tower"], dataset, "test", data["view_set"], data["image_size"]
            ),
            "texts": lambda: self.towers.text_features(data["tower"], dataset, "test"),
        }
        return {need: makers[need]() for need in self.study.protocol(key.protocol).needs}

    def _evaluation(self, name: str, keys: Sequence[EvaluationKey]) -> Made:
        first = keys[0]
        run = self.run(first.experiment, first.seed)
        training = self.training(first.experiment, first.seed)
        inputs: dict[str, list[Made]] = {
            "model": [Made(training.node, training.files[:1])],
            "snapshots": [Made(training.node, training.files[1:])],
        }
        compared: dict[str, dict[str, Made]] = {}
        for key in keys:
            compared.setdefault(key.dataset, {}).update(self._compared(key))
        protocols = [[key.protocol, key.dataset, self.study.protocol(key.protocol).settings] for key in keys]
        recipe = {
            "protocols": protocols,
            "run_by": {key.protocol: PROTOCOLS[key.protocol] for key in keys},
            "built_by": _encoder(run),
            "encoder": run["encoder"],
            "num_points": run["data"]["num_points"],
            "seed": first.seed,
        }
        datasets = sorted({key.dataset for key in keys})
        inputs["stores"] = [made for dataset in datasets for made in self.data.stores(dataset)]
        if first.protocol not in ROOM_PROTOCOLS:
            inputs["tower"] = [made for needs in compared.values() for made in needs.values()]
        looked_up = {PROTOCOLS[key.protocol].partition(":")[0] for key in keys}
        looked_up |= {self.data.store_module(dataset) for dataset in datasets}
        tower = {
            dataset: {need: str(made.files[0]) for need, made in needs.items()}
            for dataset, needs in compared.items()
            if needs
        }
        return self.data.graph.add_node(
            name,
            self.paper,
            recipe,
            [
                f"workflow_scripts/{_evaluation_script(keys)}.py",
                _encoder_module(run),
                *sorted(looked_up),
            ],
            inputs,
            evaluation_files(self._stems(keys)),
            {"run": run, "jobs": protocols, "tower": tower, "data_kind": self.study.data_kind(first.dataset)},
        )

    def examples(self) -> list[Made]:
        """Return the arrays that figures show beside the numbers."""
        return [*self._mixed_clouds(), *self._retrieval_pictures()]

    def _mixed_clouds(self) -> list[Made]:
        datasets = sorted({key.dataset for key in self.study.evaluations() if key.protocol == "consistency"})
        if not datasets:
            return []
        settings = self.study.protocol("consistency").settings
        return [
            self.data.graph.add_node(
                f"{self.paper}/figures/mixed_clouds",
                self.paper,
                {"settings": settings, "num_points": MIXED_CLOUD_POINTS},
                ["workflow_scripts/mixed_clouds.py"],
                {"clouds": [self.data.store(datasets[0], "test")]},
                [self.data.layout.example(self.paper, "mixed_clouds")],
            )
        ]

    def _retrieval_pictures(self) -> list[Made]:
        outcomes: dict[str, list[Made]] = {}
        pictured: dict[str, Made] = {}
        for (name, seed), keys in self._jobs.items():
            for key in keys:
                if key.protocol != "retrieval" or self.data.brings_features(key.dataset):
                    continue
                data = self.run(key.experiment, key.seed)["data"]
                [stem] = self._stems([key])
                made = Made(self._job_key(name, seed), (stem.with_name(f"{stem.name}.npz"),))
                outcomes.setdefault(key.dataset, []).append(made)
                pictures = (data["view_set"], data["image_size"])
                pictured.setdefault(key.dataset, self.data.views(key.dataset, "test", *pictures))
        return [
            self.data.graph.add_node(
                f"{self.paper}/figures/pictures__{dataset}",
                self.paper,
                {},
                ["workflow_scripts/retrieval_pictures.py"],
                {"views": [pictured[dataset]], "evaluations": outcomes[dataset]},
                [self.data.layout.example(self.paper, f"pictures__{dataset}")],
            )
            for dataset in sorted(outcomes)
        ]


def _evaluation_script(keys: Sequence[EvaluationKey]) -> str:
    return "evaluate_rooms" if keys[0].protocol in ROOM_PROTOCOLS else "evaluate"


def _encoder(run: Mapping[str, Any]) -> str:
    name = run["encoder"]["name"]
    if name not in ENCODERS:
        raise ConfigError(
            f"Unknown point encoder '{name}'{nearest(str(name), tuple(ENCODERS))}",
            where="encoder.name",
            expected=", ".join(ENCODERS),
        )
    return ENCODERS[name]


def _encoder_module(run: Mapping[str, Any]) -> str:
    return _encoder(run).partition(":")[0]


def _modules(run: Mapping[str, Any]) -> list[str]:
    """Modules that a training looks up by name: its method and its encoder."""
    method = [] if run["method"] == "random_init" else [f"concord3d.methods.{run['method']}"]
    return [_encoder_module(run), *method]
