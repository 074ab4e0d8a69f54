"""What a report is made from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from concord3d.config.study import Study
from concord3d.layout import Layout, paper_yaml, published_csv, report_yaml


class ExpectedJob(NamedTuple):
    """An evaluation that the scale asks for, whether or not it has been made.

    Attributes:
        experiment: Identifier in the paper's file.
        dataset: Data set evaluated on.
        protocol: How.
        seed: Training seed.
    """

    experiment: str
    dataset: str
    protocol: str
    seed: int


@dataclass(frozen=True)
class ReportInputs:
    """Everything a report reads, and where it writes.

    Attributes:
        artifacts: Folder of this scale and paper, holding ``eval/`` and ``train/``.
        exports: Folder of what its trainings export, by training.
        paper_yaml: The paper's file (experiments, origins of hyper-parameters).
        report_yaml: The paper's report file (tables, figures, claims, ledger).
        published_csv: The published values.
        scale: ``smoke``, ``demo``, ``small`` or ``paper``; every result read must carry it.
        out: Folder of the results of this scale and paper.
        expected_jobs: The evaluations that the scale asks for; those without a file are shown as missing.
        runs: Resolved configuration per experiment of this scale (one seed's); used to name encoder and pre-training.
        data_kinds: ``synthetic`` or ``real`` per data set of this scale.
        accepted: Edits of sources that were declared to change no number, by node of the workflow.
        labels: What tables call each experiment.
        towers: Frozen towers that the experiments use: the file of the gate of each, None where weights are released.
        from_results: Read what an earlier report wrote to ``out``, and no artifacts.
        add: With ``from_results``, put the trainings that artifacts hold in the place of those of the earlier report.
        unrecorded: Files and folders of evaluations, trainings and gates that no record vouches for, so that nobody
            knows whether they are whole; they count as not there.
    """

    artifacts: Path
    exports: Path
    paper_yaml: Path
    report_yaml: Path
    published_csv: Path
    scale: str
    out: Path
    expected_jobs: tuple[ExpectedJob, ...] = ()
    runs: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    data_kinds: Mapping[str, str] = field(default_factory=dict)
    accepted: Mapping[str, Sequence[Mapping[str, Any]]] = field(default_factory=dict)
    labels: Mapping[str, str] = field(default_factory=dict)
    towers: Mapping[str, Path | None] = field(default_factory=dict)
    from_results: bool = False
    add: bool = False
    unrecorded: frozenset[Path] = frozenset()

    @property
    def html(self) -> Path:
        """Folder of the pages as HTML."""
        return self.artifacts / "html"

    @property
    def trained(self) -> frozenset[str]:
        """The experiments that train an encoder; what has no epochs is the same with every seed."""
        trains = {name: run.get("training", {}).get("epochs") != 0 for name, run in self.runs.items()}
        return frozenset(name for name, run in self.runs.items() if run.get("pretrain") and trains[name])

    def has(self, path: Path) -> bool:
        """Return whether a file is there, and neither it nor a folder that it lies in is among ``unrecorded``."""
        return path.exists() and self.unrecorded.isdisjoint((path, *path.parents))

    def needs(self, experiment: str) -> dict[str, str]:
        """Return the earlier trainings that an experiment was given, by role; another paper's as ``<paper>/<name>``."""
        run = self.runs.get(experiment, {})
        return {
            role: need["experiment"] if need["paper"] == run["paper"] else f"{need['paper']}/{need['experiment']}"
            for role, need in run.get("needs", {}).items()
        }

    def lineage(self, experiment: str) -> list[str]:
        """Return an experiment and all earlier trainings that it rests on, itself first."""
        names = [experiment]
        for name in names:
            names += [need for need in self.needs(name).values() if need not in names]
        return names


def report_inputs(
    root: Path, study: Study, accepted: Mapping[str, Sequence[Mapping[str, Any]]] | None = None
) -> ReportInputs:
    """Return what the report of a study is made from, by the layout of the repository.

    Args:
        root: The repository.
        study: A paper at a scale.
        accepted: Edits of sources that were declared to change no number, by node of the workflow.
    """
    paper, scale = study.paper.paper, study.scale.scale
    layout = Layout(scale)
    return ReportInputs(
        artifacts=root / layout.artifacts / paper,
        exports=root / layout.paper_exports(paper),
        paper_yaml=root / paper_yaml(paper),
        report_yaml=root / report_yaml(paper),
        published_csv=root / published_csv(paper),
        scale=scale,
        out=root / layout.result(paper),
        expected_jobs=tuple(
            ExpectedJob(key.experiment, key.dataset, key.protocol, key.seed) for key in study.evaluations()
        ),
        runs={name: study.run_config(name, study.seeds[0]) for name in study.experiments},
        data_kinds={name: study.data_kind(name) for name in study.scale.datasets},
        accepted=accepted or {},
        labels={name: entry.label for name, entry in study.paper.experiments.items()},
        towers={
            name: root / layout.tower(name) / "gate.json" if study.scale.towers[name].training else None
            for name in study.towers()
        },
    )
