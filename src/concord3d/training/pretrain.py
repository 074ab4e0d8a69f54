"""Pre-training of a point encoder: one job from clouds and views to an encoder on disk."""

from __future__ import annotations

import os
import platform
import resource
import shutil
import sys
import time
from functools import partial
from pathlib import Path
from typing import Any

import lightning_fabric
import torch
from lightning_fabric import Fabric
from lightning_fabric.strategies import DDPStrategy
from torch import nn

from concord3d.errors import ConfigError
from concord3d.files import write_json
from concord3d.methods.interface import DataFacts, Method
from concord3d.methods.loading import load_method
from concord3d.models.factory import build_point_encoder
from concord3d.models.weights import save_weights
from concord3d.training.loop import Loop
from concord3d.training.run import TrainRun
from concord3d.training.seeding import derived_seed, seed_everything, set_deterministic

__all__ = ["TrainRun", "pretrain"]


def pretrain(run: TrainRun) -> None:
    """Train a point encoder and write it with its history.

    Writes below ``run.out_dir``: ``model.safetensors`` (the encoder after the last epoch), ``snapshots/``
    (``epoch_<n>.safetensors`` at equal distances, the last epoch included), ``train.json`` (deterministic: losses,
    learning rates, held-out figures per epoch) and ``run.json`` (what differs from machine to machine: throughput,
    time, memory, versions, resumptions). A run that was stopped goes on from its last checkpoint in ``run.work_dir``.

    Args:
        run: The task. ``method: random_init`` needs no data and saves the initialised encoder.

    Raises:
        ConfigError: The configuration or the data do not fit together.
        NonFiniteLoss: The loss or its gradient became NaN or infinite.
        TrainingInterrupted: A signal stopped the run after a checkpoint.
        ResumeMismatch: The checkpoint found belongs to another run.
        DiskFull: A checkpoint or result could not be written.
    """
    if run.run_config["method"] == "random_init":
        _save_untrained(run)
        return
    run = run.validated()
    fabric = _make_fabric(run)
    if run.num_devices == 1:
        _train(fabric, run)
    else:
        fabric.launch(partial(_train, run=run))


def _make_fabric(run: TrainRun) -> Fabric:
    accelerator = run.device
    if accelerator == "auto":
        accelerator = "cuda" if torch.cuda.is_available() else "cpu"
    if accelerator == "cuda" and not torch.cuda.is_available():
        raise ConfigError(
            "No CUDA device is visible", where="device", found="cuda", next_step="set device: cpu or auto"
        )
    strategy: str | DDPStrategy = "auto"
    if run.num_devices > 1:
        # Processes started by torchrun or SLURM are used as they are; else they are spawned here.
        started = "LOCAL_RANK" in os.environ or "SLURM_PROCID" in os.environ
        strategy = DDPStrategy(
            process_group_backend="nccl" if accelerator == "cuda" else "gloo",
            start_method="popen" if started else "spawn",
        )
    return Fabric(accelerator=accelerator, devices=run.num_devices, strategy=strategy, precision=run.training.precision)


def _new_encoder(run: TrainRun) -> nn.Module:
    # The encoder is built first, so that every method with this seed starts from the same weights.
    seed_everything(derived_seed(run.seed, "model"))
    return build_point_encoder(dict(run.run_config["encoder"]))


def build_method(run: TrainRun) -> Method:
    """Build the run's method with freshly initialised weights, a function of the seed alone."""
    encoder = _new_encoder(run)
    facts = DataFacts(
        num_points=int(run.run_config["data"]["num_points"]),
        num_views=0 if run.views is None else run.views.num_views,
        num_classes=0 if run.labels is None else int(run.labels.max()) + 1,
        target_dim=0 if run.targets is None else run.targets.dim,
        teacher=run.teacher,
    )
    return load_method(str(run.run_config["method"]), run.run_config["objective"], encoder, facts)


def _train(fabric: Fabric, run: TrainRun) -> None:
    set_deterministic(run.training.deterministic)
    started = time.monotonic()
    folder = run.work_folder
    loop = Loop(fabric, run, build_method(run), folder)
    loop.fit()
    if fabric.is_global_zero:
        _publish(run, loop, folder, started)
    fabric.barrier()


def _publish(run: TrainRun, loop: Loop, folder: Path, started: float) -> None:
    # Snapshots and history are kept beside the checkpoints until the end, because an interrupted job's declared
    # outputs may be removed by the workflow.
    snapshots = run.out_dir / "snapshots"
    shutil.rmtree(snapshots, ignore_errors=True)
    snapshots.mkdir(parents=True)
    for epoch in loop.snapshot_epochs:
        shutil.copyfile(loop.snapshot_path(epoch), snapshots / loop.snapshot_path(epoch).name)
    save_weights(loop.method.point_encoder, run.out_dir / "model.safetensors", {"config_hash": run.config_hash})
    write_json(
        run.out_dir / "train.json",
        {
            "config_hash": run.config_hash,
            "num_train": len(run.training_index()),
            "num_held_out": len(run.held_out_index()),
            "num_steps": loop.num_steps,
            "snapshot_epochs": list(loop.snapshot_epochs),
            "history": loop.history,
        },
    )
    elapsed = loop.earlier_seconds + time.monotonic() - started
    record = {
        "clouds_per_s": round(loop.clouds_per_s, 2),
        "wall_s": round(elapsed, 2),
        "resumed_from": loop.resumed_from,
        "resumed_count": len(loop.resumed_from),
        "warnings": loop.warnings,
        **machine_facts(loop.fabric.device, run),
    }
    write_json(run.out_dir / "run.json", record)
    run.forget(folder)


def machine_facts(device: torch.device, run: TrainRun) -> dict[str, Any]:
    """Return what ``run.json`` says about the machine: device, memory peaks in MB, versions."""
    on_gpu = device.type == "cuda"
    return {
        "device": torch.cuda.get_device_name(device) if on_gpu else "cpu",
        "num_devices": run.num_devices,
        "precision": run.training.precision,
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


def _save_untrained(run: TrainRun) -> None:
    encoder = _new_encoder(run)
    metadata = {"config_hash": run.config_hash}
    shutil.rmtree(run.out_dir / "snapshots", ignore_errors=True)
    save_weights(encoder, run.out_dir / "model.safetensors", metadata)
    save_weights(encoder, run.out_dir / "snapshots" / "epoch_0000.safetensors", metadata)
    write_json(
        run.out_dir / "train.json",
        {
            "config_hash": run.config_hash,
            "num_train": 0,
            "num_held_out": 0,
            "num_steps": 0,
            "snapshot_epochs": [0],
            "history": [],
        },
    )
    record: dict[str, Any] = {
        "clouds_per_s": None,
        "wall_s": 0.0,
        "resumed_from": [],
        "resumed_count": 0,
        "warnings": [],
    }
    write_json(run.out_dir / "run.json", {**record, **machine_facts(torch.device("cpu"), run)})
