import pytest
import torch
from torch import Tensor, nn

from concord3d.errors import ConfigError, DatasetError
from concord3d.methods.interface import Batch, DataFacts
from concord3d.methods.loading import load_method, method_names
from concord3d.methods.supervised import build


class MomentEncoder(nn.Module):
    feature_dim = 6

    def forward(self, points: Tensor) -> Tensor:
        return torch.cat([points.mean(dim=1), points.std(dim=1)], dim=1)


def labelled_batch(seed: int, labelled: bool = True) -> Batch:
    generator = torch.Generator().manual_seed(seed)
    labels = torch.arange(24) % 2
    points = torch.randn(24, 40, 3, generator=generator)
    points[labels == 1] *= torch.tensor([3.0, 0.2, 1.0])
    return Batch(points, None, labels if labelled else None, generator)


def test_it_learns_labels() -> None:
    torch.manual_seed(0)
    model = build({}, MomentEncoder(), DataFacts(num_points=32, num_classes=2))
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
    for step in range(40):
        loss = model.training_loss(labelled_batch(step)).total
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    model.eval()
    assert model.held_out_metrics(labelled_batch(999))["held_out_accuracy"] > 90


def test_labels_and_classes_are_required() -> None:
    with pytest.raises(ConfigError, match="labelled"):
        build({}, MomentEncoder(), DataFacts(num_points=32))
    model = build({}, MomentEncoder(), DataFacts(num_points=32, num_classes=2))
    with pytest.raises(DatasetError, match="needs labels"):
        model.training_loss(labelled_batch(0, labelled=False))


def test_methods_are_found_by_name() -> None:
    assert {"mm_point", "supervised"} <= set(method_names())
    assert not {"interface", "loading", "image_augment"} & set(method_names())
    with pytest.raises(ConfigError, match="did you mean 'mm_point'"):
        load_method("mmpoint", {}, MomentEncoder(), DataFacts(num_points=8))
    method = load_method("supervised", {}, MomentEncoder(), DataFacts(num_points=8, num_classes=3))
    assert method.uses_labels and method.num_views == 0
