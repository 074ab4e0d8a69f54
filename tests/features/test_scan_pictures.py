"""What an encoder makes of the pictures of scans."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
import torch
from tests.data.scan_examples import scan, scans
from tests.features.scan_encoder_fakes import MeanColors

from concord3d.data.scans.scan import Scan
from concord3d.errors import UnreadableFile
from concord3d.features.efficientnet_adapter import EfficientNetLite, preprocess_at
from concord3d.features.scan_pictures import MapEncoder, scan_pictures


def test_features_are_means_over_levels_and_then_over_frames() -> None:
    split, encoder = scans(), MeanColors()
    found = scan_pictures(split, encoder, num_levels=2)
    first = split.scan(0)
    expected = []
    for frame in (0, 1):
        picture = first.picture(frame)
        # The box (2, 3) to (9, 11) and one pixel more at each side.
        levels = [picture[3:11, 2:9], picture[2:12, 1:10]]
        expected.append(np.mean([level.mean((0, 1)) for level in levels], axis=0))
    np.testing.assert_allclose(found.image[0], np.mean(expected, axis=0), rtol=1e-5)
    assert found.has_image.tolist() == [True, False, False, True, False, False, False]
    assert not found.image[~found.has_image].any()


def test_frames_come_in_the_order_of_their_choice_and_floorplans_as_summaries() -> None:
    split = scans()
    found = scan_pictures(split, MeanColors(), num_levels=1)
    assert found.frames.shape == (3, 4, 6)
    assert found.has_frames.sum(axis=1).tolist() == [2, 3, 0] and found.has_floorplan.tolist() == [True, True, False]
    second = split.scan(1)
    for place, frame in enumerate(second.key_frames):
        picture = second.picture(int(frame))
        np.testing.assert_allclose(found.frames[1, place, :3], picture.mean((0, 1)), rtol=1e-5)
        np.testing.assert_array_equal(found.frames[1, place, 3:], picture.max((0, 1)))
    assert second.floorplan is not None
    np.testing.assert_allclose(found.floorplan[1], second.floorplan.mean((0, 1)), rtol=1e-5)
    assert not found.frames[~found.has_frames].any() and not found.floorplan[2].any()


def test_each_frame_is_decoded_once_for_all_objects_and_pictures_are_upright(monkeypatch: pytest.MonkeyPatch) -> None:
    member = scan("scene0000_00", num_objects=3, num_frames=2)
    both = np.array([0, 0, 1, 1])
    member = replace(
        member,
        quarter_turns=3,
        vote_objects=both,
        vote_frames=np.array([0, 1, 0, 1]),
        vote_boxes=np.tile(np.array([[1, 2, 11, 14]], np.int32), (4, 1)),
        vote_pixels=np.ones(4, np.int64),
        key_frames=np.array([1, 0]),
    )
    seen: Counter[int] = Counter()
    decode = Scan.picture

    def counted(self: Scan, frame: int) -> np.ndarray:
        seen[frame] += 1
        return decode(self, frame)

    monkeypatch.setattr(Scan, "picture", counted)
    encoder = MeanColors()
    found = scan_pictures(scans(member), encoder, num_levels=3)
    assert seen == {0: 1, 1: 1}
    # 12 x 16 pixels that lie on their side stand 16 high, and so the boxes fit.
    assert (12, 10, 3) in encoder.shapes and (16, 12, 3) in encoder.shapes
    np.testing.assert_allclose(found.image[0], found.image[1])


def test_a_damaged_picture_is_named() -> None:
    member = scan()
    broken = member.frame_bytes.copy()
    broken[: member.frame_byte_offsets[1]] = 0
    with pytest.raises(UnreadableFile, match="frame 0 of scene0000_00"):
        scan_pictures(scans(replace(member, frame_bytes=broken)), MeanColors(), 1)


def test_a_convolutional_encoder_gives_mean_and_maximum_over_its_map() -> None:
    torch.manual_seed(0)
    plain = EfficientNetLite.build(32)
    encoder = MapEncoder(plain)
    rng = np.random.default_rng(0)
    pictures = [rng.integers(0, 255, (*size, 3), dtype=np.uint8) for size in ((20, 50), (64, 40), (32, 32))]
    frames = encoder.frames(pictures)
    assert frames.shape == (3, 2 * plain.dim)
    np.testing.assert_allclose(frames[:, : plain.dim], encoder.summaries(pictures), atol=1e-5)
    assert (frames[:, plain.dim :] >= frames[:, : plain.dim]).all()
    # A picture of the encoder's size is not resized, whatever else is in the list.
    np.testing.assert_allclose(encoder.summaries(pictures)[2:], plain.encode_images(pictures[2][None]), atol=1e-5)
    squared = preprocess_at(32).resize(torch.from_numpy(pictures[0][None])).permute(0, 2, 3, 1)
    np.testing.assert_allclose(
        encoder.summaries(pictures[:1]), plain.encode_images(squared.contiguous().numpy()), atol=1e-5
    )
