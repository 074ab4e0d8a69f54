from collections.abc import Iterator

import pytest
import torch
from tests.training.tiny_training import NARROW

from concord3d.methods.mm_point import method as mm_point


@pytest.fixture(scope="package", autouse=True)
def one_thread_and_narrow_heads() -> Iterator[None]:
    """Equal bits need equal threads; checkpoints after every step shall be small."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(mm_point, "HIDDEN_3D", NARROW)
        yield
    torch.set_num_threads(threads)
