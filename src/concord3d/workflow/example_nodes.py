"""Nodes of the examples that a paper's figures show beside the numbers."""

from __future__ import annotations

from concord3d.layout import CATALOG, report_yaml
from concord3d.reporting.specs.output_files import RECONSTRUCTED, reconstructed_experiments
from concord3d.workflow.node import Made
from concord3d.workflow.study_nodes import StudyNodes
from concord3d.workflow.training_inputs.unlabelled import inputs

MIXED_CLOUD_POINTS = 1024
NUM_RECONSTRUCTED = 12


def examples(nodes: StudyNodes) -> list[Made]:
    """Return the arrays that figures show.

    Args:
        nodes: Makes the nodes of the paper.
    """
    return [*_mixed_clouds(nodes), *_retrieval_pictures(nodes), *_reconstructions(nodes)]


def _mixed_clouds(nodes: StudyNodes) -> list[Made]:
    datasets = sorted({key.dataset for key in nodes.study.evaluations() if key.protocol == "consistency"})
    if not datasets:
        return []
    settings = nodes.protocol_settings["consistency"]
    recipe = {"weights": settings["weights"], "mixing": settings["mixing"], "num_points": MIXED_CLOUD_POINTS}
    made = nodes.data.graph.add_node(
        f"{nodes.paper}/figures/mixed_clouds",
        nodes.paper,
        recipe,
        ["workflow_scripts/mixed_clouds.py"],
        {"clouds": [nodes.data.store(datasets[0], "test")]},
        [nodes.data.layout.example(nodes.paper, "mixed_clouds")],
    )
    return [made]


def _retrieval_pictures(nodes: StudyNodes) -> list[Made]:
    outcomes: dict[str, list[Made]] = {}
    for key in nodes.study.evaluations():
        if key.protocol == "retrieval" and not nodes.data.brings_features(key.dataset):
            outcomes.setdefault(key.dataset, []).append(nodes.evaluation_of(key))
    data = nodes.data
    return [
        data.graph.add_node(
            f"{nodes.paper}/figures/pictures__{dataset}",
            nodes.paper,
            {"spec": data.spec(dataset, "files")},
            ["workflow_scripts/retrieval_pictures.py", data.reader_module(dataset)],
            {
                "marker": [data.raw(dataset)],
                "clouds": [data.store(dataset, "test")],
                "evaluations": evaluations,
            },
            [data.layout.example(nodes.paper, f"pictures__{dataset}")],
            {"dataset": dataset, "catalog": str(CATALOG), "split": "test"},
        )
        for dataset, evaluations in sorted(outcomes.items())
    ]


def _reconstructions(nodes: StudyNodes) -> list[Made]:
    """Return what trainings of two branches predict of hidden parts, with their first seed."""
    study, data = nodes.study, nodes.data
    shown = reconstructed_experiments(data.root / report_yaml(nodes.paper))
    found = []
    for experiment in (name for name in shown if name in study.experiments):
        training = nodes.training(experiment, study.seeds_of(experiment)[0])
        reads = inputs(training.run, training.settings, nodes.towers, training.needs)
        found.append(
            data.graph.add_node(
                f"{nodes.paper}/figures/{RECONSTRUCTED}{experiment}",
                nodes.paper,
                {"num_objects": NUM_RECONSTRUCTED},
                ["workflow_scripts/reconstructions.py", *training.modules],
                {**reads, "weights": [training.weights]},
                [data.layout.example(nodes.paper, f"{RECONSTRUCTED}{experiment}")],
                {"run": dict(training.run), "reads": list(reads), "module": training.settings.saved[0]},
            )
        )
    return found
