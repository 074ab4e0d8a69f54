"""What of a configuration changes numbers; everything else is a word or a matter of speed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

# Names of a run: they say where it belongs and what tables call it.
NAMES = ("paper", "experiment", "label", "scale")
# Settings of a training that leave its losses as they are.
OF_SPEED = ("threads", "checkpoint_every_s")


def numbers_of(run: Mapping[str, Any]) -> dict[str, Any]:
    """Return the part of a resolved run that its numbers depend on.

    Args:
        run: As :meth:`concord3d.config.study.Study.run_config` gives it.
    """
    kept = {key: value for key, value in run.items() if key not in (*NAMES, "tower")}
    if "training" in run:
        kept["training"] = speedless(run["training"])
    # A tower counts by the identity of its features; the name by which a scale calls it does not.
    if "data" in kept:
        kept["data"] = {key: value for key, value in run["data"].items() if key != "tower"}
    # An earlier training counts by the identity of its weights, and by the encoder that they are read into.
    if "needs" in kept:
        kept["needs"] = {role: {"encoder": need["encoder"]} for role, need in run["needs"].items()}
    return kept


def speedless(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings of a training without those that change its speed alone."""
    return {key: value for key, value in settings.items() if key not in OF_SPEED}
