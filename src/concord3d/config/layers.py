"""Settings in layers: the paper's defaults, then the scale, then the experiment, then the scale for the experiment."""

from __future__ import annotations

import math
from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any

from concord3d.config.models import SECTIONS, Sourced
from concord3d.config.places import Place
from concord3d.errors import ConfigError, nearest

TIMES = "times"
# Sections whose keys depend on the method.
OF_METHOD = ("objective", "training")
# And the one that depends on the kind of data that it reads, but for these keys.
OF_KIND = "data"
OF_ANY_KIND = ("dataset", "num_points")


@dataclass
class Settings:
    """The settings of one experiment, as far as layers have been applied.

    Attributes:
        values: Value by section and key.
        places: Where each value was set, by dotted key.
    """

    values: dict[str, dict[str, Any]]
    places: dict[str, Place]
    _paper_encoder: dict[str, Any] = field(default_factory=dict)
    _paper_places: dict[str, Place] = field(default_factory=dict)
    # Sections whose keys are those of another method than the paper's.
    _own: tuple[str, ...] = ()

    @classmethod
    def of_defaults(cls, defaults: Mapping[Any, Mapping[str, Sourced]], place: Place) -> Settings:
        """Start with a paper's defaults.

        Args:
            defaults: Hyper-parameters by section and key.
            place: The mapping that holds them.
        """
        values: dict[str, dict[str, Any]] = {section: {} for section in SECTIONS}
        places = {}
        for section, keys in defaults.items():
            values[section] = {key: deepcopy(sourced.value) for key, sourced in keys.items()}
            places.update({f"{section}.{key}": place.below(section, key) for key in keys})
        encoder = {dotted: found for dotted, found in places.items() if dotted.startswith("encoder.")}
        return cls(values, places, deepcopy(values["encoder"]), encoder)

    def change_method(self, same_data: bool = True) -> None:
        """Forget the objective: it means nothing to another method than the paper's, which checks its own.

        Such a method may be trained with settings that the paper's own training leaves at their defaults.

        Args:
            same_data: Whether it reads the same kind of data; else the section keeps data set and number of points.
        """
        self._own = OF_METHOD if same_data else (*OF_METHOD, OF_KIND)
        self.values["objective"] = {}
        if not same_data:
            self.values[OF_KIND] = {key: value for key, value in self.values[OF_KIND].items() if key in OF_ANY_KIND}
        self.places = {
            dotted: place
            for dotted, place in self.places.items()
            if not dotted.startswith("objective.") and (same_data or not _of_kind(dotted))
        }

    def apply(self, changes: Mapping[str, Any], place: Place) -> None:
        """Set some keys, in place.

        Args:
            changes: Values by dotted key; ``{times: x}`` multiplies the value that is there.
            place: The mapping that holds them.

        Raises:
            ConfigError: A key that the paper's defaults do not have, or a product that is no such number.
        """
        name = changes.get("encoder.name", self.values["encoder"].get("name"))
        own_encoder = name != self._paper_encoder.get("name")
        if name != self.values["encoder"].get("name"):
            self._change_encoder(name, own_encoder)
        for dotted, value in changes.items():
            section, _, key = dotted.partition(".")
            here = place.below(dotted)
            # Another encoder or method than the paper's has settings of its own, which the plan checks.
            own = (own_encoder and section == "encoder") or section in self._own
            if key not in self.values.get(section, {}) and not (own and key):
                known = [f"{s}.{k}" for s, keys in self.values.items() for k in keys]
                raise ConfigError(
                    f"unknown key '{dotted}'{nearest(dotted, known)}", where=str(here), expected=", ".join(known)
                )
            if isinstance(value, Mapping) and set(value) == {TIMES}:
                value = _product(self.values[section].get(key), value[TIMES], here)
            self.values[section][key] = deepcopy(value)
            self.places[dotted] = here

    def _change_encoder(self, name: Any, own_encoder: bool) -> None:
        """Settings of one encoder mean nothing to another, be they the paper's or the scale's."""
        self.values["encoder"] = {"name": name} if own_encoder else deepcopy(self._paper_encoder)
        kept = {dotted: place for dotted, place in self.places.items() if not dotted.startswith("encoder.")}
        self.places = {**kept, **({} if own_encoder else self._paper_places)}


def _product(base: Any, factor: Any, place: Place) -> int | float:
    """Return ``base`` times ``factor``: a whole number where ``base`` is one."""
    if not _is_number(factor):
        raise ConfigError(
            "'times' takes a number", where=str(place.below(TIMES)), expected="e.g. {times: 2}", found=repr(factor)
        )
    if not _is_number(base):
        raise ConfigError(
            "'times' multiplies a number, and this setting has none in the layers below",
            where=str(place),
            expected="a setting whose value is a number",
            found=repr(base),
            next_step="state the value itself",
        )
    product: int | float = base * factor
    if isinstance(base, int) and product != int(product):
        raise ConfigError(
            f"{factor} times {base} is no whole number", where=str(place), expected="a whole number", found=product
        )
    return int(product) if isinstance(base, int) else float(product)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _of_kind(dotted: str) -> bool:
    section, _, key = dotted.partition(".")
    return section == OF_KIND and key not in OF_ANY_KIND
