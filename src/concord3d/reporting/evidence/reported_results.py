"""The results of an earlier report as the source of a new one: a clone has them, without any artifact.

Rows of a training count where its record says that it was made with the settings that are asked for now. All others
are left out, each with the reason.
"""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Iterator, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

from concord3d.errors import ReportingError
from concord3d.files import read_json
from concord3d.reporting.evidence.evaluation_files import wanted_trainings
from concord3d.reporting.evidence.measurements import Evaluation
from concord3d.reporting.evidence.metric_rows import HISTORY_COLUMNS
from concord3d.reporting.evidence.page_facts import EarlierRows, PageFacts, read_page_facts
from concord3d.reporting.evidence.report_inputs import ReportInputs
from concord3d.reporting.evidence.reported_evaluations import reported_evaluations
from concord3d.reporting.evidence.same_training import differing_settings

Training = tuple[str, int]
# Settings that a reason names; a longer list helps nobody.
NUM_NAMED = 4


class ReportedResults:
    """What stands below ``inputs.out``, see :class:`concord3d.reporting.evidence.source.Source`.

    Args:
        inputs: Where the results lie, and what is asked for.
    """

    def __init__(self, inputs: ReportInputs) -> None:
        self._inputs = inputs

    @cached_property
    def _read(self) -> tuple[Evaluation, ...]:
        return reported_evaluations(self._inputs)

    @cached_property
    def evaluations(self) -> tuple[Evaluation, ...]:
        """The evaluations that count, sorted.

        Raises:
            UnreadableFile: A file is missing or damaged.
            ReportingError: A file contradicts itself, the scale, or another file.
        """
        return tuple(evaluation for evaluation in self._read if not self._reason(evaluation))

    @cached_property
    def _stored_records(self) -> dict[Training, dict[str, Any]]:
        found = {}
        for path in sorted((self._inputs.out / "provenance").glob("*.json")):
            experiment, _, seed = path.stem.rpartition("__s")
            if not experiment or not seed.isdigit():
                raise ReportingError("A record has no seed", where=path, expected="<experiment>__s<seed>.json")
            found[experiment, int(seed)] = dict(read_json(path))
        return found

    @cached_property
    def _refused(self) -> dict[Training, str]:
        """Why trainings do not count."""
        measured = {(evaluation.job.experiment, evaluation.job.seed) for evaluation in self._read}
        reasons = {training: self._own_reason(training) for training in sorted({*measured, *self._stored_records})}
        for (experiment, seed), reason in list(reasons.items()):
            lineage = [name for name in self._inputs.lineage(experiment) if "/" not in name]
            behind = [name for name in lineage if reasons.get((name, seed), self._own_reason((name, seed)))]
            if not reason and behind:
                reasons[experiment, seed] = f"rests on a training that does not count: {', '.join(behind)}"
        return {training: reason for training, reason in reasons.items() if reason}

    def _own_reason(self, training: Training) -> str:
        asked = self._inputs.runs.get(training[0])
        if asked is None:
            return "this scale does not run it"
        config = self._stored_records.get(training, {}).get("config")
        if config is None:
            return "no record says how it was made"
        keys = differing_settings(config, asked)
        more = f" and {len(keys) - NUM_NAMED} more settings" if len(keys) > NUM_NAMED else ""
        return f"made with other {', '.join(keys[:NUM_NAMED])}{more}" if keys else ""

    def _reason(self, evaluation: Evaluation) -> str:
        """Return why an evaluation does not count, or nothing where it does."""
        job, expected = evaluation.job, self._inputs.expected_jobs
        if (job.experiment, job.seed) in self._refused:
            return self._refused[job.experiment, job.seed]
        if not expected or job in expected:
            return ""
        more = " of this seed" if any(job[:3] == other[:3] for other in expected) else ""
        return f"this scale does not ask for {job.protocol} on {job.dataset}{more}"

    @cached_property
    def histories(self) -> dict[Training, list[dict[str, Any]]]:
        """Entries of the history by experiment and seed, in the order of the epochs.

        Raises:
            ReportingError: ``histories.csv`` has other columns, or a value is no number.
        """
        found: dict[Training, list[dict[str, Any]]] = {training: [] for training in self._trainings}
        for training, epoch, figure, value in _history_rows(self._inputs.out / "histories.csv"):
            if training not in found:
                continue
            history = found[training]
            if not history or history[-1]["epoch"] != epoch:
                history.append({"epoch": epoch})
            group, dot, name = figure.partition(".")
            if dot:
                history[-1].setdefault(group, {})[name] = value
            else:
                history[-1][figure] = value
        return found

    @cached_property
    def _trainings(self) -> tuple[Training, ...]:
        wanted = wanted_trainings(self._inputs)
        return tuple(
            training
            for training in self._stored_records
            if training not in self._refused and (not wanted or training in wanted)
        )

    @cached_property
    def records(self) -> dict[str, Mapping[str, Any]]:
        """The record of every training that counts, by ``<experiment>__s<seed>``."""
        return {f"{name}__s{seed}": self._stored_records[name, seed] for name, seed in self._trainings}

    @cached_property
    def facts(self) -> PageFacts:
        """What the earlier report told beside the numbers, and which of its rows are left out.

        Raises:
            UnreadableFile: ``page_facts.json`` is damaged.
            ReportingError: It has other keys.
        """
        path = self._inputs.out / "page_facts.json"
        told = read_page_facts(path) if path.exists() else PageFacts()
        measured = {(evaluation.job.experiment, evaluation.job.seed) for evaluation in self.evaluations}
        return PageFacts(
            {name: gate for name, gate in told.gates.items() if name in self._inputs.towers},
            told.accepted,
            tuple(sorted({*told.left_out, *self._left_out()})),
            tuple(rows for rows in told.kept if (rows.experiment, rows.seed) in measured),
            {name: given for name, given in told.labels.items() if name in self.records},
        )

    def _left_out(self) -> list[EarlierRows]:
        rows: Counter[tuple[str, int, str]] = Counter()
        for evaluation in self._read:
            reason = self._reason(evaluation)
            if reason:
                rows[evaluation.job.experiment, evaluation.job.seed, reason] += len(evaluation.measurements)
        return [EarlierRows(name, seed, number, reason) for (name, seed, reason), number in rows.items()]


def _history_rows(path: Path) -> Iterator[tuple[Training, int, str, float]]:
    """Yield the rows of ``histories.csv``; none where older results lack it."""
    if not path.exists():
        return
    reader = csv.DictReader(io.StringIO(path.read_bytes().decode(), newline=""))
    if tuple(reader.fieldnames or ()) != HISTORY_COLUMNS:
        raise ReportingError(
            "Histories have other columns", where=path, expected=HISTORY_COLUMNS, found=reader.fieldnames
        )
    for line, row in enumerate(reader, start=2):
        try:
            text = row["value"]
            value = float(text) if "." in text else int(text)
            yield (row["experiment"], int(row["seed"])), int(row["epoch"]), row["figure"], value
        except (TypeError, ValueError) as error:
            raise ReportingError("A history holds no number", where=f"{path}, line {line}", found=error) from error
