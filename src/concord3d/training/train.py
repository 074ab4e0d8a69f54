"""One training, from its task to files: weights, snapshots, exports, history and record of the run."""

from __future__ import annotations

import logging
import os
import platform
import resource
import shutil
import sys
import time
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import lightning_fabric
import torch
from lightning_fabric import Fabric
from lightning_fabric.strategies import DDPStrategy

from concord3d.batches.interface import Batch
from concord3d.errors import ConfigError
from concord3d.files import write_json, write_second_name
from concord3d.methods.interface import Method, build_method, require_names
from concord3d.training.files import TrainingFolder
from concord3d.training.loop import Loop, evaluating, save_module
from concord3d.training.precision import usable_precision
from concord3d.training.seeding import derived_seed, seed_everything, set_deterministic
from concord3d.training.settings import Precision
from concord3d.training.task import TrainingTask

_log = logging.getLogger(__name__)


def train(task: TrainingTask) -> None:
    """Train a method and write what it leaves.

    Writes into ``task.out_dir`` (:class:`concord3d.training.files.TrainingFolder`): the saved modules after the last
    epoch and at equal distances before, what the method exports, if ``task.exports_dir`` does not say another place,
    and reports, the history (deterministic: losses,
    learning rates, held-out figures per epoch) and the record of the run (throughput, time, memory, versions,
    resumptions). A run that was stopped goes on from its last checkpoint in ``task.work_dir``.

    Args:
        task: The task; a method that is not trained needs no data, and its modules are saved as they are initialised.

    Raises:
        ConfigError: The configuration or the data do not fit together.
        NonFiniteLoss: The loss or its gradient became NaN or infinite.
        TrainingInterrupted: A signal stopped the run after a checkpoint.
        ResumeMismatch: The checkpoint found belongs to another run.
        DiskFull: A checkpoint or result could not be written.
    """
    if not task.method_settings.is_trained:
        _save_untrained(task)
        return
    task = task.validated()
    fabric = _make_fabric(task)
    if task.num_devices == 1:
        _train(fabric, task)
    else:
        fabric.launch(partial(_train, task=task))


def _make_fabric(task: TrainingTask) -> Fabric:
    accelerator = task.device
    if accelerator == "auto":
        accelerator = "cuda" if torch.cuda.is_available() else "cpu"
    if accelerator == "cuda" and not torch.cuda.is_available():
        raise ConfigError(
            "No CUDA device is visible", where="device", found="cuda", next_step="set device: cpu or auto"
        )
    strategy: str | DDPStrategy = "auto"
    if task.num_devices > 1:
        # Processes started by torchrun or SLURM are used as they are; else they are spawned here.
        started = "LOCAL_RANK" in os.environ or "SLURM_PROCID" in os.environ
        strategy = DDPStrategy(
            process_group_backend="nccl" if accelerator == "cuda" else "gloo",
            start_method="popen" if started else "spawn",
        )
    asked = task.training.precision
    precision = usable_precision(asked, accelerator)
    if precision != asked:
        _log.warning("%s is asked for; this device lacks its products, so the training is %s", asked, precision)
    return Fabric(accelerator=accelerator, devices=task.num_devices, strategy=strategy, precision=precision)


def new_method(task: TrainingTask) -> Method[Batch]:
    """Build the task's method with freshly initialised weights, a function of the seed alone."""
    seed_everything(derived_seed(task.seed, "model"))
    return build_method(str(task.run["method"]), task.method_settings, task.context())


def _train(fabric: Fabric, task: TrainingTask) -> None:
    set_deterministic(task.training.deterministic)
    started = time.monotonic()
    loop = Loop(fabric, task, new_method(task))
    loop.fit()
    if fabric.is_global_zero:
        _publish(task, loop, started)
        task.forget()
    fabric.barrier()


def _publish(task: TrainingTask, loop: Loop, started: float) -> None:
    out = TrainingFolder(task.out_dir, task.exports_dir)
    for folder, kept in ((out.snapshots, loop.kept.snapshots), (out.exports, loop.kept.exports)):
        shutil.rmtree(folder, ignore_errors=True)
        for file in sorted(path for path in kept.rglob("*") if path.is_file()):
            write_second_name(file, folder / file.relative_to(kept))
    if task.method_settings.exports and task.training.epochs:
        out.exports.mkdir(parents=True, exist_ok=True)
    weights = _save_modules(task, loop.method, out, task.training.epochs)
    with evaluating(loop.method):
        reports = loop.method.reports(weights)
    require_names(loop.method, "reports", reports, task.method_settings.reports)
    for name, content in reports.items():
        write_json(out.report(name), content)
    counts = {"num_train": len(task.training_index()), "num_held_out": len(task.held_out_index())}
    _write_history(task, out, {**counts, "num_steps": loop.num_steps}, loop.snapshot_epochs, loop.history)
    record = {
        f"{task.units.unit}_per_s": round(loop.units_per_s, 2),
        "wall_s": round(loop.earlier_seconds + time.monotonic() - started, 2),
        "earlier_cpu_s": round(loop.earlier_cpu_seconds, 2),
        "resumed_from": loop.resumed_from,
        "resumed_count": len(loop.resumed_from),
        "warnings": loop.warnings,
        **machine_facts(loop.fabric.device, task, loop.precision),
    }
    write_json(out.machine, record)


def _save_modules(task: TrainingTask, method: Method[Batch], out: TrainingFolder, epoch: int) -> dict[str, Path]:
    """Save modules as they are after the last epoch, whose snapshot is the same file under another name."""
    for name in method.saved():
        weights, snapshot = out.weights(name), out.snapshot(name, epoch)
        save_module(task, method, name, weights)
        write_second_name(weights, snapshot)
    return {name: out.weights(name) for name in method.saved()}


def _write_history(
    task: TrainingTask,
    out: TrainingFolder,
    counts: Mapping[str, int],
    snapshot_epochs: tuple[int, ...],
    history: list[dict[str, Any]],
) -> None:
    facts = {"config_hash": task.config_hash, **counts}
    write_json(out.history, {**facts, "snapshot_epochs": list(snapshot_epochs), "history": history})


def machine_facts(device: torch.device, task: TrainingTask, precision: Precision) -> dict[str, Any]:
    """Return what ``run.json`` says about the machine: device, precision, memory peaks in MB, versions."""
    on_gpu = device.type == "cuda"
    return {
        "device": torch.cuda.get_device_name(device) if on_gpu else "cpu",
        "num_devices": task.num_devices,
        "precision": precision,
        "threads": torch.get_num_threads(),
        "peak_memory_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, 1),
        "peak_device_memory_mb": round(torch.cuda.max_memory_allocated(device) / 2**20, 1) if on_gpu else None,
        "versions": {
            "python": platform.python_version(),
            "torch": torch.__version__,
            "lightning_fabric": lightning_fabric.__version__,
            "platform": sys.platform,
        },
    }


def _save_untrained(task: TrainingTask) -> None:
    out, method = TrainingFolder(task.out_dir), new_method(task)
    shutil.rmtree(out.snapshots, ignore_errors=True)
    _save_modules(task, method, out, 0)
    _write_history(task, out, {"num_train": 0, "num_held_out": 0, "num_steps": 0}, (0,), [])
    record = {"wall_s": 0.0, "earlier_cpu_s": 0.0, "resumed_from": [], "resumed_count": 0, "warnings": []}
    write_json(out.machine, {**record, **machine_facts(torch.device("cpu"), task, "32-true")})
