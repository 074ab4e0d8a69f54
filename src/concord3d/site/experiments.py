"""What the site tells of one experiment: its trainings, what was measured of them, and how each is made again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from concord3d.reporting.evidence.estimates import Estimate
from concord3d.reporting.evidence.measurements import Evaluation, Measurement
from concord3d.reporting.pages.front_page import remake_commands
from concord3d.reporting.tables.cells import describe_run
from concord3d.reporting.tables.table_files import SELECTION_WORDS, estimate_text
from concord3d.site.paper_results import PaperResults
from concord3d.statistics.intervals import Interval


@dataclass(frozen=True)
class Measured:
    """The evaluations of one experiment by one protocol on one data set, one a seed.

    Attributes:
        dataset: Identifier.
        dataset_name: What tables call it.
        protocol: Identifier.
        data_kind: Kind of the data evaluated on.
        seeds: Of the trainings.
        rows: Metric, selection rule, and one number for each seed.
        commands: What makes the evaluation of the first seed again.
    """

    dataset: str
    dataset_name: str
    protocol: str
    data_kind: str
    seeds: tuple[int, ...]
    rows: tuple[tuple[str, str, tuple[str, ...]], ...]
    commands: tuple[str, ...]

    @property
    def anchor(self) -> str:
        """Where it stands on its page."""
        return evaluation_anchor(self.dataset, self.protocol)


@dataclass(frozen=True)
class ExperimentPage:
    """One experiment.

    Attributes:
        name: Identifier.
        label: What tables call it.
        run: Its encoder and training in words.
        needs: Earlier trainings that it was given, by role.
        records: Provenance of its trainings by seed.
        measured: What was measured of it.
    """

    name: str
    label: str
    run: str
    needs: Mapping[str, str]
    records: Mapping[int, Mapping[str, Any]]
    measured: tuple[Measured, ...]


def evaluation_anchor(dataset: str, protocol: str) -> str:
    """Return where an evaluation stands on the page of its experiment."""
    return f"{dataset}--{protocol}"


def experiments_of(paper: PaperResults) -> list[ExperimentPage]:
    """Return the experiments with a result or a training, in the paper's order."""
    evaluated = {evaluation.job.experiment for evaluation in paper.results.evaluations}
    trained = {run.rpartition("__s")[0] for run in paper.records}
    order = [*paper.inputs.labels, *sorted((evaluated | trained) - {*paper.inputs.labels})]
    return [_experiment(paper, name) for name in order if name in evaluated | trained]


def _experiment(paper: PaperResults, name: str) -> ExperimentPage:
    places: dict[tuple[str, str], list[Evaluation]] = {}
    for evaluation in paper.results.evaluations:
        if evaluation.job.experiment == name:
            places.setdefault((evaluation.job.dataset, evaluation.job.protocol), []).append(evaluation)
    needs = paper.inputs.needs(name) if name in paper.inputs.runs else {}
    measured = tuple(_measured(paper, evaluations) for evaluations in places.values())
    run = describe_run(name, paper.inputs)
    return ExperimentPage(name, paper.label(name), run, needs, paper.seeds_of(name), measured)


def _measured(paper: PaperResults, evaluations: Sequence[Evaluation]) -> Measured:
    first = evaluations[0]
    numbers: dict[tuple[str, str], dict[int, Measurement]] = {}
    for evaluation in evaluations:
        for row in evaluation.measurements:
            numbers.setdefault((row.metric, row.selection), {})[row.seed] = row
    seeds = tuple(evaluation.job.seed for evaluation in evaluations)
    rows = tuple(
        (metric.replace("_", " "), SELECTION_WORDS[selection], tuple(_number(by_seed.get(seed)) for seed in seeds))
        for (metric, selection), by_seed in sorted(numbers.items())
    )
    job = first.job
    named = (job.dataset, paper.report.dataset_name(job.dataset), job.protocol, first.data_kind)
    return Measured(*named, seeds, rows, tuple(remake_commands(paper.name, paper.scale, job)))


def _number(row: Measurement | None) -> str:
    if row is None:
        return "-"
    interval = Interval(row.value, row.ci_low, row.ci_high, row.n_items, 1, "items")
    return estimate_text(Estimate(interval, row.unit, row.data_kind, (row.seed,)))
