"""Scans of the world become stores through the rules, and a scale says how much of a scan is kept."""

from __future__ import annotations

import runpy
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
from tests.workflow.graphs import CATALOGUE, SCALE, edit, made_tree, smoke_plan

from concord3d.data.stores import open_store
from concord3d.data.stores.scans import ScanSplit
from concord3d.errors import ConfigError
from concord3d.workflow.plan import Plan
from concord3d.workflow.sources import Sources
from concord3d.workflow.state import State

STORE = "stores/scannet__val"
ROOMS = """datasets:
  scannet:
    source: world
    splits: {train: 2, val: 2}
    options: {frames: 4, height: 24, width: 32}
    scans: {frame_stride: 1, views: 2, key_frames: 3, cad_points: 40, floorplan_pixels: 32}
"""


@pytest.fixture
def tree(repository: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    with made_tree(repository, tmp_path_factory.getbasetemp()) as root:
        yield root


def with_rooms(tree: Path) -> tuple[Plan, str, str]:
    """Return a plan that makes a store of rooms, and the keys of the raw data and of the store."""
    edit(tree / SCALE, "datasets:\n", ROOMS)
    plan = smoke_plan(tree)
    plan.towers.data.store("scannet", "val")
    return plan, STORE, plan.nodes[STORE].upstream[0]


def run(plan: Plan, script: str, key: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Make a node as its rule does."""
    monkeypatch.chdir(plan.root)
    monkeypatch.syspath_prepend(str(plan.root / "workflow_scripts"))
    snakemake = SimpleNamespace(
        log=["work/rule.log"], threads=1, params=SimpleNamespace(nodes=[State(plan).payload(key)])
    )
    runpy.run_path(str(plan.root / "workflow_scripts" / script), {"snakemake": snakemake})


def test_the_rules_make_a_store_of_scans(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plan, store, raw = with_rooms(tree)
    run(plan, "world_dataset.py", raw, monkeypatch)
    run(plan, "store.py", store, monkeypatch)
    found = open_store(plan.root / plan.layout.store("scannet", "val"))
    assert isinstance(found, ScanSplit) and len(found) == 2 and found.data_kind == "synthetic"
    assert found.key_frames.shape == (2, 3) and found.cad_points.shape[1:] == (40, 3)
    assert found.floorplans.shape == (2, 32, 32, 3) and len(found.frame_numbers) > 4
    assert State(plan).nodes[store].asked == State(plan).nodes[store].identity


def test_what_is_kept_belongs_to_the_identity_of_stores_of_scans_alone(tree: Path) -> None:
    plan, store, _ = with_rooms(tree)
    before = State(plan).nodes
    edit(tree / SCALE, "views: 2", "views: 3")
    plan = smoke_plan(tree)
    plan.towers.data.store("scannet", "val")
    after = State(plan).nodes
    assert {key for key in after if before[key].asked != after[key].asked} == {store}
    assert "scans" in plan.nodes[store].recipe["spec"]
    assert all("scans" not in node.recipe.get("spec", {}) for key, node in plan.nodes.items() if key != store)


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("views: 2", "view: 2", r"'view'(.|\n)*did you mean 'views'"),
        ("views: 2", "views: 0", "views"),
        ("    scans: {frame_stride: 1,", "    scans: {frame_stride: half,", "frame_stride"),
    ],
)
def test_what_no_scan_has_is_refused(tree: Path, old: str, new: str, words: str) -> None:
    edit(tree / SCALE, "datasets:\n", ROOMS)
    edit(tree / SCALE, old, new)
    with pytest.raises(ConfigError, match=words) as refused:
        smoke_plan(tree).towers.data.store("scannet", "val")
    assert SCALE.name in str(refused.value)


def furnished(tree: Path, more: str = "  named_meshes: {source: real}\n") -> Plan:
    """Return a plan of rooms that are furnished from another data set."""
    edit(tree / SCALE, "datasets:\n", ROOMS.replace("width: 32}", "width: 32, furniture: named_meshes}") + more)
    plan = smoke_plan(tree)
    plan.towers.data.store("scannet", "val")
    return plan


def test_rooms_furnished_from_another_data_set_are_made_of_its_files(tree: Path) -> None:
    plan = furnished(tree)
    node = plan.nodes["raw/world_smoke/scannet"]
    assert node.upstream == ("raw/real/named_meshes",)
    assert node.inputs == {"foreign": (plan.layout.real_marker("named_meshes"),)}
    assert "concord3d.world.rooms.foreign.named_meshes" in node.entries
    before = State(plan).nodes
    edit(tree / CATALOGUE, "counts: {train: 995, test: 233}", "counts: {train: 996, test: 232}")
    plan = smoke_plan(tree)
    plan.towers.data.store("scannet", "val")
    after = State(plan).nodes
    assert {key for key in after if before[key].asked != after[key].asked} == {
        "raw/real/named_meshes", "raw/world_smoke/scannet", STORE,
    }  # fmt: skip


def test_rooms_of_the_world_alone_need_no_other_data_set(tree: Path) -> None:
    plan, _, raw = with_rooms(tree)
    assert not plan.nodes[raw].inputs and not any("foreign" in entry for entry in plan.nodes[raw].entries)
    assert not any(".rooms.foreign.named_meshes" in name for name in Sources(plan.root).hashes(plan.nodes[raw].entries))


@pytest.mark.parametrize("more", ["", "  named_meshes: {source: world, splits: {train: 2}}\n"])
def test_a_scale_must_obtain_what_rooms_are_furnished_from(tree: Path, more: str) -> None:
    with pytest.raises(ConfigError, match=r"draws on 'named_meshes'(.|\n)*source: real") as refused:
        furnished(tree, more)
    assert SCALE.name in str(refused.value)
