"""Two processes on the CPU: the gathered loss is the joint loss, and a whole training runs."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from concord3d.losses.nt_xent import nt_xent
from concord3d.training.files import TrainingFolder

LOSS_SCRIPT = """
import sys
import torch
from lightning_fabric import Fabric
from lightning_fabric.strategies import DDPStrategy
from concord3d.losses.nt_xent import nt_xent
from concord3d.training.loop import gather_over


class Both(torch.nn.Module):
    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.a, self.b = torch.nn.Linear(5, 4), torch.nn.Linear(5, 4)

    def forward(self, x, gather):
        return nt_xent(self.a(x), self.b(x), 0.1, gather)


def work(fabric, out):
    torch.set_num_threads(1)
    module = Both()
    optimizer = torch.optim.SGD(module.parameters(), lr=0.1)
    wrapped, optimizer = fabric.setup(module, optimizer)
    joint = torch.randn(8, 5, generator=torch.Generator().manual_seed(1))
    rank = fabric.global_rank
    loss = wrapped(joint[rank * 4 : rank * 4 + 4], gather_over(fabric))
    fabric.backward(loss)
    mean = fabric.all_reduce(loss.detach(), reduce_op="mean")
    if rank == 0:
        torch.save({"loss": mean, "grads": [p.grad for p in module.parameters()]}, out)


if __name__ == "__main__":
    strategy = DDPStrategy(process_group_backend="gloo", start_method="spawn")
    fabric = Fabric(accelerator="cpu", devices=2, strategy=strategy)
    fabric.launch(work, sys.argv[1])
"""


def test_the_gathered_loss_and_gradient_equal_those_of_the_joint_batch(tmp_path: Path) -> None:
    script, out = tmp_path / "loss.py", tmp_path / "loss.pt"
    script.write_text(LOSS_SCRIPT)
    subprocess.run([sys.executable, str(script), str(out)], check=True, env=environment())
    found = torch.load(out, weights_only=True)
    torch.manual_seed(0)
    a, b = torch.nn.Linear(5, 4), torch.nn.Linear(5, 4)
    joint = torch.randn(8, 5, generator=torch.Generator().manual_seed(1))
    loss = nt_xent(a(joint), b(joint), 0.1)
    loss.backward()
    torch.testing.assert_close(found["loss"], loss.detach())
    expected = [p.grad for layer in (a, b) for p in layer.parameters()]
    for mine, theirs in zip(found["grads"], expected, strict=True):
        torch.testing.assert_close(mine, theirs, atol=1e-5, rtol=1e-4)


def test_two_processes_train_together(tmp_path: Path) -> None:
    script = Path(__file__).with_name("tiny_training.py")
    command = [sys.executable, str(script), str(tmp_path), "2", '{"training.epochs": 1}', "0", "9"]
    subprocess.run(command, check=True, env=environment())
    record = json.loads((tmp_path / "out/run.json").read_text())
    history = json.loads((tmp_path / "out/train.json").read_text())
    assert record["num_devices"] == 2
    assert history["num_steps"] == 5
    # Negatives come from both processes: four objects each, so chance is log(2 * 8 - 1) and not log(2 * 4 - 1).
    assert history["history"][0]["intra"] > 2.3
    assert (tmp_path / "out/weights/point.safetensors").exists()


def environment() -> dict[str, str]:
    root = Path(__file__).resolve().parents[2]
    return {**os.environ, "PYTHONPATH": f"{root / 'src'}{os.pathsep}{root}", "OMP_NUM_THREADS": "1"}


TEACHER_SCRIPT = """
import sys
from copy import deepcopy
from pathlib import Path

import pytest
import torch
from torch import nn
from torch.nn import functional

from concord3d.methods.interface import LossTerms
from concord3d.methods.settings import MethodSettings
from concord3d.training.train import train
from tests.training.made_up import WIDTH, Restoring, VectorData, Vectors, made_up_task, register


class Still(VectorData):
    def read(self, units, draw):
        return Vectors(self.values[torch.from_numpy(units)])


class Settings(MethodSettings):
    saved = ("point", "teacher", "centres")
    exports = True


class Averaging(Restoring):
    def __init__(self):
        super().__init__()
        self.decoder.requires_grad_(False)
        self.teacher = deepcopy(self.encoder).requires_grad_(False)
        self.centres = nn.BatchNorm1d(3, affine=False)

    def saved(self):
        return {"point": self.encoder, "teacher": self.teacher, "centres": self.centres}

    def loss(self, batch, draw):
        features = self.encoder(batch.values)
        self.seen = self.gather(features)[0].detach()
        loss = functional.mse_loss(features, self.teacher(batch.values).cos())
        return LossTerms(loss, {"error": loss.detach()})

    def after_step(self, step, num_steps):
        self.centres.running_mean.lerp_(self.seen.mean(dim=0), 0.5)
        for mean, new in zip(self.teacher.parameters(), self.encoder.parameters(), strict=True):
            mean.lerp_(new, 0.25)

    def exports(self, epoch):
        return {"centres": {"mean": self.centres.running_mean.numpy()}}


register(pytest.MonkeyPatch(), lambda settings, context: Averaging(), Settings)

if __name__ == "__main__":
    torch.set_num_threads(1)
    train(made_up_task(Path(sys.argv[1]), data=Still(), num_devices=int(sys.argv[2])))
"""


def test_two_processes_end_with_the_teacher_the_codes_and_the_losses_of_one(tmp_path: Path) -> None:
    script = tmp_path / "teacher.py"
    script.write_text(TEACHER_SCRIPT)
    for count in ("1", "2"):
        command = [sys.executable, str(script), str(tmp_path / count), count]
        subprocess.run(command, check=True, env=environment())
    one, two = (TrainingFolder(tmp_path / count / "out") for count in ("1", "2"))
    for name in ("point", "teacher", "centres"):
        expected, found = (load_file(folder.weights(name)) for folder in (one, two))
        assert expected.keys() == found.keys()
        for key, value in expected.items():
            torch.testing.assert_close(found[key], value, rtol=1e-4, atol=1e-6)
    histories = [json.loads(folder.history.read_text())["history"] for folder in (one, two)]
    for expected_epoch, found_epoch in zip(*histories, strict=True):
        assert found_epoch["loss"] == pytest.approx(expected_epoch["loss"], rel=1e-4)
    assert [path.name for path in sorted((tmp_path / "2/out/exports/centres").iterdir())] == [
        f"epoch_000{epoch}.npz" for epoch in (1, 2, 3)
    ]
