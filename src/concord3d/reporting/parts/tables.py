"""``tables/``: every table of the report file as CSV, Markdown and LaTeX, and the paper's reference as BibTeX."""

from __future__ import annotations

from concord3d.files import write_text
from concord3d.reporting.evidence.material import Material
from concord3d.reporting.specs.output_files import REFERENCE
from concord3d.reporting.tables.cells import all_tables, table_of
from concord3d.reporting.tables.latex import bibtex
from concord3d.reporting.tables.table_files import write_table


def build(material: Material) -> None:
    """Write all tables."""
    for table in material.once(all_tables):
        write_table(table, material.inputs.out / "tables")
    write_text(material.inputs.out / REFERENCE, bibtex(material.paper))


def build_one(material: Material, identifier: str) -> None:
    """Write one table.

    Raises:
        ConfigError: There is no such table.
    """
    write_table(table_of(material, identifier), material.inputs.out / "tables")
