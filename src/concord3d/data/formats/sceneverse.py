"""SceneVerse's referrals by templates: sentences about objects of scans (CrossOver spec 1.2)."""

from __future__ import annotations

from pathlib import Path

from concord3d.data.formats.json_files import form_named, read_json
from concord3d.data.scans.assembly import Referral


def read_referrals(path: Path, first_id: int) -> dict[str, list[Referral]]:
    """Read ``ssg_ref_rel2_template.json``.

    Args:
        path: The file.
        first_id: What is added to ``target_id``: 1 for ScanNet, which counts objects from 0, and 0 for 3RScan.

    Returns:
        Sentences by scan, in the order of the file; empty ones are left out.

    Raises:
        DatasetMissing: The file is absent.
        UnreadableFile: It is truncated or of another form.
    """
    records = read_json(path)
    found: dict[str, list[Referral]] = {}
    with form_named(path):
        for record in records:
            text = str(record["utterance"]).strip()
            if text:
                found.setdefault(record["scan_id"], []).append(Referral(int(record["target_id"]) + first_id, text))
    return found
