"""``metrics.csv``, ``per_item/``, ``details.json``, ``histories.csv``: every measured number and what lies below it."""

from __future__ import annotations

from concord3d.reporting.evidence.material import Material
from concord3d.reporting.evidence.metric_files import write_details, write_histories, write_metrics, write_per_item


def build(material: Material) -> None:
    """Write ``metrics.csv``, ``per_item/``, ``details.json`` and ``histories.csv``."""
    out = material.inputs.out
    write_metrics(material.evaluations, out / "metrics.csv")
    write_per_item(material.evaluations, out / "per_item")
    write_details(material.evaluations, out / "details.json")
    write_histories(material.source.histories, out / "histories.csv")
