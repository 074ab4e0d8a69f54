"""All nodes of the graph for some papers at a scale: what each is made of and which files it makes.

A node is one job of the workflow. Its recipe holds the settings that change its numbers; its entries are the sources
that compute them; its inputs are files that other nodes make. Rules take their inputs and parameters from here, and the
check of records (:mod:`concord3d.workflow.state`) walks the same nodes, so both speak of one graph.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from concord3d.config.models import Params, TowerUse
from concord3d.config.numbers import numbers_of, speedless
from concord3d.config.resolve import EvaluationKey, Study, joined_datasets, load_study
from concord3d.config.strict_yaml import load_yaml
from concord3d.data.catalog import load_catalog
from concord3d.data.manifest import sampled_digest
from concord3d.errors import ConfigError, nearest
from concord3d.evaluation.table import PROTOCOLS
from concord3d.files import content_hash, read_json, sha256_file
from concord3d.models.table import ENCODERS
from concord3d.render.choice import choose_renderer
from concord3d.render.view_spec import view_spec
from concord3d.reporting.outputs import report_outputs
from concord3d.workflow.layout import (
    CATALOG,
    CROSS_FILES,
    Layout,
    evaluation_files,
    paper_yaml,
    published_csv,
    report_yaml,
)

# Protocols that read blocks of rooms, whose nine channels the store of clouds does not hold.
ROOM_PROTOCOLS = ("semantic_segmentation",)
# Reader of releases that hold tower features of their shapes in place of meshes to be rendered.
FEATURE_READER = "openshape_npy"
# Words of the catalogue, which say nothing about the data themselves.
_CATALOGUE_WORDS = {"title", "licence", "doc"}
MIXED_CLOUD_POINTS = 1024
_TOWER_FILES = ("model.safetensors", "open_clip_config.json", "tower.json", "gate.json", "run.json", "provenance.json")


@dataclass(frozen=True)
class Node:
    """One job of the workflow.

    Attributes:
        key: Its name, e.g. ``mm_point/train/mm_point__s1``; the record's path follows from it.
        stage: ``raw``, ``data``, ``towers``, a paper, or ``cross``: the stage of dvc.yaml that it belongs to.
        recipe: The settings that change its numbers.
        entries: Modules and scripts that compute them; none for what is fixed by published checksums.
        inputs: Files of other nodes, by the name that the script knows them by.
        makers: Keys of the nodes that make these files, by the same names, each once.
        outputs: Files and folders that it makes.
        params: What its script is told beside the recipe.
        shows_accepted: Whether it prints which edits of sources were accepted upstream.
    """

    key: str
    stage: str
    recipe: Mapping[str, Any]
    entries: tuple[str, ...]
    inputs: Mapping[str, tuple[Path, ...]] = field(default_factory=dict)
    makers: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    outputs: tuple[Path, ...] = ()
    params: Mapping[str, Any] = field(default_factory=dict)
    shows_accepted: bool = False

    @property
    def upstream(self) -> tuple[str, ...]:
        """Keys of the nodes that it is made from, each once."""
        return tuple(dict.fromkeys(key for keys in self.makers.values() for key in keys))


@dataclass(frozen=True)
class _Made:
    """Files of one node, as an input of another."""

    node: str
    files: tuple[Path, ...]


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


class Plan:
    """The nodes of some papers at a scale, each after those that it is made from.

    Args:
        root: The repository; only its configuration is read.
        params: The knobs.

    Raises:
        ConfigError: A file of the configuration is wrong.
    """

    def __init__(self, root: Path, params: Params) -> None:
        self.root, self.params = root, params
        self.studies = {name: load_study(root, name, params.scale, params.seeds) for name in params.papers}
        self.scale = next(iter(self.studies.values())).scale
        self.layout = Layout(params.scale)
        self.renderer = choose_renderer(params.renderer, self.scale.renderer, params.device).name
        self.catalog = load_catalog(root / CATALOG)
        self.nodes: dict[str, Node] = {}
        self._runs: dict[tuple[str, str, int], dict[str, Any]] = {}
        for study in self.studies.values():
            for name in study.towers():
                self._tower(name)
            self._paper(study)
        if len(self.studies) > 1:
            self._cross()

    def node(self, key: str) -> Node:
        """Return a node.

        Raises:
            ConfigError: The configuration asks for no such node.
        """
        if key not in self.nodes:
            raise ConfigError(
                f"Nothing in this configuration makes or needs '{key}'{nearest(key, list(self.nodes))}",
                where=f"scale {self.params.scale}, papers {', '.join(self.params.papers)}",
                next_step="name a file of this graph, or change scale and papers in params.yaml",
            )
        return self.nodes[key]

    def of_stage(self, stage: str) -> list[Node]:
        """Return the nodes of one stage, in order."""
        return [node for node in self.nodes.values() if node.stage == stage]

    def with_upstream(self, keys: Iterable[str]) -> set[str]:
        """Return some nodes' keys and those of everything that they are made from."""
        found: set[str] = set()
        waiting = list(keys)
        while waiting:
            key = waiting.pop()
            if key not in found:
                found.add(key)
                waiting += self.nodes[key].upstream
        return found

    @cached_property
    def maker_of(self) -> dict[str, str]:
        """The node that makes each declared file, records included."""
        made = {str(path): node.key for node in self.nodes.values() for path in node.outputs}
        return made | {str(self.layout.record(key)): key for key in self.nodes}

    def brings_features(self, dataset: str) -> bool:
        """Whether a data set is a release that holds tower features of its shapes."""
        return self.scale.datasets[dataset].source == "real" and self.catalog[dataset].reader == FEATURE_READER

    def _add(
        self,
        key: str,
        stage: str,
        recipe: Mapping[str, Any],
        entries: Sequence[str],
        inputs: Mapping[str, Sequence[_Made]],
        outputs: Sequence[Path],
        params: Mapping[str, Any] | None = None,
        shows_accepted: bool = False,
    ) -> _Made:
        if key not in self.nodes:
            self.nodes[key] = Node(
                key,
                stage,
                recipe,
                tuple(entries),
                {name: tuple(path for made in parts for path in made.files) for name, parts in inputs.items()},
                {name: tuple(dict.fromkeys(made.node for made in parts)) for name, parts in inputs.items()},
                tuple(outputs),
                params or {},
                shows_accepted,
            )
        return _Made(key, tuple(outputs))

    # Data.

    def _spec(self, dataset: str, *left_out: str) -> dict[str, Any]:
        return self.catalog[dataset].model_dump(mode="json", exclude=_CATALOGUE_WORDS | set(left_out))

    def _raw(self, dataset: str) -> _Made:
        use = self.scale.datasets[dataset]
        if use.source == "real":
            # What is obtained is decided by the catalogue's checksums and counts, not by how it is fetched.
            marker = self.layout.real_marker(dataset)
            return self._add(f"raw/real/{dataset}", "raw", {"spec": self._spec(dataset)}, (), {}, [marker])
        recipe = {
            "dataset": dataset,
            "splits": use.splits,
            "categories": use.categories,
            "num_points": use.num_points,
            "seed": self.scale.world_seed,
        }
        key = f"raw/world_{self.params.scale}/{dataset}"
        marker = self.layout.world_marker(dataset)
        return self._add(key, "raw", recipe, ["workflow_scripts/world_dataset.py"], {}, [marker])

    def _splits(self, dataset: str) -> list[str]:
        """The splits for training and testing that a data set has at this scale."""
        use = self.scale.datasets[dataset]
        known: Iterable[str] = use.splits or {} if use.source == "world" else self.catalog[dataset].splits
        return [split for split in ("train", "test") if split in known]

    def _store(self, dataset: str, split: str) -> _Made:
        use = self.scale.datasets[dataset]
        recipe = {
            "spec": self._spec(dataset, "files"),
            "split": split,
            "data_kind": "synthetic" if use.source == "world" else "real",
            "num_points": use.num_points if "num_points" in use.model_fields_set else None,
        }
        return self._add(
            f"stores/{dataset}__{split}",
            "data",
            recipe,
            ["workflow_scripts/store.py"],
            {"marker": [self._raw(dataset)]},
            [self.layout.store(dataset, split)],
        )

    def _stores(self, dataset: str) -> list[_Made]:
        return [self._store(dataset, split) for split in self._splits(dataset)]

    def _views(self, dataset: str, split: str, view_set: str, pixels: int) -> _Made:
        views = view_spec(view_set, pixels, self.renderer)
        recipe = {"spec": self._spec(dataset, "files"), "views": views.identity()}
        return self._add(
            f"views/{dataset}__{split}__{view_set}__{pixels}",
            "data",
            recipe,
            ["workflow_scripts/views.py"],
            {"marker": [self._raw(dataset)], "clouds": [self._store(dataset, split)]},
            [self.layout.views(dataset, split, view_set, pixels)],
            # Only PyTorch3D draws on a GPU.
            {"renderer": views.renderer, "device": self.params.device if views.renderer == "pytorch3d" else "cpu"},
        )

    # Towers and their features.

    def _model(self, use: TowerUse) -> Any:
        """What a tower's model is: the content of a configuration of ours, or a name that open_clip knows."""
        path = self.root / use.model
        return read_json(path) if path.suffix == ".json" else use.model

    def _weights(self, use: TowerUse) -> Any:
        """Which released weights a tower has: their tag, or the checksum of a file's size and blocks."""
        path = self.root / (use.weights or "")
        return sampled_digest(path) if use.weights and path.is_file() else use.weights

    def _tower(self, name: str) -> list[_Made]:
        """The weights of a tower that is trained here; released ones are no file of the workflow."""
        use = self.scale.towers[name]
        training = use.training
        if training is None:
            return []
        folder = self.layout.tower(name)
        views = {
            dataset: {
                view_set: self._views(dataset, "train", view_set, training.image_size)
                for view_set in training.view_sets
            }
            for dataset in training.datasets
        }
        sets = [
            {
                "dataset": dataset,
                "clouds": str(self.layout.store(dataset, "train")),
                "views": {view_set: str(made.files[0]) for view_set, made in parts.items()},
            }
            for dataset, parts in views.items()
        ]
        made = self._add(
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
                "clouds": [self._store(dataset, "train") for dataset in training.datasets],
                "views": [made for parts in views.values() for made in parts.values()],
            },
            [folder / file for file in _TOWER_FILES],
            {"run": self._tower_run(name), "sets": sets},
        )
        return [_Made(made.node, (folder / "model.safetensors",))]

    def _tower_run(self, name: str) -> dict[str, Any]:
        """The configuration of a tower's training, in the form of every training's."""
        use = self.scale.towers[name]
        assert use.training is not None
        return {
            "experiment": f"tower_{name}",
            "scale": self.params.scale,
            "model": use.model,
            "seed": use.training.seed,
            "sets": {"datasets": use.training.datasets, "view_sets": use.training.view_sets},
            "training": use.training.settings,
        }

    def _gate(self, name: str) -> list[_Made]:
        return [_Made(made.node, (self.layout.tower(name) / "gate.json",)) for made in self._tower(name)]

    def tower_spec(self, name: str) -> dict[str, Any]:
        """Return what opens a tower: its model, and its weights by file or by the tag of their release."""
        use = self.scale.towers[name]
        own = self.layout.tower(name) / "model.safetensors"
        return {"model": use.model, "weights": str(own) if use.training else use.weights}

    def _features(self, tower: str, of: str, kind: str, inputs: Mapping[str, Sequence[_Made]], script: str) -> _Made:
        use = self.scale.towers[tower]
        suffixes = {"classes": (".json", ".npz", ".run.json")}.get(kind, (".json", ".run.json"))
        index = self.layout.features(tower, of)
        made = self._add(
            f"features/{tower}/{of}",
            "towers",
            {"model": self._model(use), "weights": self._weights(use), "kind": kind},
            [script],
            {**inputs, "tower": self._tower(tower)},
            [index.with_name(index.stem + suffix) for suffix in suffixes],
            {"tower": self.tower_spec(tower)},
        )
        wanted = ".npz" if kind == "classes" else ".json"
        return _Made(made.node, (index.with_name(index.stem + wanted),))

    def _shipped(self, tower: str, dataset: str, split: str, kind: str) -> _Made:
        use = self.scale.towers[tower]
        names = [f"{dataset}__{split}__{part}" for part in ("images", "texts", "shipped.run")]
        made = self._add(
            f"features/{tower}/{dataset}__{split}__shipped",
            "towers",
            {"model": self._model(use), "weights": self._weights(use), "spec": self._spec(dataset, "files")},
            ["workflow_scripts/shipped_features.py"],
            {"marker": [self._raw(dataset)]},
            [self.layout.features(tower, name) for name in names],
            {"tower": self.tower_spec(tower)},
        )
        return _Made(made.node, (self.layout.features(tower, f"{dataset}__{split}__{kind}"),))

    def _image_features(self, tower: str, dataset: str, split: str, view_set: str, pixels: int) -> _Made:
        if self.brings_features(dataset):
            return self._shipped(tower, dataset, split, "images")
        views = self._views(dataset, split, view_set, pixels)
        of = f"{dataset}__{split}__{view_set}__{pixels}__images"
        return self._features(tower, of, "images", {"views": [views]}, "workflow_scripts/image_features.py")

    def _text_features(self, tower: str, dataset: str, split: str) -> _Made:
        if self.brings_features(dataset):
            return self._shipped(tower, dataset, split, "texts")
        clouds = {"clouds": [self._store(dataset, split)]}
        return self._features(tower, f"{dataset}__{split}__texts", "texts", clouds, "workflow_scripts/text_features.py")

    def _class_features(self, tower: str, dataset: str) -> _Made:
        clouds = {"clouds": [self._store(dataset, "test")]}
        return self._features(tower, f"{dataset}__classes", "classes", clouds, "workflow_scripts/text_features.py")

    # Trainings and evaluations.

    def _run(self, study: Study, experiment: str, seed: int) -> dict[str, Any]:
        """The resolved configuration of a training, worked out once."""
        place = (study.paper.paper, experiment, seed)
        if place not in self._runs:
            self._runs[place] = study.run_config(experiment, seed)
        return self._runs[place]

    def _training(self, study: Study, experiment: str, seed: int) -> _Made:
        """The weights and snapshots of one training."""
        paper = study.paper.paper
        folder = self.layout.training(paper, experiment, seed)
        name = f"{paper}/train/{experiment}__s{seed}"
        if name in self.nodes:
            return _Made(name, self.nodes[name].outputs[:2])
        run = self._run(study, experiment, seed)
        data = run["data"]
        sets = joined_datasets(run["pretrain"]["dataset"]) if run["pretrain"] else []
        pictures = (data.get("view_set"), data.get("image_size"))
        inputs: dict[str, list[_Made]] = {"clouds": [self._store(name, "train") for name in sets]}
        if "tower" in run:
            inputs["image_features"] = [self._image_features(data["tower"], name, "train", *pictures) for name in sets]
            inputs["text_features"] = [self._text_features(data["tower"], name, "train") for name in sets]
        elif run["method"] != "supervised":
            inputs["views"] = [self._views(name, "train", *pictures) for name in sets]
        if "teacher" in run:
            teacher = self._training(study, run["teacher"]["experiment"], seed)
            inputs["teacher"] = [_Made(teacher.node, teacher.files[:1])]
        files = ("model.safetensors", "snapshots", "train.json", "run.json", "provenance.json")
        made = self._add(
            name,
            paper,
            numbers_of(run),
            ["workflow_scripts/pretrain.py", *_modules(run)],
            inputs,
            [folder / file for file in files],
            {"run": run},
        )
        return _Made(made.node, made.files[:2])

    def _history(self, study: Study, experiment: str, seed: int) -> _Made:
        made = self._training(study, experiment, seed)
        folder = made.files[0].parent
        return _Made(made.node, (folder / "train.json", folder / "provenance.json"))

    def _compared(self, study: Study, key: EvaluationKey) -> dict[str, _Made]:
        """The tower features that an evaluation compares with, by what they are of."""
        data = self._run(study, key.experiment, key.seed)["data"]
        makers = {
            "classes": lambda: self._class_features(data["tower"], key.dataset),
            "images": lambda: self._image_features(
                data["tower"], key.dataset, "test", data["view_set"], data["image_size"]
            ),
            "texts": lambda: self._text_features(data["tower"], key.dataset, "test"),
        }
        return {need: makers[need]() for need in study.protocol(key.protocol).needs}

    def _evaluation_groups(self, study: Study) -> dict[tuple[str, int], list[EvaluationKey]]:
        """Evaluations by job and seed: those on frozen features of one training share a job."""
        groups: dict[tuple[str, int], list[EvaluationKey]] = {}
        for key in study.evaluations():
            alone = study.protocol(key.protocol).trains_encoder
            own = f"__{key.dataset}__{key.protocol}" if alone else ""
            groups.setdefault((f"{key.experiment}{own}", key.seed), []).append(key)
        return groups

    def evaluation_rules(self) -> list[EvaluationRule]:
        """Return the rules that evaluate; there is one per list of protocols and data sets, for experiments differ."""
        rules = {}
        for paper, study in self.studies.items():
            for (name, _), keys in self._evaluation_groups(study).items():
                stems = [self.layout.evaluation(paper, k.experiment, k.dataset, k.protocol, "{seed}") for k in keys]
                threads = self._run(study, keys[0].experiment, keys[0].seed)["training"]["threads"]
                rules[f"evaluate_{paper}_{name}"] = EvaluationRule(
                    f"evaluate_{paper}_{name}",
                    f"{paper}/eval/{name}__s{{seed}}",
                    tuple(evaluation_files(stems)),
                    threads,
                    _evaluation_script(keys),
                )
        return list(rules.values())

    def _evaluation(self, study: Study, name: str, keys: Sequence[EvaluationKey]) -> _Made:
        first = keys[0]
        run = self._run(study, first.experiment, first.seed)
        paper, script = study.paper.paper, _evaluation_script(keys)
        rooms = first.protocol in ROOM_PROTOCOLS
        training = self._training(study, first.experiment, first.seed)
        inputs: dict[str, list[_Made]] = {
            "model": [_Made(training.node, training.files[:1])],
            "snapshots": [_Made(training.node, training.files[1:])],
        }
        compared: dict[str, dict[str, _Made]] = {}
        for key in keys:
            compared.setdefault(key.dataset, {}).update(self._compared(study, key))
        if rooms:
            inputs["marker"] = [self._raw(first.dataset)]
        else:
            datasets = sorted({key.dataset for key in keys})
            inputs["stores"] = [made for dataset in datasets for made in self._stores(dataset)]
            inputs["tower"] = [made for needs in compared.values() for made in needs.values()]
        protocols = [[key.protocol, key.dataset, study.protocol(key.protocol).settings] for key in keys]
        recipe = {
            "protocols": protocols,
            "encoder": run["encoder"],
            "num_points": run["data"]["num_points"],
            "seed": first.seed,
            **({"spec": self._spec(first.dataset, "files")} if rooms else {}),
        }
        stems = [self.layout.evaluation(paper, k.experiment, k.dataset, k.protocol, k.seed) for k in keys]
        algorithms = {PROTOCOLS[key.protocol].partition(":")[0] for key in keys}
        tower = {
            dataset: {need: str(made.files[0]) for need, made in needs.items()}
            for dataset, needs in compared.items()
            if needs
        }
        return self._add(
            name,
            paper,
            recipe,
            [f"workflow_scripts/{script}.py", _encoder_module(run), *sorted(algorithms)],
            inputs,
            evaluation_files(stems),
            {"run": run, "jobs": protocols, "tower": tower, "data_kind": study.data_kind(first.dataset)},
        )

    # Examples and reports.

    def _mixed_clouds(self, study: Study, keys: Sequence[EvaluationKey]) -> list[_Made]:
        datasets = sorted({key.dataset for key in keys if key.protocol == "consistency"})
        if not datasets:
            return []
        paper = study.paper.paper
        settings = study.protocol("consistency").settings
        return [
            self._add(
                f"{paper}/figures/mixed_clouds",
                paper,
                {"settings": settings, "num_points": MIXED_CLOUD_POINTS},
                ["workflow_scripts/mixed_clouds.py"],
                {"clouds": [self._store(datasets[0], "test")]},
                [self.layout.example(paper, "mixed_clouds")],
            )
        ]

    def _retrieval_pictures(self, study: Study, makers: Mapping[EvaluationKey, str]) -> list[_Made]:
        found = []
        paper = study.paper.paper
        keys = [key for key in makers if key.protocol == "retrieval"]
        for dataset in sorted({key.dataset for key in keys}):
            if self.brings_features(dataset):
                continue
            shown = [key for key in keys if key.dataset == dataset]
            data = self._run(study, shown[0].experiment, shown[0].seed)["data"]
            outcomes = [
                _Made(
                    makers[k],
                    (self.layout.evaluation(paper, k.experiment, k.dataset, k.protocol, k.seed).with_suffix(".npz"),),
                )
                for k in shown
            ]
            views = self._views(dataset, "test", data["view_set"], data["image_size"])
            found.append(
                self._add(
                    f"{paper}/figures/pictures__{dataset}",
                    paper,
                    {},
                    ["workflow_scripts/retrieval_pictures.py"],
                    {"views": [views], "evaluations": outcomes},
                    [self.layout.example(paper, f"pictures__{dataset}")],
                )
            )
        return found

    def _paper(self, study: Study) -> None:
        paper = study.paper.paper
        groups = {
            f"{paper}/eval/{name}__s{seed}": keys for (name, seed), keys in self._evaluation_groups(study).items()
        }
        evaluations = [self._evaluation(study, name, keys) for name, keys in groups.items()]
        makers = {key: name for name, keys in groups.items() for key in keys}
        trainings = [self._history(study, experiment, seed) for experiment, seed in study.trainings()]
        examples = [*self._mixed_clouds(study, list(makers)), *self._retrieval_pictures(study, makers)]
        self._report(study, evaluations, trainings, examples)

    def _report(self, study: Study, evaluations: list[_Made], trainings: list[_Made], examples: list[_Made]) -> None:
        paper, layout = study.paper.paper, self.layout
        spec = self.root / report_yaml(paper)
        runs = {f"{name}__s{seed}": self._run(study, name, seed) for name, seed in study.trainings()}
        configuration = {
            "paper": content_hash(load_yaml(self.root / paper_yaml(paper))),
            "report": content_hash(load_yaml(spec)),
            "published": sha256_file(self.root / published_csv(paper)),
            "runs": content_hash(runs),
            "evaluations": content_hash([[k.experiment, k.seed, k.protocol, k.dataset] for k in study.evaluations()]),
        }

        def part(name: str, files: Sequence[str], inputs: Mapping[str, Sequence[_Made]]) -> _Made:
            return self._add(
                f"{paper}/report/{name}",
                paper,
                {"part": name, "scale": self.params.scale, **configuration},
                ["workflow_scripts/report.py"],
                inputs,
                [layout.result(paper, file) for file in files],
                {"part": name, "seeds": self.params.seeds, "scale": self.params.scale},
                shows_accepted=name == "pages",
            )

        items = sorted({f"per_item/{k.experiment}__{k.protocol}__s{k.seed}.npz" for k in study.evaluations()})
        measured = {"evaluations": evaluations, "histories": trainings}
        metrics = part("metrics", ["metrics.csv", *items], {"evaluations": evaluations})
        tables = part("tables", report_outputs(spec, "tables"), measured)
        figures = part("figures", report_outputs(spec, "figures"), {**measured, "examples": examples})
        verdicts = part("verdicts", ["claims.json", "audit.csv"], measured)
        records = [f"provenance/{name}__s{seed}.json" for name, seed in study.trainings()]
        gates = [made for name in study.towers() for made in self._gate(name)]
        shown = {"metrics": [metrics], "verdicts": [verdicts], "shown": [tables, figures]}
        part("pages", ["README.md", "ledger.md", *records], {**measured, "gates": gates, **shown})

    def _cross(self) -> None:
        layout, papers = self.layout, list(self.studies)
        metrics = [_Made(f"{paper}/report/metrics", self.nodes[f"{paper}/report/metrics"].outputs) for paper in papers]
        configuration = {paper: dict(self.nodes[f"{paper}/report/metrics"].recipe) for paper in papers}
        self._add(
            "cross/encoders",
            "cross",
            {"papers": papers, "configuration": configuration},
            ["workflow_scripts/cross.py"],
            {"metrics": metrics},
            [layout.results / "cross" / name for name in CROSS_FILES],
            {"papers": papers, "seeds": self.params.seeds, "scale": self.params.scale},
        )


def _evaluation_script(keys: Sequence[EvaluationKey]) -> str:
    return "evaluate_rooms" if keys[0].protocol in ROOM_PROTOCOLS else "evaluate"


def _encoder_module(run: Mapping[str, Any]) -> str:
    name = run["encoder"]["name"]
    if name not in ENCODERS:
        raise ConfigError(
            f"Unknown point encoder '{name}'{nearest(str(name), tuple(ENCODERS))}",
            where="encoder.name",
            expected=", ".join(ENCODERS),
        )
    return ENCODERS[name].partition(":")[0]


def _modules(run: Mapping[str, Any]) -> list[str]:
    """Modules that a training looks up by name: its method and its encoder."""
    method = [] if run["method"] == "random_init" else [f"concord3d.methods.{run['method']}"]
    return [_encoder_module(run), *method]
