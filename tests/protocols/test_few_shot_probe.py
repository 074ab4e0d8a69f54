"""The protocol of few-shot probing, from its job to its files."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from tests.protocols.aligned import aligned_job, assert_same_bytes_twice, measured

from concord3d.errors import ConfigError


def test_protocol(tmp_path: Path) -> None:
    job = aligned_job(tmp_path, "few_shot_probe", {"shots": [1, 16], "num_draws": 3})
    records, arrays, details = measured(job)
    assert set(records) == {"accuracy_1shot", "accuracy_16shot"}
    thirds = 3 * arrays["accuracy_1shot__last"]
    np.testing.assert_allclose(thirds, thirds.round())
    spread = details["settings"]
    assert np.mean(spread["accuracy_1shot"]["accuracy_by_draw"]) == pytest.approx(records["accuracy_1shot"]["value"])
    assert spread["accuracy_1shot"]["num_smaller_classes"] == 0
    # The training split has ten shapes per class.
    assert spread["accuracy_16shot"]["num_smaller_classes"] == 4
    assert len(set(spread["accuracy_16shot"]["accuracy_by_draw"])) == 1


def test_protocol_leaves_the_same_bytes_twice(tmp_path: Path) -> None:
    job = aligned_job(tmp_path, "few_shot_probe", {"shots": [2]})
    assert_same_bytes_twice(job, replace(job, out=tmp_path / "again"))


@pytest.mark.parametrize(("values", "hint"), [({"shot": [1]}, "shots"), ({"num_draws": 0}, "num_draws")])
def test_impossible_settings_are_refused(tmp_path: Path, values: dict[str, object], hint: str) -> None:
    with pytest.raises(ConfigError, match=hint):
        measured(aligned_job(tmp_path, "few_shot_probe", values))
