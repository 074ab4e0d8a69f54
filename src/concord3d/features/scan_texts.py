"""What a frozen sentence encoder makes of the referrals to the objects of scans (CrossOver spec 2).

Shape legend: S scans, O objects of all scans, R referrals of one scan, D feature width.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from concord3d.data.scans.scan import Scan
from concord3d.data.stores.scans import ScanSplit
from concord3d.features.frozen_encoders import SentenceEncoder
from concord3d.features.scan_features import ScanTexts, identity_arrays
from concord3d.features.tower import is_unusable

# Scans whose texts are encoded together: templates say the same of many objects.
_BLOCK = 256


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
    """Encode the texts of scans; of some scans together each text is encoded once.

    Args:
        split: The scans.
        encoder: A frozen encoder; of a long text it reads the beginning.
        num_scene_referrals: Referrals that make up the text of a scene.
        seed: Decides which, with the number of the scan.
    """
    referral = np.zeros((len(split.object_ids), encoder.dim), np.float32)
    has_referral = np.zeros(len(referral), np.bool_)
    scene, has_scene = np.zeros((len(split), encoder.dim), np.float32), np.zeros(len(split), np.bool_)
    for start in range(0, len(split), _BLOCK):
        said = {row: _said(split.scan(row)) for row in range(start, min(start + _BLOCK, len(split)))}
        about = {
            row: scene_referral(one.texts, num_scene_referrals, np.random.default_rng([seed, row]))
            for row, one in said.items()
            if one.texts
        }
        distinct = sorted({*about.values(), *(text for one in said.values() for text in one.texts)})
        found = encoder.encode_texts(distinct) if distinct else scene[:0]
        row_of = {text: number for number, text in enumerate(distinct)}
        for row, text in about.items():
            one, first, count = said[row], int(split.object_offsets[row]), split.scan(row).num_objects
            values = found[[row_of[each] for each in one.texts]]
            referral[first : first + count] = _means(values, one.objects, count)
            scene[row] = found[row_of[text]]
            has_referral[first + one.objects] = has_scene[row] = True
    return ScanTexts(
        **identity_arrays(split),
        referral=referral,
        has_referral=has_referral,
        scene_referral=scene,
        has_scene_referral=has_scene,
    )


class _Said(NamedTuple):
    """The usable texts of a scan, and the row of the object that each is about."""

    texts: list[str]
    objects: NDArray[np.int64]


def _said(scan: Scan) -> _Said:
    usable = [number for number, text in enumerate(scan.referrals) if not is_unusable(text)]
    return _Said([scan.referrals[number] for number in usable], scan.referral_objects[usable])


def _means(values: NDArray[np.float32], rows: NDArray[np.int64], count: int) -> NDArray[np.float64]:
    """Return (O, D) the mean of the (R, D) values of each row, zeros where a row has none."""
    sums, found = np.zeros((count, values.shape[1])), np.zeros(count, np.int64)
    np.add.at(sums, rows, values)
    np.add.at(found, rows, 1)
    return sums / np.maximum(found, 1)[:, None]
