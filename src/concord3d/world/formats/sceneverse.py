"""Records of SceneVerse's template referrals (CrossOver spec 1.2)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from concord3d.world.rooms.kinds import KINDS
from concord3d.world.rooms.referrals import Referral


def referral_records(scan: str, referrals: Sequence[Referral], target_of: Mapping[int, int]) -> list[dict[str, Any]]:
    """Return the records of one scan.

    Args:
        scan: Its id.
        referrals: What is said.
        target_of: The number by which the data set calls an object, by identity; of those absent nothing is said.
    """
    told = [one for one in referrals if one.identity in target_of]
    return [
        {
            "item_id": f"{scan}_{number:04d}",
            "scan_id": scan,
            "target_id": target_of[one.identity],
            "instance_type": KINDS[one.kind].label,
            "utterance": one.sentence,
        }
        for number, one in enumerate(told)
    ]
