"""MinkUNet: composition, rules that are used again, training, refusals (CMCR spec 2.1); parity is in tests/parity."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from concord3d.commands.training_work import network_size
from concord3d.errors import BadCloud, CheckpointCorrupt, ConfigError, DependencyMissing
from concord3d.geometry.sweep_voxels import SweepVoxels, sweep_voxels
from concord3d.models.factory import build_point_encoder, load_point_encoder
from concord3d.models.forward_pass import sweep_pass
from concord3d.models.mink_unet import MinkUNet, UNetRules
from concord3d.models.sparse_conv import SparseConv
from concord3d.models.weights import save_weights

SMALL = {
    "name": "mink_unet",
    "voxel_mm": 400,
    "angle_degrees": 10,
    "stem_width": 4,
    "down_widths": [4, 6],
    "down_blocks": [1, 2],
    "up_widths": [6, 5],
    "up_blocks": [1, 1],
}


def _sweeps(*sizes: int, seed: int = 0) -> list[Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return [torch.randn(size, 4, generator=generator) * torch.tensor([3.0, 3.0, 0.5, 1.0]) for size in sizes]


@pytest.fixture(scope="module")
def full() -> MinkUNet:
    with torch.device("meta"):
        return MinkUNet()


def _by_hand() -> tuple[int, int]:
    """Parameters of the convolutions, and of the normalisations, as the specification lists the layers."""
    layers = [(27, 1, 32)]

    def blocks(first: int, width: int, count: int) -> None:
        for number in range(count):
            entry = first if number == 0 else width
            layers.extend([(27, entry, width), (27, width, width)])
            if entry != width:
                layers.append((1, entry, width))

    current = 32
    for width, count in zip((32, 64, 128, 256), (2, 3, 4, 6), strict=True):
        layers.append((8, current, current))
        blocks(current, width, count)
        current = width
    for width, skip in zip((256, 128, 96, 96), (128, 64, 32, 32), strict=True):
        layers.append((8, current, width))
        blocks(width + skip, width, 2)
        current = width
    return sum(volume * entry * width for volume, entry, width in layers), sum(2 * width for _, _, width in layers)


def test_parameter_count_of_the_specification(full):
    modules = list(full.modules())
    convolutions = [m for m in modules if isinstance(m, SparseConv | nn.Linear)]
    norms = [m for m in modules if isinstance(m, nn.BatchNorm1d)]
    counts = tuple(sum(p.numel() for m in kind for p in m.parameters(recurse=False)) for kind in (convolutions, norms))
    assert counts == _by_hand() == (37_825_376, 17_600)
    assert sum(p.numel() for p in full.parameters()) == 37_842_976
    assert f"{37_842_976 / 1e6:.2f}" == "37.84" and len(convolutions) == len(norms) == 62
    assert (full.in_channels, full.feature_dim) == (1, 96)


def test_norms_of_the_grid_and_of_blocks_have_their_own_momentum():
    network = build_point_encoder({**SMALL, "norm_momentum": 0.02, "block_norm_momentum": 0.3})
    momenta = {name: m.momentum for name, m in network.named_modules() if isinstance(m, nn.BatchNorm1d)}
    assert {name for name, momentum in momenta.items() if momentum == 0.02} == {
        "stem.norm",
        *(f"{way}.{stage}.resample.norm" for way in ("down", "up") for stage in (0, 1)),
    }
    assert all(momentum in (0.02, 0.3) for momentum in momenta.values())
    with torch.device("meta"):
        first = MinkUNet()
    assert first.stem.norm.momentum == 0.05 and first.up[3].blocks[1].second.norm.momentum == 0.1


def test_a_batch_is_its_sweeps_and_training_reaches_every_parameter():
    network = build_point_encoder(SMALL)
    sweeps = _sweeps(60, 0, 90)
    voxels, features = network.encode(sweeps)
    assert features.shape == (len(voxels.coordinates), 5) and features.dtype == torch.float32
    features.square().mean().backward()
    assert all(parameter.grad is not None for parameter in network.parameters())
    network.eval()
    joint = network.encode(sweeps)[1]
    for number in (0, 2):
        own = voxels.coordinates[:, 0] == number
        torch.testing.assert_close(network.encode([sweeps[number]])[1], joint[own], rtol=1e-4, atol=1e-5)


def test_encode_feeds_the_first_point_of_each_voxel():
    network = build_point_encoder(SMALL).eval()
    sweeps = _sweeps(80, 50)
    voxels = sweep_voxels(sweeps, network.grid)
    intensity = torch.cat(sweeps)[voxels.first, 3:]
    assert torch.equal(network(intensity, network.rules(voxels.coordinates)), network.encode(sweeps)[1])
    changed = [points.clone() for points in sweeps]
    later = torch.ones(130, dtype=torch.bool)
    later[voxels.first] = False
    assert later.any()
    changed[0][later[:80], 3] += 5
    assert torch.equal(network.encode(changed)[1], network.encode(sweeps)[1])
    changed[0][voxels.first[0], 3] += 5
    assert not torch.equal(network.encode(changed)[1], network.encode(sweeps)[1])


def test_rules_serve_again_and_in_a_network_of_other_widths():
    network, sweeps = build_point_encoder(SMALL).eval(), _sweeps(80, 50)
    voxels, expected = network.encode(sweeps)
    rules, features = network.rules(voxels.coordinates), torch.cat(sweeps)[voxels.first, 3:]
    assert torch.equal(network(features, rules), expected) and torch.equal(network(features, rules), expected)
    assert torch.equal(rules.coordinates, voxels.coordinates)
    other = build_point_encoder({**SMALL, "stem_width": 2, "up_widths": [3, 7]}).eval()
    assert torch.equal(other(features, rules), other.encode(sweeps)[1])


def test_rules_of_single_sweeps_join_to_those_of_their_batch():
    network, sweeps = build_point_encoder(SMALL).eval(), _sweeps(80, 50, 120)
    voxels, expected = network.encode(sweeps)
    alone = [sweep_voxels([points], network.grid) for points in sweeps]
    joint = SweepVoxels.joined(alone)
    for name in ("coordinates", "first", "inverse", "offsets"):
        assert torch.equal(getattr(joint, name), getattr(voxels, name)), name
    features = torch.cat(sweeps)[joint.first, 3:]
    rules = UNetRules.joined([network.rules(part.coordinates) for part in alone])
    assert torch.equal(network(features, rules), expected)
    network.path = "spconv"
    try:
        rules = UNetRules.joined([network.rules(part.coordinates) for part in alone])
    except DependencyMissing as error:
        pytest.skip(f"spconv cannot be imported: {error.__cause__}")
    with torch.no_grad():
        torch.testing.assert_close(network(features, rules), expected, rtol=1e-4, atol=1e-5)


def test_rules_that_do_not_join():
    network = build_point_encoder(SMALL)
    of_two = network.rules(sweep_voxels(_sweeps(30, 40), network.grid).coordinates)
    for parts in ([], [of_two]):
        with pytest.raises(BadCloud):
            UNetRules.joined(parts)


def test_two_passes_give_the_same_bits():
    network, sweeps = build_point_encoder(SMALL), _sweeps(400, 300)
    results = []
    for _ in range(2):
        network.zero_grad()
        features = network.encode(sweeps)[1]
        features.square().sum().backward()
        results.append([features.detach(), *(parameter.grad.clone() for parameter in network.parameters())])
    assert all(torch.equal(once, again) for once, again in zip(*results, strict=True))


def test_bfloat16_autocast():
    network, sweeps = build_point_encoder(SMALL).eval(), _sweeps(200, 100)
    with torch.no_grad():
        exact = network.encode(sweeps)[1]
        with torch.autocast("cpu", dtype=torch.bfloat16):
            rounded = network.encode(sweeps)[1].float()
    assert 0 < (rounded - exact).norm() < 0.1 * exact.norm()


def test_training_lowers_a_loss():
    torch.manual_seed(0)
    network = build_point_encoder(SMALL)
    head, sweeps = nn.Linear(5, 1), _sweeps(200, 150)
    voxels = sweep_voxels(sweeps, network.grid)
    target = torch.cat(sweeps)[voxels.first, 3:].square()
    optimizer = torch.optim.Adam([*network.parameters(), *head.parameters()], lr=1e-2)
    losses = []
    for _ in range(30):
        optimizer.zero_grad()
        loss = (head(network.encode(sweeps)[1]) - target).square().mean()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.5 * losses[0]


def test_a_downstream_momentum_takes_the_weights_of_pre_training(tmp_path):
    network, path = build_point_encoder(SMALL), tmp_path / "model.safetensors"
    save_weights(network, path)
    loaded = load_point_encoder({**SMALL, "norm_momentum": 0.02}, path).eval()
    sweeps = _sweeps(50)
    assert torch.equal(loaded.encode(sweeps)[1], network.eval().encode(sweeps)[1])
    with pytest.raises(CheckpointCorrupt):
        load_point_encoder({**SMALL, "stem_width": 6}, path)


@pytest.mark.parametrize(
    ("saved", "own"),
    [
        ({"voxels": "cylindrical"}, {"voxels": "cubic"}),
        ({"voxel_mm": 100}, {"voxel_mm": 200}),
        ({"angle_degrees": 1}, {"angle_degrees": 2}),
    ],
)
def test_weights_of_other_voxels_are_refused(tmp_path, saved, own):
    """CMCR spec 9: pre-training and downstream must agree on the voxels."""
    path = tmp_path / "model.safetensors"
    save_weights(build_point_encoder({**SMALL, **saved}), path)
    assert load_point_encoder({**SMALL, **saved}, path) is not None
    with pytest.raises(ConfigError, match="other voxels"):
        load_point_encoder({**SMALL, **own}, path)
    # Inside of a method too, whose checkpoint a training goes on from.
    inside = nn.ModuleDict({"point": build_point_encoder({**SMALL, **saved})})
    with pytest.raises(ConfigError, match="other voxels"):
        nn.ModuleDict({"point": build_point_encoder({**SMALL, **own})}).load_state_dict(inside.state_dict())


def test_cubes_have_no_angle(tmp_path):
    path = tmp_path / "model.safetensors"
    save_weights(build_point_encoder({**SMALL, "voxels": "cubic", "angle_degrees": 1}), path)
    assert load_point_encoder({**SMALL, "voxels": "cubic", "angle_degrees": 2}, path) is not None


def test_no_head_is_part_of_the_encoder():
    """CMCR spec 9: the heads of pre-training must be absent downstream."""
    names = {name.partition(".")[0] for name in build_point_encoder(SMALL).state_dict()}
    assert names == {"stem", "down", "up", "trained_grid"}


def test_its_work_on_a_sweep_can_be_counted():
    few, many = (network_size(Path(), sweep_pass({"encoder": SMALL}, num_points)) for num_points in (300, 3000))
    assert few.num_parameters == many.num_parameters == sum(p.numel() for p in build_point_encoder(SMALL).parameters())
    assert 0 < 2 * few.flops < many.flops


def test_one_voxel_is_refused_in_training_alone():
    network = build_point_encoder(SMALL)
    single = [torch.tensor([[1.0, 0.1, 0.1, 0.5]])]
    with pytest.raises(BadCloud, match="more than one voxel"):
        network.encode(single)
    assert torch.isfinite(network.eval().encode(single)[1]).all()


def test_features_and_rules_that_do_not_fit():
    network = build_point_encoder(SMALL).eval()
    rules = network.rules(sweep_voxels(_sweeps(50), network.grid).coordinates)
    num_voxels = len(rules.coordinates)
    for features in (torch.zeros(num_voxels - 1, 1), torch.zeros(num_voxels, 2)):
        with pytest.raises(BadCloud, match="do not fit"):
            network(features, rules)
    deeper = build_point_encoder(
        {**SMALL, **{key: [4, 4, 4] for key in ("down_widths", "down_blocks", "up_widths", "up_blocks")}}
    )
    with pytest.raises(BadCloud, match="2 stages"):
        deeper(torch.zeros(num_voxels, 1), rules)
    with pytest.raises(BadCloud, match="do not fit"):
        network.encode([torch.rand(9, 5)])


@pytest.mark.parametrize(
    ("told", "message"),
    [
        ({"kernel_size": 2}, "must be odd"),
        ({"up_blocks": [1]}, "equally long"),
        ({"down_widths": []}, "down_widths"),
        ({"norm_momentum": 0.0}, "norm_momentum"),
        ({"voxels": "cylinder"}, "did you mean 'cylindrical'"),
        ({"voxel_m": 1}, "did you mean 'voxel_mm'"),
    ],
)
def test_settings_that_do_not_fit(told, message):
    with pytest.raises(ConfigError, match=message):
        build_point_encoder({**SMALL, **told})


def test_stages_that_do_not_fit_in_code():
    with pytest.raises(ConfigError, match="as many stages"):
        MinkUNet(up_blocks=(1, 1))
