"""Attacks on the workflow: whatever was killed, deleted, flipped or edited, nothing stale counts as done."""

from __future__ import annotations

import csv
import json
import os
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import psutil
import pytest
from safetensors.numpy import load_file, save_file
from tests.workflow.attacks import NOTHING, POINT, SMOKE, made, planned, run_and_kill, said
from tests.workflow.clones import call, environment_of, program

pytestmark = pytest.mark.workflow

METRICS = Path("results/smoke/mm_point/metrics.csv")
TRAINING = Path("artifacts/smoke/mm_point/train/mm_point__s1")
WEIGHTS = TRAINING / "weights/point.safetensors"
TRAINING_RECORD = Path("artifacts/smoke/records/papers/mm_point/train/mm_point__s1.json")


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text, f"{old!r} is not in {path}"
    path.write_text(text.replace(old, new))


def trained_again(folder: Path) -> set[str]:
    """Trainings that Snakemake would make again, as it names them."""
    return set(
        re.findall(r"^(\S+/train/\S+|towers/\S+) is made again", said(folder, *SMOKE, "--dry-run"), re.MULTILINE)
    )


def items_of(folder: Path) -> set[str]:
    with (folder / METRICS).open() as stream:
        return {row["n_items"] for row in csv.DictReader(stream) if row["metric"] == "overall_accuracy"}


def split_of_54(folder: Path) -> None:
    edit(folder / "config/scales/smoke.yaml", "{train: 90, test: 48}", "{train: 90, test: 54}")


def test_the_finished_run_has_nothing_to_do_and_every_record_agrees(smoke_run: Path) -> None:
    assert NOTHING in said(smoke_run, *SMOKE, "--dry-run")
    checked = call(smoke_run, "concord3d", "check", "--scale", "smoke")
    assert checked.returncode == 0, checked.stderr
    assert "nodes are complete" in checked.stdout


# A kill or a full disk after an edit.


@pytest.mark.parametrize("script", ["world_dataset.py", "store.py"])
def test_an_edit_survives_the_kill_of_one_job(copy: Path, script: str) -> None:
    split_of_54(copy)
    naming = "modelnet40" if script == "world_dataset.py" else "stores/modelnet40/test.npz"
    killed = run_and_kill(copy, script, signal.SIGKILL, *POINT, naming=naming)
    assert killed.returncode != 0
    jobs = planned(copy, *POINT)
    assert jobs.get("store", 0) >= 1 and jobs["report_mm_point"] == 1 and "train_mm_point_s1" not in jobs
    if script == "store.py":
        said(copy, *POINT)
        assert items_of(copy) == {"54"}
        assert NOTHING in said(copy, *POINT, "--dry-run")


def test_an_edit_survives_a_full_disk(copy: Path) -> None:
    split_of_54(copy)
    # Files may not grow beyond 128 KiB, so the job that writes the data set meets what a full disk is to it.
    limited = f"ulimit -f 128; exec snakemake {' '.join(SMOKE)} 'papers=[mm_point]'"
    starved = call(copy, "python", "-c", f"import os; os.execvp('bash', ['bash', '-c', {limited!r}])")
    assert starved.returncode != 0 and "FAILED world" in starved.stdout + starved.stderr
    assert planned(copy, *POINT)["report_mm_point"] == 1


@pytest.mark.parametrize("loss_of_memory", ["deleted", "truncated"])
def test_an_edit_is_seen_without_snakemakes_memory(copy: Path, loss_of_memory: str) -> None:
    if loss_of_memory == "deleted":
        shutil.rmtree(copy / ".snakemake")
    else:
        for path in (copy / ".snakemake" / "metadata").rglob("*"):
            if path.is_file():
                os.truncate(path, 0)
    assert NOTHING in said(copy, *SMOKE, "--dry-run"), "nothing was edited yet"
    settings = "training.epochs: {}\n  training.batch_size: 16\n  training.num_snap"
    edit(copy / "papers/mm_point/scales/smoke.yaml", settings.format(2), settings.format(3))
    jobs = planned(copy)
    assert jobs["train_mm_point_s1"] == 1 and jobs["encoders"] == 1 and "store" not in jobs
    assert "train_tower_concord_tiny" not in jobs and "train_mm_mixing_s1" not in jobs
    assert len(trained_again(copy)) == 4
    assert "training.epochs: 2 -> 3" in said(copy, *SMOKE, "--dry-run")
    assert call(copy, "concord3d", "check", "--scale", "smoke").returncode == 1


def test_touching_files_does_not_make_them_current(copy: Path) -> None:
    split_of_54(copy)
    touched = call(copy, "snakemake", *SMOKE, "--touch")
    assert touched.returncode != 0 and "splits.test: 48 -> 54" in touched.stderr
    assert planned(copy)["report_mm_point"] == 1


# Edits that change numbers, and those that do not.


def test_an_edited_loss_trains_anew_and_words_do_not(copy: Path) -> None:
    loss = copy / "src/concord3d/losses/nt_xent.py"
    original = loss.read_text()
    loss.write_text(original.replace('"""', '"""Words: ', 1) + "# and a comment\n")
    edit(copy / "src/concord3d/training/progress.py", "import time\n", "import time\nimport types\n")
    edit(copy / "src/concord3d/provenance/checkout.py", "UNKNOWN = ", "UNKNOWN: str = ")
    edit(copy / "workflow_scripts/train.py", '"""Rule', '"""The rule')
    assert NOTHING in said(copy, *SMOKE, "--dry-run")
    edit(copy / "papers/mm_point/paper.yaml", 'label: "MM-Point, one view"', 'label: "One view"')
    jobs = planned(copy)
    assert set(jobs) <= {"all", "total", "encoders", "report_mm_point"}, jobs
    edit(copy / "papers/mm_point/paper.yaml", 'label: "One view"', 'label: "MM-Point, one view"')
    assert NOTHING in said(copy, *SMOKE, "--dry-run")

    loss.write_text(tripled(original))
    edit(copy / "params.yaml", "scale: demo", "scale: smoke")
    found = call(copy, "concord3d", "doctor", COLUMNS="300").stdout
    assert re.search(r"Artifact: mm_point/train/single_view__s1.*problem.*stale: the source of .*nt_xent", found), found
    dry = said(copy, *SMOKE, "--dry-run")
    assert "the source of concord3d.losses.nt_xent has changed" in dry
    losing = {f"mm_point/train/{name}__s1" for name in ("mm_point", "single_view", "crosspoint")}
    assert trained_again(copy) == losing
    before = (copy / WEIGHTS).read_bytes()
    said(copy, *SMOKE, "--", str(WEIGHTS))
    assert (copy / WEIGHTS).read_bytes() != before
    assert trained_again(copy) == set(), "they share a job"


def tripled(source: str) -> str:
    """The loss, three times its value."""
    changed = re.sub(r"^    return (.*)$", r"    return 3 * (\1)", source, flags=re.MULTILINE)
    assert changed != source
    return changed


# Damage.


def flip_sign_bits(path: Path) -> None:
    tensors = load_file(path)
    with path.open("rb") as stream:
        header = json.loads(stream.read(int.from_bytes(stream.read(8), "little")))
    save_file({name: -value if value.dtype.kind == "f" else value for name, value in tensors.items()}, path,
              metadata=header.get("__metadata__"))  # fmt: skip


def flip_pixels(path: Path) -> None:
    pixels = np.load(path, mmap_mode="r+")
    pixels[0] = 255 - pixels[0]
    pixels.flush()


def view_shard(folder: Path) -> Path:
    index = folder / "artifacts/smoke/views/shapenet__train__ring24__32.json"
    content = json.loads(index.read_text())
    return index.parent / content["store"] / content["shards"][0]["file"]


DAMAGE: dict[str, tuple[Callable[[Path], None], str, str]] = {
    "sign bits of weights": (
        lambda folder: flip_sign_bits(folder / WEIGHTS),
        str(TRAINING_RECORD),
        "artifacts/smoke/mm_point/eval/mm_point__modelnet40__linear_svm__s1.json",
    ),
    "a snapshot": (
        lambda folder: next((folder / TRAINING / "snapshots").rglob("*.safetensors")).unlink(),
        str(TRAINING_RECORD),
        "artifacts/smoke/mm_point/eval/mm_point__modelnet40__linear_svm__s1.json",
    ),
    "pixels of views": (
        lambda folder: flip_pixels(view_shard(folder)),
        "artifacts/smoke/records/views/shapenet__train__ring24__32.json",
        str(WEIGHTS),
    ),
    "points of a store": (
        lambda folder: (folder / "artifacts/smoke/stores/modelnet40/test.npz").write_bytes(
            (folder / "artifacts/smoke/stores/modelnet40/test.npz").read_bytes()[:-1] + b"\1"
        ),
        "artifacts/smoke/records/stores/modelnet40__test.json",
        "artifacts/smoke/mm_point/eval/mm_point__modelnet40__linear_svm__s1.json",
    ),
}


@pytest.mark.parametrize("what", DAMAGE)
def test_damage_is_never_used_and_the_printed_command_mends_it(copy: Path, what: str) -> None:
    do, record, user = DAMAGE[what]
    before = made(copy)
    do(copy)
    verified = call(copy, "concord3d", "verify")
    assert verified.returncode == 1 and f"rm '{record}'" in verified.stdout
    # The record of what uses it is removed, so its job runs and meets the damage.
    target = Path(user)
    name = "mm_point/train/mm_point__s1" if target == WEIGHTS else "mm_point/eval/mm_point__s1"
    (copy / f"artifacts/smoke/records/papers/{name}.json").unlink()
    refused = call(copy, "snakemake", *SMOKE, "--", user, f"artifacts/smoke/records/papers/{name}.json")
    text = refused.stdout + refused.stderr
    assert refused.returncode != 0 and "ArtifactDamaged" in text and f"rm '{record}'" in text
    if what in ("sign bits of weights", "pixels of views"):
        (copy / record).unlink()
        said(copy, *POINT)
        assert made(copy) == before
        # Names of nodes are longer than a narrow line.
        verified = call(copy, "concord3d", "verify", COLUMNS="300")
        assert not [line for line in verified.stdout.splitlines() if not line.startswith("intact")]
        assert verified.returncode == 0


def test_a_result_typed_by_hand_is_noticed(copy: Path) -> None:
    path = copy / METRICS
    path.write_text(path.read_text().replace("linear_svm,overall_accuracy", "linear_svm,overall_Accuracy", 1))
    refused = call(copy, "snakemake", *SMOKE)
    assert refused.returncode != 0 and "metrics.csv: other bytes of the same size" in refused.stdout + refused.stderr
    assert "rm 'artifacts/smoke/records/papers/mm_point/report/metrics.json'" in refused.stdout + refused.stderr


def test_a_damaged_record_is_named(copy: Path) -> None:
    os.truncate(copy / TRAINING_RECORD, 100)
    refused = call(copy, "snakemake", *SMOKE)
    assert refused.returncode != 0 and f"rm '{TRAINING_RECORD}'" in refused.stdout + refused.stderr


# Kills of the whole run.


def started(folder: Path, *arguments: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [program("snakemake"), *arguments], cwd=folder, env=environment_of(folder), start_new_session=True,
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip


def wait_for(condition: Callable[[], bool], seconds: float = 120) -> None:
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until, "what was waited for did not come"
        time.sleep(0.02)


@pytest.mark.parametrize("whom", ["the whole group", "snakemake alone"])
def test_a_killed_run_goes_on_with_the_same_command(copy: Path, whom: str) -> None:
    before = made(copy)
    for name in ("mm_point__s1", "single_view__s1"):
        shutil.rmtree(copy / "artifacts/smoke/mm_point/train" / name)
        (copy / f"artifacts/smoke/records/papers/mm_point/train/{name}.json").unlink()
    run = started(copy, *POINT)
    work = copy / "work"
    log = copy / "logs/train/train_mm_point_s1.log"
    log.unlink(missing_ok=True)
    wait_for(log.exists)
    if whom == "the whole group":
        os.killpg(run.pid, signal.SIGKILL)
    else:
        psutil.Process(run.pid).kill()
    run.wait()
    assert any((copy / ".snakemake" / "locks").iterdir()), "the lock of the killed run is there"
    again = said(copy, *POINT)
    assert "The lock of a run that was killed is removed" in again
    assert made(copy) == before
    assert NOTHING in said(copy, *POINT, "--dry-run")
    assert work.is_dir()


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_a_stopped_job_of_several_trainings_goes_on_with_the_one_at_which_it_was_stopped(
    copy: Path, number: signal.Signals
) -> None:
    before = made(copy)
    names = ("mm_point__s1", "single_view__s1", "crosspoint__s1")
    for name in names:
        (copy / f"artifacts/smoke/records/papers/mm_point/train/{name}.json").unlink()
    first, left = (copy / f"artifacts/smoke/mm_point/train/{name}/run.json" for name in (names[0], "random_init__s1"))
    kept = left.read_bytes()
    kept_names = copy / "work/kept/mm_point/train/mm_point__s1"
    kept_record = kept_names / TRAINING_RECORD
    killed = run_and_kill(copy, "train.py", number, *POINT, naming="mm_point__s1", when=kept_record.exists)
    assert killed.returncode != 0
    finished = kept_names / first.relative_to(copy)
    of_the_run = finished.read_bytes()
    said(copy, *POINT)
    # The record of a run differs from run to run: neither the finished training nor one that was there was repeated.
    assert first.read_bytes() == of_the_run and left.read_bytes() == kept
    assert made(copy) == before and not finished.exists()
    assert NOTHING in said(copy, *POINT, "--dry-run")


def test_forcing_makes_every_training_of_a_job_anew_and_a_missing_record_one(copy: Path) -> None:
    files = {name: copy / f"artifacts/smoke/mm_point/train/{name}__s1/run.json" for name in ("mm_point", "single_view")}
    before = {name: path.read_bytes() for name, path in files.items()}
    provenance = json.loads((copy / TRAINING / "provenance.json").read_text())
    removal, _, again = provenance["command"].partition(" && snakemake ")
    assert removal == f"rm '{TRAINING_RECORD}'" and again.endswith(f"-- '{TRAINING_RECORD}'")
    (copy / TRAINING_RECORD).unlink()
    said(copy, *POINT, "--", str(TRAINING_RECORD))
    after = {name: path.read_bytes() for name, path in files.items()}
    assert after["mm_point"] != before["mm_point"] and after["single_view"] == before["single_view"]
    said(copy, *POINT, "--force", "--", str(WEIGHTS))
    assert not {name for name, path in files.items() if path.read_bytes() == after[name]}


def test_a_running_workflow_keeps_its_lock(copy: Path) -> None:
    (copy / TRAINING_RECORD).unlink()
    run = started(copy, *POINT)
    try:
        wait_for(lambda: any((copy / ".snakemake" / "locks").glob("*")) and (copy / "work/run.lock").exists())
        time.sleep(1.5)
        second = call(copy, "snakemake", *POINT)
        assert second.returncode != 0 and "lock" in (second.stdout + second.stderr).lower()
        assert "The lock of a run that was killed" not in second.stderr
    finally:
        # Snakemake may wait for ever for jobs that its own handling of the signal has lost.
        os.killpg(run.pid, signal.SIGKILL)
        run.wait()


def test_accepted_sources_make_nothing_anew_and_stand_in_the_ledger(copy: Path) -> None:
    loss = copy / "src/concord3d/losses/nt_xent.py"
    loss.write_text(loss.read_text() + "\n\nUNUSED = 1\n")
    assert len(trained_again(copy)) == 3, "MM-Point's, and no training of another loss"
    reason = "a constant that nothing reads"
    accepted = call(copy, "concord3d", "accept-source", "mm_point/train/*", "--because", reason, "--scale", "smoke")
    assert accepted.returncode == 0, accepted.stderr
    jobs = planned(copy)
    assert set(jobs) - {"all", "total"} <= {"report_mm_point", "report_mm_mixing", "encoders"}, jobs
    said(copy, *SMOKE)
    assert reason in (copy / "results/smoke/mm_point/ledger.md").read_text()
    provenance = json.loads((copy / "results/smoke/mm_point/provenance/mm_point__s1.json").read_text())
    assert provenance["accepted"][0]["because"] == reason
    assert NOTHING in said(copy, *SMOKE, "--dry-run")
    loss.write_text(loss.read_text() + "\nANOTHER = 2\n")
    assert len(trained_again(copy)) == 3
