"""What a training leaves, as files of one folder, beside those that its method exports."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class TrainingFolder:
    """The files of one training.

    Attributes:
        folder: The folder.
        exports_folder: Folder of what the method exports; None for one below ``folder``.
    """

    folder: Path
    exports_folder: Path | None = None

    def weights(self, module: str) -> Path:
        """A saved module after the last epoch."""
        return self.folder / "weights" / f"{module}.safetensors"

    @property
    def snapshots(self) -> Path:
        """Folder of the modules that were kept on the way."""
        return self.folder / "snapshots"

    def snapshot(self, module: str, epoch: int) -> Path:
        """A saved module after an epoch; epoch 0 is before training."""
        return self.snapshots / module / f"epoch_{epoch:04d}.safetensors"

    @property
    def exports(self) -> Path:
        """Folder of the arrays that a method leaves, such as pseudo-labels."""
        return self.exports_folder or self.folder / "exports"

    def export(self, name: str, epoch: int) -> Path:
        """Arrays that a method left of an epoch."""
        return self.exports / name / f"epoch_{epoch:04d}.npz"

    @property
    def history(self) -> Path:
        """Losses, learning rates and held-out figures of every epoch: the same for every run."""
        return self.folder / "train.json"

    @property
    def machine(self) -> Path:
        """What differs from run to run: time, memory, versions, resumptions."""
        return self.folder / "run.json"

    @property
    def provenance(self) -> Path:
        """The record of what made the training, from what and on what."""
        return self.folder / "provenance.json"

    def report(self, name: str) -> Path:
        """What the method says after the last epoch."""
        return self.folder / f"{name}.json"
