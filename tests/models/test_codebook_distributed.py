"""Two processes on the CPU, one of them without pairs in one step: both keep one codebook, that of the formula."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import torch
from tests.parity import literal_cmcr as literal

from concord3d.models.codebook import Codebook

SCRIPT = """
import sys
import torch
from lightning_fabric import Fabric
from lightning_fabric.strategies import DDPStrategy
from concord3d.models.codebook import Codebook
from concord3d.training.loop import gather_over


def work(fabric, steps, out):
    torch.set_num_threads(1)
    torch.manual_seed(0)
    codebook, gather = Codebook(6, 4, 0.9), gather_over(fabric)
    for pairs in steps:
        points, pixels = pairs[fabric.global_rank]
        codebook.update(points, pixels, gather)
    moved = codebook.codes.clone()
    codebook.revive(torch.Generator().manual_seed(fabric.global_rank), gather, dead_after=0, used_within=1)
    torch.save({**codebook.state_dict(), "moved": moved}, f"{out}.{fabric.global_rank}")


if __name__ == "__main__":
    strategy = DDPStrategy(process_group_backend="gloo", start_method="spawn")
    fabric = Fabric(accelerator="cpu", devices=2, strategy=strategy)
    fabric.launch(work, torch.load(sys.argv[1], weights_only=True), sys.argv[2])
"""


def test_processes_keep_one_codebook(tmp_path: Path) -> None:
    script, given, out = tmp_path / "codebook.py", tmp_path / "steps.pt", tmp_path / "codebook"
    script.write_text(SCRIPT)
    draw = torch.Generator().manual_seed(1)
    sizes = [(5, 3), (0, 2), (2, 2)]
    steps = [[tuple(torch.randn(2, size, 4, generator=draw).unbind()) for size in both] for both in sizes]
    torch.save(steps, given)
    root = Path(__file__).resolve().parents[2]
    environment = {**os.environ, "PYTHONPATH": str(root / "src"), "OMP_NUM_THREADS": "1"}
    subprocess.run([sys.executable, str(script), str(given), str(out)], check=True, env=environment)
    first, second = (torch.load(f"{out}.{rank}", weights_only=True) for rank in (0, 1))
    assert first.keys() == second.keys() and all(torch.equal(first[name], second[name]) for name in first)
    torch.manual_seed(0)
    start = Codebook(6, 4, 0.9)
    state = [getattr(start, name).double().numpy() for name in ("codes", "counts", "sums")]
    for pairs in steps:
        doubles = [(points.double().numpy(), pixels.double().numpy()) for points, pixels in pairs]
        state = list(literal.codebook_update(*state, doubles, 0.9))
    np.testing.assert_allclose(first["moved"], state[0], rtol=1e-5, atol=1e-6)
