"""Configuration, validated once, and the paths that every rule shares."""

import os
import sys
from pathlib import Path

# This clone's own sources, here and in the scripts' processes, whatever is installed.
SOURCES = str(Path(workflow.basedir) / "src")
sys.path.insert(0, SOURCES)
os.environ.update(PYTHONPATH=SOURCES)

from snakemake.exceptions import WorkflowError

from concord3d.config.resolve import load_params, load_study
from concord3d.errors import ConcordError
from concord3d.files import content_hash
from concord3d.reporting.outputs import report_outputs

try:
    PARAMS = load_params(config)
    STUDIES = {paper: load_study(Path(workflow.basedir), paper, PARAMS.scale, PARAMS.seeds) for paper in PARAMS.papers}
except ConcordError as error:
    raise WorkflowError(str(error))

SCALE = next(iter(STUDIES.values())).scale
RAW = Path("data/raw")
ARTIFACTS = Path("artifacts") / PARAMS.scale
RESULTS = Path("results") / PARAMS.scale
CATALOG = "datasets/datasets.yaml"
# Jobs that compute on tensors ask for a GPU only where one is demanded; "auto" must also run without.
GPU = 1 if PARAMS.device == "cuda" else 0
EXPERIMENTS = "|".join(sorted({name for study in STUDIES.values() for name in study.experiments}))
TRAINED_PROTOCOLS = (
    "|".join(
        sorted(
            {
                name
                for study in STUDIES.values()
                for name in SCALE.papers[study.paper.paper].protocols
                if study.protocol(name).trains_encoder and name != "semantic_segmentation"
            }
        )
    )
    or "none"
)


wildcard_constraints:
    paper="|".join(STUDIES),
    experiment=EXPERIMENTS,
    dataset="|".join(SCALE.datasets),
    split="train|val|test",
    seed=r"\d+",


def datasets_from(source):
    """Data sets of this scale with one origin, as a wildcard pattern."""
    return "|".join(name for name, use in SCALE.datasets.items() if use.source == source) or "none"


def raw_marker(dataset):
    """The small file that stands for a raw data set being complete."""
    if SCALE.datasets[dataset].source == "world":
        return RAW / f"world_{PARAMS.scale}" / dataset / "world.json"
    return RAW / "real" / dataset / "manifest.json"


def store(dataset, split):
    """The canonical clouds of one split."""
    return ARTIFACTS / "stores" / dataset / f"{split}.npz"


def run_config(wildcards):
    return STUDIES[wildcards.paper].run_config(wildcards.experiment, int(wildcards.seed))


def training_threads(wildcards):
    """Threads that a job's tensors use; more than Snakemake reserves would make jobs slow each other down."""
    return run_config(wildcards)["training"]["threads"]


def pretraining_clouds(wildcards):
    pretrain = run_config(wildcards)["pretrain"]
    return [store(pretrain["dataset"], "train")] if pretrain else []


def pretraining_views(wildcards):
    run = run_config(wildcards)
    if run["pretrain"] is None or run["method"] == "supervised":
        return []
    data = run["data"]
    return [ARTIFACTS / "views" / f"{run['pretrain']['dataset']}__{data['view_set']}__{data['image_size']}.json"]


def evaluation_files(paper, keys, seed=None):
    """The files that evaluations leave; with seed="{seed}" they become patterns."""
    folder = ARTIFACTS / paper / "eval"
    return [
        folder / f"{key.experiment}__{key.dataset}__{key.protocol}__s{key.seed if seed is None else seed}{suffix}"
        for key in keys
        for suffix in (".json", ".npz")
    ]


def stores_of(datasets):
    return [store(dataset, split) for dataset in datasets for split in ("train", "test")]


def frozen_keys(study, experiment):
    """Evaluations on frozen features of one experiment, for its first seed."""
    return [
        key
        for key in study.evaluations()
        if key.experiment == experiment
        and key.seed == study.seeds[0]
        and not study.protocol(key.protocol).trains_encoder
    ]


def report_yaml(paper):
    return f"papers/{paper}.report.yaml"


def evaluations_of(wildcards):
    return evaluation_files(wildcards.paper, STUDIES[wildcards.paper].evaluations())


def histories_of(wildcards):
    study = STUDIES[wildcards.paper]
    return [
        ARTIFACTS / wildcards.paper / "train" / f"{experiment}__s{seed}" / name
        for experiment in study.experiments
        for seed in study.seeds
        for name in ("train.json", "provenance.json")
    ]


def report_identity(wildcards):
    """Everything of the configuration that a report depends on; a change of it makes the report anew."""
    study = STUDIES[wildcards.paper]
    return content_hash([study.run_config(name, seed) for name in study.experiments for seed in study.seeds])


def per_item_files(paper):
    """Outcomes of single test items, one file per experiment, protocol and seed."""
    keys = STUDIES[paper].evaluations()
    return sorted({f"per_item/{key.experiment}__{key.protocol}__s{key.seed}.npz" for key in keys})


def record_files(paper):
    """Records of the trainings, one per experiment and seed."""
    study = STUDIES[paper]
    return [f"provenance/{experiment}__s{seed}.json" for experiment in study.experiments for seed in study.seeds]


def result_files(paper):
    """Everything that a reviewer finds below results/<scale>/<paper>/."""
    shown = [name for part in ("tables", "figures") for name in report_outputs(Path(report_yaml(paper)), part)]
    pages = ["README.md", "ledger.md", "metrics.csv", "claims.json", "audit.csv"]
    return [RESULTS / paper / name for name in (*pages, *shown, *per_item_files(paper), *record_files(paper))]
