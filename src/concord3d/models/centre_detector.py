"""CenterPoint: a sparse trunk, convolutions on its map from above, and heads that name centres (CMCR spec 4.3).

Shapes: B sweeps, P_i points of sweep i, C channels, H x W cells along x and y, K classes of a group, n boxes.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn

from concord3d.errors import ConfigError
from concord3d.geometry.centre_targets import CODE_PARTS, MapFrame, decoded_boxes
from concord3d.models.voxel_net import STRIDE, VoxelNet

_EPS = 1e-3
# A heat map starts at a probability of 0.1.
_HEAT_BIAS = -2.19


class GroupMaps(NamedTuple):
    """What a head says of every cell.

    Attributes:
        heat: (B, K, H, W) logits.
        code: (B, 10, H, W), see :mod:`concord3d.geometry.centre_targets`.
    """

    heat: Tensor
    code: Tensor


class Found(NamedTuple):
    """Boxes that a head finds in one sweep, the best first.

    Attributes:
        boxes: (n, 9).
        classes: (n,) int64.
        scores: (n,) from 0 to 1.
    """

    boxes: Tensor
    classes: Tensor
    scores: Tensor


def _convolution(in_channels: int, out_channels: int, momentum: float, stride: int = 1) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(in_channels, out_channels, 3, stride, 1, bias=False),
        nn.BatchNorm2d(out_channels, eps=_EPS, momentum=momentum),
        nn.ReLU(),
    )


class MapTrunk(nn.Module):
    """Two stages of convolutions, the second on half as many cells, brought to one size and put beside each other.

    Args:
        in_channels: C.
        widths: Channels of the stages.
        num_layers: Convolutions of each stage after its first.
        out_width: Channels that each stage gives.
        momentum: Weight of a batch in the running statistics.
    """

    def __init__(
        self, in_channels: int, widths: tuple[int, int], num_layers: int, out_width: int, momentum: float
    ) -> None:
        super().__init__()
        self.stages, self.refinements = nn.ModuleList(), nn.ModuleList()
        before = in_channels
        for stride, width in zip((1, 2), widths, strict=True):
            layers = [_convolution(before, width, momentum, stride)]
            layers += [_convolution(width, width, momentum) for _ in range(num_layers)]
            self.stages.append(nn.Sequential(*layers))
            norm = nn.BatchNorm2d(out_width, eps=_EPS, momentum=momentum)
            refined = nn.ConvTranspose2d(width, out_width, stride, stride, bias=False)
            self.refinements.append(nn.Sequential(refined, norm, nn.ReLU()))
            before = width

    def forward(self, maps: Tensor) -> Tensor:
        """Return (B, 2 out_width, H, W) of (B, C, H, W) maps with even sides."""
        current, refined = maps, []
        for stage, refinement in zip(self.stages, self.refinements, strict=True):
            current = stage(current)
            refined.append(refinement(current))
        return torch.cat(refined, 1)


class CentreHead(nn.Module):
    """Heat maps of the classes of a group, and for each cell the box whose centre would lie there.

    Args:
        in_channels: C.
        num_classes: K.
        width: Channels of the hidden layers.
        momentum: Weight of a batch in the running statistics.
    """

    def __init__(self, in_channels: int, num_classes: int, width: int, momentum: float) -> None:
        super().__init__()
        self.parts = {"heat": num_classes, **CODE_PARTS}
        # One layer for the hidden layers of all parts, which is the same and faster.
        self.hidden = _convolution(in_channels, width * len(self.parts), momentum)
        self.outputs = nn.ModuleDict({name: nn.Conv2d(width, count, 3, 1, 1) for name, count in self.parts.items()})
        bias = self.outputs["heat"].bias
        assert isinstance(bias, Tensor)
        nn.init.constant_(bias, _HEAT_BIAS)

    def forward(self, maps: Tensor) -> GroupMaps:
        """Return what it says of (B, C, H, W) maps."""
        hidden = self.hidden(maps).chunk(len(self.parts), 1)
        heat, *code = (self.outputs[name](own) for name, own in zip(self.parts, hidden, strict=True))
        return GroupMaps(heat, torch.cat(code, 1))


class CentreDetector(nn.Module):
    """VoxelNet, a trunk on its map, a layer that the heads share, and one head for each group of classes.

    Args:
        encoder: The sparse trunk.
        groups: Names of the classes of each group.
        map_widths: Channels of the stages of the map's trunk.
        map_layers: Convolutions of each stage after its first.
        map_out_width: Channels that each stage gives.
        head_width: Channels of the shared layer and inside of heads.

    Attributes:
        class_names: Names of all classes, group by group; a box has the number of its class there.

    Raises:
        ConfigError: The map has an odd number of cells along a side, or there is no class.

    Source: CMCR spec 4.3.
    """

    def __init__(
        self,
        encoder: VoxelNet,
        groups: Sequence[Sequence[str]],
        map_widths: tuple[int, int] = (128, 256),
        map_layers: int = 5,
        map_out_width: int = 256,
        head_width: int = 64,
    ) -> None:
        super().__init__()
        if any(side % 2 for side in encoder.map_shape):
            raise ConfigError(
                "The map from above cannot be halved", where="encoder", expected="an even number of cells",
                found=encoder.map_shape, next_step="change reach_mm or cell_mm",
            )  # fmt: skip
        self.encoder = encoder
        self.class_names = tuple(name for group in groups for name in group)
        momentum = encoder.norm_momentum
        self.trunk = MapTrunk(encoder.feature_dim, map_widths, map_layers, map_out_width, momentum)
        self.shared = _convolution(2 * map_out_width, head_width, momentum)
        self.heads = nn.ModuleList(CentreHead(head_width, len(group), head_width, momentum) for group in groups)

    @property
    def frame(self) -> MapFrame:
        """Where the cells of the map lie."""
        grid = self.encoder.grid
        return MapFrame(grid.low[:2], grid.size[0] * STRIDE, self.encoder.map_shape)

    def forward(self, sweeps: Sequence[Tensor]) -> list[GroupMaps]:
        """Return what the heads say of sweeps.

        Args:
            sweeps: B tensors (P_i, 4): x, y, z and intensity from 0 to 1.

        Raises:
            BadCloud: See :meth:`concord3d.models.voxel_net.VoxelNet.maps`.
        """
        shared = self.shared(self.trunk(self.encoder.maps(sweeps)))
        return [head(shared) for head in self.heads]

    def found(self, sweeps: Sequence[Tensor], num_boxes: int, min_score: float) -> list[list[Found]]:
        """Return the best boxes of every group in every sweep, overlapping ones too.

        Args:
            sweeps: As in :meth:`forward`.
            num_boxes: At most so many of each group.
            min_score: Others are left out.
        """
        maps, result = self(sweeps), []
        for sweep in range(len(sweeps)):
            first, of_groups = 0, []
            for each in maps:
                of_groups.append(self._best(each.heat[sweep], each.code[sweep], num_boxes, min_score, first))
                first += each.heat.shape[1]
            result.append(of_groups)
        return result

    def _best(self, heat: Tensor, code: Tensor, num_boxes: int, min_score: float, first: int) -> Found:
        _, height, width = heat.shape
        scores, order = heat.sigmoid().flatten().sort(descending=True, stable=True)
        kept = order[:num_boxes][scores[:num_boxes] > min_score]
        classes, place = kept // (height * width), kept % (height * width)
        cells = torch.stack([place // width, place % width], 1)
        boxes = decoded_boxes(cells, code.flatten(1).T[place], self.frame)
        return Found(boxes, classes + first, scores[: len(kept)])
