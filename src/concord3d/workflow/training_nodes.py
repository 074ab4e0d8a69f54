"""Nodes of trainings, of papers and of towers alike."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from concord3d.config.numbers import numbers_of
from concord3d.methods.settings import PACKAGE as METHODS
from concord3d.methods.settings import MethodSettings
from concord3d.training.files import TrainingFolder
from concord3d.workflow.node import Made

if TYPE_CHECKING:
    from concord3d.workflow.tower_nodes import TowerNodes

SCRIPT = "workflow_scripts/train.py"
BATCHES = "concord3d.batches"
TRAINING_INPUTS = "concord3d.workflow.training_inputs"


@dataclass(frozen=True)
class MadeTraining:
    """A training, as an input of other nodes.

    Attributes:
        node: Its node.
        run: Its resolved configuration.
        settings: Settings of its method.
        modules: Modules that rebuild what it saves.
        files: Where its files lie.
        needs: The earlier trainings that it rests on, by role.
    """

    node: str
    run: Mapping[str, Any]
    settings: MethodSettings
    modules: tuple[str, ...]
    files: TrainingFolder
    needs: Mapping[str, MadeTraining]

    def made(self, *paths: Path) -> Made:
        """Return some of its files."""
        return Made(self.node, paths)

    @property
    def exports(self) -> tuple[Path, ...]:
        """The folder of what its method exports; none where it exports nothing.

        Without epochs there is none either: records and the second names of files know no empty folders.
        """
        return (self.files.exports,) if self.settings.exports and self.run["training"]["epochs"] else ()

    @property
    def weights(self) -> Made:
        """All saved modules after the last epoch."""
        return self.made(*(self.files.weights(name) for name in self.settings.saved))


@dataclass(frozen=True)
class TrainingRequest:
    """A training that the configuration asks for, checked.

    Attributes:
        key: Key of its node.
        stage: Stage of its node.
        job: Job that makes it.
        run: Resolved configuration.
        settings: Settings of the method.
        encoder_modules: Modules that build the encoder that the run names.
        files: Where its files lie.
        needs: Earlier trainings by role.
        identity: What counts in place of the words of some sections of ``run``, such as the content of a file that
            they name.
    """

    key: str
    stage: str
    job: str
    run: Mapping[str, Any]
    settings: MethodSettings
    encoder_modules: tuple[str, ...]
    files: TrainingFolder
    needs: Mapping[str, MadeTraining]
    identity: Mapping[str, Any]


def add_training(request: TrainingRequest, sources: TowerNodes) -> MadeTraining:
    """Add the node of a training.

    Args:
        request: The training.
        sources: Makes the nodes of what it reads.
    """
    settings, files = request.settings, request.files
    method = f"{METHODS}.{request.run['method']}"
    rebuilding = (*request.encoder_modules, *([settings.rebuilt_by] if settings.rebuilt_by else []))
    made = MadeTraining(request.key, request.run, settings, rebuilding, files, request.needs)
    reads: dict[str, list[Made]] = {}
    kinds = []
    if settings.reads_data:
        reads = import_module(f"{TRAINING_INPUTS}.{settings.data}").inputs(
            request.run, settings, sources, request.needs
        )
        kinds = [f"{BATCHES}.{settings.data}"]
    learned_from = [module for earlier in request.needs.values() for module in earlier.modules]
    inputs = {**reads, **{f"needs_{role}": [earlier.weights] for role, earlier in request.needs.items()}}
    needs = {role: [earlier.run, str(earlier.files.folder)] for role, earlier in request.needs.items()}
    sources.data.graph.add_node(
        request.key,
        request.stage,
        {**numbers_of(request.run), **request.identity},
        [SCRIPT, *kinds, f"{method}.settings", f"{method}.method", *request.encoder_modules, *learned_from],
        inputs,
        [
            *(files.weights(name) for name in settings.saved),
            files.snapshots,
            *made.exports,
            *(files.report(name) for name in settings.reports),
            files.history,
            files.machine,
            files.provenance,
        ],
        {
            "run": dict(request.run),
            "reads": list(reads),
            "needs": needs,
            "folder": str(files.folder),
            "exports": str(files.exports),
        },
        request.job,
        request.run["training"]["threads"],
    )
    return made
