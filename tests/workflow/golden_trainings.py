"""The trainings whose losses a refactor must leave as they are, and how their golden values are made.

    snakemake --cores 2 --config scale=smoke
    python -m tests.workflow.golden_trainings <folder in which the smoke DAG has run> [<where to write>]

repeats the smoke scale's trainings on the artifacts of that folder, from its root, and writes the loss of each of their
steps with ``metrics.csv`` of each paper: as the new golden values into ``tests/golden`` of this working tree, or where
the second argument says. A change that moves one of these numbers is named in the message of the commit that moves it.

The golden values belong to one machine (see ``machine`` in ``smoke_losses.json``) and to one thread per training. What
follows is the one place of these tests that knows the entry points of the sources.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest import mock

import torch

from concord3d.config.models import TowerTraining
from concord3d.config.resolve import Study, load_study
from concord3d.data.stores.objects import CloudSplit, ShapeTexts
from concord3d.features.pairs import PicturedObjects
from concord3d.methods.interface import parse_settings
from concord3d.render.stored import open_view_set
from concord3d.training.inputs import TrainingFiles, training_task
from concord3d.training.pretrain import pretrain
from concord3d.training.seeding import set_threads
from concord3d.training.tower import TowerRun, TowerSettings, train_tower

GOLDEN = Path(__file__).resolve().parents[1] / "golden"
LOSSES = "smoke_losses.json"
PAPERS = ("mm_point", "mm_mixing")
TOWER = "concord_tiny"
ARTIFACTS = Path("artifacts/smoke")


def machine() -> dict[str, Any]:
    """Return what must be equal for the numbers to be equal to the last bit."""
    known: dict[str, str] = {}
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        key, _, value = line.partition(":")
        known.setdefault(key.strip(), value.strip())
    return {
        "torch": str(torch.__version__),
        "cpu_vendor": known.get("vendor_id"),
        "cpu_family": known.get("cpu family"),
        "cpu_model": known.get("model"),
        "cpu_capability": torch.backends.cpu.get_cpu_capability(),
        "threads": torch.get_num_threads(),
    }


@contextmanager
def recorded_losses() -> Iterator[list[float]]:
    """Note every tensor that is differentiated, whoever asks for it; a float32 is one float to the last bit."""
    losses: list[float] = []
    backward = torch.Tensor.backward

    def noting(tensor: torch.Tensor, *arguments: Any, **options: Any) -> None:
        losses.append(float(tensor.detach()))
        backward(tensor, *arguments, **options)

    with mock.patch.object(torch.Tensor, "backward", noting):
        yield losses


def _store(dataset: str) -> Path:
    return ARTIFACTS / "stores" / dataset / "train.npz"


def _views(dataset: str, view_set: str, pixels: int) -> Path:
    return ARTIFACTS / "views" / f"{dataset}__train__{view_set}__{pixels}.json"


def _files(run: dict[str, Any]) -> TrainingFiles:
    dataset, data = run["pretrain"]["dataset"], run["data"]
    views = _views(dataset, data["view_set"], data["image_size"])
    clouds = [_store(dataset)]
    if run["method"] == "supervised":
        return TrainingFiles(clouds)
    if "tower" not in run:
        return TrainingFiles(clouds, views=[views])
    features = ARTIFACTS / "features" / data["tower"]
    teacher = None
    if "teacher" in run:
        folder = f"{run['teacher']['experiment']}__s{run['seed']}"
        teacher = ARTIFACTS / run["paper"] / "train" / folder / "model.safetensors"
    return TrainingFiles(
        clouds,
        image_features=[features / f"{views.stem}__images.json"],
        text_features=[features / f"{dataset}__train__texts.json"],
        teacher=teacher,
    )


def train_experiment(study: Study, experiment: str, folder: Path) -> None:
    """Train one encoder, as rule ``pretrain`` does."""
    run = study.run_config(experiment, 1)
    set_threads(run["training"]["threads"])
    pretrain(training_task(run, _files(run), folder / "work", folder / "out", "cpu"))


def train_tower_of(study: Study, folder: Path) -> None:
    """Train the scale's tower, as rule ``tower`` does."""
    use = study.scale.towers[TOWER]
    assert isinstance(use.training, TowerTraining)
    settings = parse_settings(TowerSettings, use.training.settings, "tower.training.settings")
    set_threads(settings.threads)
    sets = []
    for dataset in use.training.datasets:
        clouds = CloudSplit.load(_store(dataset))
        views = {name: open_view_set(_views(dataset, name, use.training.image_size)) for name in use.training.view_sets}
        texts = clouds.texts or (ShapeTexts(),) * len(clouds)
        sets.append(PicturedObjects(dataset, views, texts, clouds.labels, clouds.class_names))
    train_tower(TowerRun(use.model, sets, settings, use.training.seed, folder / "work", folder / "out", "cpu"))


def all_losses() -> dict[str, list[float]]:
    """Return the loss of each step of every training, from the root of a folder in which the smoke DAG has run."""
    point, mixing = (load_study(Path(), paper, "smoke") for paper in PAPERS)
    trainings = {
        f"tower_{TOWER}": lambda folder: train_tower_of(mixing, folder),
        "mm_point__s1": lambda folder: train_experiment(point, "mm_point", folder),
        "mm_mixing_stage1__s1": lambda folder: train_experiment(mixing, "stage1", folder),
        "mm_mixing_full__s1": lambda folder: train_experiment(mixing, "full", folder),
        # No row of the smoke scale: MM-Point's configuration with another method, on clouds with labels.
        "supervised__s1": lambda folder: train_experiment(point, "supervised", folder),
    }
    losses = {}
    for name, train in trainings.items():
        with tempfile.TemporaryDirectory() as folder, recorded_losses() as noted:
            train(Path(folder))
        losses[name] = noted
    return losses


def metrics_file(paper: str) -> str:
    """The name of a paper's golden table."""
    return f"metrics_{paper}.csv"


def write_values(run_folder: Path, out: Path) -> None:
    """Measure in ``run_folder`` and write below ``out``; nothing is written into ``run_folder``."""
    out = out.resolve()
    out.mkdir(parents=True, exist_ok=True)
    os.chdir(run_folder)
    losses = all_losses()
    (out / LOSSES).write_text(json.dumps({"machine": machine(), "losses": losses}, indent=1) + "\n")
    for paper in PAPERS:
        shutil.copyfile(Path("results/smoke") / paper / "metrics.csv", out / metrics_file(paper))


if __name__ == "__main__":
    write_values(Path(sys.argv[1]), Path(sys.argv[2]) if len(sys.argv) > 2 else GOLDEN)
