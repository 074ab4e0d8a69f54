"""Damage of stored features and of evaluations: it is made again or named with what mends it, and never reported."""

from __future__ import annotations

import csv
import os
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.workflow.attacks import SMOKE, made, said
from tests.workflow.clones import call, tree_hash
from tests.workflow.graphs import PAPERS, smoke_plan

from concord3d.commands.report import report_now
from concord3d.errors import ArtifactDamaged
from concord3d.files import read_json, write_json, write_text
from concord3d.workflow import records

ARTIFACTS = Path("artifacts/smoke")
FEATURES = ARTIFACTS / "features/concord_tiny"
EVALUATIONS = ARTIFACTS / "mm_point/eval"
ACCURACY = "modelnet40__linear_svm__s1"


def truncate(path: Path) -> None:
    os.truncate(path, path.stat().st_size // 2)


def flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def empty(path: Path) -> None:
    os.truncate(path, 0)


REMOVAL = re.compile(r"rm '([^']+)'")
DAMAGES = (truncate, flip, empty, Path.unlink)


def attacked(root: Path) -> dict[Path, str]:
    """Files of each kind that features and evaluations consist of, each of another node, whose record is named."""
    images, texts = (shards(root / FEATURES / name) for name in (
        "ensembled__train__ring12__32__images.json", "ensembled__train__texts.json"
    ))  # fmt: skip
    return {
        images[0]: "features/concord_tiny/ensembled__train__ring12__32__images.json",
        texts[0].with_suffix(".json"): "features/concord_tiny/ensembled__train__texts.json",
        root / FEATURES / "objaverse_lvis__test__texts.json": "features/concord_tiny/objaverse_lvis__test__texts.json",
        root / FEATURES / "modelnet40__classes.npz": "features/concord_tiny/modelnet40__classes.json",
        root / EVALUATIONS / f"mm_point__{ACCURACY}.json": "papers/mm_point/eval/mm_point__s1.json",
        root / EVALUATIONS / f"crosspoint__{ACCURACY}.npz": "papers/mm_point/eval/crosspoint__s1.json",
    }


def shards(index: Path) -> list[Path]:
    return [path for path in records.indexed_files(index) if path.suffix == ".npy"]


@pytest.mark.workflow
@pytest.mark.parametrize("damage", DAMAGES)
def test_damage_is_named_and_never_reported(copy: Path, damage: Callable[[Path], None]) -> None:
    files, results = attacked(copy), tree_hash(copy / "results")
    for path in files:
        damage(path)
    # A file that a rule declares and that is gone is made again without a word; all else is named.
    store = copy / ARTIFACTS / "features/store"
    named = {path: record for path, record in files.items() if path.exists() or path.is_relative_to(store)}
    assert len(named) == (len(files) if damage is not Path.unlink else 2)
    for command in (("concord3d", "report", "--scale", "smoke"), ("snakemake", *SMOKE)):
        refused = call(copy, *command)
        text = refused.stdout + refused.stderr
        assert refused.returncode != 0 and re.search(r"^Artifact(Damaged|Stale)|are damaged", text, re.MULTILINE), text
        assert {path for path in files if str(path.relative_to(copy)) in text} == set(named)
        assert set(REMOVAL.findall(text)) == {f"{ARTIFACTS}/records/{record}" for record in named.values()}
    assert tree_hash(copy / "results") == results


@pytest.mark.workflow
@pytest.mark.slow
def test_the_printed_commands_mend_damage_of_every_kind(copy: Path) -> None:
    before = made(copy)
    for number, path in enumerate(attacked(copy)):
        DAMAGES[number % len(DAMAGES)](path)
    refused = call(copy, "snakemake", *SMOKE)
    commands = set(REMOVAL.findall(refused.stdout + refused.stderr))
    assert refused.returncode != 0 and len(commands) == 5
    for record in commands:
        (copy / record).unlink()
    said(copy, *SMOKE)
    assert made(copy) == before


@pytest.mark.workflow
def test_an_evaluation_without_its_record_is_reported_as_not_run(copy: Path) -> None:
    """Who removes the record as the error says, but then asks for a report, gets none of the damaged numbers."""
    path = copy / EVALUATIONS / f"crosspoint__{ACCURACY}.json"
    content = read_json(path)
    content["records"][0]["ci_low"] -= 1
    write_json(path, content)
    refused = call(copy, "concord3d", "report", "--scale", "smoke")
    (record,) = set(REMOVAL.findall(refused.stdout + refused.stderr))
    (copy / record).unlink()
    reported = call(copy, "concord3d", "report", "--scale", "smoke")
    assert reported.returncode == 0, reported.stderr
    results = copy / "results/smoke/mm_point"
    with (results / "tables/linear_svm.csv").open() as stream:
        rows = [(row["experiment"], row["status"]) for row in csv.DictReader(stream)]
    assert {status for experiment, status in rows if experiment == "crosspoint"} == {"not_run"}
    assert ("mm_point", "measured") in rows
    assert "crosspoint," not in (results / "metrics.csv").read_text()


@pytest.mark.parametrize("gone", [False, True])
def test_a_report_reads_every_byte_of_what_it_is_made_from(
    tree: Path, monkeypatch: pytest.MonkeyPatch, gone: bool
) -> None:
    """A look at the graph compares sizes alone where files are large, as those of many test items are."""
    monkeypatch.setattr(records, "QUICK_CHECK_BYTES", 0)
    write_text(tree / "params.yaml", f"scale: smoke\npapers: [{', '.join(PAPERS)}]\ndevice: cpu\nrenderer: open3d\n")
    node = smoke_plan(tree).nodes["mm_point/eval/crosspoint__s1"]
    first, *others = (tree / path for path in node.outputs)
    flip(first)
    if gone:
        # The node is then absent, and what is left of it would be read.
        others[-1].unlink()
    with pytest.raises(ArtifactDamaged, match=rf"(?s){first.name}: other bytes.*rm '.*crosspoint__s1\.json'"):
        report_now(tree, None)
