"""What the records say, compared with what is asked."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.workflow.graphs import LOSS, POINT_SCALE, append, edit, make, smoke_plan, with_downstream

from concord3d.errors import ArtifactDamaged, ArtifactStale
from concord3d.files import content_hash
from concord3d.workflow import records
from concord3d.workflow.guard import require_complete
from concord3d.workflow.job import NodeJob
from concord3d.workflow.records import read_record, write_record
from concord3d.workflow.state import MAX_LISTED, Finding, State, differences, listed

TRAINING = "mm_point/train/mm_point__s1"
EVALUATION = "mm_point/eval/mm_point__s1"
STORE = "stores/modelnet40__test"
RAW = "raw/world_smoke/modelnet40"
WEIGHTS = Path("artifacts/smoke/mm_point/train/mm_point__s1/weights/point.safetensors")
EPOCHS = "training.epochs: {}\n  training.batch_size: 16\n  training.num_snap"


def state_of(tree: Path, **more: Any) -> State:
    return State(smoke_plan(tree), **more)


def not_current(state: State) -> dict[str, str]:
    return {key: node.status for key, node in state.nodes.items() if node.status != "current"}


def remade(tree: Path, *keys: str, text: str = "") -> State:
    """The state after some nodes were made again."""
    plan = smoke_plan(tree)
    for key in keys:
        make(plan, key, text)
    return State(plan)


def test_what_was_made_of_what_is_asked_is_current(tree: Path) -> None:
    for depth in ("quick", "full"):
        state = state_of(tree, depth=depth)
        assert not_current(state) == {} and state.findings() == []
        assert all(node.identity == node.asked and node.content for node in state.nodes.values())
    require_complete(state)
    assert not any(state.must_be_made_again(key) for key in state.nodes)


def test_nothing_is_there_before_the_first_run(tree: Path) -> None:
    for folder in ("artifacts", "results", "data"):
        shutil.rmtree(tree / folder)
    state = state_of(tree)
    assert set(not_current(state).values()) == {"absent"} and len(not_current(state)) == len(state.nodes)
    assert {finding.node for finding in state.findings()} == {
        key for key, node in state.plan.nodes.items() if node.stage != "raw"
    }
    assert not any(state.must_be_made_again(key) for key in state.nodes), "what is absent is made anyway"
    with pytest.raises(ArtifactStale, match=f"{len(state.findings())} of {len(state.nodes)} nodes"):
        require_complete(state)


def test_a_changed_setting_is_named_and_its_users_name_their_input(tree: Path) -> None:
    edit(tree / POINT_SCALE, EPOCHS.format(2), EPOCHS.format(3))
    state = state_of(tree)
    trainings = {key for key in state.nodes if key.startswith("mm_point/train/")}
    assert set(not_current(state)) == with_downstream(state.plan, trainings)
    assert set(not_current(state).values()) == {"stale"}
    assert all(state.nodes[key].reasons == ("training.epochs: 2 -> 3",) for key in trainings)
    assert state.nodes[EVALUATION].reasons == ("another input: model", "another input: snapshots")
    [finding] = state.findings([TRAINING])
    assert str(finding).startswith(f"{TRAINING} is stale\n  training.epochs: 2 -> 3\n  next: snakemake --cores all")


def test_a_changed_source_is_named(tree: Path) -> None:
    append(tree / LOSS)
    state = state_of(tree)
    assert state.nodes[TRAINING].status == "stale"
    assert state.nodes[TRAINING].reasons == ("the source of concord3d.losses.nt_xent has changed",)
    assert state.nodes[STORE].status == "current"


def test_words_in_a_source_leave_all_as_it_was(tree: Path) -> None:
    append(tree / LOSS, "\n# A comment.\n")
    edit(tree / "workflow_scripts/train.py", '"""Rule', '"""The rule')
    append(tree / "src/concord3d/training/progress.py")
    assert not_current(state_of(tree)) == {}


def test_an_edit_that_is_taken_back_makes_all_current_again(tree: Path) -> None:
    append(tree / LOSS)
    assert not_current(state_of(tree))
    edit(tree / LOSS, "\nEDITED = 1\n", "")
    assert not_current(state_of(tree)) == {}


def test_what_is_stale_is_made_again_and_said_once(tree: Path, capsys: pytest.CaptureFixture[str]) -> None:
    edit(tree / POINT_SCALE, EPOCHS.format(2), EPOCHS.format(3))
    state = state_of(tree)
    assert state.must_be_made_again(TRAINING) and state.must_be_made_again(TRAINING)
    assert not state.must_be_made_again(STORE)
    assert capsys.readouterr().err == f"{TRAINING} is made again: training.epochs: 2 -> 3\n"


def test_results_that_came_with_a_clone_are_made_again_without_a_word(
    tree: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for folder in ("artifacts", "data"):
        shutil.rmtree(tree / folder)
    state = state_of(tree)
    reports = [key for key in state.nodes if "/report/" in key]
    again = {key for key in reports if state.must_be_made_again(key)}
    assert again == {key for key in reports if not key.endswith("/html")}, "pages as HTML are no part of a clone"
    assert capsys.readouterr().err == ""


def test_each_node_made_again_is_current_and_only_its_users_wait(tree: Path) -> None:
    edit(tree / POINT_SCALE, EPOCHS.format(2), EPOCHS.format(3))
    state = remade(tree, TRAINING, text="better")
    assert state.nodes[TRAINING].status == "current" and state.nodes[EVALUATION].status == "stale"
    state = remade(tree, EVALUATION)
    assert state.nodes[EVALUATION].status == "current"
    assert state.nodes["mm_point/report/metrics"].status == "stale"


def test_an_input_that_was_made_again_with_other_content_is_noticed(tree: Path) -> None:
    state = remade(tree, STORE, text="other points")
    users = {key for key, node in state.plan.nodes.items() if STORE in node.upstream}
    assert not_current(state) == {key: "stale" for key in users} and EVALUATION in users
    reason = f"its input '{STORE}' was made again and has other content"
    assert all(state.nodes[key].reasons == (reason,) for key in users)


def test_an_input_that_was_made_again_with_the_same_content_changes_nothing(tree: Path) -> None:
    assert not_current(remade(tree, STORE, RAW)) == {}


def test_files_of_one_run_are_no_content(tree: Path) -> None:
    plan = smoke_plan(tree)
    with NodeJob(tree, State(plan).payload(TRAINING)):
        for name in ("run.json", "provenance.json"):
            (tree / WEIGHTS.parents[1] / name).write_text("at another hour")
    assert not_current(State(plan)) == {}


# Files that are gone or damaged.


@pytest.mark.parametrize("name", ["weights/point.safetensors", "snapshots", "train.json", "provenance.json"])
def test_a_declared_output_that_is_deleted_is_absent(tree: Path, name: str) -> None:
    path = tree / WEIGHTS.parents[1] / name
    shutil.rmtree(path) if path.is_dir() else path.unlink()
    state = state_of(tree)
    assert not_current(state) == {TRAINING: "absent"}
    assert state.nodes[TRAINING].reasons == (f"{WEIGHTS.parents[1] / name}: absent",)
    # Snakemake misses only what its targets ask for, and the rest may be of another identity.
    assert state.must_be_made_again(TRAINING)
    assert not_current(remade(tree, TRAINING)) == {}


def test_a_record_that_is_deleted_leaves_the_node_absent(tree: Path) -> None:
    (tree / smoke_plan(tree).layout.record(TRAINING)).unlink()
    state = state_of(tree)
    assert not_current(state) == {TRAINING: "absent"} and state.nodes[TRAINING].reasons == ("it has no record",)


def test_a_deleted_snapshot_is_damage_and_the_command_mends_it(tree: Path) -> None:
    (tree / WEIGHTS.parents[1] / "snapshots/point/epoch_0001.safetensors").unlink()
    state = state_of(tree)
    assert not_current(state) == {TRAINING: "damaged"}
    record = "artifacts/smoke/records/papers/mm_point/train/mm_point__s1.json"
    with pytest.raises(ArtifactDamaged) as caught:
        state.must_be_made_again(TRAINING)
    assert f"rm '{record}'" in str(caught.value) and "snapshots/point/epoch_0001.safetensors: absent" in str(
        caught.value
    )
    [finding] = state.findings()
    assert finding.status == "damaged" and f"rm '{record}'" in finding.next_step
    (tree / record).unlink()
    assert not_current(state_of(tree)) == {TRAINING: "absent"}
    assert not_current(remade(tree, TRAINING)) == {}


def test_a_flipped_bit_is_damage(tree: Path) -> None:
    data = bytearray((tree / WEIGHTS).read_bytes())
    data[3] ^= 1
    (tree / WEIGHTS).write_bytes(data)
    state = state_of(tree)
    assert not_current(state) == {TRAINING: "damaged"}
    [reason] = state.nodes[TRAINING].reasons
    assert reason.startswith(f"{WEIGHTS}: other bytes of the same size")


def test_a_flipped_bit_of_a_larger_file_is_found_by_the_full_check(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(records, "QUICK_CHECK_BYTES", 3)
    (tree / WEIGHTS).write_bytes((tree / WEIGHTS).read_bytes()[::-1])
    assert not_current(state_of(tree)) == {}
    assert not_current(state_of(tree, depth="full")) == {TRAINING: "damaged"}


def test_raw_data_are_read_by_the_full_check_alone(tree: Path) -> None:
    (tree / "data/raw/world_smoke/modelnet40/clouds.bin").write_text("other")
    assert not_current(state_of(tree)) == {}
    assert not_current(state_of(tree, depth="full")) == {RAW: "damaged"}


def test_raw_data_that_are_gone_are_no_finding(tree: Path) -> None:
    shutil.rmtree(tree / "data")
    state = state_of(tree)
    assert set(not_current(state).values()) == {"absent"} and state.findings() == []
    assert {state.plan.nodes[key].stage for key in not_current(state)} == {"raw"}
    require_complete(state)


@pytest.mark.parametrize("text", ["", '{"format": 1', '{"format": 99}'])
def test_a_damaged_record_is_damage_of_its_node(tree: Path, text: str) -> None:
    record = smoke_plan(tree).layout.record(TRAINING)
    (tree / record).write_text(text)
    state = state_of(tree)
    assert not_current(state) == {TRAINING: "damaged"}
    with pytest.raises(ArtifactDamaged) as caught:
        state.must_be_made_again(TRAINING)
    assert f"rm '{record}'" in str(caught.value)


def test_stale_comes_before_damage(tree: Path) -> None:
    # What is made again anyway needs no repair.
    (tree / WEIGHTS).write_text("other")
    append(tree / LOSS)
    assert not_current(state_of(tree))[TRAINING] == "stale"


def test_the_identity_is_the_hash_of_recipe_inputs_and_sources(tree: Path) -> None:
    state = state_of(tree)
    for node in state.nodes.values():
        ingredients = dict(node.ingredients)
        modules = ingredients.pop("modules")
        assert ingredients["source"] == content_hash(modules) and node.asked == content_hash(ingredients)
        for name, keys in node.node.makers.items():
            assert ingredients["inputs"][name] == [state.nodes[key].identity for key in keys]
        record = read_record(tree / state.plan.layout.record(node.node.key))
        assert record is not None and record["identity"] == node.asked
        assert record["inputs"].keys() == set(node.node.upstream)


def test_only_pages_show_what_was_accepted(tree: Path) -> None:
    state = state_of(tree)
    assert {key for key, node in state.nodes.items() if "accepted" in node.ingredients} == {
        "mm_point/report/pages",
        "mm_mixing/report/pages",
    }


def test_the_job_of_a_node_is_told_its_identity_and_those_of_its_inputs(tree: Path) -> None:
    state = state_of(tree)
    payload = state.payload(EVALUATION)
    assert payload["node"] == EVALUATION and payload["identity"] == state.nodes[EVALUATION].asked
    assert payload["record"] == "artifacts/smoke/records/papers/mm_point/eval/mm_point__s1.json"
    assert payload["inputs"].keys() == set(state.plan.nodes[EVALUATION].upstream)
    assert payload["inputs"][TRAINING] == {
        "record": "artifacts/smoke/records/papers/mm_point/train/mm_point__s1.json",
        "identities": [state.nodes[TRAINING].asked],
    }


def test_a_job_refuses_an_input_that_an_edit_has_made_stale(tree: Path) -> None:
    edit(tree / POINT_SCALE, EPOCHS.format(2), EPOCHS.format(3))
    plan = smoke_plan(tree)
    with pytest.raises(ArtifactStale, match=f"'{TRAINING}' was made of something else"):
        make(plan, EVALUATION)


def test_a_record_with_another_identity_is_stale_for_no_reason_that_is_known(tree: Path) -> None:
    path = tree / smoke_plan(tree).layout.record(TRAINING)
    record = read_record(path)
    assert record is not None
    write_record(path, {**record, "identity": "0" * 64})
    state = state_of(tree)
    assert state.nodes[TRAINING].status == "stale"


# Texts.


MADE: dict[str, Any] = {
    "recipe": {"training": {"epochs": 2, "batch_size": 16}, "seed": 1, "old": [1]},
    "inputs": {"clouds": ["a"], "views": ["b"]},
    "modules": {"concord3d.a": "1", "concord3d.b": "2", "concord3d.gone": "3"},
}


def test_differences_name_settings_inputs_and_sources() -> None:
    asked = {
        "recipe": {"training": {"epochs": 3, "batch_size": 16}, "seed": 1, "new": {"x": 1}},
        "inputs": {"clouds": ["c"], "views": ["b"], "teacher": ["d"]},
        "modules": {"concord3d.a": "9", "concord3d.b": "2", "concord3d.new": "3"},
        "accepted": {"up": []},
    }
    assert differences(MADE, asked) == [
        "new: None -> {'x': 1}",
        "old: [1] -> None",
        "training.epochs: 2 -> 3",
        "another input: clouds",
        "another input: teacher",
        "the source of concord3d.a has changed",
        "the source of concord3d.gone has changed",
        "the source of concord3d.new has changed",
        "other edits of sources are accepted upstream",
    ]
    assert differences(MADE, MADE) == ["its identity is another one"]


def test_long_values_are_cut() -> None:
    [said] = differences(MADE, {**MADE, "recipe": {**MADE["recipe"], "old": ["x" * 99]}})
    assert said.endswith("...") and len(said) < 90


_SETTINGS = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(-9, 9), st.text(max_size=3)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=2), st.dictionaries(st.text("abc", min_size=1, max_size=2), inner, max_size=3)
    ),
    max_leaves=8,
)
_RECIPES = st.dictionaries(st.text("abc", min_size=1, max_size=2), _SETTINGS, max_size=4)


@given(made=_RECIPES, asked=_RECIPES)
def test_two_recipes_differ_in_a_setting_where_their_identities_differ(
    made: dict[str, Any], asked: dict[str, Any]
) -> None:
    def without(value: Any) -> Any:
        # A setting that is absent and one that is null are told apart by the identity, not by the text.
        if isinstance(value, dict):
            return {key: without(inner) for key, inner in value.items() if inner is not None}
        return value

    first, second = without(made), without(asked)
    said = differences({**MADE, "recipe": first}, {**MADE, "recipe": second})
    assert (said == ["its identity is another one"]) == (content_hash(first) == content_hash(second))


def test_of_many_findings_the_first_are_listed() -> None:
    findings = [
        Finding(f"node{number}", "stale", ("a", "b", "c", "d", "e", "f"), "do") for number in range(MAX_LISTED + 3)
    ]
    text = listed(findings)
    assert text.count("is stale") == MAX_LISTED and text.endswith("and 3 more")
    assert "  d\n  and 2 more differences\n  next: do" in text and "  e\n" not in text
    assert listed(findings[:1]).count("\n") == 6 and listed([]) == ""


def test_a_source_edited_after_the_graph_was_built_is_refused(tree: Path) -> None:
    plan = smoke_plan(tree)
    told = State(plan).payload(TRAINING)
    loss = tree / LOSS
    original = loss.read_text()
    loss.write_text("# words\n" + original)
    with NodeJob(tree, told):
        pass
    append(loss)
    with pytest.raises(ArtifactStale, match=r"(?s)edited while the workflow ran.*concord3d\.losses\.nt_xent"):
        NodeJob(tree, told).__enter__()


def test_the_record_of_another_node_is_none(tree: Path) -> None:
    plan = smoke_plan(tree)
    other = plan.layout.record("mm_point/train/single_view__s1")
    shutil.copyfile(tree / other, tree / plan.layout.record(TRAINING))
    assert not_current(State(plan))[TRAINING] == "damaged"


def test_a_record_without_its_outputs_is_none(tree: Path) -> None:
    plan = smoke_plan(tree)
    path = tree / plan.layout.record(TRAINING)
    record = read_record(path)
    assert record is not None
    del record["files"][str(WEIGHTS)]
    write_record(path, record)
    assert not_current(State(plan))[TRAINING] == "damaged"
    # An earlier version of the sources may have made fewer files.
    write_record(path, {**record, "identity": "made of other sources"})
    assert not_current(State(plan))[TRAINING] == "stale" and State(plan).must_be_made_again(TRAINING)


def test_commands_say_what_params_yaml_does_not(tree: Path) -> None:
    (tree / "params.yaml").write_text("scale: demo\npapers: [mm_point, mm_mixing]\nseeds: null\ndevice: auto\n")
    plan = smoke_plan(tree, papers=["mm_point"], seeds=[7, 8], device="auto")
    assert plan.command == (
        "snakemake --cores all --config scale=smoke 'papers=[mm_point]' 'seeds=[7,8]' renderer=open3d"
    )
    assert smoke_plan(tree, device="auto", renderer="auto").command == "snakemake --cores all --config scale=smoke"


def test_raw_data_that_are_gone_are_made_only_where_they_are_needed(tree: Path) -> None:
    shutil.rmtree(tree / "data/raw")
    state = state_of(tree)
    assert {state.plan.nodes[key].stage for key in not_current(state)} == {"raw"} and state.findings() == []
    assert not any(state.must_be_made_again(key) for key in state.nodes)
