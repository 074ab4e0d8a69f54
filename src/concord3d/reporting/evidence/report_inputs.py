"""What a report is made from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from concord3d.config.resolve import Study


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
    """

    artifacts: Path
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

    @property
    def trained(self) -> frozenset[str]:
        """The experiments that train an encoder."""
        return frozenset(name for name, run in self.runs.items() if run.get("pretrain"))

    def lineage(self, experiment: str) -> list[str]:
        """Return an experiment and the teachers that it rests on, itself first."""
        names = [experiment]
        while teacher := self.runs.get(names[-1], {}).get("teacher"):
            names.append(str(teacher["experiment"]))
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
    artifacts = root / "artifacts" / scale
    return ReportInputs(
        artifacts=artifacts / paper,
        paper_yaml=root / "papers" / f"{paper}.yaml",
        report_yaml=root / "papers" / f"{paper}.report.yaml",
        published_csv=root / "papers" / "published" / f"{paper}.csv",
        scale=scale,
        out=root / "results" / scale / paper,
        expected_jobs=tuple(
            ExpectedJob(key.experiment, key.dataset, key.protocol, key.seed) for key in study.evaluations()
        ),
        runs={name: study.run_config(name, study.seeds[0]) for name in study.experiments},
        data_kinds={name: study.data_kind(name) for name in study.scale.datasets},
        accepted=accepted or {},
        labels={name: entry.label for name, entry in study.paper.experiments.items()},
        towers={
            name: artifacts / "towers" / name / "gate.json" if study.scale.towers[name].training else None
            for name in study.towers()
        },
    )
