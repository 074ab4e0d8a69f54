"""The official splits of nuScenes, and what is taken of them (CMCR spec 1.1)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from concord3d.errors import ConfigError

# Numbers of scenes, runs of them with a hyphen.
_TRAIN = (
    "1-2 4-11 19-34 41-76 120-135 138-139 149-152 154-155 157-168 170-185 187-188 190-196 199-200 202-204 "
    "206-214 218-220 222 224-264 283-306 315-318 321 323-324 328 347-386 388-403 405-408 410-459 461-465 "
    "467-469 471-472 474-480 499-502 504-515 517-518 525-539 541-546 566 568 570-578 580 582-600 639-679 681 "
    "683-689 695-698 700-701 703-719 726-728 730-731 733-741 744 746-747 749-752 757-765 767-769 786-787 "
    "789-792 803-806 808-813 815-817 819-822 847-856 858 860-866 868-873 875-878 880 882-903 945 947 949 "
    "952-953 955-961 975-984 988-992 994-1025 1044-1058 1074-1102 1104-1110"
)
_VAL = (
    "3 12-18 35-36 38-39 92-110 221 268-278 329-332 344-346 519-524 552-565 625-627 629-630 632-638 770-771 "
    "775 777-778 780-784 794-800 802 904-917 919-931 962-963 966-969 971-972 1059-1073"
)
# Scenes of the training split that SLidR keeps from pre-training, to choose hyper-parameters.
_VERIFYING = (
    "8 9 19 29 32 42 45 49 52 54 56 66 67 73 131 152 166 168 183 190 194 208 210 211 241 243 248 259 260 261 "
    "287 292 297 305 306 350 352 358 361 365 368 377 388 391 395 413 427 428 438 444 452 453 459 463 464 475 "
    "513 533 544 575 587 589 642 652 658 669 678 687 701 703 706 710 715 726 735 740 758 786 790 804 806 847 "
    "856 868 882 897 899 976 996 1012 1015 1016 1018 1020 1024 1044 1058 1094 1098 1107"
)
# Every so many-th scene has labels, by the percentage of scenes.
SKIPS = {1: 100, 5: 20, 10: 10, 20: 5, 25: 4, 100: 1}


def _scenes(runs: str) -> tuple[str, ...]:
    ends = [[int(end) for end in run.split("-")] for run in runs.split()]
    return tuple(f"scene-{number:04d}" for run in ends for number in range(run[0], run[-1] + 1))


SCENES = {"train": _scenes(_TRAIN), "val": _scenes(_VAL)}
VERIFYING_SCENES = _scenes(_VERIFYING)


def scene_of(name: str) -> str:
    """Return the scene of a sweep, whose name is ``<scene>/<number of the keyframe>``."""
    return name.partition("/")[0]


def labelled_sweeps(names: Sequence[str], percent: int) -> NDArray[np.int64]:
    """Choose the sweeps whose labels may be used: all those of every k-th scene, counted from 1.

    Args:
        names: Names of the sweeps of a split, whose scenes stand in the order of the scene table.
        percent: A key of :data:`SKIPS`; k is its value.

    Returns:
        Indices into ``names``, rising.

    Raises:
        ConfigError: Another percentage, or one that leaves no scene.
    """
    if percent not in SKIPS:
        raise ConfigError("No such fraction of labels", expected=", ".join(map(str, SKIPS)), found=percent)
    step = SKIPS[percent]
    scenes = list(dict.fromkeys(scene_of(name) for name in names))
    kept = set(scenes[step - 1 :: step])
    if not kept:
        raise ConfigError(
            f"{percent} % of the labels leave no scene", expected=f"at least {step} scenes", found=len(scenes)
        )
    return np.flatnonzero([scene_of(name) in kept for name in names])


def pretraining_sweeps(names: Sequence[str]) -> NDArray[np.int64]:
    """Return the indices of the sweeps of the training split that SLidR pre-trains on, 600 of the 700 scenes."""
    return np.flatnonzero([scene_of(name) not in VERIFYING_SCENES for name in names])
