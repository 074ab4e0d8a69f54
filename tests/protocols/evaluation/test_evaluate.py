"""Every protocol on frozen features from its job to its two files, and jobs that share features."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tests.protocols.small_jobs import FROZEN, check_contract, make_job, result_of

from concord3d.protocols.evaluation import job as job_module
from concord3d.protocols.evaluation.evaluate import evaluate, evaluate_all


@pytest.mark.parametrize("protocol", sorted(FROZEN))
def test_frozen_protocols_write_the_contract_and_the_same_bytes_twice(tmp_path: Path, protocol: str) -> None:
    job = make_job(tmp_path, protocol, FROZEN[protocol])
    evaluate(job)
    check_contract(job)
    again = replace(job, out=tmp_path / "again")
    evaluate(again)
    for suffix in (".json", ".npz"):
        assert Path(f"{job.out}{suffix}").read_bytes() == Path(f"{again.out}{suffix}").read_bytes()
    assert not list(tmp_path.glob(".partial-*"))


def test_protocols_on_one_encoder_encode_each_split_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[int] = []
    original = job_module.extract_features

    def counting(*arguments: Any) -> Any:
        calls.append(len(arguments[1]))
        return original(*arguments)

    monkeypatch.setattr(job_module, "extract_features", counting)
    evaluate_all(make_job(tmp_path, name, FROZEN[name]) for name in ("linear_svm", "knn", "tsne"))
    # Two snapshots on two splits; the final weights are the second snapshot.
    assert sorted(calls) == [20, 20, 48, 48]
    shared, _ = result_of(make_job(tmp_path, "knn", FROZEN["knn"]))
    evaluate(make_job(tmp_path, "knn", FROZEN["knn"]))
    assert result_of(make_job(tmp_path, "knn", FROZEN["knn"]))[0] == shared
