"""Nodes of the results: the parts of a paper's report, and the table over the encoders of several papers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from concord3d.config.strict_yaml import load_yaml
from concord3d.files import content_hash, sha256_file
from concord3d.layout import paper_yaml, published_csv, report_yaml
from concord3d.reporting.specs.output_files import (
    CROSS_FILES,
    HEADLINE,
    HEADLINE_PLOT,
    PAGE_FACTS,
    PAGES,
    html_pages,
    part_modules,
    report_outputs,
)
from concord3d.workflow.data_nodes import DataNodes
from concord3d.workflow.example_nodes import examples
from concord3d.workflow.node import Made
from concord3d.workflow.study_nodes import StudyNodes


def add_report(nodes: StudyNodes) -> None:
    """Add a paper's report and everything that it is made from.

    Args:
        nodes: Makes the nodes of the paper.
    """
    data, study, paper = nodes.data, nodes.study, nodes.paper
    spec = data.root / report_yaml(paper)
    told = {"scale": data.params.scale, "seeds": data.params.seeds}
    configuration = _configuration(nodes)

    def part(name: str, files: Sequence[str], inputs: Mapping[str, Sequence[Made]]) -> Made:
        return data.graph.add_node(
            f"{paper}/report/{name}",
            paper,
            {"part": name, "scale": data.params.scale, **configuration},
            ["workflow_scripts/report.py", *part_modules(spec, name)],
            inputs,
            [data.layout.result(paper, file) for file in files],
            {"paper": paper, "part": name, **told},
            f"report_{paper}",
            shows_accepted=name == "pages",
        )

    evaluations, histories = nodes.evaluations(), nodes.histories()
    measured = {"evaluations": evaluations, "histories": histories}
    items = sorted({f"per_item/{k.experiment}__{k.protocol}__s{k.seed}.npz" for k in study.evaluations()})
    metrics = part("metrics", ["metrics.csv", "details.json", "histories.csv", *items], measured)
    tables = part("tables", report_outputs(spec, "tables"), measured)
    figures = part("figures", report_outputs(spec, "figures"), {**measured, "examples": examples(nodes)})
    verdicts = part("verdicts", ["claims.json", "audit.csv", HEADLINE, HEADLINE_PLOT], measured)
    records = [f"provenance/{name}__s{seed}.json" for name, seed in study.trainings()]
    gates = [made for name in study.towers() for made in nodes.towers.gate(name)]
    shown = {"metrics": [metrics], "verdicts": [verdicts], "shown": [tables, figures]}
    pages = part("pages", [*PAGES, PAGE_FACTS, *records], {**measured, "gates": gates, **shown})
    data.graph.add_node(
        f"{paper}/report/html",
        paper,
        {"part": "html", "scale": data.params.scale, "title": study.paper.title},
        ["workflow_scripts/report.py", *part_modules(spec, "html")],
        {"pages": [pages]},
        [data.layout.html_page(paper, file) for file in html_pages(paper)],
        {"paper": paper, "part": "html", **told},
        f"report_{paper}",
    )


def _configuration(nodes: StudyNodes) -> dict[str, Any]:
    """What a report reads of the configuration, words included: it prints them."""
    root, study, paper = nodes.data.root, nodes.study, nodes.paper
    return {
        "paper": content_hash(load_yaml(root / paper_yaml(paper))),
        "report": content_hash(load_yaml(root / report_yaml(paper))),
        "published": sha256_file(root / published_csv(paper)),
        "runs": content_hash([dict(nodes.training(*training).run) for training in study.trainings()]),
        "data_kinds": {name: study.data_kind(name) for name in study.scale.datasets},
        "evaluations": content_hash([[k.experiment, k.seed, k.protocol, k.dataset] for k in study.evaluations()]),
    }


def add_cross(data: DataNodes, papers: Sequence[str]) -> None:
    """Add the table over the encoders of several papers.

    Args:
        data: Holds the graph, with the papers' reports.
        papers: At least two.
    """
    metrics = [f"{paper}/report/metrics" for paper in papers]
    data.graph.add_node(
        "cross/encoders",
        "cross",
        {"papers": list(papers), "configuration": [dict(data.graph[key].recipe) for key in metrics]},
        ["workflow_scripts/cross.py"],
        {"metrics": [Made(key, data.graph[key].outputs) for key in metrics]},
        [data.layout.results / "cross" / name for name in CROSS_FILES],
        {"papers": list(papers), "scale": data.params.scale, "seeds": data.params.seeds},
    )
