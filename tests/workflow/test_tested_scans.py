"""Files of tested scans as one training's frozen encoders see them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.workflow.scan_toys import PAPER, known_toys, written

from concord3d.errors import ConfigError
from concord3d.workflow.plan import Plan
from concord3d.workflow.tested_scans import evaluated_scans


@pytest.fixture(scope="module")
def plan(repository: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Plan]:
    with known_toys(tmp_path_factory.mktemp("toys")):
        paper = PAPER.replace("toy_scans: {datasets: [scannet, scan3r]", "toy_scans: {datasets: [scannet]")
        yield written(tmp_path_factory.mktemp("repository"), repository, paper)


def test_they_are_those_that_its_evaluation_reads(plan: Plan) -> None:
    found = evaluated_scans(plan, "rooms", "objects", None, "scannet")
    evaluated = plan.nodes["rooms/eval/objects__objects__s1"]
    assert found.training.node == "rooms/train/objects__s1" and set(found.nodes) <= set(evaluated.upstream)
    assert found.store in evaluated.inputs["stores"] and "val" in found.store.name
    files = {kind: str(node.outputs[0]) for kind, node in found.encoded.items()}
    assert files == evaluated.params["scans"]["scannet"]


@pytest.mark.parametrize(
    ("experiment", "seed", "dataset", "words"),
    [
        ("object", None, "scannet", "did you mean 'objects'"),
        ("objects", 3, "scannet", "not trained with this seed"),
        ("objects", None, "scannets", "did you mean 'scannet'"),
        ("objects", None, "modelnet40", "unknown data set of scans"),
        ("objects", None, "scan3r", "'objects' is not evaluated on 'scan3r'"),
        ("extractor", None, "scannet", "'extractor' is not evaluated on 'scannet'"),
    ],
)
def test_what_is_not_tested_is_refused(plan: Plan, experiment: str, seed: int | None, dataset: str, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        evaluated_scans(plan, "rooms", experiment, seed, dataset)
