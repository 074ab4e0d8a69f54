"""What a frozen sentence encoder makes of the referrals to the objects of scans (CrossOver spec 2).

Shape legend: S scans, O objects of all scans, R referrals of one scan, D feature width.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from concord3d.data.stores.scans import ScanSplit
from concord3d.features.frozen_encoders import SentenceEncoder
from concord3d.features.scan_features import ScanTexts, whose
from concord3d.features.tower import is_unusable


def scene_referral(referrals: Sequence[str], count: int, draw: np.random.Generator) -> str:
    """Return one text about a scene: some of its referrals, drawn without replacement and joined by spaces.

    Args:
        referrals: R sentences.
        count: How many are drawn; all where there are fewer.
        draw: Source of the choice and of its order.
    """
    chosen = draw.permutation(len(referrals))[:count]
    return " ".join(referrals[row] for row in chosen)


def scan_texts(split: ScanSplit, encoder: SentenceEncoder, num_scene_referrals: int, seed: int) -> ScanTexts:
    """Encode the texts of scans, one scan at a time.

    Args:
        split: The scans.
        encoder: A frozen encoder; of a long text it reads the beginning.
        num_scene_referrals: Referrals that make up the text of a scene.
        seed: Decides which, with the number of the scan.
    """
    referral = np.zeros((len(split.object_ids), encoder.dim), np.float32)
    has_referral = np.zeros(len(referral), np.bool_)
    scene, has_scene = np.zeros((len(split), encoder.dim), np.float32), np.zeros(len(split), np.bool_)
    for row in range(len(split)):
        scan, first = split.scan(row), int(split.object_offsets[row])
        usable = [number for number, text in enumerate(scan.referrals) if not is_unusable(text)]
        if not usable:
            continue
        texts, objects = [scan.referrals[number] for number in usable], first + scan.referral_objects[usable]
        joined = scene_referral(texts, num_scene_referrals, np.random.default_rng([seed, row]))
        *found, scene[row] = encoder.encode_texts([*texts, joined])
        referral[first : first + scan.num_objects] = _means(np.array(found), objects - first, scan.num_objects)
        has_referral[objects] = has_scene[row] = True
    return ScanTexts(
        **whose(split),
        referral=referral,
        has_referral=has_referral,
        scene_referral=scene,
        has_scene_referral=has_scene,
    )


def _means(values: NDArray[np.float32], rows: NDArray[np.int64], count: int) -> NDArray[np.float64]:
    """Return (O, D) the mean of the (R, D) values of each row, zeros where a row has none."""
    sums, found = np.zeros((count, values.shape[1])), np.zeros(count, np.int64)
    np.add.at(sums, rows, values)
    np.add.at(found, rows, 1)
    return sums / np.maximum(found, 1)[:, None]
