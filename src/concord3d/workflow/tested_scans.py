"""The tested scans of a data set as the frozen encoders of one training see them, for uses outside the graph."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from concord3d.config.validation import require_known
from concord3d.data.stores.scans import ScanSplit
from concord3d.errors import ConfigError
from concord3d.workflow.node import Node
from concord3d.workflow.plan import Plan
from concord3d.workflow.scan_nodes import encoded_scans
from concord3d.workflow.training_inputs.scan_objects import feature_settings
from concord3d.workflow.training_nodes import MadeTraining


@dataclass(frozen=True)
class EvaluatedScans:
    """A training and a store.

    Attributes:
        training: The training.
        store: File of the scans, relative to the repository, as all files here.
        encoded: The nodes that make features of them: ``pictures``, ``texts`` and ``points``.
        nodes: Keys of the nodes that make all these files.
    """

    training: MadeTraining
    store: Path
    encoded: Mapping[str, Node]
    nodes: tuple[str, ...]


def evaluated_scans(plan: Plan, paper: str, experiment: str, seed: int | None, dataset: str) -> EvaluatedScans:
    """Return a training of the plan and the tested scans of a data set that it is evaluated on.

    Args:
        plan: The graph.
        paper: One of its papers.
        experiment: An experiment of this paper at this scale.
        seed: Its seed; None takes the first.
        dataset: The data set.

    Raises:
        ConfigError: There is no such experiment, seed or data set of scans, with the nearest name; or the
            experiment is not evaluated on it.
    """
    nodes = plan.papers[paper]
    study, data = nodes.study, nodes.data
    require_known(experiment, study.experiments, "experiment", f"{paper} at {plan.params.scale}")
    seeds = study.seeds_of(experiment)
    if seed is not None and seed not in seeds:
        raise ConfigError(f"'{experiment}' is not trained with this seed", expected=seeds, found=seed)
    known = [name for name in plan.scale.datasets if data.reader(name).kind == ScanSplit.kind]
    require_known(dataset, known, "data set of scans", f"{paper} at {plan.params.scale}")
    training = nodes.training(experiment, seeds[0] if seed is None else seed)
    if not any((key.experiment, key.dataset) == (experiment, dataset) for key in study.evaluations()):
        raise ConfigError(
            f"'{experiment}' is not evaluated on '{dataset}', so nothing encodes it",
            where=study.experiment_place(experiment),
            next_step="name another experiment, or a data set that it is evaluated on",
        )
    split = data.tested_split(dataset)
    told = feature_settings(training.run, study.experiment_place(experiment))
    store = data.store(dataset, split)
    made = encoded_scans(data, paper, dataset, split, told, training.needs)
    keys = (training.node, store.node, *(each.node for each in made.values()))
    encoded = {name: plan.nodes[each.node] for name, each in made.items()}
    return EvaluatedScans(training, store.files[0], encoded, keys)
