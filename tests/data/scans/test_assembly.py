"""Which frames are kept, where objects are, and which sentences are about them."""

from __future__ import annotations

import numpy as np

from concord3d.data.scans.assembly import (
    Frame,
    Referral,
    cad_columns,
    frame_columns,
    referral_columns,
    tracked,
)
from concord3d.data.scans.options import ScanOptions


def test_only_key_frames_and_voted_frames_are_kept() -> None:
    read: list[int] = []

    def frame(number: int) -> Frame:
        pose = np.eye(4)
        pose[0, 3] = number
        mask = np.zeros((4, 6), np.uint8)
        # Object 5 grows over the recording, object 6 shows in the first frame alone.
        mask[0, : min(number // 10 + 1, 5)] = 5
        mask[3, 5] = 6 if number == 0 else 0

        def picture() -> bytes:
            read.append(number)
            return bytes([number] * (number + 1))

        return Frame(number, pose, lambda: mask, picture)

    frames = [frame(number) for number in range(0, 40, 10)]
    found = frame_columns(frames, (4, 6), np.array([4, 5, 6]), ScanOptions(views=1, key_frames=1), "scan")
    key = found["frame_numbers"][found["key_frames"]]
    assert len(key) == 1 and {0, 30} <= set(found["frame_numbers"]) <= {0, 30, int(key[0])}
    assert found["vote_objects"].tolist() == [1, 2] and found["vote_pixels"].tolist() == [4, 1]
    assert found["frame_numbers"][found["vote_frames"]].tolist() == [30, 0]
    assert found["vote_boxes"].tolist() == [[0, 0, 4, 1], [5, 3, 6, 4]]
    assert sorted(read) == found["frame_numbers"].tolist(), "pictures of other frames are not read"
    assert found["poses"][:, 0, 3].tolist() == found["frame_numbers"].tolist()
    ends = found["frame_byte_offsets"]
    assert np.diff(ends).tolist() == [number + 1 for number in read] and ends[-1] == len(found["frame_bytes"])
    again = frame_columns(frames, (4, 6), np.array([4, 5, 6]), ScanOptions(views=1, key_frames=1), "scan")
    assert again["key_frames"].tolist() == found["key_frames"].tolist()


def test_without_frames_nothing_is_kept() -> None:
    found = frame_columns([], (4, 6), np.array([1]), ScanOptions(), "scan")
    assert [len(found[name]) for name in ("frame_bytes", "frame_numbers", "key_frames", "vote_objects")] == [0] * 4
    assert found["poses"].shape == (0, 4, 4) and found["frame_byte_offsets"].tolist() == [0]
    assert found["vote_boxes"].shape == (0, 4)


def test_sentences_about_objects_that_do_not_exist_are_counted() -> None:
    told = [Referral(7, "a"), Referral(3, "b"), Referral(8, "c"), Referral(7, "d"), Referral(0, "e")]
    columns, lost = referral_columns(told, np.array([3, 7]))
    assert columns["referral_objects"].tolist() == [0, 1, 1] and columns["referrals"] == ("b", "a", "d") and lost == 2
    assert referral_columns([], np.array([3]))[0]["referral_objects"].dtype == np.int64


def test_no_models_have_no_points() -> None:
    columns = cad_columns({}, 7)
    assert columns["cad_points"].shape == (0, 7, 3) and columns["cad_objects"].shape == (0,)


def test_what_no_pose_is() -> None:
    lost, zero = np.eye(4), np.zeros((4, 4))
    lost[1, 3] = np.nan
    assert tracked(np.eye(4)) and not tracked(lost) and not tracked(zero) and not tracked(np.full((4, 4), -np.inf))
