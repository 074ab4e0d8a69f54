"""Stores of scans: every scan comes back as it was, and faults are named."""

from __future__ import annotations

import tempfile
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.data.scan_examples import scan, scans

from concord3d.arrays import read_arrays, write_arrays
from concord3d.data.scans.nyu40 import NAMES, PALETTE
from concord3d.data.scans.scan import Scan
from concord3d.data.stores import open_store
from concord3d.data.stores.interface import Limits
from concord3d.data.stores.scans import ScanSplit, palette_colors
from concord3d.errors import BadCloud, UnreadableFile, WrongRelease


def assert_same(found: Scan, expected: Scan) -> None:
    for field in fields(Scan):
        first, second = getattr(found, field.name), getattr(expected, field.name)
        if isinstance(second, np.ndarray):
            assert first.dtype == second.dtype, field.name
            np.testing.assert_array_equal(first, second, err_msg=field.name)
        else:
            assert type(first) is type(second) and first == second, field.name


SIZES = st.tuples(st.integers(0, 5), st.integers(0, 5), st.integers(1, 30), st.booleans())


@settings(max_examples=20, deadline=None)
@given(st.lists(SIZES, min_size=1, max_size=4), st.data())
def test_scans_come_back(sizes: list[tuple[int, int, int, bool]], data: st.DataObject) -> None:
    members = [
        scan(f"scene{number:04d}_00", objects, frames, vertices, number, floorplan)
        for number, (objects, frames, vertices, floorplan) in enumerate(sizes)
    ]
    store = scans(*members).validated()
    index = np.array(data.draw(st.lists(st.integers(0, len(members) - 1), min_size=1, unique=True)))
    with tempfile.TemporaryDirectory() as folder:
        store.save(Path(folder) / "a.npz")
        read = open_store(Path(folder) / "a.npz")
    assert isinstance(read, ScanSplit) and len(read) == len(members) and read.class_names == NAMES
    for number, member in enumerate(members):
        assert_same(read.scan(number), member)
    chosen = read.subset(index).validated()
    assert chosen.class_names == NAMES and chosen.names == tuple(members[i].name for i in index)
    for place, number in enumerate(index):
        assert_same(chosen.scan(place), members[number])


def test_rows_of_the_split_are_those_of_all_scans() -> None:
    store = scans().validated()
    # The second scan's first object and last frame, behind three objects and two frames of the first scan.
    assert store.vote_objects.tolist() == [0, 0, 3, 3, 3] and store.vote_frames.tolist() == [0, 1, 2, 3, 4]
    assert store.key_frames.tolist() == [[1, 0, -1, -1], [4, 3, 2, -1], [-1, -1, -1, -1]]
    assert store.cad_objects.tolist() == [2, 6] and store.referral_objects.tolist() == [0, 0, 1, 3, 3, 4]
    assert store.change_scans.tolist() == [0, 1] and store.has_floorplan.tolist() == [True, True, False]
    with pytest.raises(IndexError, match="scan 3 of 3"):
        store.scan(3)


def test_pictures_are_the_bytes_of_the_files_and_stand_upright() -> None:
    member = scans().scan(1)
    assert member.encoded_picture(2)[:2] == b"\xff\xd8" and member.picture(2).shape == (12, 16, 3)
    turned = replace(member, quarter_turns=3)
    np.testing.assert_array_equal(turned.picture(2)[:, ::-1].transpose(1, 0, 2), member.picture(2))
    with pytest.raises(IndexError, match="frame 3 of 3"):
        member.picture(3)
    damaged = member.frame_bytes.copy()
    damaged[member.frame_byte_offsets[2] : member.frame_byte_offsets[2] + 20] = 0
    with pytest.raises(UnreadableFile, match="frame 2 of scene0000_01"):
        replace(member, frame_bytes=damaged).picture(2)


def test_objects_of_vertices_and_colours_of_classes() -> None:
    store = scans()
    rows = store.scan(0).object_rows()
    assert rows.tolist() == [0] * 5 + [1] * 5 + [2] * 5 + [-1] * 15
    assert (store.scan(2).object_rows() == -1).all()
    colors = palette_colors(store, 0)
    np.testing.assert_array_equal(colors[[0, 5, 10, 15]], PALETTE[[1, 2, 3, 0]])
    strange = replace(store.scan(0), instance=np.full(30, 99, np.int32))
    assert (strange.object_rows() == -1).all()
    assert PALETTE.shape == (41, 3) and len(set(NAMES)) == 40


def with_change(store: ScanSplit, name: str, row: Any, value: float) -> ScanSplit:
    array = getattr(store, name).copy()
    array[row] = value
    return replace(store, **{name: array})


def test_what_does_not_fit_is_named() -> None:
    store = scans()
    for wrong, message in (
        (with_change(store, "points", (7, 1), np.nan), r"'points' that are not finite(.|\n)*first: 7"),
        (with_change(store, "poses", (1, 0, 3), np.inf), "'poses'"),
        (replace(store, colors=store.colors[1:]), "colors: 89 rows for 90 vertices"),
        (replace(store, points=store.points.astype(np.float64)), "points: float64"),
        (replace(store, vote_boxes=store.vote_boxes[:, :3]), "vote_boxes"),
        (with_change(store, "vote_frames", 0, 5), "vote_frames: 1 to 5 for 5 frames"),
        (with_change(store, "referral_objects", 0, 6), "referral_objects: do not rise"),
        (with_change(store, "key_frames", (0, 0), 9), "key_frames: -1 to 9"),
        (with_change(store, "object_offsets", 1, 9), "object_offsets: do not rise"),
        (with_change(store, "object_ids", 1, 1), "do not rise from 1"),
        (with_change(store, "object_ids", 0, 0), "do not rise from 1"),
        (with_change(store, "vertex_offsets", 1, 0), r"no vertices(.|\n)*scene0000_00"),
        (replace(store, names=("a", "b", "a")), r"stands twice(.|\n)*a"),
        (replace(store, names=store.names[1:]), "differ in number"),
        (replace(store, object_names=store.object_names[1:]), "differ in number"),
        (replace(store, referrals=store.referrals[1:]), "differ in number"),
        (store.subset(np.zeros(0, np.int64)), "There is no scan"),
    ):
        with pytest.raises(BadCloud, match=message):
            wrong.validated()


def test_labels_and_radius_are_compared_with_the_catalogue(tmp_path: Path) -> None:
    store = scans()
    store.check(Limits(-1, max_radius=50.0), "here")
    scans(scan(num_objects=0)).check(Limits(), "here")
    with pytest.raises(WrongRelease, match="0 to 1"):
        store.with_class_names(("wall", "floor")).check(Limits(), "here")
    with pytest.raises(WrongRelease, match="too far"):
        store.check(Limits(max_radius=0.1), "here")


def test_a_damaged_store_is_named(tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    scans().save(path)
    arrays = read_arrays(path)
    for name, content, message in (
        ("vertex_offsets", arrays["vertex_offsets"] + 1, "vertex_offsets: do not rise"),
        ("vote_objects", arrays["vote_objects"] + 90, "vote_objects: 90 to 93 for 7 objects"),
    ):
        write_arrays(path, {**arrays, name: content})
        with pytest.raises(UnreadableFile, match=message):
            ScanSplit.load(path)
    write_arrays(path, {key: array for key, array in arrays.items() if key != "poses"})
    with pytest.raises(UnreadableFile, match="poses"):
        ScanSplit.load(path)


def test_more_objects_than_a_batch_holds_are_kept() -> None:
    store = scans(scan(num_objects=160, vertices_per_object=1)).validated()
    assert store.scan(0).num_objects == 160
