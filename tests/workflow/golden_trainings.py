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

from concord3d.config.models import Params
from concord3d.training.opening import opened_task
from concord3d.training.seeding import set_threads
from concord3d.training.train import train
from concord3d.workflow.plan import Plan
from concord3d.workflow.training_nodes import MadeTraining

GOLDEN = Path(__file__).resolve().parents[1] / "golden"
LOSSES = "smoke_losses.json"
PAPERS = ("mm_point", "mm_mixing")
TOWER = "concord_tiny"


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


def train_made(plan: Plan, made: MadeTraining, folder: Path) -> None:
    """Train once more what a node of the plan trains, as rule ``train`` does."""
    node = plan.nodes[made.node]
    reads = {name: node.inputs[name] for name in node.params["reads"]}
    needs = {role: (run, Path(place)) for role, (run, place) in node.params["needs"].items()}
    set_threads(node.threads)
    train(opened_task(node.params["run"], reads, needs, folder / "work", folder / "out", "cpu"))


def all_losses() -> dict[str, list[float]]:
    """Return the loss of each step of every training, from the root of a folder in which the smoke DAG has run."""
    plan = Plan(Path(), Params(scale="smoke", papers=list(PAPERS)))
    point, mixing = (plan.papers[paper] for paper in PAPERS)
    tower = plan.towers.training(TOWER)
    assert tower is not None
    trainings = {
        f"tower_{TOWER}": tower,
        "mm_point__s1": point.training("mm_point", 1),
        "mm_mixing_stage1__s1": mixing.training("stage1", 1),
        "mm_mixing_full__s1": mixing.training("full", 1),
        # No row of the smoke scale: MM-Point's configuration with another method, on clouds with labels.
        "supervised__s1": point.training("supervised", 1),
    }
    losses = {}
    for name, made in trainings.items():
        with tempfile.TemporaryDirectory() as folder, recorded_losses() as noted:
            train_made(plan, made, Path(folder))
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
