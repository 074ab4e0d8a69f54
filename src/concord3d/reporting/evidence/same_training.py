"""Whether a training that has been made is the one that is asked for now."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from concord3d.files import differing_keys

# They change no number, or stand in the name of the training.
NAMES = frozenset({"experiment", "label", "paper", "scale", "seed"})
# What an encoder that nothing is trained for does not depend on.
OF_TRAININGS = ("objective", "training")


def differing_settings(recorded: Mapping[str, Any], asked: Mapping[str, Any]) -> list[str]:
    """Return the settings in which a recorded training differs from the one that is asked for.

    Names, labels, seeds and numbers of threads do not count. A setting that one side lacks counts where the other side
    holds more than an empty value.

    Args:
        recorded: The configuration in the record of the training.
        asked: That of the experiment now.

    Returns:
        Dotted keys, sorted.
    """
    untrained = recorded.get("pretrain") is None and asked.get("pretrain") is None
    differing = differing_keys(_what_counts(recorded, untrained), _what_counts(asked, untrained))
    return [key for key, (old, new) in differing.items() if old or new]


def _what_counts(settings: Mapping[str, Any], untrained: bool) -> dict[str, Any]:
    ignored = NAMES.union(OF_TRAININGS if untrained else ())
    found = {key: _without(value, "threads") for key, value in settings.items() if key not in ignored}
    # Earlier trainings have the seed of the one that needs them.
    earlier = {role: _without(need, "seed") for role, need in found.get("needs", {}).items()}
    return {**found, "needs": earlier} if earlier else found


def _without(value: Any, name: str) -> Any:
    if isinstance(value, Mapping):
        return {key: _without(inner, name) for key, inner in value.items() if key != name}
    return value
