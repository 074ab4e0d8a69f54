"""Nodes of the examples that a paper's figures show beside the numbers."""

from __future__ import annotations

from concord3d.workflow.node import Made
from concord3d.workflow.study_nodes import StudyNodes

MIXED_CLOUD_POINTS = 1024


def examples(nodes: StudyNodes) -> list[Made]:
    """Return the arrays that figures show.

    Args:
        nodes: Makes the nodes of the paper.
    """
    return [*_mixed_clouds(nodes), *_retrieval_pictures(nodes)]


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
    pictured: dict[str, Made] = {}
    for key in nodes.study.evaluations():
        if key.protocol != "retrieval" or nodes.data.brings_features(key.dataset):
            continue
        data = nodes.training(key.experiment, key.seed).run["data"]
        outcomes.setdefault(key.dataset, []).append(nodes.evaluation_of(key))
        pictures = (data["view_set"], data["image_size"])
        pictured.setdefault(key.dataset, nodes.data.views(key.dataset, "test", *pictures))
    return [
        nodes.data.graph.add_node(
            f"{nodes.paper}/figures/pictures__{dataset}",
            nodes.paper,
            {},
            ["workflow_scripts/retrieval_pictures.py"],
            {"views": [pictured[dataset]], "evaluations": outcomes[dataset]},
            [nodes.data.layout.example(nodes.paper, f"pictures__{dataset}")],
        )
        for dataset in sorted(outcomes)
    ]
