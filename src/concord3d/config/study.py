"""One paper at one scale: the runs and evaluations that its configuration stands for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

from concord3d.config.layers import Settings
from concord3d.config.models import AllBut, Paper, PaperScale, Protocol, Scale
from concord3d.config.places import Layer, Place
from concord3d.layout import paper_scale_yaml, paper_yaml, scale_yaml
from concord3d.methods.settings import MethodSettings, method_kind

# The saved module that is evaluated where nothing else is said.
POINT_MODULE = "point"


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


class Need(NamedTuple):
    """An earlier training that another one rests on.

    Attributes:
        paper: The paper that it belongs to.
        experiment: Its experiment; the seed is that of the training that needs it.
    """

    paper: str
    experiment: str

    def __str__(self) -> str:
        return f"{self.paper}/{self.experiment}"


@dataclass(frozen=True)
class Study:
    """One paper at one scale: everything that the workflow asks of the configuration.

    Attributes:
        root: The repository.
        paper: The paper's file.
        common: The scale's file.
        scale: The same with the data sets and towers that the paper adds.
        overlay: How much of the paper runs at the scale.
        seeds: Random seeds, in the order in which experiments with fewer take them.
        untrained_seeds: Those of experiments that train nothing and rest on no training.
        loaded: This study and those whose trainings it needs, by paper.
    """

    root: Path
    paper: Paper
    common: Scale
    scale: Scale
    overlay: PaperScale
    seeds: tuple[int, ...]
    untrained_seeds: tuple[int, ...]
    loaded: Mapping[str, Study] = field(repr=False, compare=False)

    @property
    def paper_place(self) -> Place:
        """The paper's file."""
        return Place(self.root, paper_yaml(self.paper.paper))

    @property
    def overlay_place(self) -> Place:
        """The file that says how much of the paper runs at the scale."""
        return Place(self.root, paper_scale_yaml(self.paper.paper, self.scale.scale))

    @property
    def common_place(self) -> Place:
        """The scale's file."""
        return Place(self.root, scale_yaml(self.scale.scale))

    @cached_property
    def experiments(self) -> tuple[str, ...]:
        """Identifiers of the experiments that run at this scale."""
        chosen = self.overlay.experiments
        if isinstance(chosen, list):
            return tuple(chosen)
        left_out = chosen.all_but if isinstance(chosen, AllBut) else []
        return tuple(name for name in self.paper.experiments if name not in left_out)

    def experiment_place(self, experiment: str) -> Place:
        """The entry of the paper's file that an experiment comes from."""
        return self.paper_place.below("experiments", self.paper.experiments[experiment].entry)

    def seeds_of(self, experiment: str) -> tuple[int, ...]:
        """The seeds that an experiment runs with; where nothing is drawn at random, one says all."""
        if not self._method_kind(experiment).draws:
            return self.seeds[:1]
        rests_on_training = self.is_trained(experiment) or self.paper.experiments[experiment].needs
        # More random encoders say something only where they are measured themselves.
        measured = any(experiment in experiments for experiments in self._evaluated.values())
        seeds = self.seeds if rests_on_training or not measured else self.untrained_seeds
        return seeds[: self.overlay.max_seeds.get(experiment)]

    def job_seed(self, seed: int) -> int:
        """The seed whose jobs make what has this seed: seeds that only untrained experiments have need no own jobs."""
        return seed if seed in self.seeds else self.seeds[-1]

    def trainings(self) -> list[tuple[str, int]]:
        """Every experiment with each of its seeds, in the order of the configuration."""
        return [(experiment, seed) for experiment in self.experiments for seed in self.seeds_of(experiment)]

    def method_of(self, experiment: str) -> str:
        """The training objective of an experiment."""
        return self.paper.experiments[experiment].method or self.paper.method

    def is_trained(self, experiment: str) -> bool:
        """Whether an experiment trains anything; the untrained encoder of a reference row does not."""
        return self._method_kind(experiment).is_trained

    def reads_data(self, experiment: str) -> bool:
        """Whether an experiment reads data, if only for their statistics."""
        return self._method_kind(experiment).reads_data

    @property
    def _paper_kind(self) -> type[MethodSettings]:
        return method_kind(self.paper.method, self.paper_place.below("method"))

    def _method_kind(self, experiment: str) -> type[MethodSettings]:
        # A plan asks for each many times.
        if experiment not in self._method_kinds:
            place = self.experiment_place(experiment).below("method")
            self._method_kinds[experiment] = method_kind(self.method_of(experiment), place)
        return self._method_kinds[experiment]

    @cached_property
    def _method_kinds(self) -> dict[str, type[MethodSettings]]:
        return {}

    def needs_of(self, experiment: str) -> dict[str, Need]:
        """Return the earlier trainings that an experiment rests on, by role."""
        return {role: self._need(text) for role, text in self.paper.experiments[experiment].needs.items()}

    def _need(self, text: str) -> Need:
        paper, slash, experiment = text.rpartition("/")
        return Need(paper if slash else self.paper.paper, experiment)

    def settings(self, experiment: str) -> Settings:
        """Resolve the settings of an experiment: defaults, then scale, then experiment, then scale-and-experiment.

        Raises:
            ConfigError: A key that the paper's defaults do not have, or a product that is no such number.
        """
        entry, paper, overlay = self.paper.experiments[experiment], self.paper_place, self.overlay_place
        settings = Settings.of_defaults(self.paper.defaults, _layer(paper.below("defaults"), "default"))
        settings.apply(self.overlay.set, _layer(overlay.below("set"), "scale"))
        if self.method_of(experiment) != self.paper.method:
            settings.change_method(self._method_kind(experiment).data == self._paper_kind.data)
        settings.apply(entry.set, _layer(self.experiment_place(experiment).below("set"), "experiment"))
        single = self.overlay.experiment_set.get(experiment, {})
        settings.apply(single, _layer(overlay.below("experiment_set", experiment), "scale and experiment"))
        return settings

    def place_of(self, experiment: str, dotted: str) -> Place:
        """Return where a resolved setting of an experiment was set: file, line, keys and layer.

        Args:
            experiment: Identifier.
            dotted: A section and a key, e.g. ``objective.beta``. Of a key that is not set, the place is that of the
                section's defaults.
        """
        section = dotted.partition(".")[0]
        nowhere = _layer(self.paper_place.below("defaults", section), "default")
        return self.settings(experiment).places.get(dotted, nowhere)

    def run_config(self, experiment: str, seed: int) -> dict[str, Any]:
        """Resolve one training run.

        ``pretrain`` says what its weights come from: None for those that nothing was trained for.
        """
        settings = self.settings(experiment).values
        dataset = settings["data"].pop("dataset")
        method = self.method_of(experiment)
        learned_from = self._learned_from(experiment, dataset, settings["data"].get("tower"))
        pretrain = None
        if learned_from is not None:
            pretrain = {"dataset": learned_from, "data_kind": self.data_kind(learned_from)}
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
            resolved["tower"] = self.scale.towers[tower].model_dump()
        needs = self.needs_of(experiment)
        if needs:
            resolved["needs"] = {role: self._needed(need, seed) for role, need in needs.items()}
        return resolved

    def _learned_from(self, experiment: str, dataset: str, tower: str | None) -> str | None:
        """Return the data sets behind the weights of an experiment, joined by ``+``; None where nothing was read."""
        kind, needs = self._method_kind(experiment), self.needs_of(experiment)
        if kind.reads_data or (needs and not kind.through_tower):
            return dataset
        training = self.scale.towers[tower].training if tower is not None and kind.through_tower else None
        if training is None:
            return None
        # An encoder that is kept beside the tower has read the data of its own training.
        own = joined_datasets(dataset) if "encoder" in needs else []
        return "+".join(dict.fromkeys([*own, *joined_datasets(str(training.data["dataset"]))]))

    def _needed(self, need: Need, seed: int) -> dict[str, Any]:
        encoder = self.loaded[need.paper].run_config(need.experiment, seed)["encoder"]
        return {"paper": need.paper, "experiment": need.experiment, "seed": seed, "encoder": encoder}

    def data_kind(self, dataset: str) -> str:
        """``synthetic`` or ``real`` for a data set at this scale; ``mixed`` for several joined by ``+``."""
        kinds = {
            "synthetic" if self.scale.datasets[name].source == "world" else "real" for name in joined_datasets(dataset)
        }
        return kinds.pop() if len(kinds) == 1 else "mixed"

    def protocol(self, name: str) -> Protocol:
        """A protocol with the changes of this scale."""
        base, overlay = self.paper.protocols[name], self.overlay.protocols[name]
        return Protocol(
            settings={**base.settings, **overlay.settings},
            datasets=base.datasets if overlay.datasets is None else overlay.datasets,
            experiments=base.experiments if overlay.experiments is None else overlay.experiments,
            module=base.module,
            max_seeds=base.max_seeds,
        )

    def evaluations(self) -> list[EvaluationKey]:
        """Every evaluation of this study, in the order of the configuration."""
        keys = []
        for name in self.overlay.protocols:
            protocol = self.protocol(name)
            keys += [
                EvaluationKey(experiment, seed, name, dataset, self._evaluated_module(experiment, protocol))
                for experiment in self._evaluated[name]
                for seed in self.seeds_of(experiment)[: protocol.max_seeds]
                for dataset in protocol.datasets
                if _takes_part(dataset, self.paper.experiments[experiment].datasets)
            ]
        return keys

    @cached_property
    def _evaluated(self) -> dict[str, list[str]]:
        """The experiments of this scale that each protocol applies to."""
        return {name: self._evaluated_by(name, self.protocol(name)) for name in self.overlay.protocols}

    def _evaluated_by(self, name: str, protocol: Protocol) -> list[str]:
        chosen = protocol.experiments
        if chosen is None:
            chosen = [each for each in self.experiments if set(protocol.modules) & set(self._method_kind(each).saved)]
        return [
            each
            for each in chosen
            if each in self.experiments and _takes_part(name, self.paper.experiments[each].protocols)
        ]

    def _evaluated_module(self, experiment: str, protocol: Protocol) -> str:
        """Return the module of an experiment that a protocol evaluates; the plan refuses one that is not kept."""
        kept = self._method_kind(experiment).saved
        return next((module for module in protocol.modules if module in kept), protocol.modules[0])

    def saved_modules(self) -> set[str]:
        """Return the names of the modules that the trainings of this scale keep."""
        return {module for experiment in self.experiments for module in self._method_kind(experiment).saved}

    def datasets(self) -> list[str]:
        """Identifiers of the data sets that this study reads, sorted."""
        used = {key.dataset for key in self.evaluations()}
        for experiment in self.experiments:
            pretrain = self.run_config(experiment, self.seeds[0])["pretrain"]
            used |= set(joined_datasets(pretrain["dataset"])) if pretrain else set()
        for tower in self.towers():
            training = self.scale.towers[tower].training
            used |= set(joined_datasets(training.data["dataset"])) if training else set()
        return sorted(used)

    def towers(self) -> list[str]:
        """Names of the frozen towers that this study uses, sorted."""
        names = {self.run_config(name, self.seeds[0])["data"].get("tower") for name in self.experiments}
        return sorted(name for name in names if name is not None)


def _takes_part(name: str, only: list[str] | None) -> bool:
    return only is None or name in only


def _layer(place: Place, layer: Layer) -> Place:
    return replace(place, layer=layer)


def joined_datasets(names: str) -> list[str]:
    """Return the data sets of ``data.dataset``: one, or several joined by ``+`` that are trained on together."""
    return names.split("+")
