"""Distillation with and without its parts, on small streets."""

from __future__ import annotations

import copy
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from pydantic import ValidationError
from tests.batches.streets import street_data
from tests.methods.cmcr.small import ENCODER, PARTS, SMALL, batch_of, draw, method_of
from torch.nn import functional

from concord3d.batches.sweeps import Pairs
from concord3d.errors import CheckpointCorrupt, ConfigError
from concord3d.geometry.pixel_blocks import pair_rows
from concord3d.geometry.sweep_turns import draw_turn
from concord3d.losses.point_pixel_info_nce import point_pixel_info_nce
from concord3d.losses.superpixel_info_nce import superpixel_features
from concord3d.methods.cmcr.forward import decoded_pictures, see, shared_and_superpixels, shared_of_pairs
from concord3d.methods.cmcr.method import CMCR, drawn_masks
from concord3d.methods.cmcr.network import DistillationNetwork, rebuilt
from concord3d.methods.cmcr.settings import CMCRSettings
from concord3d.methods.interface import LossTerms
from concord3d.models.weights import save_weights

TERMS = {
    "ppkt": {"contrast"},
    "slidr": {"contrast"},
    "occupancy": {"contrast", "occupancy", "intensity"},
    "masked_pictures": {"contrast", "picture"},
    "decoupled": {"contrast", "occupancy", "intensity", "picture", "orthogonality"},
    "codebook": {
        "contrast", "occupancy", "intensity", "picture", "orthogonality",
        "commitment/points", "commitment/pixels", "code_matching",
    },
}  # fmt: skip
TERMS["cmcr"] = TERMS["codebook"]
RECORD = {"pairs", "perplexity/points", "perplexity/pixels", "same_code"}


@pytest.mark.parametrize("name", PARTS)
def test_every_part_has_its_terms_and_the_total_their_published_weights(name: str) -> None:
    found = method_of(name).loss(batch_of(name), draw())
    assert set(found.terms) - RECORD == TERMS[name]
    weights = {"orthogonality": 0.1}
    expected = sum(weights.get(term, 1.0) * float(found.terms[term]) for term in TERMS[name])
    assert float(found.total.detach()) == pytest.approx(expected, rel=1e-5) and found.total.isfinite()


@pytest.mark.parametrize("name", PARTS)
def test_every_parameter_that_learns_has_a_gradient_and_the_trunk_has_none(name: str) -> None:
    method = method_of(name)
    method.loss(batch_of(name), draw()).total.backward()
    learning = {key: value for key, value in method.named_parameters() if value.requires_grad}
    assert all(value.grad is not None and value.grad.isfinite().all() for value in learning.values())
    assert not [key for key in learning if "trunk" in key]
    # Specific features learn only where they are kept apart and have a task.
    specific = {key for key in learning if ".specific." in key}
    assert bool(specific) == PARTS[name].get("decoupled", False)


def test_the_contrast_is_between_points_and_their_own_visible_pixels() -> None:
    method, batch = method_of("masked_pictures", num_pairs=10_000, mask_probability=1.0), batch_of("masked_pictures")
    found = method.loss(batch, draw(5))
    generator = draw(5)
    for _ in batch.points:
        draw_turn(generator)
    masks = drawn_masks(method._settings, batch, generator)
    assert 0.3 < masks.float().mean() < 0.7
    rows = pair_rows(batch.pairs.pixels, masks)
    assert int(found.terms["pairs"]) == len(rows.visible) < len(batch.pairs.points)
    assert not masks[batch.pairs.pixels[rows.visible].unbind(1)].any()


def test_pairs_without_whole_pictures_have_the_same_features() -> None:
    with_pictures, without = method_of("masked_pictures"), method_of("ppkt")
    without.network.load_state_dict(with_pictures.network.state_dict(), strict=False)
    batch, turns = batch_of("ppkt"), torch.eye(3).expand(2, 3, 3)
    masks, rows = torch.zeros(batch.pictures[:, 0].shape, dtype=torch.bool), torch.arange(50)
    said = []
    for method in (with_pictures, without):
        method.eval()
        seen = see(method.network, method._trunk[0], batch, masks, turns)
        said.append(shared_of_pairs(method.network, batch, seen, rows))
    for one, other in zip(*said, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-5)
        torch.testing.assert_close(one.norm(dim=1), torch.ones(50))


def test_superpixels_are_contrasted_over_all_pairs_whatever_their_number() -> None:
    """Means over superpixels, one picture and one superpixel after another."""
    batch, method = batch_of("slidr"), method_of("slidr", num_pairs=1)
    found = method.eval().loss(batch, draw(4))
    turns = draw(4)
    seen = see(
        method.network, method._trunk[0], batch, torch.zeros_like(batch.pictures[:, 0], dtype=torch.bool),
        torch.stack([draw_turn(turns) for _ in batch.points]),
    )  # fmt: skip
    assert seen.of_pixels is None
    maps = method.network.picture_heads(seen.maps).shared
    points = seen.of_voxels.shared[seen.voxels.rows(batch.pairs.sweeps, batch.pairs.points)]
    picture, row, column = batch.pairs.pixels.unbind(1)
    numbers = batch.superpixels[picture, row, column]
    of_points, of_pixels = [], []
    for one, number in sorted(set(zip(picture.tolist(), numbers.tolist(), strict=True))):
        of_points.append(points[(picture == one) & (numbers == number)].mean(0))
        of_pixels.append(maps[one][:, batch.superpixels[one] == number].mean(1))
    expected = point_pixel_info_nce(torch.stack(of_points), torch.stack(of_pixels), 0.07)
    torch.testing.assert_close(found.total, expected, rtol=1e-4, atol=1e-5)
    assert int(found.terms["pairs"]) == len(batch.pairs.points) and 20 < len(of_points) < len(points)


def test_hidden_pixels_are_in_no_superpixel_that_is_contrasted() -> None:
    told = {"contrast": "superpixels", "mask_probability": 1.0}
    method, batch = method_of("masked_pictures", **told), batch_of("masked_pictures", **told)
    masks, turns = drawn_masks(method._settings, batch, draw()), torch.eye(3).expand(2, 3, 3)
    seen = see(method.network, method._trunk[0], batch, masks, turns)
    rows = pair_rows(batch.pairs.pixels, masks).visible
    points, maps, superpixels = shared_and_superpixels(method.network, batch, seen, rows)
    assert maps is seen.of_pixels.shared and 0.3 < masks.float().mean() < 0.7
    assert torch.equal(superpixels[~masks], batch.superpixels[~masks])
    pooled = superpixel_features(points, batch.pairs.pixels[rows], maps, superpixels)
    [gradient] = torch.autograd.grad(pooled.pixels.square().sum(), [maps])
    reached = gradient.abs().sum(1) > 0
    assert not reached[masks].any() and 0.1 < reached[~masks].float().mean() < 1
    assert "picture" in method.loss(batch, draw()).terms


def test_the_other_contrast_needs_no_superpixels_and_both_learn_something_else() -> None:
    assert batch_of("ppkt").superpixels is None
    losses = [method_of(name).loss(batch_of(name), draw()).total for name in ("ppkt", "slidr")]
    assert not torch.isclose(*losses)


def test_geometry_reaches_hidden_pixels_alone_and_moves_the_point_encoder() -> None:
    method, batch = method_of("cmcr", mask_probability=1.0), batch_of("cmcr")
    network, trunk = method.network.eval(), method._trunk[0]
    masks, turns = drawn_masks(method._settings, batch, draw()), torch.eye(3).expand(2, 3, 3)
    seen = see(network, trunk, batch, masks, turns)
    hidden = pair_rows(batch.pairs.pixels, masks).hidden
    quantised = network.quantised(seen.of_voxels.shared)
    own = decoded_pictures(network, batch, seen, quantised, hidden)
    none = decoded_pictures(network, batch, seen, quantised, hidden[:0])
    changed = (own - none).abs().amax(1) > 0
    pixels = torch.zeros_like(masks)
    pixels[batch.pairs.pixels[hidden].unbind(1)] = True
    # Three 3x3 convolutions see three pixels around.
    reach = functional.max_pool2d(pixels[:, None].float(), 7, 1, 3)[:, 0] > 0
    assert changed.any() and not (changed & ~reach).any()
    [gradient] = torch.autograd.grad(own.sum(), [network.point.stem.conv.weight])
    assert gradient.abs().sum() > 0


def test_codes_move_after_the_step_and_not_before() -> None:
    method, batch = method_of("cmcr"), batch_of("cmcr")
    before = method.network.codebook.codes.clone()
    method.loss(batch, draw()).total.backward()
    assert torch.equal(method.network.codebook.codes, before)
    method.after_step(1, 10)
    moved = method.network.codebook.codes
    assert not torch.equal(moved, before)
    torch.testing.assert_close(moved.norm(dim=1), torch.ones(len(moved)))
    # Without a new batch there is nothing to move towards.
    method.after_step(2, 10)
    assert torch.equal(method.network.codebook.codes, moved)


def test_a_copy_goes_on_bit_for_bit() -> None:
    method = method_of("cmcr")
    method.loss(batch_of("cmcr"), draw()).total.backward()
    method.after_step(1, 10)
    other = method_of("cmcr")
    other.load_state_dict(copy.deepcopy(method.state_dict()))
    losses = [each.loss(batch_of("cmcr", 2), draw(1)).total for each in (method, other)]
    assert torch.equal(*losses)


def collapsed(**told: bool) -> CMCR:
    """Return a method whose codes but one have not been chosen for longer than any that is alive."""
    method = method_of("cmcr", **told)
    codebook = method.network.codebook
    assert codebook is not None
    # All features are nearer to the first code, which points where they point on average.
    seen = method.loss(batch_of("cmcr"), draw())
    assert method._pairs is not None
    direction = torch.cat(method._pairs).mean(0)
    codebook.codes.copy_(-functional.normalize(direction, dim=0).expand_as(codebook.codes))
    codebook.codes[0].neg_()
    codebook.sums.copy_(codebook.codes)
    codebook.unused.fill_(400)
    assert seen.terms["perplexity/points"] > 0
    return method


def step(method: CMCR, number: int) -> LossTerms:
    found = method.loss(batch_of("cmcr", number), draw(number))
    method.after_step(number, 10)
    return found


def test_dead_codes_are_revived_where_it_is_asked_for_and_perplexity_tells() -> None:
    perplexities = {}
    for revived in (False, True):
        method = collapsed(revive_codes=revived)
        codebook = method.network.codebook
        assert codebook is not None
        first = step(method, 1)
        assert first.terms["perplexity/points"] == first.terms["perplexity/pixels"] == 1
        alike = (codebook.codes @ codebook.codes[0] > 0.99).sum()
        assert int(alike) == (len(codebook.codes) if revived else 1)
        for number in range(2, 6):
            last = step(method, number)
        perplexities[revived] = float(last.terms["perplexity/points"])
    assert perplexities[False] < 1.5 and perplexities[True] > 2, perplexities


def test_codes_are_not_revived_unless_asked_for() -> None:
    assert not CMCRSettings().revive_codes


def test_a_codebook_that_revives_codes_is_resumed_bit_for_bit() -> None:
    straight = collapsed(revive_codes=True)
    step(straight, 1)
    resumed = method_of("cmcr", revive_codes=True)
    resumed.load_state_dict(copy.deepcopy(straight.state_dict()))
    for method in (straight, resumed):
        method.network.codebook.unused[3:] = 400
        for number in (2, 3):
            step(method, number)
    for name, value in straight.network.codebook.named_buffers():
        assert torch.equal(value, dict(resumed.network.codebook.named_buffers())[name]), name


@pytest.mark.parametrize("name", PARTS)
def test_without_a_single_pair_every_term_is_defined(name: str) -> None:
    batch = batch_of(name)
    nothing = Pairs(*(values[:0] for values in (batch.pairs.sweeps, batch.pairs.points, batch.pairs.pixels)))
    method = method_of(name)
    found = method.loss(replace(batch, pairs=nothing), draw())
    found.total.backward()
    assert found.total.isfinite() and found.terms["contrast"] == 0
    assert all(value.grad is None or value.grad.isfinite().all() for value in method.parameters())
    method.after_step(1, 10)
    if method.network.codebook is not None:
        assert method.network.codebook.codes.isfinite().all()


def test_the_network_is_rebuilt_from_its_file(tmp_path: Path) -> None:
    method = method_of("cmcr")
    saved, path = method.saved(), tmp_path / "d.safetensors"
    save_weights(saved["distillation"], path, {"config_hash": "x", **method.header("distillation")})
    again = rebuilt({"encoder": ENCODER}, "distillation", path)
    assert isinstance(again, DistillationNetwork) and again.settings == method._settings
    for key, value in method.network.state_dict().items():
        assert torch.equal(value, again.state_dict()[key])
    save_weights(saved["point"], tmp_path / "p.safetensors", {"config_hash": "x"})
    point = rebuilt({"encoder": ENCODER}, "point", tmp_path / "p.safetensors")
    assert torch.equal(point.state_dict()["stem.conv.weight"], method.network.point.state_dict()["stem.conv.weight"])
    with pytest.raises(CheckpointCorrupt, match="Not the network"):
        rebuilt({"encoder": ENCODER}, "distillation", tmp_path / "p.safetensors")


def test_pictures_without_a_whole_number_of_patches_are_refused() -> None:
    with pytest.raises(ConfigError, match="whole number of patches"):
        method_of("ppkt", replace(street_data(), size=(30, 64)))


@pytest.mark.parametrize(
    ("told", "words"),
    [
        ({"geometry": True}, "needs codebook"),
        ({"decoupled": True}, "needs a task"),
        ({"beta": 1.0}, "beta"),
        ({"contrast": "pixel"}, "superpixels"),
    ],
)
def test_parts_that_need_others_say_so(told: dict[str, object], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        CMCRSettings.model_validate({**SMALL, **told})
