"""``tables/``: every table of the report file as CSV, Markdown and LaTeX."""

from __future__ import annotations

from concord3d.reporting.evidence.material import Material
from concord3d.reporting.tables.cells import all_tables, table_of
from concord3d.reporting.tables.table_files import write_table


def build(material: Material) -> None:
    """Write all tables."""
    for table in material.once(all_tables):
        write_table(table, material.inputs.out / "tables")


def build_one(material: Material, identifier: str) -> None:
    """Write one table.

    Raises:
        ConfigError: There is no such table.
    """
    write_table(table_of(material, identifier), material.inputs.out / "tables")
