"""Weights files: exact round trip, and one named error for each way they can be wrong."""

from __future__ import annotations

import pickle

import pytest
import torch
from torch import nn

from concord3d.errors import CheckpointCorrupt
from concord3d.models.dgcnn_semseg import FIRST_LAYER, DGCNNSemSeg
from concord3d.models.heads import projection_head_3d
from concord3d.models.weights import load_matching, load_weights, read_tensors, save_tensors, save_weights


def _model(width: int = 4) -> nn.Module:
    return projection_head_3d(3, width, 2)


def test_round_trip_is_exact_and_bytes_are_deterministic(tmp_path):
    model, other = _model(), _model()
    first, second = tmp_path / "a.safetensors", tmp_path / "b.safetensors"
    save_weights(model, first, {"experiment": "x", "commit": "y"})
    assert load_weights(other, first) == {"experiment": "x", "commit": "y"}
    for name, value in model.state_dict().items():
        assert torch.equal(value, other.state_dict()[name])
    save_weights(other, second, {"commit": "y", "experiment": "x"})
    assert first.read_bytes() == second.read_bytes()


def test_many_metadata_keys_still_give_the_same_bytes(tmp_path):
    contents = set()
    for turn in range(6):
        metadata = {f"key{i}": "v" for i in range(8)}
        save_weights(nn.BatchNorm1d(2), tmp_path / f"{turn}.safetensors", metadata)
        contents.add((tmp_path / f"{turn}.safetensors").read_bytes())
    assert len(contents) == 1


@pytest.mark.parametrize("keep", [0, 5, 60, -1])
def test_truncated_file(tmp_path, keep):
    path = tmp_path / "model.safetensors"
    save_weights(_model(), path, {})
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(CheckpointCorrupt, match="Cannot read") as caught:
        load_weights(_model(), path)
    assert str(path) in str(caught.value)


def test_absent_file_and_pickle(tmp_path):
    with pytest.raises(CheckpointCorrupt):
        load_weights(_model(), tmp_path / "nothing.safetensors")
    path = tmp_path / "pickled.safetensors"
    path.write_bytes(pickle.dumps({"weight": [1, 2, 3]}))
    with pytest.raises(CheckpointCorrupt):
        read_tensors(path)


def test_wrong_shape_extra_missing_and_type(tmp_path):
    path = tmp_path / "model.safetensors"
    state = dict(_model().state_dict())
    state["0.weight"] = torch.zeros(5, 3)
    state["3.bias"] = state["3.bias"].half()
    state["surplus"] = torch.zeros(1)
    del state["1.running_mean"]
    save_tensors(state, path, {})
    model = _model()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    with pytest.raises(CheckpointCorrupt) as caught:
        load_weights(model, path)
    text = str(caught.value)
    for part in ("missing 1.running_mean float32[4]", "extra surplus", "0.weight is float32[5, 3]", "float16[2]"):
        assert part in text
    assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())


def test_load_matching_reports_and_is_strict():
    source = DGCNNSemSeg(k=3, emb_dims=16, in_channels=3)
    target = DGCNNSemSeg(k=3, emb_dims=16, in_channels=9)
    kept = target.state_dict()[FIRST_LAYER + "linear.weight"].clone()
    with pytest.raises(CheckpointCorrupt, match=r"first\.linear\.weight"):
        load_matching(target, source.state_dict())
    tensors = {**source.state_dict(), "head.weight": torch.zeros(2)}
    report = load_matching(target, tensors, may_differ=(FIRST_LAYER + "linear.",))
    assert [name for name, _ in report.skipped] == [FIRST_LAYER + "linear.weight"]
    assert report.unused == ("head.weight",)
    assert torch.equal(target.state_dict()[FIRST_LAYER + "linear.weight"], kept)
    for name in report.loaded:
        assert torch.equal(target.state_dict()[name], source.state_dict()[name])
    assert len(report.loaded) == len(target.state_dict()) - 1
    assert "float32[64, 6]" in str(report) and "left   head.weight" in str(report)
