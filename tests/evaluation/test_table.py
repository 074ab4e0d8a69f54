"""The table of evaluation protocols."""

from __future__ import annotations

from importlib import import_module

import pytest

from concord3d.evaluation.protocols import SETTINGS
from concord3d.evaluation.table import PROTOCOLS


@pytest.mark.parametrize("name", PROTOCOLS)
def test_every_protocol_is_where_the_table_says(name: str) -> None:
    module, _, attribute = PROTOCOLS[name].partition(":")
    assert callable(getattr(import_module(module), attribute))


def test_every_protocol_has_settings_and_no_other_has() -> None:
    assert SETTINGS.keys() == PROTOCOLS.keys()
