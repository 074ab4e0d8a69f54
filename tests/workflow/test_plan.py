"""The graph as data: its shape, and which nodes a change of the configuration concerns."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from tests.workflow.graphs import (
    CATALOGUE,
    LOSS,
    MIXING_SCALE,
    POINT_SCALE,
    SCALE,
    append,
    asked,
    differing,
    edit,
    identities,
    made_tree,
    remembered_yaml,
    smoke_plan,
    with_downstream,
)

from concord3d.config.resolve import load_params
from concord3d.config.strict_yaml import load_yaml
from concord3d.data.catalog import load_catalog
from concord3d.data.readers import find_reader, reader_module
from concord3d.data.stores import store_module
from concord3d.errors import ConfigError
from concord3d.layout import STAGES
from concord3d.methods.settings import method_settings
from concord3d.models.encoder_settings import encoder_settings
from concord3d.protocols.loading import protocol_module
from concord3d.workflow.node import Node
from concord3d.workflow.plan import Plan
from concord3d.workflow.sources import Sources
from concord3d.world.datasets import family_module

POINT_PAPER = Path("papers/mm_point/paper.yaml")
MIXING_PAPER = Path("papers/mm_mixing/paper.yaml")
SCALES = ("smoke", "demo", "small", "paper")


@pytest.fixture(scope="module", params=SCALES)
def plan(request: pytest.FixtureRequest, repository: Path) -> Plan:
    """The plan of both papers at every scale."""
    with remembered_yaml():
        return Plan(repository, load_params({"scale": request.param, "papers": ["mm_point", "mm_mixing"]}))


@pytest.fixture(scope="module")
def smoke(repository: Path) -> Plan:
    """The plan of both papers at the smoke scale."""
    with remembered_yaml():
        return smoke_plan(repository)


# The shape of the graph.


def test_each_node_stands_after_those_that_it_is_made_from(plan: Plan) -> None:
    place = {key: position for position, key in enumerate(plan.nodes)}
    for node in plan.nodes.values():
        assert all(place[key] < place[node.key] for key in node.upstream), node.key


def test_the_maker_of_an_input_declares_it(plan: Plan) -> None:
    num_inputs = 0
    for node in plan.nodes.values():
        assert node.inputs.keys() == node.makers.keys()
        for name, paths in node.inputs.items():
            declared = {output for key in node.makers[name] for output in plan.nodes[key].outputs}
            assert all({path, *path.parents} & declared for path in paths), (node.key, name)
            assert bool(paths) == bool(node.makers[name]), (node.key, name)
            num_inputs += len(paths)
    assert num_inputs > len(plan.nodes)


def test_no_two_nodes_make_one_file(plan: Plan) -> None:
    outputs = [path for node in plan.nodes.values() for path in node.outputs]
    records = [plan.layout.record(key) for key in plan.nodes]
    assert all(node.outputs for node in plan.nodes.values())
    made = {*outputs, *records}
    assert len(made) == len(outputs) + len(records) == len(plan.maker_of)
    assert not {path for path in made if made.intersection(path.parents)}, "a file below another node's folder"
    assert all(plan.maker_of[str(path)] == node.key for node in plan.nodes.values() for path in node.outputs)
    assert all(plan.maker_of[str(plan.layout.record(key))] == key for key in plan.nodes)


@dataclass
class DvcStage:
    """What one stage of dvc.yaml keeps, and what it watches."""

    kept: set[Path]
    watched: set[Path]


def dvc_stages(repository: Path, plan: Plan) -> dict[str, DvcStage]:
    """The stages of dvc.yaml, with one for each paper in place of the loop."""
    found = {}
    for name, entry in load_yaml(repository / "dvc.yaml")["stages"].items():
        body = entry.get("do", entry)
        for stage in plan.studies if "foreach" in entry else [name]:
            kept, watched = (
                {Path(key.replace("${scale}", plan.params.scale).replace("${item}", stage)) for key in keys}
                for keys in ([key for out in body["outs"] for key in out], body["deps"])
            )
            found[stage] = DvcStage(kept, watched)
    return found


def test_stages_are_those_of_dvc(plan: Plan, repository: Path) -> None:
    stages = dvc_stages(repository, plan)
    assert {node.stage for node in plan.nodes.values()} - {"raw"} == stages.keys() == {*STAGES, *plan.studies}
    for name, stage in stages.items():
        for node in plan.of_stage(name):
            for path in (*node.outputs, plan.layout.record(node.key)):
                assert set(path.parents) & stage.kept, f"stage {name} does not keep {path}"


def test_each_stage_asks_dvc_for_what_its_nodes_read(plan: Plan, repository: Path) -> None:
    for name, stage in dvc_stages(repository, plan).items():
        for node in plan.of_stage(name):
            for key in node.upstream:
                if plan.nodes[key].stage != "raw":
                    record = plan.layout.record(key)
                    assert {*record.parents} & (stage.kept | stage.watched), f"stage {name} does not ask for {record}"


def test_the_record_of_raw_data_lies_beside_the_data(plan: Plan) -> None:
    for node in plan.nodes.values():
        below = "data/records" if node.stage == "raw" else f"artifacts/{plan.params.scale}/records"
        assert plan.layout.record(node.key).is_relative_to(below)


def test_sources_of_what_is_looked_up_by_name_are_entries(plan: Plan, repository: Path) -> None:
    sources, catalog = Sources(repository), load_catalog(repository / CATALOGUE)
    # Many nodes have the same entries.
    hashes = {entries: sources.hashes(entries) for entries in {node.entries for node in plan.nodes.values()}}
    for node in plan.nodes.values():
        counted = hashes[node.entries]
        assert bool(counted) == (not node.key.startswith("raw/real/"))
        run = node.params.get("run")
        if node.script == "train":
            assert run is not None and builders(run) <= counted.keys()
            assert {f"concord3d.methods.{run['method']}.{part}" for part in ("settings", "method")} <= counted.keys()
            if node.params["reads"]:
                kind = method_settings(run["method"], run["objective"]).data
                assert f"concord3d.batches.{kind}" in counted
            for earlier, _ in node.params["needs"].values():
                assert builders(earlier) <= counted.keys()
        dataset = node.key.split("/")[-1].split("__")[0]
        if node.key.startswith(("stores/", "views/")):
            assert reader_module(catalog[dataset].reader) in counted
        if node.key.startswith("raw/world"):
            assert family_module(dataset) in counted
        if "/eval/" in node.key:
            assert run is not None and builders(run) <= counted.keys()
            assert {protocol_module(name) for name, _, _ in node.params["jobs"]} <= counted.keys()
            read_by = [catalog[name].reader for _, name, _ in node.params["jobs"]]
            assert {store_module(find_reader(name).kind) for name in read_by} <= counted.keys()


def builders(run: Mapping[str, Any]) -> set[str]:
    """The modules that build a run's point encoder, and that say what it may be told."""
    encoder = run["encoder"]
    if "name" not in encoder:
        return set()
    if run["method"] in ("depth_views", "tower_and_encoder"):
        return {f"concord3d.features.{run['method']}"}
    return {f"concord3d.models.settings.{encoder['name']}", encoder_settings(encoder).builder.partition(":")[0]}


# Jobs of several nodes.


def test_every_node_has_one_job_and_jobs_one_script(plan: Plan) -> None:
    assert [node for job in plan.jobs.values() for node in job.nodes].__len__() == len(plan.nodes)
    for name, job in plan.jobs.items():
        assert {node.job for node in job.nodes} == {name} and len({node.script for node in job.nodes}) == 1
        assert not set(job.inputs) & set(job.outputs)
        assert not {node.key for node in job.nodes} & set(job.upstream)


def test_jobs_form_no_circle_and_their_nodes_follow_what_they_are_made_from(plan: Plan) -> None:
    made: set[str] = set()
    waiting = list(plan.jobs.values())
    while waiting:
        ready = [job for job in waiting if set(job.upstream) <= made]
        assert ready, [job.name for job in waiting]
        for job in ready:
            for node in job.nodes:
                assert set(node.upstream) <= made
                made.add(node.key)
        waiting = [job for job in waiting if job not in ready]


@pytest.mark.parametrize(
    ("batch", "trained", "encoded", "evaluated"),
    [("seed", ["train_mm_point_s1", "train_mm_point_s2"], 4, 4), ("experiment", None, 19, 22), ("node", None, 19, 50)],
)
def test_the_scale_says_what_shares_a_job(
    tree: Path, batch: str, trained: list[str] | None, encoded: int, evaluated: int
) -> None:
    edit(tree / "config/scales/demo.yaml", "batch: seed", f"batch: {batch}")
    plan = smoke_plan(tree, scale="demo")
    jobs = [job.name for job in plan.jobs_of("train") if job.name.startswith("train_mm_point_")]
    keys = {node.key for node in plan.nodes.values() if node.script == "train"}
    if trained is not None:
        assert jobs == trained
    elif batch == "experiment":
        assert jobs == [f"train_mm_point_{name}" for name in plan.studies["mm_point"].experiments]
    else:
        assert len(plan.jobs_of("train")) == len(keys)
    assert len(plan.jobs_of("encode")) == encoded and len(plan.jobs_of("evaluate")) == evaluated
    assert {node.key for job in plan.jobs_of("train") for node in job.nodes} == keys


def test_a_paper_may_share_jobs_otherwise_than_the_scale(tree: Path) -> None:
    plan = smoke_plan(tree, scale="demo")
    edit(tree / "papers/mm_point/scales/demo.yaml", "\nprotocols:", "\nbatch: node\nprotocols:")
    own = smoke_plan(tree, scale="demo")

    def jobs_of(paper: str, which: Plan) -> int:
        return sum(job.name.startswith((f"train_{paper}_", f"evaluate_{paper}_")) for job in which.jobs.values())

    assert jobs_of("mm_point", own) > jobs_of("mm_point", plan)
    assert jobs_of("mm_mixing", own) == jobs_of("mm_mixing", plan)
    assert {key: node.recipe for key, node in own.nodes.items()} == {
        key: node.recipe for key, node in plan.nodes.items()
    }


def test_an_unknown_node_is_named_with_the_nearest(smoke: Plan) -> None:
    assert smoke.node("mm_point/train/mm_point__s1") is smoke.nodes["mm_point/train/mm_point__s1"]
    with pytest.raises(ConfigError, match="did you mean 'mm_point/train/mm_point__s1'") as caught:
        smoke.node("mm_point/train/mm_point__s11")
    assert "scale smoke" in str(caught.value)


def test_all_that_a_node_is_made_from_is_found(smoke: Plan) -> None:
    stores = {"raw/world_smoke/shapenet", "stores/shapenet__train"}
    training = {*stores, "views/shapenet__train__ring24__32", "mm_point/train/mm_point__s1"}
    assert smoke.with_upstream(["mm_point/train/mm_point__s1"]) == training
    assert smoke.with_upstream([]) == set()
    assert smoke.with_upstream(["stores/shapenet__train", "mm_point/train/random_init__s1"]) == {
        *stores,
        "mm_point/train/random_init__s1",
    }
    assert smoke.with_upstream(smoke.nodes) == set(smoke.nodes)


def test_one_paper_alone_has_its_nodes_as_in_the_plan_of_both(repository: Path, smoke: Plan) -> None:
    with remembered_yaml():
        alone = {paper: smoke_plan(repository, papers=[paper]) for paper in ("mm_point", "mm_mixing")}
        identities, both = {paper: asked(repository, papers=[paper]) for paper in alone}, asked(repository)
    assert {**alone["mm_point"].nodes, **alone["mm_mixing"].nodes}.keys() == smoke.nodes.keys() - {"cross/encoders"}
    for paper in alone:
        assert identities[paper].items() <= both.items()


# Which nodes a change concerns.


def test_what_labels_mean_is_part_of_what_scans_are_made_of_and_of_nothing_else(repository: Path) -> None:
    with remembered_yaml():
        plan = Plan(repository, load_params({"scale": "smoke", "papers": ["cmcr"]}))
    told = plan.node("stores/semantic_kitti__train").recipe["spec"]
    assert told["scan_labels"]["classes"]["car"] == [10, 252]
    assert "scan_labels" not in plan.node("stores/nuscenes__train").recipe["spec"]


@pytest.fixture
def tree(repository: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A copy of the sources and the configuration, whose edits are undone."""
    with made_tree(repository, tmp_path_factory.getbasetemp()) as root:
        yield root


@pytest.fixture
def before(tree: Path) -> dict[str, str]:
    """The identities that are asked before an edit."""
    return first_identities(tree)


@cache
def first_identities(tree: Path) -> dict[str, str]:
    return asked(tree)


def nodes_where(plan: Plan, condition: Callable[[Node], bool]) -> set[str]:
    found = {node.key for node in plan.nodes.values() if condition(node)}
    assert found
    return found


def parts(plan: Plan, *names: str, papers: Sequence[str] = ("mm_point", "mm_mixing")) -> set[str]:
    """Parts of the reports of some papers."""
    found = {f"{paper}/report/{name}" for paper in papers for name in names}
    assert found <= plan.nodes.keys()
    return found


def reports(plan: Plan, *papers: str) -> set[str]:
    """Everything that a reader sees of some papers, without the examples beside the numbers."""
    return parts(plan, "metrics", "tables", "figures", "verdicts", "pages", "html", papers=papers) | {"cross/encoders"}


def evaluated_by(plan: Plan, protocol: str) -> set[str]:
    return nodes_where(plan, lambda node: protocol in [name for name, *_ in node.params.get("jobs", ())])


def trainings(plan: Plan, paper: str) -> set[str]:
    return nodes_where(plan, lambda node: node.key.startswith(f"{paper}/train/"))


def of_raw(plan: Plan, *datasets: str) -> set[str]:
    return with_downstream(plan, {f"raw/world_smoke/{name}" for name in datasets})


def read_from(plan: Plan, *datasets: str) -> set[str]:
    folders = ("stores", "views")
    prefixes = tuple(f"{folder}/{name}__" for folder in folders for name in datasets)
    return nodes_where(plan, lambda node: node.key.startswith(prefixes))


EPOCHS = "training.epochs: {}\n  training.batch_size: 16\n  training.num_snap"
TOWER = "warmup_epochs: 1, epochs: 2, batch_size: 16"
Changed = Callable[[Plan], set[str]]


def nothing(plan: Plan) -> set[str]:
    """An edit that concerns no node."""
    return set()


# The file, an edit of it, and exactly the nodes that it concerns.
EDITS: dict[str, tuple[Path, str, str, Changed]] = {
    "label": (
        POINT_PAPER, 'label: "MM-Point"', 'label: "Ours"', lambda plan: reports(plan, "mm_point"),
    ),
    "origin of a setting": (
        POINT_PAPER, "origin: author_code", "origin: ours", lambda plan: reports(plan, "mm_point"),
    ),
    "claims and tables": (
        Path("papers/mm_mixing/report.yaml"), "[setting, metric]", "[metric]", lambda plan: reports(plan, "mm_mixing"),
    ),
    "published numbers": (
        Path("papers/mm_point/published.csv"), "\n", "\n\n", lambda plan: reports(plan, "mm_point"),
    ),
    "epochs of a paper": (
        POINT_SCALE, EPOCHS.format(2), EPOCHS.format(3),
        lambda plan: with_downstream(plan, trainings(plan, "mm_point")),
    ),
    "points of a paper": (
        POINT_SCALE, "data.num_points: 128", "data.num_points: 64",
        lambda plan: with_downstream(plan, trainings(plan, "mm_point")),
    ),
    "width of an encoder": (
        MIXING_SCALE, "encoder.width: 64", "encoder.width: 32",
        lambda plan: with_downstream(plan, trainings(plan, "mm_mixing")),
    ),
    "teacher": (
        MIXING_SCALE, "set:\n", "experiment_set: {stage1: {objective.beta: 0.5}}\nset:\n",
        lambda plan: with_downstream(plan, {"mm_mixing/train/stage1__s1"}),
    ),
    "student": (
        MIXING_SCALE, "set:\n", "experiment_set: {full: {objective.beta: 0.5}}\nset:\n",
        lambda plan: with_downstream(plan, {"mm_mixing/train/full__s1"}),
    ),
    "size of a split": (
        SCALE, "{train: 90, test: 48}", "{train: 90, test: 54}", lambda plan: of_raw(plan, "modelnet40"),
    ),
    "categories": (
        SCALE, "[chair, table, shelf]", "[chair, table, bed]", lambda plan: of_raw(plan, "scanobjectnn_obj_only"),
    ),
    "points of the world": (
        SCALE, "splits: {train: 48}, num_points: 256", "splits: {train: 48}, num_points: 512",
        lambda plan: of_raw(plan, "shapenet"),
    ),
    "seed of the world": (
        SCALE, "world_seed: 3", "world_seed: 4",
        lambda plan: with_downstream(plan, nodes_where(plan, lambda node: node.stage == "raw")),
    ),
    "largest radius of a data set": (
        CATALOGUE, "max_radius: 1.05", "max_radius: 1.06",
        lambda plan: with_downstream(plan, {"stores/modelnet40__train", "stores/modelnet40__test"}),
    ),
    "patterns of a data set": (
        CATALOGUE, 'patterns: ["ShapeNet/*/*.ply"]', 'patterns: ["*/*/*.ply"]',
        lambda plan: with_downstream(plan, {"stores/shapenet__train", "views/shapenet__train__ring24__32"}),
    ),
    "another data set": (CATALOGUE, "[modelnet10_hdf5_2048]", "[modelnet10]", nothing),
    "words of the catalogue": (CATALOGUE, "title: ModelNet40, 2,048", "title: ModelNet, 2,048", nothing),
    "licence": (CATALOGUE, "name: academic use", "name: Academic use", nothing),
    "address of a file": (CATALOGUE, "https://shapenet.cs.stanford.edu/media", "https://example.org", nothing),
    "purpose of a scale": (SCALE, "the whole graph in a few minutes", "the graph", nothing),
    "a comment": (SCALE, "# Small enough", "# Not too large", nothing),
    "threads of a tower": (
        SCALE, "num_snapshots: 1, threads: 1", "num_snapshots: 1, threads: 2, checkpoint_every_s: 5",
        lambda plan: reports(plan, "mm_mixing"),
    ),
    "epochs of a tower": (
        SCALE, TOWER, TOWER.replace("epochs: 2", "epochs: 3"),
        lambda plan: with_downstream(plan, {"towers/concord_tiny"}),
    ),
    "seed of a tower": (
        SCALE, "    training:\n", "    training:\n      seed: 2\n",
        lambda plan: with_downstream(plan, {"towers/concord_tiny"}),
    ),
    "model of a tower": (
        Path("config/towers/concord_tiny.json"), '"embed_dim": ', '"embed_dim": 1',
        lambda plan: with_downstream(plan, {"towers/concord_tiny"}),
    ),
    "threads of a paper": (
        POINT_SCALE, EPOCHS.format(2), f"training.threads: 2\n  {EPOCHS.format(2)}",
        lambda plan: reports(plan, "mm_point"),
    ),
    "settings of a protocol": (
        MIXING_SCALE, "consistency: {datasets: [objaverse_lvis]}",
        "consistency: {datasets: [objaverse_lvis], settings: {weights: [0.5]}}",
        lambda plan: with_downstream(
            plan, nodes_where(plan, lambda node: node.key.startswith(("mm_mixing/eval/", "mm_mixing/figures/mixed")))
        ),
    ),
    "settings of a protocol that its figure does not show": (
        MIXING_SCALE, "consistency: {datasets: [objaverse_lvis]}",
        "consistency: {datasets: [objaverse_lvis], settings: {num_points: 64}}",
        lambda plan: with_downstream(plan, nodes_where(plan, lambda node: node.key.startswith("mm_mixing/eval/"))),
    ),
    "settings of a protocol that are its defaults": (
        MIXING_SCALE, "consistency: {datasets: [objaverse_lvis]}",
        "consistency: {datasets: [objaverse_lvis], settings: {pair_seed: 0}}",
        nothing,
    ),
    "another scale": (Path("config/scales/demo.yaml"), "world_seed: 3", "world_seed: 4", nothing),
}  # fmt: skip


@pytest.mark.parametrize("what", EDITS)
def test_an_edit_concerns_exactly(tree: Path, before: dict[str, str], what: str) -> None:
    path, old, new, concerned = EDITS[what]
    edit(tree / path, old, new)
    plan = smoke_plan(tree)
    found, expected = differing(before, identities(plan)), concerned(plan)
    if "threads" in what:
        # Whether reports count settings of speed is their own matter; nothing else may.
        assert found <= expected
    else:
        assert found == expected


def test_the_epochs_of_one_paper_leave_the_other_and_the_data(tree: Path, before: dict[str, str]) -> None:
    edit(tree / POINT_SCALE, EPOCHS.format(2), EPOCHS.format(3))
    changed = differing(before, asked(tree))
    assert changed == {key for key in before if key.startswith("mm_point/")} | {"cross/encoders"}


def test_a_teacher_moves_its_student_and_no_other(tree: Path, before: dict[str, str]) -> None:
    edit(tree / MIXING_SCALE, "set:\n", "experiment_set: {stage1: {objective.beta: 0.5}}\nset:\n")
    changed = {key for key in differing(before, asked(tree)) if "/train/" in key}
    assert changed == {"mm_mixing/train/stage1__s1", "mm_mixing/train/full__s1"}


def test_more_seeds_leave_those_that_were_there(tree: Path, before: dict[str, str]) -> None:
    after, plan = asked(tree, seeds=[1, 2]), smoke_plan(tree)
    shown = reports(plan, "mm_point", "mm_mixing") | {"mm_mixing/figures/pictures__objaverse_lvis"}
    assert differing(before, {key: after[key] for key in before}) == shown
    added = after.keys() - before.keys()
    assert added == {key.replace("__s1", "__s2") for key in before if "__s1" in key}
    assert added and not {after[key] for key in added} & set(before.values())


def test_another_seed_trains_and_evaluates_and_leaves_data_and_towers(tree: Path, before: dict[str, str]) -> None:
    after = asked(tree, seeds=[2])
    other = {key: after[key.replace("__s1", "__s2")] for key in before}
    changed = differing(before, other)
    stages = {key: node.stage for key, node in smoke_plan(tree).nodes.items()}
    assert {stages[key] for key in before.keys() - changed} == {"raw", "data", "towers", "mm_mixing"}
    assert {key for key in before.keys() - changed if stages[key] == "mm_mixing"} == {"mm_mixing/figures/mixed_clouds"}
    assert {stages[key] for key in changed} == {"mm_point", "mm_mixing", "cross"}


def test_another_renderer_concerns_views_and_what_is_made_of_them(tree: Path, before: dict[str, str]) -> None:
    plan = smoke_plan(tree)
    changed = differing(before, asked(tree, renderer="pytorch3d"))
    assert changed == with_downstream(plan, nodes_where(plan, lambda node: node.key.startswith("views/")))
    assert not {key for key in changed if key.startswith(("raw/", "stores/"))}
    assert not {key for key in changed if "random_init" in key and "/train/" in key}


@pytest.mark.parametrize("device", ["cuda", "auto"])
def test_the_device_concerns_nothing(tree: Path, before: dict[str, str], device: str) -> None:
    assert asked(tree, device=device) == before
    assert asked(tree, device=device, renderer="pytorch3d") == asked(tree, renderer="pytorch3d")


SOURCES: dict[str, Changed] = {
    "src/concord3d/methods/mm_point/method.py": lambda plan: (
        trainings(plan, "mm_point") - {"mm_point/train/random_init__s1"}
    ),
    "src/concord3d/models/pointnet.py": lambda plan: trainings(plan, "mm_point"),
    "src/concord3d/models/point_bert.py": lambda plan: trainings(plan, "mm_mixing"),
    "src/concord3d/protocols/linear_probe.py": lambda plan: evaluated_by(plan, "linear_probe"),
    "src/concord3d/measures/alignment.py": lambda plan: evaluated_by(plan, "alignment"),
    "src/concord3d/protocols/interface.py": lambda plan: nodes_where(plan, lambda node: "/eval/" in node.key),
    "src/concord3d/methods/clip/method.py": lambda plan: {"towers/concord_tiny"},
    "src/concord3d/world/objects/grammar.py": lambda plan: nodes_where(plan, lambda node: node.stage == "raw"),
    "src/concord3d/world/datasets/modelnet.py": lambda plan: {"raw/world_smoke/modelnet40"},
    "src/concord3d/world/datasets/meshes_with_texts.py": lambda plan: of_raw(plan, "ensembled", "objaverse_lvis"),
    "src/concord3d/data/readers/modelnet_h5.py": lambda plan: read_from(plan, "modelnet40"),
    "src/concord3d/data/readers/mesh_text.py": lambda plan: read_from(plan, "ensembled", "objaverse_lvis"),
    "src/concord3d/data/readers/openshape_npy.py": nothing,
    "src/concord3d/data/stores/sweeps.py": nothing,
    "src/concord3d/reporting/tables/cells.py": lambda plan: (
        parts(plan, "tables", "verdicts", "pages") | {"mm_point/report/figures", "cross/encoders"}
    ),
    "src/concord3d/reporting/claims/verdicts.py": lambda plan: parts(plan, "verdicts", "pages"),
    "src/concord3d/reporting/figures/style.py": lambda plan: parts(plan, "figures"),
    "src/concord3d/reporting/figures/kinds/part_renders.py": lambda plan: {"mm_point/report/figures"},
    "src/concord3d/reporting/figures/kinds/mixed_clouds.py": lambda plan: {"mm_mixing/report/figures"},
    "src/concord3d/reporting/evidence/metric_files.py": lambda plan: parts(plan, "metrics"),
    "src/concord3d/reporting/evidence/metric_rows.py": lambda plan: reports(plan, "mm_point", "mm_mixing"),
    "src/concord3d/reporting/evidence/measurements.py": lambda plan: reports(plan, "mm_point", "mm_mixing"),
    "workflow_scripts/views.py": lambda plan: nodes_where(plan, lambda node: node.key.startswith("views/")),
    "workflow_scripts/store.py": lambda plan: nodes_where(plan, lambda node: node.key.startswith("stores/")),
    "src/concord3d/config/resolve.py": nothing,
    "src/concord3d/workflow/plan.py": nothing,
    "src/concord3d/training/progress.py": nothing,
    "src/concord3d/cli.py": nothing,
}


@pytest.mark.parametrize("name", SOURCES)
def test_an_edited_source_concerns_exactly(tree: Path, before: dict[str, str], name: str) -> None:
    append(tree / name)
    plan = smoke_plan(tree)
    assert differing(before, identities(plan)) == with_downstream(plan, SOURCES[name](plan))


def test_an_edited_loss_concerns_what_is_trained_with_it(tree: Path, before: dict[str, str]) -> None:
    append(tree / LOSS)
    plan = smoke_plan(tree)
    changed = differing(before, identities(plan))
    using = nodes_where(plan, lambda node: "concord3d.losses.nt_xent" in Sources(tree).hashes(node.entries))
    assert changed == with_downstream(plan, using)
    trained = trainings(plan, "mm_point") - {"mm_point/train/random_init__s1"}
    assert trained <= using and not [key for key in changed if plan.nodes[key].stage in ("raw", "data")]


def test_an_unknown_encoder_is_named(tree: Path) -> None:
    edit(tree / POINT_SCALE, "encoder.name: pointnet", "encoder.name: pointnot")
    with pytest.raises(ConfigError, match="did you mean 'pointnet'"):
        smoke_plan(tree)


@pytest.mark.parametrize(
    ("path", "found", "written", "told"),
    [
        (MIXING_SCALE, "num_resamples: 2", "num_resample: 2", ["zero_shot.settings", "did you mean 'num_resamples'"]),
        (MIXING_SCALE, "shots: [1, 2]", "shots: [1, -2]", ["few_shot_probe.settings", "shots.1", "greater than 0"]),
        (
            MIXING_PAPER,
            "protocols:\n",
            "protocols:\n  zero_shoot: {datasets: [modelnet40]}\n",
            ["did you mean 'zero_shot'"],
        ),
        (
            MIXING_PAPER,
            "  retrieval:\n",
            "  retrieval:\n    module: pont\n",
            ["did you mean 'point'", "protocols.retrieval"],
        ),
    ],
)
def test_a_plan_refuses_what_protocols_do_not_know(
    tree: Path, path: Path, found: str, written: str, told: list[str]
) -> None:
    edit(tree / path, found, written)
    with pytest.raises(ConfigError) as caught:
        smoke_plan(tree)
    assert all(word in str(caught.value) for word in ["mm_mixing", *told]), caught.value


def test_a_protocol_that_compares_with_a_tower_needs_one(tree: Path) -> None:
    edit(
        tree / POINT_PAPER,
        "protocols:\n  linear_svm:",
        "protocols:\n  retrieval: {datasets: [modelnet40]}\n  linear_svm:",
    )
    edit(tree / POINT_SCALE, "protocols:\n", "protocols:\n  retrieval: {}\n")
    with pytest.raises(ConfigError, match="has no tower"):
        smoke_plan(tree)


def needing(tree: Path, role: str, need: str) -> None:
    """Let stage 2 of MM-Mixing rest on another training."""
    edit(tree / MIXING_PAPER, "needs: {teacher: stage1}", f"needs: {{{role}: {need}}}")


def test_of_another_paper_only_the_needed_trainings_run(tree: Path) -> None:
    needing(tree, "teacher", "mm_point/single_view")
    plan = smoke_plan(tree, papers=["mm_mixing"])
    assert list(plan.studies) == ["mm_mixing"] and set(plan.loaded) == {"mm_point", "mm_mixing"}
    others = {key for key, node in plan.nodes.items() if node.stage == "mm_point"}
    assert others == {"mm_point/train/single_view__s1"}
    student = plan.node("mm_mixing/train/full__s1")
    assert student.inputs["needs_teacher"] == (
        plan.layout.training("mm_point", "single_view", 1) / "weights/point.safetensors",
    )
    # What reads the weights is built as in the other training, by another encoder than the student's.
    assert "concord3d.models.pointnet" in student.entries and "concord3d.models.point_bert" in student.entries
    assert "mm_point/train/single_view__s1" in student.upstream
    both = smoke_plan(tree)
    assert both.node("mm_mixing/train/full__s1") == student
    assert [key for key in both.nodes if key.startswith("mm_point/report/")]


def test_what_another_paper_is_given_moves_the_student(tree: Path) -> None:
    needing(tree, "teacher", "mm_point/single_view")
    before, plan = asked(tree), smoke_plan(tree)
    edit(tree / POINT_SCALE, "set:\n", "experiment_set: {single_view: {objective.temperature: 0.5}}\nset:\n")
    changed = differing(before, asked(tree))
    assert changed == with_downstream(plan, {"mm_point/train/single_view__s1"})
    assert "mm_mixing/train/full__s1" in changed and "mm_mixing/train/stage1__s1" not in changed


def test_a_role_that_no_training_knows_is_named(tree: Path) -> None:
    needing(tree, "teachr", "stage1")
    with pytest.raises(ConfigError, match="unknown role 'teachr'; did you mean 'teacher'") as caught:
        smoke_plan(tree)
    assert "papers/mm_mixing/paper.yaml, line" in str(caught.value)


@pytest.mark.parametrize("file", [SCALE, POINT_SCALE])
def test_a_data_set_that_the_catalogue_does_not_have_is_named(tree: Path, file: Path) -> None:
    entry = "  shapnet: {source: world, splits: {train: 8}}\n"
    if file == SCALE:
        edit(tree / file, "datasets:\n", f"datasets:\n{entry}")
    else:
        append(tree / file, f"datasets:\n{entry}")
    line = (tree / file).read_text().split("shapnet")[0].count("\n") + 1
    with pytest.raises(ConfigError, match="unknown data set 'shapnet'; did you mean 'shapenet'") as caught:
        smoke_plan(tree)
    assert f"{file}, line {line}" in str(caught.value)


@pytest.mark.parametrize(
    ("view_set", "expected"),
    [("frames_10", "r2n2_24, or views that are drawn"), ("ulip_60", "r2n2_24, or views that are drawn")],
)
def test_pictures_that_a_data_set_does_not_bring_are_refused(tree: Path, view_set: str, expected: str) -> None:
    edit(tree / POINT_SCALE, "data.view_set: ring24", f"data.view_set: {view_set}")
    with pytest.raises(ConfigError, match=f"'shapenet' does not bring the pictures '{view_set}'") as caught:
        smoke_plan(tree)
    assert expected in str(caught.value)


def test_a_data_set_without_pictures_has_only_views_that_are_drawn(tree: Path) -> None:
    edit(tree / SCALE, "view_sets: [ring12, photo12]", "view_sets: [ring12, frames_10]")
    with pytest.raises(ConfigError, match="'ensembled' does not bring the pictures 'frames_10'") as caught:
        smoke_plan(tree)
    assert "expected: views that are drawn" in str(caught.value)


def test_frames_of_filmed_objects_are_views(tree: Path) -> None:
    append(tree / POINT_SCALE, "datasets: {redwood: {source: world, splits: {train: 9, test: 9}, num_points: 256}}\n")
    edit(tree / POINT_SCALE, "data.view_set: ring24", "data.view_set: frames_10\n  data.dataset: redwood")
    plan = smoke_plan(tree, papers=["mm_point"])
    node = plan.nodes["views/redwood__train__frames_10__32"]
    assert node.params["renderer"] == "images" and "concord3d.data.readers.redwood" in node.entries
    assert "concord3d.world.datasets.redwood" in plan.nodes["raw/world_smoke/redwood"].entries


def test_two_papers_bring_one_data_set_each_or_the_same(tree: Path) -> None:
    entry = "datasets: {modelnet10: {source: world, splits: {test: 8}}}\n"
    append(tree / POINT_SCALE, entry)
    append(tree / MIXING_SCALE, entry)
    assert "modelnet10" in smoke_plan(tree).scale.datasets
    edit(tree / MIXING_SCALE, "{test: 8}", "{test: 9}")
    with pytest.raises(ConfigError, match="'modelnet10' stands for different things") as caught:
        smoke_plan(tree)
    assert str(POINT_SCALE) in str(caught.value) and str(MIXING_SCALE) in str(caught.value)
    assert smoke_plan(tree, papers=["mm_mixing"]).scale.datasets["modelnet10"].splits == {"test": 9}


def test_the_identity_is_no_matter_of_the_place(before: dict[str, str], repository: Path) -> None:
    with remembered_yaml():
        assert before == asked(repository)
