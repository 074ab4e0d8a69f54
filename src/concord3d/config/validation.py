"""Pydantic models whose complaints are Concord3D errors that name the nearest valid key."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from concord3d.config.places import Key, Place
from concord3d.errors import ConfigError, nearest


class StrictModel(BaseModel):
    """A frozen model that refuses unknown keys."""

    model_config = ConfigDict(extra="forbid", frozen=True)


Model = TypeVar("Model", bound=BaseModel)


@dataclass(frozen=True)
class Places:
    """Where the keys of a mapping stand that several files make up, such as a section of a run's settings.

    Attributes:
        of: Maps the keys that lead to a value to its place.
    """

    of: Callable[[tuple[Key, ...]], Place]


Where = str | Path | Place | Places


def validate(model: type[Model], content: Any, where: Where) -> Model:
    """Validate ``content`` against ``model``.

    Args:
        model: What is expected.
        content: What a file or a caller says.
        where: Its name in messages; a :class:`Place` or :class:`Places` lets them name the line of every problem too.

    Raises:
        ConfigError: Lists every problem with its key; an unknown key comes with the nearest valid one.
    """
    try:
        return model.model_validate(content)
    except ValidationError as error:
        items = error.errors()
        if isinstance(where, Places):
            first = where.of(items[0]["loc"] or _quoted_fields(model, items[0])[:1])
            raise ConfigError("; ".join(_describe(model, item) for item in items), where=first) from error
        problems = [_line(where, item) + _describe(model, item) for item in items]
        shown = str(where.file) if isinstance(where, Place) else where
        raise ConfigError("; ".join(problems), where=shown, next_step="correct the file and run again") from error


def require_known(names: str | Iterable[str], valid: Iterable[str], what: str, where: str | Place) -> None:
    """Refuse a name that does not exist.

    Args:
        names: One name, a list of names, or a mapping whose keys they are.
        valid: All that exist.
        what: What they are names of.
        where: The name, the list or the mapping.

    Raises:
        ConfigError: Names the nearest valid one.
    """
    options = sorted(valid)
    for position, name in enumerate([names] if isinstance(names, str) else names):
        if name not in options:
            place = where
            if isinstance(where, Place) and not isinstance(names, str):
                place = where.below(name if isinstance(names, Mapping) else position)
            raise ConfigError(
                f"unknown {what} '{name}'{nearest(name, options)}",
                where=place,
                expected=", ".join(options) or "none is known",
                found=name,
            )


def _line(where: str | Path | Place, item: Any) -> str:
    line = where.below(*item["loc"]).line if isinstance(where, Place) else None
    return "" if line is None else f"line {line}: "


def _describe(model: type[BaseModel], item: Any) -> str:
    if not item["loc"]:
        # A model's own check of several values together; its message quotes them.
        found = {name: item["input"].get(name) for name in _quoted_fields(model, item)}
        return f"{_message(item)} (found {found})"
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
    return f"'{location}': {_message(item)} (found {item['input']!r}){hint}"


def _message(item: Any) -> str:
    return str(item["msg"]).removeprefix("Value error, ")


def _quoted_fields(model: type[BaseModel], item: Any) -> tuple[str, ...]:
    return tuple(name for name in re.findall(r"'(\w+)'", item["msg"]) if name in model.model_fields)


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
