"""Kill, change and corrupt a fine-tuning; the same call afterwards gives the same bits, another call begins anew."""

from __future__ import annotations

import importlib.util
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import torch

from concord3d.errors import CheckpointCorrupt
from concord3d.training import fine_tuning
from concord3d.training.checkpoint import checkpoint_path, read_checkpoint, save_checkpoint
from concord3d.training.fine_tuning import FineTuned

SCRIPT = Path(__file__).parents[1] / "protocols" / "tiny_fine_tuning.py"
PROTOCOLS = ("classify", "segment")


class Crash(Exception):
    """Ends a call in the middle, as a crash would."""


@pytest.fixture(scope="module")
def tiny() -> Iterator[ModuleType]:
    spec = importlib.util.spec_from_file_location("tiny_fine_tuning", SCRIPT)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield module
    torch.set_num_threads(threads)


@pytest.fixture(autouse=True)
def keep_every_epoch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fine_tuning, "CHECKPOINT_EVERY_S", 0)


def crash_at(limit: int):
    def at_step(step: int) -> None:
        if step == limit:
            raise Crash

    return at_step


def assert_same(first: FineTuned, second: FineTuned) -> None:
    assert first.losses == second.losses and first.best_epoch == second.best_epoch
    np.testing.assert_array_equal(first.last, second.last)
    assert first.best is not None and second.best is not None
    np.testing.assert_array_equal(first.best, second.best)
    assert first.last.dtype == second.last.dtype == first.best.dtype == second.best.dtype == np.int64


def assert_same_weights(first: torch.nn.Module, second: torch.nn.Module) -> None:
    for (name, one), two in zip(first.state_dict().items(), second.state_dict().values(), strict=True):
        assert torch.equal(one, two), name


def test_after_sigkill_the_same_call_finishes_bit_for_bit(tiny: ModuleType, tmp_path: Path) -> None:
    die_at = 2 * tiny.STEPS_PER_EPOCH + 2
    environment = {**os.environ, "PYTHONPATH": str(SCRIPT.parents[2] / "src"), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, str(SCRIPT), str(tmp_path), str(die_at)]
    assert subprocess.run(command, env=environment, check=False).returncode == -signal.SIGKILL
    resumed, whole = tiny.new_model(), tiny.new_model()
    outcome = tiny.classify(resumed, tmp_path)
    assert resumed.steps == 2 * tiny.STEPS_PER_EPOCH  # two of four epochs were kept
    assert_same(outcome, tiny.classify(whole, None))
    assert_same_weights(resumed, whole)


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("finished", [0, 1, 3])
def test_both_protocols_go_on_after_any_epoch(tiny: ModuleType, tmp_path: Path, protocol: str, finished: int) -> None:
    run = getattr(tiny, protocol)
    with pytest.raises(Crash):
        run(tiny.new_model(crash_at(finished * tiny.STEPS_PER_EPOCH + 2)), tmp_path)
    resumed, whole = tiny.new_model(), tiny.new_model()
    outcome = run(resumed, tmp_path)
    assert resumed.steps == (4 - finished) * tiny.STEPS_PER_EPOCH
    assert_same(outcome, run(whole, None))
    assert_same_weights(resumed, whole)
    # Whoever asks again for what is finished gets it without a step.
    again = tiny.new_model()
    assert_same(run(again, tmp_path), outcome)
    assert again.steps == 0


def test_another_task_never_goes_on_from_these_checkpoints(tiny: ModuleType, tmp_path: Path) -> None:
    tiny.classify(tiny.new_model(), tmp_path)
    more_dropout, other_weights = tiny.new_model(), tiny.new_model()
    more_dropout.layers[2].p = 0.6
    with torch.no_grad():
        other_weights.layers[0].bias.add_(1e-6)
    longer = tiny.RECIPE.model_copy(update={"epochs": 5})
    for model, changes in (
        (more_dropout, {}),
        (other_weights, {}),
        (tiny.new_model(), {"seed": 6}),
        (tiny.new_model(), {"recipe": longer}),
    ):
        tiny.classify(model, tmp_path, **changes)
        assert model.steps == (changes.get("recipe", tiny.RECIPE)).epochs * tiny.STEPS_PER_EPOCH
    assert len(list(tmp_path.iterdir())) == 5


def test_a_damaged_checkpoint_costs_one_epoch(tiny: ModuleType, tmp_path: Path) -> None:
    whole = tiny.classify(tiny.new_model(), tmp_path)
    newest = max(tmp_path.glob("*/ckpt_*.pt"))
    newest.write_bytes(newest.read_bytes()[:-100])
    resumed = tiny.new_model()
    assert_same(tiny.classify(resumed, tmp_path), whole)
    assert resumed.steps == tiny.STEPS_PER_EPOCH


def test_a_checkpoint_of_other_code_is_named(tiny: ModuleType, tmp_path: Path) -> None:
    tiny.classify(tiny.new_model(), tmp_path)
    (folder,) = tmp_path.iterdir()
    state = read_checkpoint(checkpoint_path(folder, 4))
    del state["model"]["0.norm.weight"]
    save_checkpoint(folder, 5, {**state, "step": 5})
    with pytest.raises(CheckpointCorrupt, match="start afresh"):
        tiny.classify(tiny.new_model(), tmp_path)


def test_quick_epochs_share_a_checkpoint(tiny: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fine_tuning, "CHECKPOINT_EVERY_S", 3600.0)
    tiny.classify(tiny.new_model(), tmp_path)
    assert [path.name for path in tmp_path.glob("*/*.pt")] == ["ckpt_00000004.pt"]
