"""The artifacts of a run added to the results of an earlier report.

All rows of a training come from one run of it: from the artifacts where these hold an evaluation of it, else from the
results, where :mod:`concord3d.reporting.evidence.reported_results` says what counts.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from functools import cached_property
from typing import Any

from concord3d.reporting.evidence.artifacts import Artifacts
from concord3d.reporting.evidence.measurements import Evaluation
from concord3d.reporting.evidence.page_facts import EarlierRows, PageFacts
from concord3d.reporting.evidence.report_inputs import ReportInputs
from concord3d.reporting.evidence.reported_results import ReportedResults, Training


class AddedResults:
    """Artifacts and results together, see :class:`concord3d.reporting.evidence.source.Source`.

    Args:
        inputs: Where both lie, and what is asked for.
    """

    def __init__(self, inputs: ReportInputs) -> None:
        self._inputs = inputs
        self._run = Artifacts(inputs)
        self._earlier = ReportedResults(inputs)

    @cached_property
    def evaluations(self) -> tuple[Evaluation, ...]:
        """The evaluations that count, sorted.

        Raises:
            UnreadableFile: A file is missing or damaged.
            ReportingError: A file contradicts itself, the scale, or another file.
        """
        kept = [each for each in self._earlier.evaluations if _training(each) not in self._evaluated]
        return tuple(sorted((*self._run.evaluations, *kept), key=lambda evaluation: evaluation.job))

    @cached_property
    def _evaluated(self) -> frozenset[Training]:
        """The trainings whose rows are the run's."""
        return frozenset(map(_training, self._run.evaluations))

    @cached_property
    def _of_run(self) -> frozenset[Training]:
        """The trainings whose record is the run's: those with rows of it, and those that the results lack."""
        return frozenset(
            training
            for training in self._run.histories
            if training in self._evaluated or _name(training) not in self._earlier.records
        )

    @property
    def histories(self) -> dict[Training, list[dict[str, Any]]]:
        """Entries of the history by experiment and seed, in the order of the epochs.

        Raises:
            UnreadableFile: A file is damaged.
            ReportingError: A folder's name has no seed, or ``histories.csv`` has other columns.
        """
        found = self._run.histories
        return {**self._earlier.histories, **{training: found[training] for training in self._of_run}}

    @property
    def records(self) -> dict[str, Mapping[str, Any]]:
        """The record of every training that counts, by ``<experiment>__s<seed>``."""
        found = self._run.records
        return {**self._earlier.records, **{name: found[name] for name in map(_name, self._of_run)}}

    @cached_property
    def facts(self) -> PageFacts:
        """What pages tell beside the numbers; where both tell of one thing, what the run tells.

        Raises:
            UnreadableFile: A gate, a file of labels or ``page_facts.json`` is damaged.
            ReportingError: One of them lacks keys.
        """
        run, earlier = self._run.facts, self._earlier.facts
        names = {_name(training) for training in self._of_run}
        replaced = {f"{self._inputs.out.name}/{stage}/{name}" for stage in ("train", "eval") for name in names}
        return PageFacts(
            {**earlier.gates, **run.gates},
            {node: edits for node, edits in earlier.accepted.items() if node not in replaced} | dict(run.accepted),
            self._not_replaced(earlier.left_out),
            tuple(sorted({*self._not_replaced(earlier.kept), *self._on_other_runs()})),
            {**earlier.labels, **{name: told for name, told in run.labels.items() if name in names}},
        )

    def _not_replaced(self, rows: tuple[EarlierRows, ...]) -> tuple[EarlierRows, ...]:
        return tuple(each for each in rows if (each.experiment, each.seed) not in self._evaluated)

    def _on_other_runs(self) -> list[EarlierRows]:
        """Return the rows that rest on another run of an earlier training than the one whose record stands here."""
        rows: Counter[tuple[str, int, str]] = Counter()
        for evaluation in self.evaluations:
            experiment, seed = training = _training(evaluation)
            behind = [name for name in self._inputs.lineage(experiment)[1:] if (name, seed) in self._run.histories]
            own = training in self._evaluated
            other = [name for name in behind if own != ((name, seed) in self._of_run)]
            if other:
                why = f"rest on another run of {', '.join(other)} than the one here, with the same settings"
                rows[experiment, seed, why] += len(evaluation.measurements)
        return [EarlierRows(experiment, seed, number, why) for (experiment, seed, why), number in rows.items()]


def _training(evaluation: Evaluation) -> Training:
    return evaluation.job.experiment, evaluation.job.seed


def _name(training: Training) -> str:
    experiment, seed = training
    return f"{experiment}__s{seed}"
