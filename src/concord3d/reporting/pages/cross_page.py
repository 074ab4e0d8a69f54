"""The encoders of all papers side by side: what they score under the same protocols, read from the papers' results."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from concord3d.errors import ReportingError
from concord3d.files import write_text
from concord3d.reporting.csv_text import csv_text
from concord3d.reporting.evidence.addresses import Address
from concord3d.reporting.evidence.estimates import Estimate, Results
from concord3d.reporting.evidence.report_inputs import ReportInputs
from concord3d.reporting.evidence.reported_evaluations import reported_evaluations
from concord3d.reporting.markdown import grid
from concord3d.reporting.specs.output_files import CROSS_FILES
from concord3d.reporting.tables.table_files import estimate_text

COLUMNS = (
    "encoder", "paper", "experiment", "variant", "trained_on", "protocol", "dataset", "metric", "selection", "value",
    "ci_low", "ci_high", "basis", "n_items", "n_seeds", "unit", "scale", "data_kind", "test_items", "n_papers",
)  # fmt: skip


@dataclass(frozen=True)
class Row:
    """One number of one encoder.

    Attributes:
        encoder: Architecture.
        paper: Whose objective trained it.
        experiment: Identifier in the paper's file.
        variant: The experiment's label.
        trained_on: Data sets with the kind of their data, empty where nothing was trained.
        address: Data set, protocol, metric, selection.
        estimate: Mean over seeds with its interval.
        test_items: Digest of the names of the test items; numbers of equal digests can be compared. Empty where a
            metric has no outcomes per item.
    """

    encoder: str
    paper: str
    experiment: str
    variant: str
    trained_on: str
    address: Address
    estimate: Estimate
    test_items: str

    @property
    def measure(self) -> tuple[str, str, str, str, str]:
        """What the number can be compared in."""
        address = self.address
        return address.protocol, address.dataset, address.metric, address.selection, self.test_items


def build_cross(papers: Sequence[ReportInputs], folder: Path) -> None:
    """Write ``encoders.csv``, every number of every encoder, and ``encoders.md``, those that several papers have.

    Args:
        papers: Of one scale; what was measured is read from ``metrics.csv`` and ``per_item/`` of their results.
        folder: ``results/<scale>/cross``.

    Raises:
        ReportingError: There are no papers, several scales, or a paper's results contradict themselves.
        UnreadableFile: A paper's results are missing or damaged.
    """
    scales = sorted({inputs.scale for inputs in papers})
    if len(scales) != 1:
        raise ReportingError("A table over papers needs one scale", where=folder, expected="one scale", found=scales)
    rows = [row for inputs in papers for row in _rows(inputs)]
    sharing: dict[tuple[str, ...], set[str]] = defaultdict(set)
    for row in rows:
        if row.test_items:
            sharing[row.measure].add(row.paper)
    texts = (_table(rows, sharing, scales[0]), _page(rows, sharing, scales[0]))
    for name, text in zip(CROSS_FILES, texts, strict=True):
        write_text(folder / name, text)


def _rows(inputs: ReportInputs) -> Iterator[Row]:
    results = Results(inputs.scale, reported_evaluations(inputs), {}, (), trained=inputs.trained)
    paper = inputs.out.name
    digests = {evaluation.job[:3]: _digest(evaluation.item_names) for evaluation in results.evaluations}
    variants = {(row.experiment, row.dataset, row.protocol): row.variant for row in results.measurements}
    addresses = dict.fromkeys(
        Address(row.experiment, row.dataset, row.protocol, row.metric, row.selection) for row in results.measurements
    )
    for address in addresses:
        estimate = results.estimate(address)
        assert estimate is not None
        place = (address.experiment, address.dataset, address.protocol)
        run = inputs.runs.get(address.experiment, {})
        pretrain = run.get("pretrain")
        outcomes, _ = results.outcomes(address)
        yield Row(
            encoder=str(run.get("encoder", {}).get("name", "unknown")),
            paper=paper,
            experiment=address.experiment,
            variant=variants[place],
            trained_on=f"{pretrain['dataset']} ({pretrain['data_kind']})" if pretrain else "",
            address=address,
            estimate=estimate,
            test_items=digests[place] if outcomes else "",
        )


def _digest(names: Iterable[str]) -> str:
    return hashlib.sha256("\n".join(names).encode()).hexdigest()[:12]


def _table(rows: Sequence[Row], sharing: dict[tuple[str, ...], set[str]], scale: str) -> str:
    lines: list[tuple[object, ...]] = []
    for row in sorted(rows, key=lambda r: (r.measure, r.encoder, r.paper, r.experiment)):
        address, interval = row.address, row.estimate.interval
        lines.append((
            row.encoder, row.paper, row.experiment, row.variant, row.trained_on, address.protocol, address.dataset,
            address.metric, address.selection, interval.value, interval.low, interval.high, interval.basis,
            interval.num_items, interval.num_seeds, row.estimate.unit, scale, row.estimate.data_kind, row.test_items,
            max(len(sharing.get(row.measure, ())), 1),
        ))  # fmt: skip
    return csv_text(COLUMNS, lines)


def _page(rows: Sequence[Row], sharing: dict[tuple[str, ...], set[str]], scale: str) -> str:
    """Return the numbers that encoders of several papers have in common, one column per measure."""
    # The maps come with the numbers of knn once more.
    shared = sorted(
        measure
        for measure, papers in sharing.items()
        if len(papers) > 1 and measure[3] == "last" and measure[0] != "tsne"
    )
    kinds = sorted({row.estimate.data_kind for row in rows if row.measure in shared})
    lines = [
        "# The encoders of all papers, under the same protocols",
        "",
        f"**scale: {scale}; data_kind: {', '.join(kinds) or 'none (nothing in common was run)'}**",
        "",
        "Last checkpoint, mean over seeds with its 95 % interval (one seed: over test items only). Only numbers on the "
        "same test items stand in one column; a protocol's settings, such as the number of points, are those of each "
        "paper at this scale (`config/scales`). Where the test split has equally many items of each class, mean class "
        "accuracy is overall accuracy; its interval differs, because it takes these numbers as given. Objectives "
        "differ in data, labels and budget, which `trained on` and the papers' ledgers say. Every number: "
        "[`encoders.csv`](encoders.csv).",
        "",
    ]
    if not shared:
        return "\n".join([*lines, "No protocol was run on the same test items by more than one paper."]) + "\n"
    table: dict[tuple[str, str, str, str, str], dict[tuple[str, ...], str]] = {}
    for row in rows:
        if row.measure in shared:
            key = (row.encoder, row.paper, row.experiment, row.variant, row.trained_on)
            table.setdefault(key, {})[row.measure] = estimate_text(row.estimate)
    columns = ["encoder", "paper", "experiment", "trained on"]
    columns += [f"{metric.replace('_', ' ')}, {protocol} on {dataset}" for protocol, dataset, metric, _, _ in shared]
    cells = [
        [encoder, paper, f"{variant} ({experiment})", trained_on or "untrained"]
        + [numbers.get(measure, "not run") for measure in shared]
        for (encoder, paper, experiment, variant, trained_on), numbers in table.items()
    ]
    return "\n".join([*lines, *grid(columns, cells)]) + "\n"
