"""Tables in the order of the paper: each published cell with its evidence, and ours beside it.

A cell's ``status`` is ``measured``, ``not_run`` (an experiment of ours stands for it, without a result at this scale)
or ``quoted`` (a row of another paper that is not re-run here).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from concord3d.reporting.evidence.addresses import Address
from concord3d.reporting.evidence.estimates import Estimate, Results
from concord3d.reporting.evidence.material import Material
from concord3d.reporting.evidence.measurements import Evaluation
from concord3d.reporting.evidence.published_values import PublishedCell
from concord3d.reporting.evidence.report_inputs import ReportInputs
from concord3d.reporting.evidence.study_results import results_of
from concord3d.reporting.specs.report_spec import MetricMap, ReportSpec, RowMatch, TableSpec
from concord3d.reporting.tables.detectable import DetectableEffect, detectable_effect, effects_in_words
from concord3d.statistics.intervals import Interval

Status = Literal["measured", "not_run", "quoted"]
NO_COUNTERPART = "ours_only"
# Of more earlier trainings a cell tells the number alone.
MAX_NEEDS = 2


@dataclass(frozen=True)
class Cell:
    """One line of a table: a published value (or none) and our estimates of it.

    Attributes:
        method: Published row, or the label of our experiment.
        dataset: Published name of the data set, or ours.
        setting: Published setting.
        metric: Published name of the metric, or ours.
        unit: Of all numbers.
        published: The published cell; None for rows of ours alone.
        status: See the module.
        experiment: Our experiment.
        our_run: Encoder and pre-training of it, in words.
        data_kind: Kind of the data evaluated on.
        estimates: Our estimate per selection rule; only those that exist.
        address: What the estimates are of, under the table's first selection rule; None where ours has no such number.
        detectable: Smallest effect against the table's baseline that it could have shown.
    """

    method: str
    dataset: str
    setting: str
    metric: str
    unit: str
    published: PublishedCell | None
    status: Status
    experiment: str
    our_run: str
    data_kind: str
    estimates: Mapping[str, Estimate]
    address: Address | None
    detectable: DetectableEffect | None = None

    @property
    def evidence(self) -> str:
        """How well the published value is known."""
        return self.published.evidence if self.published else NO_COUNTERPART

    def difference(self, selection: str) -> float | None:
        """Return ours minus published; None where either is absent or ours is not on the paper's data."""
        estimate = self.estimates.get(selection)
        value = self.published.value if self.published else None
        if estimate is None or value is None or estimate.data_kind != "real":
            return None
        return estimate.interval.value - value

    def agrees(self, selection: str) -> bool | None:
        """Say whether the published value lies in our interval widened by its rounding; None without a difference."""
        estimate = self.estimates.get(selection)
        if self.difference(selection) is None or estimate is None or self.published is None:
            return None
        assert self.published.value is not None
        low = estimate.interval.low - self.published.half_width
        return low <= self.published.value <= estimate.interval.high + self.published.half_width


@dataclass(frozen=True)
class Table:
    """A table with everything its header must say.

    Attributes:
        spec: What the report file says.
        scale: The scale.
        data_kinds: Kinds of data evaluated on.
        cells: Its lines.
        smallest_effect: The smallest effect that it could have detected, in words; empty without a baseline.
    """

    spec: TableSpec
    scale: str
    data_kinds: tuple[str, ...]
    cells: tuple[Cell, ...]
    smallest_effect: str = ""

    @property
    def header(self) -> str:
        """Scale and data kind, which no table is shown without."""
        return f"scale: {self.scale}; data_kind: {', '.join(self.data_kinds) or 'none (nothing was run)'}"


def describe_run(experiment: str, inputs: ReportInputs) -> str:
    """Return encoder and training of an experiment, e.g. ``pointnet, trained on modelnet40 (real), 3 epochs``.

    What has no epochs was fitted in closed form.
    """
    run = inputs.runs.get(experiment)
    if run is None:
        return ""
    encoder, pretrain, objective = run.get("encoder", {}), run.get("pretrain"), run.get("training", {})
    words = str(encoder.get("name", "unknown encoder"))
    if not pretrain:
        return f"{words}, untrained"
    epochs = objective.get("epochs")
    learned = "fitted" if epochs == 0 else "trained"
    length = f", {epochs} epoch{'s' if epochs > 1 else ''}" if epochs else ""
    return f"{words}, {learned} on {pretrain['dataset']} ({pretrain['data_kind']}){length}{_given(experiment, inputs)}"


def _given(experiment: str, inputs: ReportInputs) -> str:
    """Return what an experiment got from earlier trainings, e.g. ``, taught by stage1``."""
    needs = inputs.needs(experiment)
    teachers, name = [], needs.get("teacher")
    while name is not None:
        teachers.append(name)
        name = inputs.needs(name).get("teacher")
    words = [f"taught by {' and '.join(teachers)}"] if teachers else []
    others = [f"{role} from {need}" for role, need in needs.items() if role != "teacher"]
    words += others if len(others) <= MAX_NEEDS else [f"from {len(others)} trainings"]
    return "".join(f", {word}" for word in words)


def build_cells(spec: ReportSpec, table: TableSpec, published: Sequence[PublishedCell], results: Results,
                inputs: ReportInputs, labels: Mapping[str, str]) -> Table:  # fmt: skip
    """Lay out one table.

    Args:
        spec: The paper's report file.
        table: Which table.
        published: All published cells.
        results: Everything measured.
        inputs: What the scale runs.
        labels: Label per experiment of the paper, in the paper's order.
    """
    cells: list[Cell] = []
    for name in table.published:
        rows = [cell for cell in published if cell.table == name]
        cells += [_published_cell(cell, spec, table, results, inputs) for cell in rows]
    # A published row that waits for another encoder than ours does not hide what ours gave.
    shown = {(cell.address, cell.status) for cell in cells if cell.status != "quoted"}
    own = _own_cells(spec, table, results, inputs, labels)
    cells += [cell for cell in own if (cell.address, cell.status) not in shown]
    cells = [with_detectable(cell, table, results) for cell in cells]
    cells += _chance_cells(spec, table, results)
    kinds = {cell.data_kind for cell in cells if cell.status == "measured"}
    effects = [cell.detectable for cell in cells if cell.detectable is not None]
    return Table(
        table, results.scale, tuple(sorted(kinds)), tuple(cells), effects_in_words(effects, labels, spec.dataset_name)
    )


def with_detectable(cell: Cell, table: TableSpec, results: Results) -> Cell:
    """Return a cell with the smallest effect that it could have shown, where it has a number under the first rule."""
    if cell.address is None or table.selections[0] not in cell.estimates:
        return cell
    return replace(cell, detectable=detectable_effect(results, cell.address, table.baseline))


def table_of(material: Material, identifier: str) -> Table:
    """Lay out one table of a report.

    Raises:
        ConfigError: There is no such table.
    """
    report, results = material.report, material.once(results_of)
    table = report.table(identifier)
    return build_cells(report, table, material.published, results, material.inputs, material.labels)


def all_tables(material: Material) -> list[Table]:
    """Lay out all tables of a report."""
    return [table_of(material, table.id) for table in material.report.tables]


def _runnable(experiment: str, match: RowMatch, inputs: ReportInputs) -> bool:
    run = inputs.runs.get(experiment)
    return run is not None and match.encoder in (None, run.get("encoder", {}).get("name"))


def _estimates(
    metric: MetricMap, experiment: str, dataset: str, table: TableSpec, results: Results
) -> dict[str, Estimate]:
    found = {
        selection: results.estimate(Address(experiment, dataset, metric.protocol, metric.metric, selection))
        for selection in table.selections
    }
    return {selection: estimate for selection, estimate in found.items() if estimate is not None}


def _address(metric: MetricMap, experiment: str, dataset: str, table: TableSpec) -> Address:
    return Address(experiment, dataset, metric.protocol, metric.metric, table.selections[0])


def _published_cell(
    cell: PublishedCell, spec: ReportSpec, table: TableSpec, results: Results, inputs: ReportInputs
) -> Cell:
    status: Status = "quoted"
    experiment, estimates = "", dict[str, Estimate]()
    matches = [m for m in table.match if m.is_about(cell.method, cell.setting, cell.dataset)]
    metrics = [m for m in table.metrics if m.published == cell.metric and m.setting in (None, cell.setting)]
    datasets = spec.datasets.get(cell.dataset, [])
    dataset = _dataset(datasets, metrics[0].protocol, results) if metrics else next(iter(datasets), "")
    if matches and metrics and dataset:
        status = "not_run"
        experiment = matches[0].experiments[0]
        runnable = [name for match in matches for name in match.experiments if _runnable(name, match, inputs)]
        evaluated = _evaluated(metrics[0].protocol, dataset, results)
        for candidate in [name for name in runnable if name in evaluated] or runnable:
            if not estimates:
                experiment = candidate
                estimates = _estimates(metrics[0], candidate, dataset, table, results)
                status = "measured" if estimates else "not_run"
    kind = next((estimate.data_kind for estimate in estimates.values()), "")
    run = describe_run(experiment, inputs) if experiment else ""
    address = _address(metrics[0], experiment, dataset, table) if experiment else None
    named = (cell.method, cell.dataset, cell.setting, cell.metric, cell.unit)
    return Cell(*named, cell, status, experiment, run, kind, estimates, address)


def _evaluated(protocol: str, dataset: str, results: Results) -> set[str]:
    """Return the experiments that this scale evaluates with a protocol on a data set."""
    jobs = (*results.expected, *results.by_job)
    return {job.experiment for job in jobs if (job.protocol, job.dataset) == (protocol, dataset)}


def _dataset(candidates: Sequence[str], protocol: str, results: Results) -> str:
    """Return the first data set that this scale evaluates the protocol on, else the first."""
    evaluated = {job.dataset for job in (*results.expected, *results.by_job) if job.protocol == protocol}
    return next((name for name in candidates if name in evaluated), next(iter(candidates), ""))


def _own_cells(
    spec: ReportSpec, table: TableSpec, results: Results, inputs: ReportInputs, labels: Mapping[str, str]
) -> Iterator[Cell]:
    known = {(job.experiment, job.protocol, job.dataset) for job in (*results.expected, *results.by_job)}
    chosen = list(labels) if table.own == "all" else table.own
    for metric in table.metrics:
        for experiment in chosen:
            datasets = {d for e, p, d in known if (e, p) == (experiment, metric.protocol)}
            for dataset in sorted(d for d in datasets if not table.own_datasets or d in table.own_datasets):
                estimates = _estimates(metric, experiment, dataset, table, results)
                first = next(iter(estimates.values()), None)
                yield Cell(
                    method=labels.get(experiment, experiment),
                    dataset=spec.dataset_name(dataset),
                    setting=metric.setting or "",
                    metric=metric.label or metric.metric,
                    unit=first.unit if first else "",
                    published=None,
                    status="measured" if estimates else "not_run",
                    experiment=experiment,
                    our_run=describe_run(experiment, inputs),
                    data_kind=first.data_kind if first else "",
                    estimates=estimates,
                    address=_address(metric, experiment, dataset, table),
                )


def _chance_cells(spec: ReportSpec, table: TableSpec, results: Results) -> Iterator[Cell]:
    """Yield what guessing gives for every metric that says so, once per data set of the table's own rows."""
    for metric in table.metrics:
        found: dict[str, tuple[float, Evaluation]] = {}
        for evaluation in results.evaluations:
            value = _chance(metric, evaluation) if evaluation.job.protocol == metric.protocol else None
            if value is not None:
                found.setdefault(evaluation.job.dataset, (value, evaluation))
        for dataset, (value, evaluation) in sorted(found.items()):
            if table.own_datasets and dataset not in table.own_datasets:
                continue
            sizes = [row.n_items for row in evaluation.measurements if row.metric == metric.metric]
            exact = Interval(value, value, value, sizes[0] if sizes else 0, 0, "exact")
            yield Cell(
                method="chance",
                dataset=spec.dataset_name(dataset),
                setting=metric.setting or "",
                metric=metric.label or metric.metric,
                unit="%",
                published=None,
                status="measured",
                experiment="",
                our_run="",
                data_kind=evaluation.data_kind,
                estimates={table.selections[0]: Estimate(exact, "%", evaluation.data_kind, ())},
                address=None,
            )


def _chance(metric: MetricMap, evaluation: Evaluation) -> float | None:
    if metric.chance is None:
        return None
    value: Any = evaluation.details
    for key in metric.chance.details:
        value = value.get(key) if isinstance(value, Mapping) else None
    if not isinstance(value, int | float):
        return None
    return min(100 * metric.chance.k / value, 100.0) if metric.chance.k is not None else float(value)


def coverage(tables: Sequence[Table]) -> dict[str, int]:
    """Count published cells by status, and our measured cells without a published counterpart."""
    cells = [cell for table in tables for cell in table.cells]
    counts: dict[str, Any] = {status: 0 for status in ("measured", "not_run", "quoted")}
    for cell in cells:
        if cell.published is not None:
            counts[cell.status] += 1
    own = sum(cell.published is None and cell.status == "measured" and cell.experiment != "" for cell in cells)
    return {**counts, "published": sum(counts.values()), NO_COUNTERPART: own}
