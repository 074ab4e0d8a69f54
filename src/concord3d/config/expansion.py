"""``for_each``: one entry of a paper's file that stands for several experiments which differ in some words."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import product
from typing import Any

from concord3d.errors import nearest

Scalar = str | int | float
# Values of one variable: as they are, or by the word that stands for each in the names of experiments.
Choices = Sequence[Scalar] | Mapping[str, Scalar]
_PLACEHOLDER = re.compile(r"\{([^{}]*)\}")


def combinations(for_each: Mapping[str, Choices]) -> Iterator[tuple[str, dict[str, Scalar]]]:
    """Yield the ending of a name, and the value of each variable, for every combination of values.

    Args:
        for_each: Values by variable. The last variable changes first.
    """
    columns = [
        [(word, variable, value) for word, value in _worded(choices).items()] for variable, choices in for_each.items()
    ]
    for row in product(*columns):
        yield "_".join(word for word, _, _ in row), {variable: value for _, variable, value in row}


def _worded(choices: Choices) -> dict[str, Scalar]:
    return dict(choices) if isinstance(choices, Mapping) else {str(value): value for value in choices}


def filled(content: Any, values: Mapping[str, Scalar]) -> Any:
    """Return ``content`` with every ``{variable}`` replaced.

    Args:
        content: Text, or lists and mappings that hold some. A text that is one placeholder alone becomes the value
            itself, of whatever type.
        values: Values by variable.

    Raises:
        ValueError: A placeholder of no variable; the nearest one is named.
    """
    if isinstance(content, str):
        alone = _PLACEHOLDER.fullmatch(content)
        if alone:
            return _value(alone.group(1), values)
        return _PLACEHOLDER.sub(lambda match: str(_value(match.group(1), values)), content)
    if isinstance(content, Mapping):
        return {key: filled(value, values) for key, value in content.items()}
    if isinstance(content, list):
        return [filled(value, values) for value in content]
    return content


def _value(variable: str, values: Mapping[str, Scalar]) -> Scalar:
    if variable not in values:
        raise ValueError(f"'{{{variable}}}' is no variable of 'for_each'{nearest(variable, list(values))}")
    return values[variable]


def variables_in(text: str) -> set[str]:
    """Return the names in braces in a text."""
    return set(_PLACEHOLDER.findall(text))
