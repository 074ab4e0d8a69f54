"""MM-Mixing's reference that learns the names of classes in place of targets."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from concord3d.arrays import ShardedRows
from concord3d.batches.objects import ObjectData
from concord3d.errors import ConfigError, DatasetError
from concord3d.features.targets import FrozenTargets, TextRows
from concord3d.methods.interface import Context
from concord3d.methods.mm_mixing import text_prototypes as prototypes_module
from concord3d.methods.mm_mixing.method import MMMixing, build
from concord3d.methods.mm_mixing.settings import MMMixingSettings
from concord3d.methods.mm_mixing.text_prototypes import text_prototypes
from concord3d.methods.settings import method_settings

DIM, NUM_POINTS = 5, 12
STILL: dict[str, Any] = {"max_dropout": 0.0, "scale": (1.0, 1.0), "shift": 0.0, "rotation_sigma": 0.0, "spin": 0.0}


class MeanOfPoints(nn.Module):
    in_channels, feature_dim = 3, DIM

    def __init__(self) -> None:
        super().__init__()
        self.out = nn.Linear(3, DIM)
        self.seen: list[Tensor] = []

    def forward(self, points: Tensor) -> Tensor:
        self.seen.append(points.detach())
        return self.out(points.mean(dim=1))


@dataclass(frozen=True)
class Told(Context):
    given: nn.Module = field(default_factory=MeanOfPoints)

    def point_encoder(self) -> nn.Module:
        return self.given


def data(labels: list[int] | None, texts: NDArray[np.float32], rows: list[list[int]]) -> ObjectData:
    """Objects with the rows of their raw text, none for an empty list."""
    count = len(rows)
    points = np.random.default_rng(0).normal(size=(count, NUM_POINTS, 3)).astype(np.float32)
    nothing = np.zeros(0, np.int64)
    written = [TextRows(np.array(row, np.int64), nothing, nothing) for row in rows]
    pictures = np.random.default_rng(1).normal(size=(count, 2, DIM)).astype(np.float32)
    targets = FrozenTargets(ShardedRows([pictures]), ShardedRows([texts]), written)
    return ObjectData(points, None if labels is None else np.array(labels, np.int64), targets=targets)


TEXTS = np.random.default_rng(2).normal(size=(4, DIM)).astype(np.float32) * np.array([[1], [9], [2], [3]], np.float32)
NAMED = data([0, 1, 2, 0, 1, 2], TEXTS, [[0], [2], [3], [1], [], [3]])


def built(given: ObjectData = NAMED, **changes: Any) -> MMMixing:
    torch.manual_seed(0)
    settings = MMMixingSettings(targets="class_names", **changes)
    return build(settings, Told({}, {"num_points": NUM_POINTS}, given))


@pytest.mark.parametrize("chunk", [1, 4, 4096])
def test_a_class_is_the_mean_direction_of_its_texts_whatever_their_length(
    monkeypatch: pytest.MonkeyPatch, chunk: int
) -> None:
    monkeypatch.setattr(prototypes_module, "_CHUNK", chunk)
    units = TEXTS / np.linalg.norm(TEXTS, axis=1, keepdims=True)
    means = np.stack([units[0] + units[1], units[2], units[3]])
    expected = means / np.linalg.norm(means, axis=1, keepdims=True)
    np.testing.assert_allclose(text_prototypes(NAMED).numpy(), expected, atol=1e-6)


def test_the_loss_is_cross_entropy_among_all_classes_on_the_augmented_clouds() -> None:
    model = built(**STILL)
    batch = NAMED.read(np.array([5, 0, 1, 3]), torch.Generator().manual_seed(0))
    loss = model.loss(batch, torch.Generator().manual_seed(3))
    assert set(loss.terms) == {"clean_class", "logit_scale"}
    encoder = model.point_encoder
    assert isinstance(encoder, MeanOfPoints)
    features = encoder(encoder.seen[0])
    cosines = features / features.norm(dim=1, keepdim=True) @ text_prototypes(NAMED).T
    logits = model.logit_scale() * cosines
    expected = (logits.exp().sum(dim=1).log() - logits[torch.arange(4), torch.tensor([2, 0, 1, 0])]).mean()
    torch.testing.assert_close(loss.total, expected)
    torch.testing.assert_close(built(w_clean=2.0, **STILL).loss(batch, torch.Generator()).total, 2 * expected)


def test_labels_decide_and_targets_do_not() -> None:
    batch = NAMED.read(np.arange(6), torch.Generator().manual_seed(0))
    other = NAMED.read(np.arange(6), torch.Generator().manual_seed(5))
    assert batch.targets and other.targets and not torch.equal(batch.targets.image, other.targets.image)
    first, second = (built().loss(each, torch.Generator().manual_seed(1)).total for each in (batch, other))
    assert torch.equal(first, second)


def test_every_parameter_learns_and_what_is_fixed_is_not_saved() -> None:
    model = built()
    model.loss(NAMED.read(np.arange(6), torch.Generator()), torch.Generator()).total.backward()
    assert all(parameter.grad is not None for parameter in model.parameters())
    assert "prototypes" not in model.state_dict()
    assert model.saved() == {"point": model.point_encoder}


def test_what_cannot_be_learnt_is_refused() -> None:
    with pytest.raises(DatasetError, match="needs labels and tower features of one"):
        built(data(None, TEXTS, [[0], [1], [2]]))
    with pytest.raises(ConfigError, match=r"(?s)none in 1 of 3 classes, such as class 1.*without_classes"):
        built(data([0, 1, 2], TEXTS, [[0], [], [2]]))
    with pytest.raises(ConfigError, match="nothing to train"):
        method_settings("mm_mixing", {"targets": "class_names", "w_clean": 0.0})
    with pytest.raises(ConfigError, match=r"class_names mixes nothing.*found stage = feature"):
        method_settings("mm_mixing", {"targets": "class_names", "stage": "feature"})
