"""What the configuration files may say: params.yaml, config/scales/*.yaml and papers/*.yaml."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field, PositiveInt, model_validator

from concord3d.config.validation import StrictModel

ScaleName = Literal["smoke", "demo", "small", "paper"]
RendererName = Literal["auto", "pytorch3d", "open3d"]
Origin = Literal["abstract", "paper", "author_code", "lineage", "ours"]
SECTIONS = ("encoder", "objective", "data", "training")


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
    papers: list[str] = Field(min_length=1)
    seeds: list[int] | None = None
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
    """

    source: Literal["world", "real"]
    splits: dict[str, PositiveInt] | None = None
    num_points: PositiveInt = 2048
    categories: list[str] | None = None

    @model_validator(mode="after")
    def _world_needs_splits(self) -> DatasetUse:
        if self.source == "world" and not self.splits:
            raise ValueError("a data set made by the world needs 'splits'")
        if self.source == "real" and (self.splits or self.categories):
            raise ValueError("a real data set brings its own splits and categories")
        return self


class TowerTraining(StrictModel):
    """What a tower learns from, where the pipeline trains it.

    Attributes:
        datasets: Data sets with pictures and texts; their training splits are used.
        view_sets: Pictures of every object.
        image_size: Pixels of the pictures.
        seed: Random seed.
        settings: Passed to the training, which validates them.
    """

    datasets: list[str] = Field(min_length=1)
    view_sets: list[str] = Field(min_length=1)
    image_size: PositiveInt
    seed: int = 1
    settings: dict[str, Any] = {}


class TowerUse(StrictModel):
    """A frozen pair of an image and a text encoder.

    Attributes:
        model: Name of an open_clip model, or the path of a configuration of ours below ``config/towers/``.
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
    datasets: list[str] | None = None
    experiments: list[str] | None = None


class ScalePaper(StrictModel):
    """What a scale changes of a paper.

    Attributes:
        set: Dotted keys of the paper's ``defaults`` and their values at this scale.
        experiments: Experiments that run at this scale.
        experiment_set: Dotted keys for single experiments; they win over everything else.
        seeds: Random seeds of this paper's experiments; null takes those of the scale.
        max_seeds: How many of the seeds an experiment gets, where it costs too much for all of them.
        protocols: Changes per protocol; a protocol that is not named does not run.
    """

    set: dict[str, Any] = {}
    experiments: list[str]
    experiment_set: dict[str, dict[str, Any]] = {}
    seeds: list[int] | None = Field(default=None, min_length=1)
    max_seeds: dict[str, PositiveInt] = {}
    protocols: dict[str, ProtocolOverlay]


class Scale(StrictModel):
    """``config/scales/<scale>.yaml``.

    Attributes:
        scale: Its name.
        purpose: What it is for.
        hardware: What it needs.
        seeds: Random seeds of the experiments.
        world_seed: Seed of the synthetic world.
        renderer: What ``renderer: auto`` of ``params.yaml`` means at this scale.
        datasets: Where each data set comes from.
        towers: Frozen towers by the name that ``data.tower`` uses.
        papers: What runs of each paper.
    """

    scale: ScaleName
    purpose: str
    hardware: str
    seeds: list[int] = Field(min_length=1)
    world_seed: int
    renderer: RendererName = "auto"
    datasets: dict[str, DatasetUse]
    towers: dict[str, TowerUse] = {}
    papers: dict[str, ScalePaper]


class Sourced(StrictModel):
    """A hyper-parameter and where it comes from."""

    value: Any
    origin: Origin
    source: str


class Experiment(StrictModel):
    """One row of a table: a method with some keys changed.

    Attributes:
        label: What tables and figures call it.
        method: Training objective; null means the paper's.
        set: Dotted keys of the paper's ``defaults`` and their values.
        teacher: Experiment whose encoder, trained with the same seed, this one learns from.
        protocols: The only protocols it takes part in; null means all that apply to it.
    """

    label: str
    method: str | None = None
    set: dict[str, Any] = {}
    teacher: str | None = None
    protocols: list[str] | None = None


class Protocol(StrictModel):
    """How encoders are evaluated.

    Attributes:
        settings: Passed to the protocol, which validates them.
        datasets: Data sets it applies to.
        experiments: Experiments it applies to, as far as the scale runs them; null means all.
        module: Which saved module of a training it evaluates.
    """

    settings: dict[str, Any] = {}
    datasets: list[str]
    experiments: list[str] | None = None
    module: str = "point"


class Paper(StrictModel):
    """``papers/<paper>.yaml``."""

    paper: str
    title: str
    authors: str
    venue: str
    method: str
    defaults: dict[Literal["encoder", "objective", "data", "training"], dict[str, Sourced]]
    experiments: dict[str, Experiment]
    protocols: dict[str, Protocol]
