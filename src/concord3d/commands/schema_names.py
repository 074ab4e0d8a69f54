"""Names that are found by looking into packages, as what the schemas of the configuration files accept."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from concord3d.data.readers import reader_names
from concord3d.methods.settings import method_kind, method_names
from concord3d.models.encoder_settings import encoder_names
from concord3d.protocols.loading import protocol_names
from concord3d.reporting.figures.kinds import kind_names

# Keys whose text, or each of whose texts, is such a name; of a mapping, its keys are.
NAMED: Mapping[str, Mapping[str, Callable[[], Sequence[str]]]] = {
    "Paper": {"method": method_names, "protocols": protocol_names},
    "Experiment": {"method": method_names, "protocols": protocol_names},
    "TowerTraining": {"method": method_names},
    "PaperScale": {"protocols": protocol_names},
    "DatasetSpec": {"reader": reader_names},
    "FigureSpec": {"kind": kind_names},
    "MetricMap": {"protocol": protocol_names},
    "ClaimPart": {"protocol": protocol_names},
    "Term": {"protocol": protocol_names},
}


def with_names(schema: dict[str, Any]) -> dict[str, Any]:
    """Let a schema accept the names that exist, and no others.

    Args:
        schema: Of a file, with the models it refers to below ``$defs``; changed in place.

    Returns:
        The same.
    """
    for model in [schema, *schema.get("$defs", {}).values()]:
        for form in model.get("anyOf", [model]):
            for key, names in NAMED.get(form.get("title", ""), {}).items():
                _restrict(form["properties"][key], list(names()))
            _name_encoders(form)
            if form.get("title") == "FigureSpec":
                form["properties"]["options"]["properties"] = {"protocol": {"enum": list(protocol_names())}}
    return schema


def _restrict(entry: dict[str, Any], names: list[str]) -> None:
    for form in entry.get("anyOf", [entry]):
        if form["type"] == "string":
            form["enum"] = names
        elif form["type"] == "array":
            form["items"]["enum"] = names
        elif form["type"] == "object":
            form["propertyNames"] = {"enum": names}


def _encoders() -> list[str]:
    """Return the encoders that are found by their names, and those that only one method knows."""
    of_methods = {name for method in method_names() for name in method_kind(method).encoders or ()}
    return [*encoder_names(), *sorted(of_methods - {*encoder_names()})]


def _name_encoders(form: dict[str, Any]) -> None:
    """Restrict ``encoder.name``: in the defaults of a paper, and in everything that changes them."""
    encoders = {"enum": _encoders()}
    properties = form.get("properties", {})
    if form.get("title") == "Paper":
        sourced = {"$ref": "#/$defs/Sourced"}
        named = {"name": {**sourced, "properties": {"value": encoders}}}
        section = {"type": "object", "properties": named, "additionalProperties": sourced}
        properties["defaults"]["properties"] = {"encoder": section}
    elif form.get("title") == "Experiment":
        # A word in braces stands for a value of ``for_each``.
        properties["set"]["properties"] = {"encoder.name": {"anyOf": [encoders, {"pattern": r"\{\w+\}"}]}}
    elif form.get("title") == "PaperScale":
        settings = {"encoder.name": encoders}
        properties["set"]["properties"] = settings
        properties["experiment_set"]["additionalProperties"]["properties"] = settings
