"""Edits of sources that were declared to change no number."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from tests.workflow.graphs import LOSS, POINT_SCALE, append, edit, make, smoke_plan, with_downstream

from concord3d.errors import ArtifactStale, ConfigError
from concord3d.files import content_hash
from concord3d.workflow.accept import accept_source
from concord3d.workflow.guard import require_complete
from concord3d.workflow.job import NodeJob
from concord3d.workflow.plan import Plan
from concord3d.workflow.records import read_record
from concord3d.workflow.state import State

# A source of MM-Point's trainings alone, and one of all evaluations.
METHOD = Path("src/concord3d/methods/mm_point/method.py")
PROTOCOL = Path("src/concord3d/protocols/evaluation/results.py")
TRAININGS = {f"mm_point/train/{name}__s1" for name in ("mm_point", "single_view", "crosspoint")}
TRAINING, EVALUATION, PAGES = "mm_point/train/mm_point__s1", "mm_point/eval/mm_point__s1", "mm_point/report/pages"
# The pages, and their copy as HTML.
SHOWN = {PAGES: "stale", "mm_point/report/html": "stale"}
SHOWN_OF_MIXING = {"mm_mixing/report/pages": "stale", "mm_mixing/report/html": "stale"}
REASON = "a constant that nothing reads"
EPOCHS = "training.epochs: {}\n  training.batch_size: 16\n  training.num_snap"


@pytest.fixture
def plan(tree: Path) -> Plan:
    """The plan of the copy; edits of sources leave it as it is."""
    return smoke_plan(tree)


def not_current(plan: Plan) -> dict[str, str]:
    return {key: node.status for key, node in State(plan).nodes.items() if node.status != "current"}


def record_of(plan: Plan, key: str) -> dict[str, Any]:
    record = read_record(plan.root / plan.layout.record(key))
    assert record is not None
    return record


def all_records(plan: Plan) -> dict[str, tuple[bytes, int]]:
    paths = {key: plan.root / plan.layout.record(key) for key in plan.nodes}
    return {key: (path.read_bytes(), path.stat().st_mtime_ns) for key, path in paths.items()}


def test_an_edit_of_words_needs_no_acceptance(plan: Plan) -> None:
    before = all_records(plan)
    edit(plan.root / METHOD, '"""', '"""Words: ')
    assert not_current(plan) == {}
    assert accept_source(plan, ["*"], REASON) == [] and all_records(plan) == before


def test_an_edit_concerns_its_trainings_and_what_is_made_of_them(plan: Plan) -> None:
    append(plan.root / METHOD)
    assert not_current(plan) == dict.fromkeys(with_downstream(plan, TRAININGS), "stale")


def test_an_accepted_edit_makes_nothing_anew_but_the_pages_that_show_it(plan: Plan) -> None:
    append(plan.root / METHOD)
    assert set(accept_source(plan, ["mm_point/train/*"], REASON)) == TRAININGS
    assert not_current(plan) == SHOWN
    state = State(plan)
    assert state.nodes[PAGES].reasons == ("other edits of sources are accepted upstream",)
    assert state.nodes[TRAINING].accepted[0]["because"] == REASON
    for key in SHOWN:
        make(plan, key)
    assert not_current(plan) == {}
    require_complete(State(plan))


def test_an_accepted_loss_leaves_towers_trainings_and_all_that_is_made_of_them(plan: Plan) -> None:
    append(plan.root / LOSS)
    using = {key for key, status in not_current(plan).items() if key.startswith("towers/") or "/train/" in key}
    assert using >= TRAININGS and set(accept_source(plan, ["towers/*", "*/train/*"], REASON)) <= using
    pages = SHOWN | SHOWN_OF_MIXING
    assert PAGES in not_current(plan) and not_current(plan).keys() <= pages.keys()
    for key in pages:
        make(plan, key)
    assert not_current(plan) == {}


def test_pages_that_do_not_show_an_accepted_edit_are_made_again(plan: Plan) -> None:
    append(plan.root / METHOD)
    accept_source(plan, ["mm_point/train/*"], REASON)
    before = all_records(plan)
    assert accept_source(plan, [PAGES], REASON) == []
    assert all_records(plan) == before and not_current(plan)[PAGES] == "stale"


def test_pages_are_told_which_edits_are_accepted(plan: Plan) -> None:
    append(plan.root / METHOD)
    accept_source(plan, [TRAINING], REASON)
    # The others are made anew, and so is what is made of them.
    state = State(plan)
    told = {}
    for key in not_current(plan):
        with NodeJob(plan.root, state.payload(key)) as job:
            told[key] = job.accepted
    assert set(told) == with_downstream(plan, TRAININGS - {TRAINING})
    assert {key for key in told if told[key]} == {PAGES} and told[PAGES].keys() == {TRAINING}
    assert record_of(plan, PAGES)["ingredients"]["accepted"][TRAINING][0]["because"] == REASON
    assert not_current(plan) == {}


def test_the_record_keeps_both_sources_and_its_time(plan: Plan) -> None:
    before, old = all_records(plan), record_of(plan, TRAINING)
    append(plan.root / METHOD)
    accept_source(plan, ["mm_point/train/*"], f"  {REASON}\n")
    new = record_of(plan, TRAINING)
    [edit_of] = new.pop("accepted")
    assert old.pop("accepted") == [] and new == old, "what the node was made with stays"
    [module] = edit_of["modules"]
    assert module == "concord3d.methods.mm_point.method" and edit_of["because"] == REASON and edit_of["git_commit"]
    modules = {**old["ingredients"]["modules"], module: edit_of["modules"][module]}
    assert modules[module] != old["ingredients"]["modules"][module]
    assert edit_of["source"] == content_hash(modules) != old["ingredients"]["source"]
    after = all_records(plan)
    assert {key for key in after if after[key][0] != before[key][0]} == TRAININGS
    assert all(after[key][1] == before[key][1] for key in after), "times stay, so nothing has become older"


def test_an_accepted_node_stands_for_the_identity_that_it_was_made_with(plan: Plan) -> None:
    old = State(plan).nodes[TRAINING].asked
    append(plan.root / METHOD)
    accept_source(plan, ["mm_point/train/*"], REASON)
    state = State(plan)
    accepted = state.nodes[TRAINING]
    assert accepted.identity == old != accepted.asked
    assert state.payload(EVALUATION)["inputs"][TRAINING]["identities"] == sorted({old, accepted.asked})
    # A job that is made anew for another reason takes it as its input.
    (plan.root / plan.layout.record(EVALUATION)).unlink()
    make(plan, EVALUATION)
    assert record_of(plan, EVALUATION)["inputs"][TRAINING]["identity"] == old
    assert not_current(plan) == SHOWN


def test_accepting_twice_changes_nothing(plan: Plan) -> None:
    append(plan.root / METHOD)
    accept_source(plan, ["mm_point/train/*"], REASON)
    before = all_records(plan)
    assert accept_source(plan, ["mm_point/train/*"], "another reason") == []
    assert all_records(plan) == before


def test_a_further_edit_is_stale_again_and_may_be_accepted_too(plan: Plan) -> None:
    append(plan.root / METHOD)
    accept_source(plan, ["mm_point/train/*"], REASON)
    append(plan.root / METHOD, "\nANOTHER = 2\n")
    assert not_current(plan) == dict.fromkeys(with_downstream(plan, TRAININGS), "stale")
    assert set(accept_source(plan, ["mm_point/train/*"], "another constant")) == TRAININGS
    assert not_current(plan) == SHOWN
    edits = record_of(plan, TRAINING)["accepted"]
    assert [entry["because"] for entry in edits] == [REASON, "another constant"]
    edit(plan.root / METHOD, "\nANOTHER = 2\n", "")
    assert not_current(plan) == SHOWN, "the first edit alone is accepted still"


def test_the_first_source_is_current_without_acceptance(plan: Plan) -> None:
    append(plan.root / METHOD)
    accept_source(plan, ["mm_point/train/*"], REASON)
    edit(plan.root / METHOD, "\nEDITED = 1\n", "")
    assert TRAINING not in not_current(plan)
    edit(plan.root / METHOD, "import ", "import math\nimport ")
    assert not_current(plan)[TRAINING] == "stale"


def test_an_edit_upstream_and_one_downstream_are_accepted_in_one_go(plan: Plan) -> None:
    append(plan.root / METHOD)
    append(plan.root / PROTOCOL)
    evaluations = {key for key in plan.nodes if "/eval/" in key}
    assert set(accept_source(plan, ["*/train/*", "*/eval/*"], REASON)) == TRAININGS | evaluations
    assert not_current(plan) == SHOWN | SHOWN_OF_MIXING


def test_only_named_nodes_are_accepted(plan: Plan) -> None:
    append(plan.root / METHOD)
    assert accept_source(plan, [TRAINING], REASON) == [TRAINING]
    stale = not_current(plan)
    assert TRAINING not in stale and TRAININGS - {TRAINING} <= stale.keys()
    assert EVALUATION not in stale and "mm_point/eval/crosspoint__s1" in stale


def test_what_differs_by_a_setting_too_is_refused_and_the_others_are_accepted(tree: Path) -> None:
    append(tree / METHOD)
    edit(tree / POINT_SCALE, "set:\n", "experiment_set: {single_view: {training.epochs: 3}}\nset:\n")
    plan = smoke_plan(tree)
    with pytest.raises(ArtifactStale, match="1 of the named nodes differ by more") as caught:
        accept_source(plan, ["mm_point/train/*"], REASON)
    assert "training.epochs: 2 -> 3" in str(caught.value) and "2 others were accepted" in str(caught.value)
    assert record_of(plan, "mm_point/train/single_view__s1")["accepted"] == []
    assert {key for key in TRAININGS if record_of(plan, key)["accepted"]} == TRAININGS - {
        "mm_point/train/single_view__s1"
    }


def test_what_has_another_input_too_is_refused(plan: Plan) -> None:
    append(plan.root / METHOD)
    append(plan.root / PROTOCOL)
    before = record_of(plan, EVALUATION)
    with pytest.raises(ArtifactStale, match="3 of the named nodes differ by more") as caught:
        accept_source(plan, ["mm_point/eval/*"], REASON)
    assert "another input: model" in str(caught.value)
    assert record_of(plan, EVALUATION) == before
    assert record_of(plan, "mm_point/eval/random_init__s1")["accepted"][0]["because"] == REASON


def test_a_change_of_settings_alone_is_refused(tree: Path) -> None:
    edit(tree / POINT_SCALE, EPOCHS.format(2), EPOCHS.format(3))
    plan = smoke_plan(tree)
    before = all_records(plan)
    with pytest.raises(ArtifactStale, match="4 of the named nodes differ by more than their sources; 0 others"):
        accept_source(plan, ["mm_point/train/*"], REASON)
    assert all_records(plan) == before


@pytest.mark.parametrize("reason", ["", "  ", "\n\t"])
def test_an_edit_is_accepted_for_a_reason(plan: Plan, reason: str) -> None:
    append(plan.root / METHOD)
    before = all_records(plan)
    with pytest.raises(ConfigError, match="for a reason"):
        accept_source(plan, ["*"], reason)
    assert all_records(plan) == before


def test_a_pattern_that_matches_nothing_is_named_with_the_nearest(plan: Plan) -> None:
    append(plan.root / METHOD)
    before = all_records(plan)
    with pytest.raises(ConfigError, match="did you mean 'mm_point/train/mm_point__s1'"):
        accept_source(plan, ["mm_point/train/*", "mm_point/train/mm_piont__s1"], REASON)
    assert all_records(plan) == before


def test_an_accepted_node_that_is_lost_is_made_with_the_present_source(plan: Plan) -> None:
    append(plan.root / METHOD)
    asked = State(plan).nodes[TRAINING].asked
    accept_source(plan, ["mm_point/train/*"], REASON)
    (plan.root / plan.nodes[TRAINING].outputs[0]).unlink()
    state = State(plan)
    lost = state.nodes[TRAINING]
    assert lost.status == "absent" and lost.identity == lost.asked == asked and lost.accepted == ()
    assert state.payload(TRAINING)["identity"] == asked
    assert state.payload(EVALUATION)["inputs"][TRAINING]["identities"] == [asked]
    assert state.nodes[EVALUATION].status == "stale"
    make(plan, TRAINING)
    record = record_of(plan, TRAINING)
    assert record["identity"] == asked and record["accepted"] == []
    assert record["ingredients"]["source"] == lost.ingredients["source"]
    make(plan, EVALUATION)
    assert not {TRAINING, EVALUATION} & not_current(plan).keys()


def test_a_damaged_node_does_not_become_intact_by_acceptance(plan: Plan) -> None:
    append(plan.root / METHOD)
    (plan.root / plan.nodes[TRAINING].outputs[0]).write_text("other")
    with pytest.raises(ArtifactStale, match=r"1 of the named nodes differ by more than their sources; 2 others"):
        accept_source(plan, ["mm_point/train/*"], REASON)
    record = read_record(plan.root / plan.layout.record(TRAINING))
    assert record is not None and record["accepted"] == []
    assert not_current(plan)[TRAINING] == "stale"


def test_what_is_stale_for_its_input_too_is_refused_and_its_record_kept(plan: Plan) -> None:
    make(plan, "stores/shapenet__train", "other")
    append(plan.root / METHOD)
    with pytest.raises(ArtifactStale, match=r"3 of the named nodes differ by more than their sources; 0 others"):
        accept_source(plan, ["mm_point/train/*"], REASON)
    for key in TRAININGS:
        record = read_record(plan.root / plan.layout.record(key))
        assert record is not None and record["accepted"] == []


def test_absent_nodes_are_passed_over(plan: Plan) -> None:
    append(plan.root / METHOD)
    (plan.root / plan.layout.record(TRAINING)).unlink()
    assert set(accept_source(plan, ["mm_point/train/*"], REASON)) == TRAININGS - {TRAINING}
    assert not_current(plan)[TRAINING] == "absent"
