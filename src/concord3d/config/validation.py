"""Pydantic models whose complaints are Concord3D errors that name the nearest valid key."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from concord3d.errors import ConfigError, nearest


class StrictModel(BaseModel):
    """A frozen model that refuses unknown keys."""

    model_config = ConfigDict(extra="forbid", frozen=True)


Model = TypeVar("Model", bound=BaseModel)


def validate(model: type[Model], content: Any, where: str | Path) -> Model:
    """Validate ``content`` against ``model``.

    Raises:
        ConfigError: Lists every problem with its key; an unknown key comes with the nearest valid one.
    """
    try:
        return model.model_validate(content)
    except ValidationError as error:
        problems = [_describe(model, item) for item in error.errors()]
        raise ConfigError("; ".join(problems), where=where, next_step="correct the file and run again") from error


def _describe(model: type[BaseModel], item: Any) -> str:
    location = ".".join(str(part) for part in item["loc"])
    if item["type"] == "extra_forbidden":
        key = str(item["loc"][-1])
        valid = _fields_at(model, item["loc"][:-1])
        hint = nearest(key, valid) or (f"; valid keys: {', '.join(valid)}" if valid else "")
        return f"unknown key '{location}'{hint}"
    if item["type"] == "missing":
        return f"missing key '{location}'"
    hint = ""
    if item["type"] == "literal_error" and isinstance(item["input"], str):
        hint = nearest(item["input"], re.findall(r"'([^']*)'", item["ctx"]["expected"]))
    return f"'{location}': {item['msg']} (found {item['input']!r}){hint}"


def _fields_at(model: type[BaseModel], path: tuple[int | str, ...]) -> list[str]:
    """Names of the fields of the model nested at ``path`` (best effort through containers)."""
    current: Any = model
    for part in path:
        if isinstance(current, type) and issubclass(current, BaseModel) and part in current.model_fields:
            current = current.model_fields[str(part)].annotation
        while not isinstance(current, type) or not issubclass(current, BaseModel):
            arguments = [a for a in getattr(current, "__args__", ()) if a is not type(None) and a is not str]
            if not arguments:
                break
            current = arguments[-1]
    return list(current.model_fields) if isinstance(current, type) and issubclass(current, BaseModel) else []
