"""What each kind of training data is told and which files it reads; :mod:`concord3d.batches` opens them in the job.

A module of this package is a kind: its ``SETTINGS`` say what the ``data`` section of a run may hold, and its ``inputs``
names the files.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import AfterValidator, ConfigDict, Field

from concord3d.config.study import joined_datasets
from concord3d.config.validation import StrictModel, Where, validate
from concord3d.errors import ConfigError, nearest
from concord3d.named_modules import load_named
from concord3d.render.view_spec import MIN_PIXELS, VIEW_SET_NAMES


class DataSettings(StrictModel):
    """Base of what a kind of data is told, but for the data set."""

    # A number in quotes, or true for 1, is a slip.
    model_config = ConfigDict(strict=True)


def _known_view_set(name: str) -> str:
    if name not in VIEW_SET_NAMES:
        raise ValueError(f"no such view set{nearest(name, VIEW_SET_NAMES)}; there are {', '.join(VIEW_SET_NAMES)}")
    return name


ViewSetName = Annotated[str, AfterValidator(_known_view_set)]
Pixels = Annotated[int, Field(ge=MIN_PIXELS)]


def only_dataset(run: Mapping[str, Any], read: str) -> str:
    """Return the one data set that a training reads.

    Args:
        run: Resolved configuration.
        read: What such methods read, in the plural, for messages.

    Raises:
        ConfigError: Several data sets are joined.
    """
    sets = joined_datasets(run["pretrain"]["dataset"])
    if len(sets) > 1:
        raise ConfigError(f"Methods that read {read} train on one data set", where="data.dataset", found="+".join(sets))
    return sets[0]


def require_data_settings(kind: str, section: Mapping[str, Any], where: Where) -> None:
    """Refuse a ``data`` section that a kind of data does not know.

    Args:
        kind: A module of this package.
        section: Keys and values as configured, without the data set.
        where: Place for messages.

    Raises:
        ConfigError: There is no such kind, a key is unknown, or a value is impossible.
    """
    validate(load_named(__name__, "kind of training data", kind, where).SETTINGS, dict(section), where)
