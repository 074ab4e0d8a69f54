"""Names of methods in tables whose rows name the data set besides."""

from __future__ import annotations

from collections.abc import Collection, Mapping


def without_datasets(datasets: Mapping[str, Collection[str]]) -> dict[str, str]:
    """Return a name for each method, one for those that the data set alone tells apart.

    ``baseline, ModelNet10`` and ``baseline, Redwood`` are ``baseline`` where neither was measured on the other's data
    set.

    Args:
        datasets: Data sets by the name of the method that was measured on them.
    """
    alike: dict[str, list[str]] = {}
    for name in datasets:
        alike.setdefault(name.rpartition(", ")[0] or name, []).append(name)
    shared: dict[str, str] = {}
    for short, names in alike.items():
        found = [dataset for name in names for dataset in set(datasets[name])]
        apart = len(names) > 1 and short not in names and len(found) == len(set(found))
        shared |= {name: short if apart else name for name in names}
    return shared
