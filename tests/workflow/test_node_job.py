"""One job: inputs are checked, and either the whole node is recorded or nothing is."""

from __future__ import annotations

import re
import runpy
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from concord3d.data.manifest import write_manifest
from concord3d.errors import ArtifactDamaged, ArtifactStale, DatasetCorrupt, UnreadableFile
from concord3d.files import sha256_file, write_json
from concord3d.workflow.job import NodeJob
from concord3d.workflow.records import content_of, read_record
from concord3d.workflow.sources import bytes_digest

RECIPE = {"epochs": 2}


def payload(
    key: str,
    identity: str = "i",
    inputs: Mapping[str, list[str]] | None = None,
    outputs: Sequence[Path] = (),
    **more: Any,
) -> dict[str, Any]:
    """What a state tells the job of a node; ``inputs`` holds the identities that are expected, by node."""
    return {
        "node": key,
        "identity": identity,
        "accepted_identity": identity,
        "files": {},
        "outputs": [str(path) for path in outputs],
        "params": {},
        "device": "cpu",
        "threads": 1,
        "record": f"records/{key}.json",
        "command": "snakemake",
        "entries": ["m"],
        "bytes": bytes_digest(Path("nowhere"), ["m"]),
        "ingredients": {"recipe": RECIPE, "inputs": {}, "source": "s", "modules": {"m": "1"}, **more},
        "inputs": {
            upstream: {"record": f"records/{upstream}.json", "identities": expected}
            for upstream, expected in (inputs or {}).items()
        },
    }


def make(root: Path, key: str = "up", identity: str = "i", text: str = "made") -> dict[str, Any]:
    """Make a node of two files, one of which tells of one run."""
    with NodeJob(root, payload(key, identity, outputs=[Path(f"{key}.bin"), Path(f"{key}.run.json")])):
        (root / f"{key}.bin").write_text(text)
        (root / f"{key}.run.json").write_text(text)
    return record_of(root, key)


def record_of(root: Path, key: str) -> dict[str, Any]:
    record = read_record(root / "records" / f"{key}.json")
    assert record is not None
    return record


def refused(root: Path, kind: type[Exception], inputs: Mapping[str, list[str]]) -> str:
    """Start the job of node ``down``, which must not begin its work; return what it said."""
    began = False
    with pytest.raises(kind) as caught, NodeJob(root, payload("down", inputs=inputs, outputs=[Path("down.bin")])):
        began = True
    assert not began and not (root / "records/down.json").exists()
    return str(caught.value)


def test_the_record_holds_all_that_the_node_was_made_of(tmp_path: Path) -> None:
    upstream = make(tmp_path, "up", "of up")
    (tmp_path / "out").mkdir()
    job = NodeJob(
        tmp_path, payload("down", "of down", {"up": ["another", "of up"]}, outputs=[Path("down.bin"), Path("out")])
    )
    with job:
        (tmp_path / "down.bin").write_text("numbers")
        (tmp_path / "out/a").write_text("first")
        (tmp_path / "out/b").write_text("second")
    record = record_of(tmp_path, "down")
    assert record["node"] == "down" and record["identity"] == "of down" and record["accepted"] == []
    assert record["ingredients"] == payload("down")["ingredients"]
    assert record["inputs"] == {"up": {"identity": "of up", "content": content_of(upstream)}}
    assert list(record["files"]) == ["down.bin", "out/a", "out/b"]
    assert record["files"]["out/b"] == {"bytes": 6, "sha256": sha256_file(tmp_path / "out/b")}
    assert {"python", "numpy", "torch"} <= record["versions"].keys()


def test_a_job_knows_its_identity_its_recipe_and_what_was_accepted(tmp_path: Path) -> None:
    job = NodeJob(tmp_path, payload("a", "of a", outputs=[]))
    assert job.identity == "of a" and job.recipe == RECIPE and job.accepted == {}
    edits = {"up": [{"because": "words"}]}
    assert NodeJob(tmp_path, payload("a", accepted=edits, outputs=[])).accepted == edits


def test_files_beside_the_outputs_are_recorded_too(tmp_path: Path) -> None:
    index = tmp_path / "views/index.json"
    with NodeJob(tmp_path, payload("views", outputs=[Path("views/index.json")])) as job:
        (tmp_path / "store").mkdir()
        for name in ("shard.npy", "shard.json", "other.npy"):
            (tmp_path / "store" / name).write_text(name)
        (tmp_path / "beside").write_text("beside")
        write_json(index, {"store": "../store", "shards": [{"file": "shard.npy"}]})
        job.also_shards(index)
        job.also([Path("beside")])
    files = record_of(tmp_path, "views")["files"]
    assert set(files) == {"views/index.json", "store/shard.npy", "store/shard.json", "beside"}


def test_the_old_record_is_gone_before_the_work_begins(tmp_path: Path) -> None:
    make(tmp_path, "a", "first")
    record = tmp_path / "records/a.json"
    with NodeJob(tmp_path, payload("a", "second", outputs=[Path("a.bin")])):
        assert not record.exists()
        (tmp_path / "a.bin").write_text("again")
        assert not record.exists()
    assert record_of(tmp_path, "a")["identity"] == "second"


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, SystemExit, MemoryError])
def test_a_job_that_ends_early_leaves_no_record(tmp_path: Path, error: type[BaseException]) -> None:
    make(tmp_path, "a")
    with pytest.raises(error), NodeJob(tmp_path, payload("a", outputs=[Path("a.bin")])):
        (tmp_path / "a.bin").write_text("half")
        raise error
    assert not (tmp_path / "records/a.json").exists()
    assert make(tmp_path, "a")["node"] == "a", "the lock was given back"


def test_an_output_that_was_not_made_leaves_no_record(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError), NodeJob(tmp_path, payload("a", outputs=[Path("a.bin"), Path("b.bin")])):
        (tmp_path / "a.bin").write_text("made")
    assert not (tmp_path / "records/a.json").exists()
    assert make(tmp_path, "a")["node"] == "a", "the lock was given back"


def test_an_input_without_a_record_is_refused(tmp_path: Path) -> None:
    make(tmp_path, "down")
    (tmp_path / "up.bin").write_text("files alone")
    text = refused(tmp_path, ArtifactDamaged, {"up": ["i"]})
    assert "'up' has files but no record" in text and "records/up.json" in text and "next:" in text


def test_an_input_made_of_something_else_is_refused(tmp_path: Path) -> None:
    make(tmp_path, "down")
    make(tmp_path, "up", "old")
    text = refused(tmp_path, ArtifactStale, {"up": ["new", "accepted"]})
    assert "'up' was made of something else" in text and "old" in text and "new" in text
    assert "rm 'records/up.json'" in text


@pytest.mark.parametrize("damage", ["absent", "3 bytes where 4 are recorded", "other bytes of the same size"])
def test_a_damaged_input_is_refused(tmp_path: Path, damage: str) -> None:
    make(tmp_path, "up")
    make(tmp_path, "down")
    if damage == "absent":
        (tmp_path / "up.bin").unlink()
    else:
        (tmp_path / "up.bin").write_text("mad" if damage.startswith("3") else "mace")
    text = refused(tmp_path, ArtifactDamaged, {"up": ["i"]})
    assert f"up.bin: {damage}" in text and "rm 'records/up.json'" in text


def test_an_input_whose_record_is_damaged_is_refused(tmp_path: Path) -> None:
    make(tmp_path, "up")
    (tmp_path / "records/up.json").write_text("{")
    assert "A record is damaged" in refused(tmp_path, UnreadableFile, {"up": ["i"]})


def test_every_input_is_checked(tmp_path: Path) -> None:
    for key in ("one", "two", "three"):
        make(tmp_path, key)
    (tmp_path / "three.bin").unlink()
    assert "three" in refused(tmp_path, ArtifactDamaged, {"one": ["i"], "two": ["i"], "three": ["i"]})


def test_the_content_of_an_input_leaves_out_what_tells_of_one_run(tmp_path: Path) -> None:
    def content() -> str:
        with NodeJob(tmp_path, payload("down", inputs={"up": ["i"]}, outputs=[])):
            pass
        recorded: str = record_of(tmp_path, "down")["inputs"]["up"]["content"]
        return recorded

    make(tmp_path, "up", text="made")
    first = content()
    with NodeJob(tmp_path, payload("up", outputs=[Path("up.bin"), Path("up.run.json")])):
        (tmp_path / "up.run.json").write_text("at another hour")
    assert content() == first
    make(tmp_path, "up", text="other")
    assert content() != first


def test_a_second_job_of_a_node_waits_for_the_first(tmp_path: Path) -> None:
    inside, done = threading.Event(), []

    def second() -> None:
        with NodeJob(tmp_path, payload("a", "second", outputs=[Path("a.bin")])):
            inside.set()
            done.append((tmp_path / "a.bin").read_text())

    with NodeJob(tmp_path, payload("a", "first", outputs=[Path("a.bin")])):
        thread = threading.Thread(target=second, daemon=True)
        thread.start()
        assert not inside.wait(0.3)
        (tmp_path / "a.bin").write_text("of the first")
        make(tmp_path, "b")
    assert inside.wait(60)
    thread.join(60)
    assert done == ["of the first"] and record_of(tmp_path, "a")["identity"] == "second"


def test_real_data_are_compared_with_their_manifest(tmp_path: Path) -> None:
    folder = tmp_path / "data/raw/real/set"
    folder.mkdir(parents=True)
    (folder / "clouds.h5").write_bytes(b"clouds")
    write_manifest(folder, "set", "a release", [folder / "clouds.h5"])
    with NodeJob(tmp_path, payload("raw", outputs=[Path("data/raw/real/set/manifest.json")])):
        pass
    with NodeJob(tmp_path, payload("down", inputs={"raw": ["i"]}, outputs=[])):
        pass
    (folder / "clouds.h5").write_bytes(b"CLOUDS")
    with pytest.raises(DatasetCorrupt), NodeJob(tmp_path, payload("down", inputs={"raw": ["i"]}, outputs=[])):
        raise AssertionError("the job began")


def test_shards_of_other_sources_or_inputs_lie_elsewhere(tmp_path: Path) -> None:
    make(tmp_path, "up", "of up", "first")

    def stores(**modules: str) -> tuple[Path, Path]:
        told = payload("down", inputs={"up": ["of up"]}, modules=modules)
        told["bytes"] = bytes_digest(tmp_path, modules)
        with NodeJob(tmp_path, told) as job:
            return job.store_of("store", "concord3d.render"), job.store_of("store")

    drawn, taken = stores(**{"concord3d.render.a": "1", "concord3d.data.b": "1"})
    assert stores(**{"concord3d.render.a": "1", "concord3d.data.b": "2"}) == (drawn, taken)
    redrawn, same = stores(**{"concord3d.render.a": "2", "concord3d.data.b": "1"})
    assert redrawn != drawn and same == taken
    make(tmp_path, "up", "of up", "second")
    same, retaken = stores(**{"concord3d.render.a": "1", "concord3d.data.b": "1"})
    assert same == drawn and retaken != taken and taken.parent == drawn.parent == Path("store")


def test_checkpoints_stay_until_the_job_forgets_them(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt), NodeJob(tmp_path, payload("down", outputs=[])) as job:
        checkpoint = tmp_path / job.work / "checkpoint"
        checkpoint.parent.mkdir(parents=True)
        checkpoint.write_text("steps")
        raise KeyboardInterrupt
    job = NodeJob(tmp_path, payload("down", outputs=[]))
    with job:
        pass
    assert checkpoint.is_file()
    job.forget()
    assert not checkpoint.parent.exists()


def test_the_cost_of_a_node_counts_what_went_into_it_before_this_job(
    repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    called = []
    monkeypatch.setattr("concord3d.workflow.memory.keep_freed_memory", lambda: called.append("kept"))
    monkeypatch.setattr("concord3d.workflow.batch.return_freed_memory", lambda: called.append("returned"))
    script = runpy.run_path(str(repository / "workflow_scripts/job.py"))
    told = SimpleNamespace(log=["log.txt"], params=SimpleNamespace(nodes=[payload("fresh"), payload("resumed")]))
    script["make_nodes"](told, lambda job: 1000.0 if job.key == "resumed" else None)
    costs = dict(re.findall(r"^(\S+): (\d+)\.\d\d CPU-seconds$", Path("log.txt").read_text(), re.MULTILINE))
    assert int(costs["records/fresh.json"]) < 1000 <= int(costs["records/resumed.json"])
    assert called == ["kept", "returned", "returned"], "the memory of one node is not held for the next"
