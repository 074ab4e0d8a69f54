"""Names of the corruptions of sweeps that nuScenes-C has, and of corrupted sweeps (CMCR spec 1.8)."""

from __future__ import annotations

from collections.abc import Iterator

CORRUPTIONS = (
    "fog", "wet_ground", "snow", "motion_blur", "beam_missing", "crosstalk", "incomplete_echo", "cross_sensor",
)  # fmt: skip
SEVERITIES = ("light", "moderate", "heavy")
# Stands for a corruption and its severity where a sweep is as it was recorded.
CLEAN = "clean"
# What label files of nuScenes-C say of points that no surface of the scene returned: fog, snow and crosstalk.
FOG_LABEL, SNOW_LABEL, CROSSTALK_LABEL = 41, 42, 43


def conditions() -> Iterator[tuple[str, str]]:
    """Yield all pairs of a corruption and a severity, corruption by corruption."""
    for corruption in CORRUPTIONS:
        for severity in SEVERITIES:
            yield corruption, severity


def condition_name(corruption: str, severity: str) -> str:
    """Return ``<corruption>/<severity>``, which is also where nuScenes-C keeps its files."""
    return f"{corruption}/{severity}"


def condition_of(name: str) -> tuple[str, str]:
    """Split the name of a sweep of a corrupted data set.

    Args:
        name: ``<scene>/<number of the keyframe>/<condition>``.

    Returns:
        Scene and keyframe, and the condition: :data:`CLEAN` or a :func:`condition_name`.

    Example:
        >>> condition_of("scene-0003/000/fog/heavy")
        ('scene-0003/000', 'fog/heavy')
    """
    scene, keyframe, condition = name.split("/", 2)
    return f"{scene}/{keyframe}", condition
