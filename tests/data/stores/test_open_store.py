"""A store says of which kind it is."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from tests.data.scan_examples import scans
from tests.data.stores.test_objects import split
from tests.data.stores.test_rooms import rooms
from tests.data.stores.test_sweeps import sweeps

from concord3d.arrays import write_arrays
from concord3d.data.stores import open_store, store_kinds
from concord3d.data.stores.interface import Store, not_finite
from concord3d.data.stores.objects import CloudSplit
from concord3d.data.stores.rooms import RoomBlocks
from concord3d.data.stores.sweeps import SweepSplit
from concord3d.errors import UnreadableFile

STORES: dict[str, Store] = {"objects": split(), "rooms": rooms(), "scans": scans(), "sweeps": sweeps()}


def test_every_kind_is_opened_as_what_it_is(tmp_path: Path) -> None:
    assert store_kinds() == tuple(STORES)
    for kind, store in STORES.items():
        store.save(tmp_path / f"{kind}.npz")
        opened = open_store(tmp_path / f"{kind}.npz")
        assert type(opened) is type(store) and opened.kind == kind and len(opened) == len(store)


@pytest.mark.parametrize(("wanted", "found"), [(CloudSplit, "rooms"), (RoomBlocks, "sweeps"), (SweepSplit, "objects")])
def test_the_wrong_kind_is_named(tmp_path: Path, wanted: type[Store], found: str) -> None:
    STORES[found].save(tmp_path / "a.npz")
    with pytest.raises(UnreadableFile, match=f"expected: {wanted.kind}\n  found: {found}"):
        wanted.load(tmp_path / "a.npz")


def test_an_unknown_kind_and_no_kind_are_named(tmp_path: Path) -> None:
    write_arrays(tmp_path / "a.npz", {"kind": np.array("sweep")})
    with pytest.raises(UnreadableFile, match="did you mean 'sweeps'"):
        open_store(tmp_path / "a.npz")
    write_arrays(tmp_path / "a.npz", {"points": np.zeros(3)})
    with pytest.raises(UnreadableFile, match="kind"):
        open_store(tmp_path / "a.npz")
    with pytest.raises(UnreadableFile, match="no kind"):
        CloudSplit.load(tmp_path / "a.npz")
    with pytest.raises(UnreadableFile, match=re.escape("absent.npz")):
        open_store(tmp_path / "absent.npz")


@pytest.mark.parametrize("shape", [(5,), (5, 3), (5, 2, 3)])
def test_rows_that_are_not_finite_are_found(monkeypatch: pytest.MonkeyPatch, shape: tuple[int, ...]) -> None:
    monkeypatch.setattr("concord3d.data.stores.interface._PART_NUMBERS", 7)
    numbers = np.zeros(shape)
    numbers.reshape(5, -1)[[1, 4], -1] = np.nan, np.inf
    assert not_finite(numbers).tolist() == [1, 4]
    assert not_finite(numbers[:0]).tolist() == []
