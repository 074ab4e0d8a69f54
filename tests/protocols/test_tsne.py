"""The protocol of t-SNE maps, from its job to its files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from tests.protocols.small_jobs import CLASSES, FROZEN, check_contract, make_job

from concord3d.protocols.evaluation.evaluate import evaluate


def test_tsne_keeps_one_map_per_perplexity(tmp_path: Path) -> None:
    job = make_job(tmp_path, "tsne", FROZEN["tsne"])
    evaluate(job)
    body, arrays = check_contract(job)
    assert body["details"]["maps"] == ["tsne_perplexity_3", "tsne_perplexity_5"]
    assert arrays["tsne_perplexity_3"].shape == (20, 2) and np.isfinite(arrays["tsne_perplexity_5"]).all()
    assert arrays["class_names"].tolist() == list(CLASSES)
