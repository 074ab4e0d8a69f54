"""Configuration, validated once, and the paths that every rule shares."""

import os
import sys
from pathlib import Path

# This clone's own sources, here and in the scripts' processes, whatever is installed.
SOURCES = str(Path(workflow.basedir) / "src")
sys.path.insert(0, SOURCES)
os.environ["PYTHONPATH"] = os.pathsep.join(
    filter(None, [SOURCES, os.environ.get("PYTHONPATH")])
)

from snakemake.exceptions import WorkflowError

from concord3d.config.resolve import load_params, load_study
from concord3d.errors import ConcordError

try:
    PARAMS = load_params(config)
    STUDIES = {
        paper: load_study(Path(workflow.basedir), paper, PARAMS.scale, PARAMS.seeds)
        for paper in PARAMS.papers
    }
except ConcordError as error:
    raise WorkflowError(str(error))

SCALE = next(iter(STUDIES.values())).scale
RAW = Path("data/raw")
ARTIFACTS = Path("artifacts") / PARAMS.scale
RESULTS = Path("results") / PARAMS.scale
CATALOG = "datasets/datasets.yaml"
# Jobs that compute on tensors ask for a GPU only where one is demanded; "auto" must also run without.
GPU = 1 if PARAMS.device == "cuda" else 0
EXPERIMENTS = "|".join(
    sorted({name for study in STUDIES.values() for name in study.experiments})
)
TRAINED_PROTOCOLS = (
    "|".join(
        sorted(
            {
                name
                for study in STUDIES.values()
                for name in SCALE.papers[study.paper.paper].protocols
                if study.protocol(name).trains_encoder
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
    return (
        "|".join(name for name, use in SCALE.datasets.items() if use.source == source)
        or "none"
    )


def raw_marker(dataset):
    """The small file that stands for a raw data set being complete."""
    if SCALE.datasets[dataset].source == "world":
        return RAW / f"world_{PARAMS.scale}" / dataset / "world.json"
    return RAW / "real" / dataset / "manifest.json"


def store(dataset, split):
    """The canonical clouds of one split."""
    return ARTIFACTS / "stores" / dataset / f"{split}.npz"
