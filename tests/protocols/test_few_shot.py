"""The few-shot protocol, from its job to its files."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.protocols.small_jobs import FROZEN, check_contract, make_job

from concord3d.protocols.evaluation.evaluate import evaluate


def test_few_shot_metrics_name_their_setting(tmp_path: Path) -> None:
    job = make_job(tmp_path, "few_shot", FROZEN["few_shot"])
    evaluate(job)
    body, arrays = check_contract(job)
    assert [record["metric"] for record in body["records"]] == ["accuracy_3way_4shot", "accuracy_3way_6shot"]
    assert body["records"][0]["n_items"] == 12 == len(arrays["accuracy_3way_4shot__last"])
    spread = body["details"]["settings"]["accuracy_3way_4shot"]
    assert spread["num_first_runs"] == 10 and spread["num_classes"] == 4
    assert spread["std"] == pytest.approx(100 * arrays["accuracy_3way_4shot__last"].std())
