"""Meshes with texts as the world writes them."""

from __future__ import annotations

import json

import trimesh
from tests.world.made import colored_mesh

from concord3d.world.datasets.meshes_with_texts import write_text_index, write_text_mesh


def test_meshes_with_texts(tmp_path):
    file = write_text_mesh(tmp_path / "set", "cup_1", colored_mesh())
    assert file == "glb/cup_1.glb"
    rows = [{"uid": "cup_1", "file": file, "name": "a “red” cup", "captions": ["x\ny"], "split": "train"}]
    write_text_index(tmp_path / "set", rows, ["red cup", "blue cup"])
    assert [json.loads(line) for line in (tmp_path / "set/index.jsonl").read_text().split("\n")[:-1]] == rows
    assert (tmp_path / "set/class_names.txt").read_text().splitlines() == ["red cup", "blue cup"]
    assert trimesh.load(tmp_path / "set" / file, force="mesh", process=False).faces.shape == (4, 3)
