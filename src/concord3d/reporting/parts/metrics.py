"""``metrics.csv`` and ``per_item/``: every measured number and what lies below it."""

from __future__ import annotations

from concord3d.reporting.evidence.material import Material
from concord3d.reporting.evidence.metric_files import write_metrics, write_per_item


def build(material: Material) -> None:
    """Write ``metrics.csv`` and ``per_item/``."""
    write_metrics(material.evaluations, material.inputs.out / "metrics.csv")
    write_per_item(material.evaluations, material.inputs.out / "per_item")
