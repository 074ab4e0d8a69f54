"""Sentences of SceneVerse."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from concord3d.data.formats.sceneverse import read_referrals
from concord3d.data.scans.assembly import Referral
from concord3d.errors import DatasetMissing, UnreadableFile


def test_sentences_are_grouped_by_scan(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    rows = [("s", 0, "the chair"), ("t", "4", " a lamp "), ("s", 2, "the größte Tisch"), ("s", 1, "  ")]
    records = [
        {"item_id": "x", "scan_id": scan, "target_id": target, "instance_type": "y", "utterance": text}
        for scan, target, text in rows
    ]
    path.write_text(json.dumps(records))
    assert read_referrals(path, 1) == {
        "s": [Referral(1, "the chair"), Referral(3, "the größte Tisch")],
        "t": [Referral(5, "a lamp")],
    }
    assert read_referrals(path, 0)["t"] == [Referral(4, "a lamp")]
    for content in ('{"a": 1}', '[{"scan_id": "s", "target_id": "x", "utterance": "y"}]', "[3"):
        path.write_text(content)
        with pytest.raises(UnreadableFile, match=r"a\.json"):
            read_referrals(path, 1)
    with pytest.raises(DatasetMissing, match=r"b\.json"):
        read_referrals(tmp_path / "b.json", 1)
