"""From configuration files to the list of runs and evaluations they stand for."""

from __future__ import annotations

from collections.abc import Iterable
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from concord3d.config.models import SECTIONS, Paper, Params, Protocol, Scale
from concord3d.config.strict_yaml import load_yaml
from concord3d.config.validation import validate
from concord3d.errors import ConfigError, nearest

# The saved module that is evaluated where nothing else is said.
POINT_MODULE = "point"
# Methods that need no data: they save the encoder as it is initialised.
UNTRAINED_METHODS = ("random_init",)


@dataclass(frozen=True)
class EvaluationKey:
    """One evaluation: an experiment and seed under a protocol on a data set.

    Attributes:
        experiment: Whose training is evaluated.
        seed: Random seed of the training.
        protocol: How it is evaluated.
        dataset: On what.
        module: Which saved module of the training.
    """

    experiment: str
    seed: int
    protocol: str
    dataset: str
    module: str = POINT_MODULE


@dataclass(frozen=True)
class Study:
    """One paper at one scale: everything that the workflow asks of the configuration.

    Attributes:
        paper: The paper's file.
        scale: The scale's file.
        seeds: Random seeds, in the order in which experiments with fewer take them.
    """

    paper: Paper
    scale: Scale
    seeds: tuple[int, ...]

    @property
    def experiments(self) -> tuple[str, ...]:
        """Identifiers of the experiments that run at this scale."""
        return tuple(self.scale.papers[self.paper.paper].experiments)

    def seeds_of(self, experiment: str) -> tuple[int, ...]:
        """The seeds that an experiment runs with."""
        return self.seeds[: self.scale.papers[self.paper.paper].max_seeds.get(experiment)]

    def trainings(self) -> list[tuple[str, int]]:
        """Every experiment with each of its seeds, in the order of the configuration."""
        return [(experiment, seed) for experiment in self.experiments for seed in self.seeds_of(experiment)]

    def run_config(self, experiment: str, seed: int) -> dict[str, Any]:
        """Resolve one training run: defaults, then scale, then experiment, then scale-and-experiment."""
        overlay = self.scale.papers[self.paper.paper]
        entry = self.paper.experiments[experiment]
        settings: dict[str, Any] = {section: {} for section in SECTIONS}
        for section, defaults in self.paper.defaults.items():
            settings[section] = {key: deepcopy(sourced.value) for key, sourced in defaults.items()}
        paper_encoder = deepcopy(settings["encoder"])
        for changes in (overlay.set, {**entry.set, **overlay.experiment_set.get(experiment, {})}):
            _apply(settings, changes, paper_encoder, where=f"{self.paper.paper}, experiment '{experiment}'")
        dataset = settings["data"].pop("dataset")
        method = entry.method or self.paper.method
        pretrain = None
        if method not in UNTRAINED_METHODS:
            pretrain = {"dataset": dataset, "data_kind": self.data_kind(dataset)}
        resolved = {
            "paper": self.paper.paper,
            "experiment": experiment,
            "seed": seed,
            "scale": self.scale.scale,
            "method": method,
            "pretrain": pretrain,
            **settings,
        }
        tower = settings["data"].get("tower")
        if tower is not None:
            _known([tower], self.scale.towers, "tower", f"{self.scale.scale}.yaml, experiment '{experiment}'")
            resolved["tower"] = self.scale.towers[tower].model_dump()
        if entry.teacher is not None:
            resolved["teacher"] = {
                "experiment": entry.teacher,
                "encoder": self.run_config(entry.teacher, seed)["encoder"],
            }
        return resolved

    def data_kind(self, dataset: str) -> str:
        """``synthetic`` or ``real`` for a data set at this scale; ``mixed`` for several joined by ``+``."""
        kinds = {
            "synthetic" if self.scale.datasets[name].source == "world" else "real" for name in joined_datasets(dataset)
        }
        return kinds.pop() if len(kinds) == 1 else "mixed"

    def protocol(self, name: str) -> Protocol:
        """A protocol with the changes of this scale."""
        base, overlay = self.paper.protocols[name], self.scale.papers[self.paper.paper].protocols[name]
        return Protocol(
            settings={**base.settings, **overlay.settings},
            datasets=base.datasets if overlay.datasets is None else overlay.datasets,
            experiments=base.experiments if overlay.experiments is None else overlay.experiments,
            module=base.module,
        )

    def evaluations(self) -> list[EvaluationKey]:
        """Every evaluation of this study, in the order of the configuration."""
        keys = []
        for name in self.scale.papers[self.paper.paper].protocols:
            protocol = self.protocol(name)
            experiments = self.experiments if protocol.experiments is None else protocol.experiments
            experiments = tuple(name for name in experiments if name in self.experiments)
            keys += [
                EvaluationKey(experiment, seed, name, dataset, protocol.module)
                for experiment in experiments
                if name in (self.paper.experiments[experiment].protocols or [name])
                for seed in self.seeds_of(experiment)
                for dataset in protocol.datasets
            ]
        return keys

    def datasets(self) -> list[str]:
        """Identifiers of the data sets that this study reads, sorted."""
        used = {key.dataset for key in self.evaluations()}
        for experiment in self.experiments:
            pretrain = self.run_config(experiment, self.seeds[0])["pretrain"]
            used |= set(joined_datasets(pretrain["dataset"])) if pretrain else set()
        for tower in self.towers():
            training = self.scale.towers[tower].training
            used |= set(training.datasets) if training else set()
        return sorted(used)

    def towers(self) -> list[str]:
        """Names of the frozen towers that this study uses, sorted."""
        names = {self.run_config(name, self.seeds[0])["data"].get("tower") for name in self.experiments}
        return sorted(name for name in names if name is not None)


def _apply(settings: dict[str, Any], changes: dict[str, Any], paper_encoder: dict[str, Any], where: str) -> None:
    name = changes.get("encoder.name", settings["encoder"]["name"])
    own_encoder = name != paper_encoder["name"]
    if name != settings["encoder"]["name"]:
        # Settings of one encoder mean nothing to another, be they the paper's or the scale's.
        settings["encoder"] = {"name": name} if own_encoder else deepcopy(paper_encoder)
    for dotted, value in changes.items():
        section, _, key = dotted.partition(".")
        # Another encoder than the paper's has arguments of its own, which its builder checks.
        if key not in settings.get(section, {}) and not (own_encoder and section == "encoder"):
            known = [f"{s}.{k}" for s, keys in settings.items() for k in keys]
            raise ConfigError(f"unknown key '{dotted}'{nearest(dotted, known)}", where=where, expected=known)
        settings[section][key] = deepcopy(value)


def joined_datasets(names: str) -> list[str]:
    """Return the data sets of ``data.dataset``: one, or several joined by ``+`` that are trained on together."""
    return names.split("+")


def _known(names: Iterable[str], valid: Iterable[str], what: str, where: object) -> None:
    options = sorted(valid)
    for name in names:
        if name not in options:
            raise ConfigError(
                f"unknown {what} '{name}'{nearest(name, options)}", where=str(where), expected=", ".join(options)
            )


def load_params(content: dict[str, Any], where: str = "params.yaml") -> Params:
    """Validate the content of ``params.yaml`` (already parsed, with any ``--config`` overrides applied).

    Raises:
        ConfigError: An unknown key, a wrong type or an impossible value.
    """
    return validate(Params, content, where)


def load_study(root: Path, paper_name: str, scale_name: str, seeds: list[int] | None = None) -> Study:
    """Read and cross-check one paper at one scale.

    Args:
        root: The repository.
        paper_name: A file of ``papers/`` without its suffix.
        scale_name: A file of ``config/scales/`` without its suffix.
        seeds: Replaces the seeds of the scale; experiments that are too costly for all take the first of them.

    Raises:
        ConfigError: A file is invalid or names something that does not exist.
    """
    available = [path.stem for path in (root / "papers").glob("*.yaml") if "." not in path.stem]
    _known([paper_name], available, "paper", "params.yaml: papers")
    paper_path, scale_path = root / "papers" / f"{paper_name}.yaml", root / "config" / "scales" / f"{scale_name}.yaml"
    paper = validate(Paper, load_yaml(paper_path), paper_path.name)
    scale = validate(Scale, load_yaml(scale_path), scale_path.name)
    if paper_name not in scale.papers:
        raise ConfigError(f"scale '{scale_name}' does not know paper '{paper_name}'", where=scale_path.name)
    overlay = scale.papers[paper_name]
    _known(overlay.experiments, paper.experiments, "experiment", scale_path.name)
    _known(overlay.experiment_set, overlay.experiments, "experiment", scale_path.name)
    _known(overlay.max_seeds, overlay.experiments, "experiment", scale_path.name)
    _known(overlay.protocols, paper.protocols, "protocol", scale_path.name)
    for experiment, entry in paper.experiments.items():
        _known(entry.protocols or [], paper.protocols, "protocol", f"{paper_path.name}, experiment '{experiment}'")
    study = Study(paper, scale, tuple(seeds or overlay.seeds or scale.seeds))
    for name in overlay.protocols:
        protocol = study.protocol(name)
        _known(protocol.datasets, scale.datasets, "data set", f"{scale_path.name}, protocol '{name}'")
        asked = overlay.protocols[name].experiments or []
        _known(asked, overlay.experiments, "experiment", f"{scale_path.name}, protocol '{name}'")
        _known(protocol.experiments or [], paper.experiments, "experiment", f"{paper_path.name}, protocol '{name}'")
    for experiment in overlay.experiments:
        _check_experiment(study, experiment, scale_path.name)
    return study


def _check_experiment(study: Study, name: str, where: str) -> None:
    """Refuse an experiment that names a data set, tower or teacher that its scale does not have."""
    teacher, seen = study.paper.experiments[name].teacher, [name]
    while teacher is not None:
        if teacher in seen:
            raise ConfigError(f"the teachers of '{name}' form a circle", where=where, found=" <- ".join(seen))
        _known([teacher], study.experiments, "teacher", f"{where}, experiment '{seen[-1]}'")
        if len(study.seeds_of(teacher)) < len(study.seeds_of(name)):
            raise ConfigError(
                f"'{name}' has more seeds than its teacher '{teacher}'",
                where=f"{where}, max_seeds",
                expected=f"at most {len(study.seeds_of(teacher))}",
                found=len(study.seeds_of(name)),
            )
        seen.append(teacher)
        teacher = study.paper.experiments[teacher].teacher
    pretrain = study.run_config(name, study.seeds[0])["pretrain"]
    _known(joined_datasets(pretrain["dataset"]) if pretrain else [], study.scale.datasets, "data set", where)
