"""One part of a report, in a process that imports no other part."""

from __future__ import annotations

from importlib import import_module

from concord3d.errors import ConfigError, nearest
from concord3d.reporting import parts
from concord3d.reporting.evidence.material import Material
from concord3d.reporting.evidence.report_inputs import ReportInputs
from concord3d.reporting.specs.output_files import PARTS


def build_part(inputs: ReportInputs, part: str) -> None:
    """Write one part of the report, as the workflow makes it: everything of one kind in one process.

    Args:
        inputs: What to read, what was asked for, where to write.
        part: One of ``PARTS``.

    Raises:
        ConfigError: There is no such part.
    """
    build_from(Material(inputs), part)


def build_from(material: Material, part: str) -> None:
    """Write one part of the report from material that several parts share.

    Raises:
        ConfigError: There is no such part.
    """
    if part not in PARTS:
        raise ConfigError(f"unknown part '{part}' of a report{nearest(part, PARTS)}", expected=PARTS)
    import_module(f"{parts.__name__}.{part}").build(material)
