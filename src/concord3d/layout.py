"""Where every artifact and result lies. Paths are relative to the repository and may hold Snakemake's wildcards."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

PARAMS = Path("params.yaml")
CATALOG = Path("datasets/datasets.yaml")
SCALES = Path("config/scales")
COSTS = Path("config/costs")
PAPERS = Path("papers")
SCHEMAS = Path("schemas")
RAW = Path("data/raw")
# Records of raw data stand beside them: raw data are not part of what DVC keeps.
RAW_RECORDS = Path("data/records")
# Weights of released towers and of frozen encoders, which are no files of the workflow.
TOWER_WEIGHTS = RAW / "towers"
# Features of scans by published encoders that do not run here.
GIVEN_FEATURES = RAW / "scan_features"
WORK = Path("work")
# The results that an archive came with, kept where there is no git.
REFERENCE = Path("reference")
# Stages of dvc.yaml that belong to no paper.
STAGES = ("data", "towers", "cross")
# First parts of the keys of nodes that belong to no paper.
_SHARED = ("stores", "views", "towers", "features", "cross")
# Names of folders and targets that a paper cannot have.
RESERVED = (*STAGES, *_SHARED, "all", "exports", "papers", "raw", "records")


def scale_yaml(scale: str) -> Path:
    """What is common to all papers at a scale: seeds, world, data sets, towers."""
    return SCALES / f"{scale}.yaml"


def costs_csv(scale: str) -> Path:
    """What nodes of a scale have cost."""
    return COSTS / f"{scale}.csv"


def paper_yaml(paper: str) -> Path:
    """What a paper says: hyper-parameters, experiments, protocols."""
    return PAPERS / paper / "paper.yaml"


def paper_scale_yaml(paper: str, scale: str) -> Path:
    """How much of a paper runs at a scale."""
    return PAPERS / paper / "scales" / f"{scale}.yaml"


def report_yaml(paper: str) -> Path:
    """A paper's tables, figures, claims and deviations."""
    return PAPERS / paper / "report.yaml"


def published_csv(paper: str) -> Path:
    """A paper's published numbers."""
    return PAPERS / paper / "published.csv"


def paper_spec(paper: str) -> Path:
    """What is known of a paper's method, in our words."""
    return PAPERS / paper / "SPEC.md"


@dataclass(frozen=True)
class Layout:
    """The files of one scale.

    Attributes:
        scale: Its name.
    """

    scale: str

    @property
    def artifacts(self) -> Path:
        """Everything that is made on the way to the results."""
        return Path("artifacts") / self.scale

    @property
    def results(self) -> Path:
        """What a reviewer reads."""
        return Path("results") / self.scale

    @property
    def world(self) -> Path:
        """The data sets that the world makes for this scale."""
        return RAW / f"world_{self.scale}"

    def record(self, key: str) -> Path:
        """The record of a node; see :mod:`concord3d.workflow.records`."""
        first = key.partition("/")[0]
        if first == "raw":
            return RAW_RECORDS / f"{key.removeprefix('raw/')}.json"
        return self.artifacts / "records" / ("" if first in _SHARED else "papers") / f"{key}.json"

    def world_marker(self, dataset: str) -> Path:
        """The last file that the world writes of a data set."""
        return self.world / dataset / "world.json"

    def real_marker(self, dataset: str) -> Path:
        """The manifest of a real data set."""
        return RAW / "real" / dataset / "manifest.json"

    def store(self, dataset: str, split: str) -> Path:
        """The canonical store of one split."""
        return self.artifacts / "stores" / dataset / f"{split}.npz"

    @property
    def view_store(self) -> Path:
        """Shards of pictures by content."""
        return self.artifacts / "views" / "store"

    def views(self, dataset: str, split: str, view_set: str, pixels: int | str) -> Path:
        """The index of the views of one split."""
        return self.artifacts / "views" / f"{dataset}__{split}__{view_set}__{pixels}.json"

    def tower(self, tower: str) -> Path:
        """Folder of a tower that is trained here."""
        return self.artifacts / "towers" / tower

    @property
    def feature_store(self) -> Path:
        """Shards of tower features by content."""
        return self.artifacts / "features" / "store"

    def features(self, tower: str, file: str) -> Path:
        """A file of a tower's features; the data set comes first in its name."""
        return self.artifacts / "features" / tower / file

    def frozen_features(self, encoder: str, file: str) -> Path:
        """A file of what a frozen encoder makes of pictures, or of texts; the data set comes first in its name."""
        return self.artifacts / "features" / "frozen" / encoder / file

    def given_features(self, encoder: str, dataset: str, split: str) -> Path:
        """Where the features of a split belong that an encoder which does not run here has made."""
        return GIVEN_FEATURES / encoder / f"{dataset}__{split}.npz"

    def superpixels(self, file: str) -> Path:
        """A file of the superpixels of a data set's pictures."""
        return self.artifacts / "features" / "superpixels" / file

    def scan_points(self, paper: str, file: str) -> Path:
        """A file of what the point encoder of a training makes of a paper's scans."""
        return self.artifacts / paper / "features" / file

    def training(self, paper: str, experiment: str, seed: int | str) -> Path:
        """Folder of one training."""
        return self.artifacts / paper / "train" / f"{experiment}__s{seed}"

    def paper_exports(self, paper: str) -> Path:
        """Folder of what a paper's trainings leave for others to use, which DVC keeps apart from the rest of it."""
        return self.artifacts / "exports" / paper

    def exports(self, paper: str, experiment: str, seed: int | str) -> Path:
        """Folder of the arrays that the method of one training leaves, such as pseudo-labels."""
        return self.paper_exports(paper) / f"{experiment}__s{seed}"

    def evaluation(self, paper: str, experiment: str, dataset: str, protocol: str, seed: int | str) -> Path:
        """The files of one evaluation, without their suffix."""
        return self.artifacts / paper / "eval" / f"{experiment}__{dataset}__{protocol}__s{seed}"

    def example(self, paper: str, name: str) -> Path:
        """Arrays that a figure shows beside the numbers."""
        return self.artifacts / paper / "figures" / f"{name}.npz"

    def html_page(self, paper: str, name: str) -> Path:
        """A page of a paper's results as HTML, for Snakemake's own report."""
        return self.artifacts / paper / "html" / name

    def result(self, paper: str, *names: str) -> Path:
        """A file of a paper's results."""
        return self.results.joinpath(paper, *names)


def evaluation_files(stems: Sequence[Path]) -> list[Path]:
    """Records and per-item outcomes of evaluations."""
    return [stem.with_name(stem.name + suffix) for stem in stems for suffix in (".json", ".npz")]
