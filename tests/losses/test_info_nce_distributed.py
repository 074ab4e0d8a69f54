"""Two processes on the CPU, in some batches without a valid row on one of them: the gathered loss is the joint loss."""

import os
import subprocess
import sys
from pathlib import Path

import torch

from concord3d.losses.info_nce import info_nce

SCRIPT = """
import sys
import torch
from lightning_fabric import Fabric
from lightning_fabric.strategies import DDPStrategy
from concord3d.losses.info_nce import LogitScale, info_nce
from concord3d.training.loop import gather_over


class Both(torch.nn.Module):
    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.a, self.b, self.scale = torch.nn.Linear(5, 4), torch.nn.Linear(5, 4), LogitScale()

    def forward(self, x, valid, gather):
        return info_nce(self.a(x), self.b(x), self.scale(), gather, valid, chunk_size=3)


def work(fabric, masks, out):
    torch.set_num_threads(1)
    module = Both()
    wrapped, optimizer = fabric.setup(module, torch.optim.SGD(module.parameters(), lr=0.1))
    own = slice(fabric.global_rank * 4, fabric.global_rank * 4 + 4)
    joint = torch.randn(8, 5, generator=torch.Generator().manual_seed(1))
    found = []
    for mask in masks:
        optimizer.zero_grad()
        loss = wrapped(joint[own], mask[own], gather_over(fabric))
        fabric.backward(loss)
        mean = fabric.all_reduce(loss.detach(), reduce_op="mean")
        found.append({"loss": mean, "grads": [p.grad.clone() for p in module.parameters()]})
    if fabric.global_rank == 0:
        torch.save(found, out)


if __name__ == "__main__":
    strategy = DDPStrategy(process_group_backend="gloo", start_method="spawn")
    fabric = Fabric(accelerator="cpu", devices=2, strategy=strategy)
    fabric.launch(work, torch.load(sys.argv[1], weights_only=True), sys.argv[2])
"""
MASKS = torch.tensor(
    [[1, 1, 1, 1, 1, 1, 1, 1], [1, 0, 1, 1, 0, 1, 0, 0], [0, 0, 0, 0, 1, 0, 1, 1], [0, 0, 0, 0, 0, 0, 0, 0]]
).bool()


def test_the_gathered_loss_and_gradient_equal_those_of_the_joint_batch(tmp_path: Path) -> None:
    script, masks, out = tmp_path / "loss.py", tmp_path / "masks.pt", tmp_path / "loss.pt"
    script.write_text(SCRIPT)
    torch.save(MASKS, masks)
    source = Path(__file__).resolve().parents[2] / "src"
    environment = {**os.environ, "PYTHONPATH": str(source), "OMP_NUM_THREADS": "1"}
    subprocess.run([sys.executable, str(script), str(masks), str(out)], check=True, env=environment)
    found = torch.load(out, weights_only=True)
    assert len(found) == len(MASKS)
    torch.manual_seed(0)
    a, b = torch.nn.Linear(5, 4), torch.nn.Linear(5, 4)
    log_scale = torch.tensor(14.28).log().requires_grad_()
    leaves = [*a.parameters(), *b.parameters(), log_scale]
    joint = torch.randn(8, 5, generator=torch.Generator().manual_seed(1))
    for mask, results in zip(MASKS, found, strict=True):
        loss = info_nce(a(joint), b(joint), log_scale.exp(), valid=mask)
        torch.testing.assert_close(results["loss"], loss.detach())
        for mine, theirs in zip(results["grads"], torch.autograd.grad(loss, leaves), strict=True):
            torch.testing.assert_close(mine, theirs, atol=1e-5, rtol=1e-4)
