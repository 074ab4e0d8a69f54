"""Two processes on the CPU: the gathered loss is the joint loss, and a whole training runs."""

import json
import os
import subprocess
import sys
from pathlib import Path

import torch

from concord3d.losses.nt_xent import nt_xent

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
    source = Path(__file__).resolve().parents[2] / "src"
    return {**os.environ, "PYTHONPATH": str(source), "OMP_NUM_THREADS": "1"}
