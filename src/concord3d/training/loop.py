"""The one training loop: every method, CPU, GPU or several processes, resumable at any step with the same result."""

from __future__ import annotations

import math
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

import torch
from lightning_fabric import Fabric
from torch import Tensor

from concord3d.arrays import write_arrays
from concord3d.batches.interface import Batch
from concord3d.errors import NonFiniteLoss, OutOfMemory
from concord3d.losses.embeddings import Gather
from concord3d.methods.interface import Method
from concord3d.models.weights import save_weights
from concord3d.training.checkpoint import TrainingInterrupted, latest_checkpoint, misfit_named, save_checkpoint
from concord3d.training.files import TrainingFolder
from concord3d.training.precision import usable_precision
from concord3d.training.progress import TrainingProgress
from concord3d.training.schedule import learning_rate, make_optimizer
from concord3d.training.seeding import derived_generator, derived_seed
from concord3d.training.settings import snapshot_epochs
from concord3d.training.steps import steps_of
from concord3d.training.task import HELD_OUT_UNITS, TrainingTask


def gather_over(fabric: Fabric) -> Gather:
    """Return a gather over the processes of ``fabric`` through which gradients flow."""

    def gather(embeddings: Tensor) -> tuple[Tensor, int]:
        joint = fabric.all_gather(embeddings, sync_grads=True)
        assert isinstance(joint, Tensor)
        return joint.flatten(0, 1), fabric.global_rank * len(embeddings)

    return gather


@contextmanager
def stop_signals() -> Iterator[Callable[[], bool]]:
    """Turn the first SIGTERM or SIGINT into a flag; a second one acts as usual."""
    stopped = threading.Event()
    signals = (signal.SIGTERM, signal.SIGINT)
    if threading.current_thread() is not threading.main_thread():
        yield stopped.is_set
        return
    before = {number: signal.getsignal(number) for number in signals}

    def request(number: int, _frame: FrameType | None) -> None:
        stopped.set()
        signal.signal(number, before[signal.Signals(number)])

    for number in signals:
        signal.signal(number, request)
    try:
        yield stopped.is_set
    finally:
        for number in signals:
            signal.signal(number, before[number])


def save_module(task: TrainingTask, method: Method[Any], name: str, path: Path) -> None:
    """Write the weights of one of a method's saved modules, with the identity of the configuration in the header."""
    save_weights(method.saved()[name], path, {"config_hash": task.config_hash, **method.header(name)})


@contextmanager
def evaluating(method: Method[Any]) -> Iterator[None]:
    """Put a method into evaluation mode without gradients, and back into training mode afterwards."""
    method.eval()
    try:
        with torch.no_grad():
            yield
    finally:
        method.train()


class Loop:
    """One training: state that changes from step to step, and how it changes.

    Args:
        fabric: Device, precision and processes, launched.
        task: The task, validated.
        method: Freshly initialised method.
    """

    def __init__(self, fabric: Fabric, task: TrainingTask, method: Method[Batch]) -> None:
        self.fabric, self.task, self.method, self.folder = fabric, task, method, task.work_folder
        self.settings = task.training
        self.steps = steps_of(task)
        self.num_steps = self.steps.per_epoch * self.settings.epochs
        # Kept beside the checkpoints until the end, because an interrupted job's declared outputs may be removed.
        self.kept = TrainingFolder(self.folder)
        self.snapshot_epochs = snapshot_epochs(self.settings.epochs, self.settings.num_snapshots)
        self.identity = task.identity()
        self.history: list[dict[str, Any]] = []
        self.resumed_from: list[int] = []
        self.precision = usable_precision(self.settings.precision, fabric.device.type)
        self.warnings: list[str] = []
        self.earlier_seconds = self.earlier_cpu_seconds = 0.0
        self.units_per_s = 0.0
        self._sums: dict[str, float] = {}
        self._steps_done = 0
        self._held_out_batch: Batch | None = None
        self._started = self._last_saved = time.monotonic()
        self._cpu_started = time.process_time()
        self._last_path: Path | None = None
        groups = method.parameter_groups()
        self._parameters = [parameter for group in groups for parameter in group.parameters]
        self._rates = [group.rate for group in groups]
        decay = self.settings.weight_decay
        optimizer = make_optimizer(
            self.settings.optimizer,
            [
                {"params": list(g.parameters), "weight_decay": decay if g.weight_decay is None else g.weight_decay}
                for g in groups
            ],
            self.settings.learning_rate,
            decay,
            self.settings.momentum,
            self.settings.dampening,
            self.settings.beta2,
        )
        self._module, self._optimizer = fabric.setup(method, optimizer)
        self._module.mark_forward_method("loss")
        if fabric.world_size > 1:
            method.gather = gather_over(fabric)

    def fit(self) -> None:
        """Train from the last checkpoint, or from the start, to the end.

        Raises:
            NonFiniteLoss: The loss or its gradient became NaN or infinite.
            TrainingInterrupted: A signal asked to stop; a checkpoint was written.
            OutOfMemory: The device has not enough memory.
        """
        self._resume()
        # Before batches are read ahead: data are never read by two threads at a time.
        self._held_out_batch = self._read_held_out()
        rank, ranks = self.fabric.global_rank, self.fabric.world_size
        shown, unit = self.task.progress and rank == 0, self.steps.data.unit
        self.method.train()
        with (
            stop_signals() as stop,
            TrainingProgress(shown, self._steps_done, self.num_steps, self.steps.batch_size, unit) as progress,
        ):
            for step, batch in self.steps.batches(self._steps_done, self.num_steps, rank, ranks):
                loss, stopping = self._step(step, batch.to(self.fabric.device), stop())
                self._steps_done = step + 1
                with torch.no_grad():
                    self.method.after_step(self._steps_done, self.num_steps)
                if self._steps_done % self.steps.per_epoch == 0:
                    self._end_epoch(self._steps_done // self.steps.per_epoch)
                progress.show(self._steps_done, loss)
                self._checkpoint_if_due(stopping)
            self.units_per_s = progress.rate(self._steps_done)
        if self.num_steps == 0 and rank == 0:
            self._keep_snapshot(0)

    def _step(self, step: int, batch: Batch, stop: bool) -> tuple[float, bool]:
        # Layers that draw from torch's global generator (dropout) get a seed of their own for each step: seeding.py.
        # Those of Python and NumPy are left to the thread that reads ahead: changes of pictures draw from them.
        seed, rank = self.task.seed, self.fabric.global_rank
        torch.manual_seed(derived_seed(seed, "model", step + 1, rank))
        rate = self._learning_rate(step)
        for group, factor in zip(self._optimizer.param_groups, self._rates, strict=True):
            group["lr"] = rate * factor
        try:
            # Fabric applies the precision to marked methods in joint trainings only, not on one device.
            with self.fabric.autocast():
                loss = self._module.loss(batch, derived_generator(seed, "augmentation", step, rank))
            names = ["loss", *loss.terms]
            # One small exchange per step agrees on the figures of the joint batch and on whether to stop.
            flag = torch.tensor(float(stop), device=loss.total.device)
            figures = torch.stack([loss.total.detach(), *loss.terms.values(), flag])
            values = self._reduce(figures).tolist()
            self._require_finite(step, dict(zip(names, values, strict=False)))
            self._optimizer.zero_grad()
            self.fabric.backward(loss.total)
            norm = torch.nn.utils.get_total_norm([p.grad for p in self._parameters if p.grad is not None])
            self._require_finite(step, {"gradient norm": float(norm)})
            if self.settings.max_gradient_norm is not None:
                torch.nn.utils.clip_grads_with_norm_(self._parameters, self.settings.max_gradient_norm, norm)
            self._optimizer.step()
        except torch.OutOfMemoryError as error:
            raise OutOfMemory(
                "The device has not enough memory for one step",
                where=f"step {step + 1} on {self.fabric.device}",
                found=str(error).splitlines()[0],
                next_step=f"lower training.batch_size (now {self.settings.batch_size}) and run the same command again",
            ) from error
        for name, value in zip(names, values, strict=False):
            self._sums[name] = self._sums.get(name, 0.0) + value
        return values[0], values[-1] > 0

    def _learning_rate(self, step: int) -> float:
        return learning_rate(
            self.settings.schedule,
            self.settings.learning_rate,
            step,
            self.steps.per_epoch,
            self.settings.epochs,
            self.settings.warmup_epochs,
            self.settings.final_learning_rate,
        )

    def _reduce(self, figures: Tensor) -> Tensor:
        if self.fabric.world_size == 1:
            return figures
        reduced = self.fabric.all_reduce(figures, reduce_op="mean")
        assert isinstance(reduced, Tensor)
        return reduced

    def _require_finite(self, step: int, figures: dict[str, float]) -> None:
        bad = {name: value for name, value in figures.items() if not math.isfinite(value)}
        if not bad:
            return
        raise NonFiniteLoss(
            f"The {' and '.join(bad)} became NaN or infinite at step {step + 1}",
            where=f"{self.steps.data.unit} {self.steps.units(step).tolist()}",
            expected="finite values",
            found=figures,
            next_step=f"lower training.learning_rate or look at these {self.steps.data.unit}; "
            f"last good checkpoint: {self._last_path or 'none'}",
        )

    def _end_epoch(self, epoch: int) -> None:
        steps = self.steps.per_epoch
        entry: dict[str, Any] = {"epoch": epoch, "learning_rate": self._learning_rate(self._steps_done - 1)}
        entry.update({name: total / steps for name, total in self._sums.items()})
        self._sums = {}
        if self.fabric.is_global_zero:
            kept = epoch in self.snapshot_epochs
            if kept or epoch == 1:
                entry["held_out"] = self._held_out()
            if kept:
                self._keep_snapshot(epoch)
            self._export(epoch)
        self.history.append(entry)

    def _keep_snapshot(self, epoch: int) -> None:
        for name in self.method.saved():
            save_module(self.task, self.method, name, self.kept.snapshot(name, epoch))

    def _export(self, epoch: int) -> None:
        with evaluating(self.method):
            tables = self.method.exports(epoch)
        if tables and not self.task.method_settings.exports:
            raise TypeError(f"{type(self.method).__name__}.exports returned {list(tables)}, its settings announce none")
        for name, table in tables.items():
            write_arrays(self.kept.export(name, epoch), dict(table))

    def _read_held_out(self) -> Batch | None:
        units = self.task.held_out_index()[:HELD_OUT_UNITS]
        if len(units) < 2 or not self.fabric.is_global_zero:
            return None
        return self.task.units.read(units, derived_generator(self.task.seed, "views"))

    def _held_out(self) -> dict[str, float]:
        if self._held_out_batch is None:
            return {}
        batch = self._held_out_batch.to(self.fabric.device)
        with evaluating(self.method), self.fabric.autocast():
            return self.method.held_out(batch, derived_generator(self.task.seed, "held_out"))

    def _checkpoint_if_due(self, stopping: bool) -> None:
        due = time.monotonic() - self._last_saved >= self.settings.checkpoint_every_s
        if self._steps_done == self.num_steps or not (due or stopping):
            return
        if self.fabric.is_global_zero:
            self._last_path = save_checkpoint(self.folder, self._steps_done, self._state())
        self._last_saved = time.monotonic()
        if stopping:
            raise TrainingInterrupted(
                "Training was asked to stop",
                where=self._last_path,
                found=f"{self._steps_done} of {self.num_steps} steps done, checkpoint written",
                next_step="run the same command again to go on",
            )

    def _state(self) -> dict[str, Any]:
        return {
            "identity": self.identity,
            "method": self.method.state_dict(),
            "optimizer": self._optimizer.state_dict(),
            "history": self.history,
            "sums": self._sums,
            "resumed_from": self.resumed_from,
            "warnings": self.warnings,
            "torch_version": str(torch.__version__),
            "precision": self.precision,
            "elapsed_s": self.earlier_seconds + time.monotonic() - self._started,
            "cpu_s": self.earlier_cpu_seconds + time.process_time() - self._cpu_started,
        }

    def _resume(self) -> None:
        # The first process sets broken files aside before the others look.
        found = latest_checkpoint(self.folder, self.identity) if self.fabric.is_global_zero else None
        self.fabric.barrier()
        state, warnings = found or latest_checkpoint(self.folder, self.identity)
        if state is None:
            self.warnings = warnings
            asked = self.settings.precision
            if self.precision != asked:
                self.warnings.append(f"begun with precision {self.precision}: the device lacks {asked}")
            return
        with misfit_named(self.folder):
            self.method.load_state_dict(state["method"])
            self._optimizer.load_state_dict(state["optimizer"])
        self._steps_done = int(state["step"])
        self.history, self._sums = state["history"], state["sums"]
        self.resumed_from = [*state["resumed_from"], self._steps_done]
        self.earlier_seconds, self.earlier_cpu_seconds = float(state["elapsed_s"]), float(state["cpu_s"])
        self.warnings = [*state["warnings"], *warnings]
        if state["torch_version"] != str(torch.__version__):
            self.warnings.append(f"begun with torch {state['torch_version']}, resumed with {torch.__version__}")
        # Older versions did not say, and took what was asked for.
        before = state.get("precision", self.settings.precision)
        if before != self.precision:
            self.warnings.append(f"begun with precision {before}, resumed with {self.precision}")
