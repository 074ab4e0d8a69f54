"""``concord3d schemas``: JSON schemas of the configuration files, from the models that read them, for editors."""

from __future__ import annotations

import json
import re
from inspect import cleandoc
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from concord3d.commands.schema_names import with_names
from concord3d.config.models import Paper, PaperScale, Params, Scale
from concord3d.data.catalog import DatasetSpec
from concord3d.files import write_text
from concord3d.layout import SCHEMAS
from concord3d.reporting.specs.report_spec import ReportSpec

MODELS: dict[str, type[BaseModel]] = {
    "params": Params,
    "scale": Scale,
    "paper": Paper,
    "paper_scale": PaperScale,
    "report": ReportSpec,
}
CATALOGUE = "datasets"
_ATTRIBUTE = re.compile(r"^    (\w+): (.*(?:\n {8}.*)*)", re.M)


def schemas() -> dict[Path, str]:
    """Return the text of every schema by its file, relative to the repository."""
    found = {name: _schema(model) for name, model in MODELS.items()}
    found[CATALOGUE] = _catalogue()
    dialect = {"$schema": "https://json-schema.org/draft/2020-12/schema"}
    return {
        SCHEMAS / f"{name}.json": json.dumps({**dialect, **schema}, indent=1, ensure_ascii=False) + "\n"
        for name, schema in found.items()
    }


def write_schemas(root: Path) -> None:
    """Write every schema below ``schemas/``.

    Args:
        root: The repository.
    """
    for path, text in schemas().items():
        write_text(root / path, text)
        print(f"Wrote {path}")


def _schema(model: type[BaseModel]) -> dict[str, Any]:
    return with_names(_readable(model.model_json_schema()))


def _catalogue() -> dict[str, Any]:
    """Return the schema of the catalogue: data sets by identifier, files with ``shards`` still written as one."""
    entry = _schema(DatasetSpec)
    definitions = entry.pop("$defs")
    entry["properties"].pop("id")
    entry["required"].remove("id")
    definitions["FileSpec"]["properties"]["shards"] = {
        "type": "integer",
        "minimum": 1,
        "description": "How many files this entry stands for; {shard} in path and urls is their number, from 0.",
    }
    definitions["DatasetSpec"] = entry
    return {"$defs": definitions, "type": "object", "additionalProperties": {"$ref": "#/$defs/DatasetSpec"}}


def _readable(schema: dict[str, Any]) -> dict[str, Any]:
    """Put the words of a docstring where editors show them, at the model and at each key, and refuse unknown keys."""
    definitions = [schema, *schema.get("$defs", {}).values()]
    for model in [form for definition in definitions for form in definition.get("anyOf", [definition])]:
        text = cleandoc(model.get("description", ""))
        head, _, attributes = text.partition("Attributes:")
        if head.strip():
            model["description"] = _words(head)
        for name, words in _ATTRIBUTE.findall(attributes):
            if name in model.get("properties", {}):
                model["properties"][name]["description"] = _words(words)
        for entry in model.get("properties", {}).values():
            entry.pop("title", None)
            if "patternProperties" in entry:
                # A key that fits no pattern is wrong; pydantic leaves this out.
                entry["additionalProperties"] = False
    return schema


def _words(text: str) -> str:
    return " ".join(text.replace("``", "`").split())
