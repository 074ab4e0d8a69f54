"""The artifacts of a run added to the results of an earlier report.

All rows of a training come from one run of it: from the artifacts where these hold an evaluation of it, else from the
results, where :mod:`concord3d.reporting.evidence.reported_results` says what counts.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from functools import cached_property
from typing import Any, TypeVar

from concord3d.reporting.evidence.artifacts import Artifacts
from concord3d.reporting.evidence.measurements import Evaluation
from concord3d.reporting.evidence.page_facts import EarlierRows, PageFacts
from concord3d.reporting.evidence.report_inputs import ReportInputs
from concord3d.reporting.evidence.reported_results import ReportedResults, Training

Told = TypeVar("Told")


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
        return tuple(sorted((*self._run.evaluations, *self._kept), key=lambda evaluation: evaluation.job))

    @cached_property
    def _kept(self) -> tuple[Evaluation, ...]:
        return tuple(each for each in self._earlier.evaluations if _training(each) not in self._evaluated)

    @cached_property
    def _evaluated(self) -> frozenset[Training]:
        """The trainings whose rows are the run's."""
        return frozenset(map(_training, self._run.evaluations))

    @cached_property
    def _of_run(self) -> frozenset[Training]:
        """The trainings whose record is the run's: those with rows of it, and those on which no other row rests."""
        behind = {
            (name, seed)
            for experiment, seed in map(_training, self._kept)
            for name in self._inputs.lineage(experiment)
            if _name((name, seed)) in self._earlier.records
        }
        return frozenset(self._run.histories).difference(behind - self._evaluated)

    @property
    def histories(self) -> dict[Training, list[dict[str, Any]]]:
        """Entries of the history by experiment and seed, in the order of the epochs.

        Raises:
            UnreadableFile: A file is damaged.
            ReportingError: A folder's name has no seed, or ``histories.csv`` has other columns.
        """
        found = self._run.histories
        kept = {training: each for training, each in self._earlier.histories.items() if training not in self._evaluated}
        return {**kept, **{training: found[training] for training in self._of_run}}

    @property
    def records(self) -> dict[str, Mapping[str, Any]]:
        """The record of every training that counts, by ``<experiment>__s<seed>``."""
        found = self._run.records
        return {**self._without_run(self._earlier.records), **{name: found[name] for name in map(_name, self._of_run)}}

    @cached_property
    def facts(self) -> PageFacts:
        """What pages tell beside the numbers; where both tell of one thing, what the run tells.

        Raises:
            UnreadableFile: A gate, a file of labels or ``page_facts.json`` is damaged.
            ReportingError: One of them lacks keys.
        """
        run, earlier = self._run.facts, self._earlier.facts
        names = set(map(_name, self._of_run))
        return PageFacts(
            {**earlier.gates, **run.gates},
            {node: edits for node, edits in earlier.accepted.items() if not self._is_replaced(node)}
            | dict(run.accepted),
            self._not_replaced(earlier.left_out),
            tuple(sorted({*self._not_replaced(earlier.kept), *self._remarks()})),
            {**self._without_run(earlier.labels), **{name: told for name, told in run.labels.items() if name in names}},
        )

    def _without_run(self, by_name: Mapping[str, Told]) -> dict[str, Told]:
        evaluated = set(map(_name, self._evaluated))
        return {name: told for name, told in by_name.items() if name not in evaluated}

    def _not_replaced(self, rows: tuple[EarlierRows, ...]) -> tuple[EarlierRows, ...]:
        return tuple(each for each in rows if (each.experiment, each.seed) not in self._evaluated)

    def _is_replaced(self, node: str) -> bool:
        """Return whether a node of the workflow, a training or its evaluations, made what is now the run's."""
        paper, _, rest = node.partition("/")
        stage, _, name = rest.partition("/")
        described, _, seed = name.rpartition("__s")
        # Evaluations of another module than `point` name it behind the experiment.
        experiment = described.partition("__")[0]
        own = paper == self._inputs.out.name and stage in ("train", "eval") and seed.isdigit()
        return own and (experiment, int(seed)) in self._evaluated | self._of_run

    def _remarks(self) -> list[EarlierRows]:
        """Return the rows that rest on something else than what is told of it here."""
        rows: Counter[tuple[str, int, str]] = Counter()
        for evaluation in self.evaluations:
            experiment, seed = training = _training(evaluation)
            lineage = self._inputs.lineage(experiment)
            others = [name for name in lineage[1:] if self._is_other(training, (name, seed))]
            why = [f"rest on another run of {name} than the one here, with the same settings" for name in others]
            if training not in self._evaluated:
                towers = {self._inputs.runs.get(name, {}).get("data", {}).get("tower") for name in lineage}
                why += [
                    f"rest on another fit of {tower} than the one here" for tower in sorted(towers & self._refitted)
                ]
            for each in why:
                rows[experiment, seed, each] += len(evaluation.measurements)
        return [EarlierRows(experiment, seed, number, why) for (experiment, seed, why), number in rows.items()]

    def _is_other(self, training: Training, behind: Training) -> bool:
        """Return whether a training rests on another run of an earlier one than the one whose record is here."""
        name = _name(behind)
        if behind[0] not in self._inputs.trained or behind not in self._run.histories:
            return False
        run, earlier = self._run.records[name], self._earlier.records.get(name)
        if earlier is None or _without_edits(run) == _without_edits(earlier):
            return False
        return (training in self._evaluated) != (behind in self._of_run)

    @cached_property
    def _refitted(self) -> frozenset[str]:
        """The towers whose gate in the run says something else than the one in the results."""
        run, earlier = self._run.facts.gates, self._earlier.facts.gates
        return frozenset(name for name in run.keys() & earlier.keys() if run[name] != earlier[name])


def _without_edits(record: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in record.items() if key != "accepted"}


def _training(evaluation: Evaluation) -> Training:
    return evaluation.job.experiment, evaluation.job.seed


def _name(training: Training) -> str:
    experiment, seed = training
    return f"{experiment}__s{seed}"
