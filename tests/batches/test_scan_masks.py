"""What trainings on scans hide."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from concord3d.batches.scan_masks import MODALITIES, ScanMasks, split_over_scans


def test_scans_are_divided_into_parts_of_the_asked_shares() -> None:
    hidden = split_over_scans({"point": 0.25, "cad": 0.75}, 40)
    assert hidden.count(frozenset({"cad"})) == 10 and hidden.count(frozenset({"point"})) == 30
    assert hidden == split_over_scans({"point": 0.25, "cad": 0.75}, 40)
    # The parts are drawn, not the first and the last scans.
    assert len({frozenset({"cad"}), *hidden[:30]}) == 2 and frozenset({"cad"}) in hidden[10:]
    assert split_over_scans({}, 3) == [frozenset()] * 3


@pytest.mark.parametrize("count", [1, 2, 3, 7, 10])
def test_every_scan_belongs_to_one_part(count: int) -> None:
    hidden = split_over_scans({"point": 1 / 3, "cad": 1 / 3, "image": 1 / 3}, count)
    assert all(len(each) == 2 for each in hidden)


def test_a_data_set_lacks_what_it_is_not_said_to_have() -> None:
    data = {"modalities": {"scan3r": ["image", "point", "referral"]}}
    masks = ScanMasks.of_settings(data, ["scannet", "scan3r", "scan3r"])
    draw = torch.Generator()
    assert [set(masks.hidden(scan, draw)) for scan in range(3)] == [set(), {"cad", "floorplan"}, {"cad", "floorplan"}]
    assert set(MODALITIES) == {"image", "point", "cad", "referral", "floorplan"}


def test_modalities_are_dropped_at_random_with_their_probability() -> None:
    masks = ScanMasks.of_settings({"dropped": {"referral": 0.3, "cad": 1.0}}, ["scannet"])
    draw = torch.Generator().manual_seed(0)
    read = [masks.hidden(0, draw) for _ in range(500)]
    assert all("cad" in hidden and "point" not in hidden for hidden in read)
    assert np.mean(["referral" in hidden for hidden in read]) == pytest.approx(0.3, abs=0.06)


def test_parts_and_absent_modalities_add_up() -> None:
    data = {"modalities": {"scannet": ["image", "point", "cad"]}, "only": {"point": 0.5, "cad": 0.5}}
    masks = ScanMasks.of_settings(data, ["scannet"] * 4)
    found = sorted(sorted(masks.hidden(scan, torch.Generator())) for scan in range(4))
    assert found == [["cad", "floorplan", "referral"]] * 2 + [["floorplan", "point", "referral"]] * 2
    assert ScanMasks.none(2).hidden(1, torch.Generator()) == frozenset()
