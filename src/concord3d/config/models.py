"""What the configuration files may say: params.yaml, config/scales/*.yaml, and what is said of each paper."""

from __future__ import annotations

import re
from collections.abc import Hashable, Mapping
from typing import Annotated, Any, Literal, TypeVar

from pydantic import AfterValidator, Field, PositiveInt, PrivateAttr, WithJsonSchema, field_validator, model_validator

from concord3d.config.expansion import combinations, filled, variables_in
from concord3d.config.validation import StrictModel

ScaleName = Literal["smoke", "demo", "small", "paper"]
BatchName = Literal["seed", "experiment", "node"]
RendererName = Literal["auto", "pytorch3d", "open3d"]
Origin = Literal["abstract", "paper", "author_code", "lineage", "ours"]
Section = Literal["encoder", "objective", "data", "training"]
SECTIONS: tuple[Section, ...] = ("encoder", "objective", "data", "training")
# What folders, wildcards and shells can hold; two underscores separate the parts of file names.
NAME = r"^[a-z][a-z0-9]*(_[a-z0-9]+)*$"
Item = TypeVar("Item", bound=Hashable)


def plain_name(name: str) -> str:
    """Return ``name``; ValueError where files, wildcards and rules could not bear it."""
    if re.fullmatch(NAME, name) is None:
        raise ValueError(
            f"{name!r} is no plain name: lower-case letters and digits, parts joined by one underscore, a letter first"
        )
    return name


def _once(items: list[Item]) -> list[Item]:
    twice = sorted({str(item) for item in items if items.count(item) > 1})
    if twice:
        raise ValueError(f"{', '.join(twice)} stands twice")
    return items


Name = Annotated[str, AfterValidator(plain_name), WithJsonSchema({"type": "string", "pattern": NAME})]
Seed = Annotated[int, Field(ge=0, lt=2**32)]
Seeds = Annotated[list[Seed], Field(min_length=1), AfterValidator(_once)]
Names = Annotated[list[str], AfterValidator(_once)]
Scalar = str | int | float
Scalars = Annotated[list[Scalar], Field(min_length=1), AfterValidator(_once)]


class Params(StrictModel):
    """``params.yaml``: the only knobs of a run.

    Attributes:
        scale: Which overlay of ``config/scales/`` to use.
        papers: Papers to regenerate.
        seeds: Random seeds of every experiment; null takes those of the scale.
        device: ``auto`` uses a GPU where there is one.
        renderer: What draws meshes; ``auto`` takes that of the scale, which by default is PyTorch3D where it is
            installed and has a GPU, else Open3D.
    """

    scale: ScaleName = "demo"
    papers: Names = Field(min_length=1)
    seeds: Seeds | None = None
    device: Literal["auto", "cpu", "cuda"] = "auto"
    renderer: RendererName = "auto"


class DatasetUse(StrictModel):
    """Where a data set comes from at a scale.

    Attributes:
        source: ``world`` generates it, ``real`` obtains it.
        splits: Shapes per split that the world makes (world only).
        num_points: Points per cloud that the world writes, that are sampled where a data set consists of meshes, or
            that are kept of stored clouds; for real data the default is all that are stored.
        categories: Restriction to these categories (world only); null means all that the format has.
        options: What the data set's family knows beside these (world only), such as the beams of a LiDAR.
        scans: How much of a scan is kept, where it is not as much as the catalogue says (data sets of scans only).
    """

    source: Literal["world", "real"]
    splits: dict[str, PositiveInt] | None = None
    num_points: PositiveInt = 2048
    categories: list[str] | None = None
    options: dict[str, Any] = {}
    scans: dict[str, Any] = {}

    @model_validator(mode="after")
    def _world_needs_splits(self) -> DatasetUse:
        if self.source == "world" and not self.splits:
            raise ValueError("a data set made by the world needs 'splits'")
        if self.source == "real" and (self.splits or self.categories or self.options):
            raise ValueError("a real data set brings its own splits and categories, and knows no options")
        return self


class TowerTraining(StrictModel):
    """How a tower is trained, where the pipeline does it: a run in the form of every training's.

    Attributes:
        method: Training objective.
        seed: Random seed.
        data: ``dataset`` (one, or several joined by ``+``, whose training splits are used), ``view_sets`` (pictures of
            every object) and ``image_size`` (pixels of the pictures).
        objective: What the method is told.
        training: How it is trained.
    """

    method: str = "clip"
    seed: Seed = 1
    data: dict[str, Any]
    objective: dict[str, Any] = {}
    training: dict[str, Any]

    @model_validator(mode="after")
    def _complete_data(self) -> TowerTraining:
        lacking = [key for key in ("dataset", "view_sets", "image_size") if key not in self.data]
        if lacking:
            raise ValueError(f"'data' lacks {', '.join(lacking)}")
        return self


class TowerUse(StrictModel):
    """A frozen pair of an image and a text encoder.

    Attributes:
        model: Name of an open_clip model, or the path of a configuration of ours below ``config/towers/``: in
            open_clip's form, or of pre-trained encoders that are aligned or have patch tokens
            (:mod:`concord3d.features.tower_config`).
        weights: Tag of released weights or a file of weights; null where ``training`` makes them.
        training: How the pipeline trains it; null where weights exist.
    """

    model: str
    weights: str | None = None
    training: TowerTraining | None = None

    @model_validator(mode="after")
    def _weights_or_training(self) -> TowerUse:
        if (self.weights is None) == (self.training is None):
            raise ValueError("a tower has either 'weights' or 'training'")
        return self


class ProtocolOverlay(StrictModel):
    """What a scale changes of a protocol; null leaves the paper's choice."""

    settings: dict[str, Any] = {}
    datasets: Names | None = None
    experiments: Names | None = None


class AllBut(StrictModel):
    """Every experiment of the paper but these."""

    all_but: Names = Field(min_length=1)


class PaperScale(StrictModel):
    """``papers/<paper>/scales/<scale>.yaml``: how much of a paper runs at a scale.

    Attributes:
        experiments: Experiments that run: their names, ``all``, or ``{all_but: [...]}``.
        set: Dotted keys of the paper's ``defaults`` and their values. ``{times: 2}`` doubles what the defaults say.
        experiment_set: Dotted keys for single experiments; they win over everything else. ``{times: 2}`` doubles what
            the other layers say.
        seeds: Random seeds of this paper's experiments; null takes those of the scale.
        max_seeds: How many of the seeds an experiment gets, where it costs too much for all of them.
        protocols: Changes per protocol; a protocol that is not named does not run.
        datasets: Data sets that this paper alone needs, besides those of the scale.
        towers: Towers that this paper alone needs, besides those of the scale.
        batch: What shares a job of this paper's trainings and evaluations; null takes that of the scale.
    """

    experiments: Literal["all"] | AllBut | Names
    set: dict[str, Any] = {}
    experiment_set: dict[str, dict[str, Any]] = {}
    seeds: Seeds | None = None
    max_seeds: dict[str, PositiveInt] = {}
    protocols: dict[str, ProtocolOverlay]
    datasets: dict[Name, DatasetUse] = {}
    towers: dict[Name, TowerUse] = {}
    batch: BatchName | None = None


class Scale(StrictModel):
    """``config/scales/<scale>.yaml``: what is common to all papers at a scale.

    Attributes:
        scale: Its name.
        purpose: What it is for.
        hardware: What it needs.
        seeds: Random seeds of the experiments.
        untrained_seeds: Random seeds of experiments that train nothing and rest on no training, where these are more:
            such a row costs its evaluation alone. Seeds that ``params.yaml`` gives are those of all experiments.
        world_seed: Seed of the synthetic world.
        renderer: What ``renderer: auto`` of ``params.yaml`` means at this scale.
        batch: What shares a job, see :class:`concord3d.workflow.batching.Batching`. One process for many small
            trainings saves starts; a job per training can wait for a GPU of its own.
        datasets: Where each data set comes from.
        towers: Frozen towers by the name that ``data.tower`` uses.
    """

    scale: ScaleName
    purpose: str
    hardware: str
    seeds: Seeds
    untrained_seeds: Seeds | None = None
    world_seed: Seed
    renderer: RendererName = "auto"
    batch: BatchName = "experiment"
    datasets: dict[Name, DatasetUse]
    towers: dict[Name, TowerUse] = {}


class Sourced(StrictModel):
    """A hyper-parameter and where it comes from."""

    value: Any
    origin: Origin
    source: str


class Experiment(StrictModel):
    """One row of a table: a method with some keys changed; with ``for_each`` several rows.

    ``for_each`` gives variables and the values of each. The entry then stands for one experiment per combination of
    values, whose name is the entry's with the values behind it, joined by underscores. ``{variable}`` in ``label``,
    ``set``, ``needs`` and ``datasets`` becomes the value. Everything else names the single experiments. So

    ``finetuned: {label: "Fine-tuned on {dataset}", method: supervised, needs: {init: ours}, for_each: {dataset:
    [modelnet40, scanobjectnn_obj_bg]}, set: {data.dataset: "{dataset}"}, datasets: ["{dataset}"]}``

    stands for ``finetuned_modelnet40`` and ``finetuned_scanobjectnn_obj_bg``. A value that cannot stand in a name gets
    a word for it: ``for_each: {labels: {tenth: 0.1, all: 1.0}}``.

    Attributes:
        label: What tables and figures call it.
        words: What stands for a value in ``label`` alone, by variable and value.
        method: Training objective; null means the paper's.
        set: Dotted keys of the paper's ``defaults`` and their values. ``{times: 2}`` doubles what the scale says, or
            the defaults where it says nothing.
        needs: Earlier trainings that this one rests on, by their role, e.g. ``teacher``: an experiment of this paper,
            or ``<paper>/<experiment>`` of another. They run at the same scale and with the same seed.
        protocols: The only protocols it takes part in; null means all that apply to it.
        datasets: The only data sets that it is evaluated on; null means all of each protocol.
        for_each: Values by variable: a list, or a mapping from the word that stands for a value in names.
    """

    label: str
    words: dict[Name, dict[str, str]] = {}
    method: str | None = None
    set: dict[str, Any] = {}
    needs: dict[Name, str] = {}
    protocols: Names | None = None
    datasets: Names | None = None
    for_each: dict[Name, Scalars | dict[str, Scalar]] = {}
    _entry: str = PrivateAttr(default="")

    @model_validator(mode="after")
    def _told_apart(self) -> Experiment:
        if any(not choices for choices in self.for_each.values()):
            raise ValueError("a variable of 'for_each' has no values")
        unused = [variable for variable in self.for_each if variable not in variables_in(self.label)]
        if unused:
            raise ValueError(f"'label' does not tell the experiments apart: write '{{{unused[0]}}}' into it")
        for variable, words in self.words.items():
            if variable not in self.for_each:
                raise ValueError(f"'words' has a variable '{variable}' that 'for_each' lacks")
            if len(set(words.values())) < len(words):
                raise ValueError(f"'words' has one word for two values of '{variable}'")
            # Further words do no harm: entries share them.
            known = sorted({str(values[variable]) for _, values in combinations(self.for_each)})
            if not set(words) & set(known):
                raise ValueError(f"no word in 'words' is for a value of '{variable}': {', '.join(known)}")
        for _, values in combinations(self.for_each):
            filled([self.label, self.set, self.needs, self.datasets], values)
        return self

    def _in_words(self, values: Mapping[str, Scalar]) -> dict[str, Scalar]:
        return {variable: self.words.get(variable, {}).get(str(value), value) for variable, value in values.items()}

    @property
    def entry(self) -> str:
        """The key of the paper's file that it comes from."""
        return self._entry

    def expanded(self, name: str) -> dict[str, Experiment]:
        """Return the experiments that an entry stands for, by name; without ``for_each`` itself.

        Args:
            name: The key of the entry.

        Raises:
            ValueError: A value cannot stand in a name.
        """
        experiments = {}
        for ending, values in combinations(self.for_each):
            changed = {
                "label": str(filled(self.label, self._in_words(values))),
                "words": {},
                "set": filled(self.set, values),
                "needs": {role: str(filled(need, values)) for role, need in self.needs.items()},
                "datasets": filled(self.datasets, values),
                "for_each": {},
            }
            single = self.model_copy(update=changed)
            single._entry = name
            experiments[plain_name(f"{name}_{ending}" if ending else name)] = single
        return experiments


class Protocol(StrictModel):
    """How encoders are evaluated.

    Attributes:
        settings: Passed to the protocol, which validates them.
        datasets: Data sets it applies to.
        experiments: Experiments it applies to, as far as the scale runs them; null means all that keep the module.
        module: Which saved module of a training it evaluates; of several, the first that the training keeps.
        max_seeds: How many of an experiment's seeds it evaluates, where more tell nothing; null means all.
    """

    settings: dict[str, Any] = {}
    datasets: Names
    experiments: Names | None = None
    module: str | Annotated[Names, Field(min_length=1)] = "point"
    max_seeds: PositiveInt | None = None

    @property
    def modules(self) -> tuple[str, ...]:
        """The modules that it may evaluate, in order of preference."""
        return (self.module,) if isinstance(self.module, str) else tuple(self.module)


class Paper(StrictModel):
    """``papers/<paper>/paper.yaml``.

    Attributes:
        experiments: Entries as the file has them; the model holds the single experiments that they stand for.
    """

    paper: Name
    title: str
    authors: str
    venue: str
    method: str
    defaults: dict[Section, dict[str, Sourced]]
    experiments: dict[Name, Experiment]
    protocols: dict[Name, Protocol]

    @property
    def short_name(self) -> str:
        """What lists call the paper: its method, where a label of its experiments or the title says it."""
        own = (entry.label for name, entry in self.experiments.items() if name.startswith(self.paper))
        return next(own, self.title.partition(":")[0]).partition(",")[0].partition(" (")[0]

    @field_validator("experiments")
    @classmethod
    def _each(cls, entries: dict[str, Experiment]) -> dict[str, Experiment]:
        experiments: dict[str, Experiment] = {}
        for name, entry in entries.items():
            for single, experiment in entry.expanded(name).items():
                if single in experiments:
                    raise ValueError(f"'{name}' and '{experiments[single].entry}' both stand for '{single}'")
                experiments[single] = experiment
        return experiments
