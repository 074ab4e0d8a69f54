"""The smallest effect that a table could have detected: the difference from its baseline whose interval would exclude
zero with a probability of 80 %."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from concord3d.reporting.evidence.addresses import Address
from concord3d.reporting.evidence.estimates import Results
from concord3d.reporting.tables.method_names import without_datasets

POWER = 0.8
# Runs that answer alike on every item leave nothing to judge chance by.
_NO_SPREAD = 1e-6
# Effects in these units are spoken of in words.
UNIT_WORDS = {"%": "points", "nat": "nats", "rank": "ranks", "cosine": "of cosine", "1": "(no unit)"}


@dataclass(frozen=True)
class DetectableEffect:
    """The smallest effect that one number could have shown.

    Attributes:
        baseline: Experiment that the number is compared with.
        dataset: Data set of both.
        unit: Of the number.
        size: (t(0.975) + t(0.8)) times the standard error of the paired difference, with its degrees of freedom.
        with_seeds: Whether the standard error holds how trainings differ; one seed on every side tells nothing of it.
    """

    baseline: str
    dataset: str
    unit: str
    size: float
    with_seeds: bool


def detectable_effect(results: Results, address: Address, baselines: Sequence[str]) -> DetectableEffect | None:
    """Return the smallest effect that a number could have shown, or None where there is no baseline for it.

    Args:
        results: Everything measured.
        address: The number.
        baselines: Experiments in order of preference; the first that was measured in the same way counts.
    """
    measured = [name for name in baselines if results.number(replace(address, experiment=name)) is not None]
    if not measured or measured[0] == address.experiment:
        return None
    number = results.number(address)
    joint = results.joint([address, replace(address, experiment=measured[0])])
    if number is None or joint is None or not joint.means.has_spread:
        return None
    size = joint.means.uncertainty([1.0, -1.0]).detectable(power=POWER)
    if size < _NO_SPREAD:
        return None
    return DetectableEffect(measured[0], address.dataset, number.unit, size, not joint.without_spread)


def effects_in_words(
    effects: Iterable[DetectableEffect], labels: Mapping[str, str], dataset_name: Callable[[str], str]
) -> str:
    """Return the smallest effects of a table in one sentence per baseline; empty where there are none.

    Baselines that are called alike but for the data set count as one.

    Args:
        effects: Of the table's numbers.
        labels: What tables call each experiment.
        dataset_name: What tables call a data set.
    """
    effects = list(effects)
    datasets: dict[str, set[str]] = {}
    for effect in effects:
        datasets.setdefault(labels.get(effect.baseline, effect.baseline), set()).add(effect.dataset)
    names = without_datasets(datasets)
    by_baseline: dict[str, dict[tuple[str, str], list[DetectableEffect]]] = {}
    for effect in effects:
        places = by_baseline.setdefault(names[labels.get(effect.baseline, effect.baseline)], {})
        places.setdefault((effect.dataset, effect.unit), []).append(effect)

    def sizes(places: Mapping[tuple[str, str], Sequence[DetectableEffect]]) -> str:
        return "; ".join(_size(places[place], dataset_name) for place in sorted(places))

    return " ".join(
        f'Smallest effect: a true difference from "{baseline}" would have been seen, with a '
        f"probability of {100 * POWER:.0f} %, from {sizes(places)}."
        for baseline, places in by_baseline.items()
    )


def _size(effects: Sequence[DetectableEffect], dataset_name: Callable[[str], str]) -> str:
    sizes = sorted(effect.size for effect in effects)
    unit = effects[0].unit
    digits = 1 if unit in ("%", "rank") else 3
    words = f" {UNIT_WORDS.get(unit, unit)}".rstrip()
    low, high = (f"{size:.{digits}f}" for size in (sizes[0], sizes[-1]))
    size = f"{low}{words}" if low == high else f"{low} to {high}{words}"
    alone = "" if all(effect.with_seeds for effect in effects) else ", test items alone for rows with one seed"
    return f"{size} on {dataset_name(effects[0].dataset)}{alone}"
