"""What every point encoder is asked: does it learn, repeat itself, and stand a lower precision?"""

from __future__ import annotations

import torch
from torch import Tensor, nn


def losses_of_training(encoder: nn.Module, width: int, num_clouds: int, num_points: int, num_steps: int) -> list[float]:
    """Tell flattened from round clouds with a linear layer on an encoder; return the loss before each step.

    Args:
        encoder: Of clouds (num_clouds, num_points, 3), with features of ``width`` channels; it is trained.
        width: Channels of its features.
        num_clouds: An even number.
        num_points: Points per cloud.
        num_steps: Steps of Adam.
    """
    model = nn.Sequential(encoder, nn.Linear(width, 2))
    points = torch.randn(num_clouds, num_points, 3, generator=torch.Generator().manual_seed(0))
    points[1::2, :, 1] *= 0.1
    labels = torch.arange(num_clouds) % 2
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
    losses = []
    for _ in range(num_steps):
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(model(points), labels)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses


def same_bits_twice(encoder: nn.Module, points: Tensor) -> bool:
    """Tell whether features and gradients of two passes over ``points`` are the same bit for bit."""
    results = []
    for _ in range(2):
        encoder.zero_grad()
        output = encoder(points)
        output.square().sum().backward()
        results.append([output.detach(), *(parameter.grad.clone() for parameter in encoder.parameters())])
    return all(torch.equal(once, again) for once, again in zip(*results, strict=True))


def bfloat16_error(encoder: nn.Module, points: Tensor) -> float:
    """Return the relative error of features under bfloat16 autocast, in evaluation mode."""
    encoder.eval()
    with torch.no_grad():
        exact = encoder(points)
        with torch.autocast("cpu", dtype=torch.bfloat16):
            rounded = encoder(points)
    return ((rounded.float() - exact).norm() / exact.norm()).item()
