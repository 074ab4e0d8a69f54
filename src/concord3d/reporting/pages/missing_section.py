"""The evaluations that a scale asks for and that have no result, a line for all that are missing alike."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from concord3d.reporting.evidence.estimates import Results
from concord3d.reporting.evidence.page_facts import PageFacts
from concord3d.reporting.evidence.report_inputs import ExpectedJob, ReportInputs
from concord3d.reporting.markdown import grid, prose

COLUMNS = ("evaluations", "experiments", "seeds", "protocols and data sets", "why")
# Stands for the earlier trainings that are absent, which differ among the experiments of one line.
_EARLIER = "earlier trainings are not recorded"


class _Group(NamedTuple):
    """What experiments of one line have in common.

    Attributes:
        tests: Data sets and protocols, sorted.
        seeds: Training seeds, sorted.
        why: The reason, as far as results tell it.
    """

    tests: tuple[tuple[str, str], ...]
    seeds: tuple[int, ...]
    why: str


def missing_lines(results: Results, inputs: ReportInputs, facts: PageFacts) -> list[str]:
    """Return the section on evaluations without a result; nothing where all have one.

    Experiments share a line where the same protocols on the same data sets are missing, for the same seeds and reason.

    Args:
        results: Everything measured, and what the scale asks for.
        inputs: What was asked for.
        facts: Which rows of an earlier report were left out.
    """
    if not results.missing:
        return []
    rows = []
    for group, experiments in _groups(results, inputs, facts).items():
        why = group.why
        if why == _EARLIER:
            absent = {name for experiment in experiments for name in _absent(experiment, group.seeds, results, inputs)}
            why = f"rests on trainings that are not recorded: {families(sorted(absent))}"
        number = len(experiments) * len(group.tests) * len(group.seeds)
        seeds = ", ".join(map(str, group.seeds))
        rows.append([str(number), families(experiments), seeds, _words(group.tests), prose(why)])
    intro = f"This scale asks for {len(results.expected)} evaluations; {len(results.missing)} have no result."
    return ["## Evaluations without a result", "", intro, "", *grid(COLUMNS, rows), ""]


def families(names: Sequence[str]) -> str:
    """Return names in one line; those that differ in their last word alone share the words before it.

    >>> families(["probe_a_1", "probe_a_2", "full"])
    'probe_a_{1, 2}, full'
    """
    members: dict[str, list[str]] = {}
    for name in names:
        stem, underscore, last = name.rpartition("_")
        members.setdefault(f"{stem}{underscore}" or name, []).append(last if underscore else "")
    return ", ".join(
        f"{stem}{{{', '.join(_in_order(lasts))}}}" if len(lasts) > 1 else f"{stem}{lasts[0]}"
        for stem, lasts in members.items()
    )


def _in_order(words: Iterable[str]) -> list[str]:
    """Return words sorted, numbers first and by their value."""
    return sorted(words, key=lambda word: (not word.isdecimal(), int(word) if word.isdecimal() else 0, word))


def _groups(results: Results, inputs: ReportInputs, facts: PageFacts) -> dict[_Group, list[str]]:
    """Return the experiments that lack the same evaluations for the same reason."""
    seeds: dict[tuple[str, str, str, str], list[int]] = {}
    for job in results.missing:
        why = _reason(job, results, inputs, facts)
        seeds.setdefault((job.experiment, job.dataset, job.protocol, why), []).append(job.seed)
    tests: dict[tuple[str, tuple[int, ...], str], list[tuple[str, str]]] = {}
    for (experiment, dataset, protocol, why), found in seeds.items():
        tests.setdefault((experiment, tuple(found), why), []).append((dataset, protocol))
    groups: dict[_Group, list[str]] = {}
    for (experiment, of, why), missing in tests.items():
        groups.setdefault(_Group(tuple(missing), of, why), []).append(experiment)
    return groups


def _reason(job: ExpectedJob, results: Results, inputs: ReportInputs, facts: PageFacts) -> str:
    training = (job.experiment, job.seed)
    left_out = [rows.why for rows in facts.left_out if (rows.experiment, rows.seed) == training]
    if left_out:
        return f"measured earlier and left out: {left_out[0]}"
    trains = job.experiment in inputs.trained
    if training in results.histories:
        return "trained, not evaluated" if trains else "not evaluated"
    if _absent(job.experiment, (job.seed,), results, inputs):
        return _EARLIER
    return "no training is recorded" if trains else "not run"


def _absent(experiment: str, seeds: Iterable[int], results: Results, inputs: ReportInputs) -> list[str]:
    """Return the earlier trainings of this paper that an experiment rests on and that are not recorded."""
    own = [name for name in inputs.lineage(experiment)[1:] if "/" not in name]
    return [name for name in own if any((name, seed) not in results.histories for seed in seeds)]


def _words(tests: Sequence[tuple[str, str]]) -> str:
    """Return protocols by data set; data sets with the same protocols stand together."""
    protocols: dict[str, list[str]] = {}
    for dataset, protocol in tests:
        protocols.setdefault(dataset, []).append(protocol)
    datasets: dict[tuple[str, ...], list[str]] = {}
    for dataset, of in protocols.items():
        datasets.setdefault(tuple(of), []).append(dataset)
    return "; ".join(f"{', '.join(of)} on {', '.join(on)}" for of, on in datasets.items())
