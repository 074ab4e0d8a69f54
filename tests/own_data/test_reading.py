"""What becomes of meshes and clouds of the user, and what is said about it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import trimesh
from numpy.typing import NDArray
from tests.own_data.shapes import points_of, write_clouds, write_meshes

from concord3d.errors import ConfigError
from concord3d.own_data import Reading, read_own_data
from concord3d.own_data.errors import MixedKinds, NoItems

FEW = Reading(num_points=32)


def rule(rules: tuple[str, ...], about: str) -> str:
    [found] = [sentence for sentence in rules if sentence.startswith(f"{about}:")]
    return found


def normalised(points: NDArray[np.float32]) -> NDArray[np.float64]:
    centred = points.astype(np.float64) - points.astype(np.float64).mean(axis=0)
    return centred / np.linalg.norm(centred, axis=1).max()


def test_clouds_are_centred_and_scaled_unless_all_are_so_already(tmp_path: Path) -> None:
    data = read_own_data(write_clouds(tmp_path / "clouds"), FEW)
    clouds = data.splits["all"]
    assert clouds.class_names == ("board", "post") and clouds.labels.tolist() == [0] * 4 + [1] * 4
    np.testing.assert_allclose(clouds.points[0], normalised(points_of("board", 0)), atol=1e-6)
    assert "of 8 clouds were not so" in rule(data.rules, "normalisation")
    np.savez(tmp_path / "again.npz", points=clouds.points)
    again = read_own_data(tmp_path / "again.npz", FEW)
    np.testing.assert_array_equal(again.all.points, clouds.points)
    assert "stay as they are" in rule(again.rules, "normalisation")
    always = read_own_data(tmp_path / "again.npz", Reading(32, normalise="always"))
    assert "as asked" in rule(always.rules, "normalisation")
    never = read_own_data(tmp_path / "clouds", Reading(32, normalise="never"))
    np.testing.assert_array_equal(never.all.points[0], points_of("board", 0))


def test_points_of_a_mesh_depend_on_its_name_alone(tmp_path: Path) -> None:
    folder = write_meshes(tmp_path / "meshes")
    first = read_own_data(folder, FEW).all
    (folder / "board/0.glb").unlink()
    np.testing.assert_array_equal(read_own_data(folder, FEW).all.points, first.points[1:])
    assert first.points.shape == (6, 32, 3)
    np.testing.assert_allclose(np.linalg.norm(first.points, axis=2).max(axis=1), 1, atol=1e-5)


@pytest.mark.parametrize(
    ("suffix", "axis", "why"), [("glb", "y", "glTF"), ("obj", "y", "assumed"), ("off", "z", "ModelNet")]
)
def test_the_axis_that_points_up_is_decided_by_the_format_unless_it_is_given(
    tmp_path: Path, suffix: str, axis: str, why: str
) -> None:
    folder = write_meshes(tmp_path / "meshes", suffix)
    data = read_own_data(folder, FEW)
    assert f"{axis} points up in .{suffix}" in rule(data.rules, "axes") and why in rule(data.rules, "axes")
    post = read_own_data(folder, FEW).all.points[-1]
    # A post that stands along y stays upright, and lies along -z where z was meant to point up.
    assert np.ptp(post, axis=0).argmax() == {"y": 1, "z": 2}[axis]
    as_y = read_own_data(folder, Reading(32, up="y")).all.points[-1]
    as_z = read_own_data(folder, Reading(32, up="z")).all.points[-1]
    np.testing.assert_allclose(as_z, as_y[:, [0, 2, 1]] * [1, 1, -1], atol=1e-6)


def test_colours_of_any_range_are_read_and_others_are_grey(tmp_path: Path) -> None:
    points = points_of("board", 0)
    shade = np.full_like(points, 0.2)
    np.save(tmp_path / "a.npy", np.concatenate([points, shade], axis=1))
    np.savez(tmp_path / "b.npz", points=points, colors=(255 * shade).astype(np.uint8))
    np.save(tmp_path / "c.npy", np.concatenate([points, 255 * shade], axis=1))
    np.save(tmp_path / "d.npy", points)
    trimesh.PointCloud(points, colors=np.full((40, 3), 51, np.uint8)).export(tmp_path / "e.ply")
    data = read_own_data(tmp_path, FEW)
    assert data.all.colors is not None
    assert [int(color[0, 0]) for color in data.all.colors] == [51, 51, 51, 102, 51]
    assert rule(data.rules, "colours") == "colours: 4 of 5 have colours; the other 1 are grey (0.4)"
    (tmp_path / "only").mkdir()
    np.save(tmp_path / "only/a.npy", points)
    assert read_own_data(tmp_path / "only", FEW).all.colors is None


def test_clouds_of_several_sizes_are_brought_to_one_and_too_small_ones_are_left_out(tmp_path: Path) -> None:
    for name, count in (("a", 40), ("b", 60), ("c", 10)):
        np.save(tmp_path / f"{name}.npy", points_of("board", 0, count))
    data = read_own_data(tmp_path, FEW)
    assert data.all.points.shape == (2, 32, 3)
    assert data.left_out == {"c": "10 points, fewer than 32; --num-points asks for fewer"}
    assert len(np.unique(data.all.points[1], axis=0)) == 32
    with pytest.raises(NoItems, match="fewer than 99"):
        read_own_data(tmp_path, Reading(99))


def test_files_that_cannot_be_used_are_counted_and_named_and_the_rest_goes_on(tmp_path: Path) -> None:
    folder = write_clouds(tmp_path / "clouds")
    spoilt = points_of("post", 0)
    spoilt[3, 1] = np.nan
    np.save(folder / "post/0.npy", spoilt)
    (folder / "post/1.npy").write_bytes(b"\x93NUMPY")
    np.save(folder / "post/2.npy", np.zeros((4, 2)))
    np.savez(folder / "board/x.npz", clouds=spoilt)
    np.save(folder / "post/3.npy", np.ones((40, 3)))
    data = read_own_data(folder, FEW)
    assert len(data.all) == 4 and data.all.class_names == ("board",)
    assert set(data.left_out) == {"post/0", "post/1.npy", "post/2.npy", "board/x.npz", "post/3"}
    assert data.left_out["post/3"] == "all points are identical"
    assert data.left_out["post/0"] == "1 of 40 points are not finite"
    last = data.sentences()[-1]
    assert last.startswith("left out: 5 of the files or clouds: ") and "post/1.npy (Cannot read a cloud" in last
    for path in [*folder.glob("*/*.npy")]:
        np.save(path, np.full((40, 3), np.nan))
    with pytest.raises(NoItems, match="No file can be used"):
        read_own_data(folder, FEW)


def test_damaged_meshes_are_left_out(tmp_path: Path) -> None:
    folder = write_meshes(tmp_path / "meshes")
    (folder / "board/0.glb").write_bytes((folder / "board/0.glb").read_bytes()[:100])
    data = read_own_data(folder, FEW)
    assert len(data.all) == 5 and list(data.left_out) == ["board/0.glb"]


def test_a_file_whose_kind_cannot_be_told_is_left_out(tmp_path: Path) -> None:
    folder = write_meshes(tmp_path / "meshes", "ply")
    (folder / "board/broken.ply").write_bytes(b"ply\nformat ascii 1.0\n")
    data = read_own_data(folder, FEW)
    assert len(data.all) == 6 and list(data.left_out) == ["board/broken.ply"]


@pytest.mark.parametrize("comment", ["comment of a mesh with element face 12", "comment after end_header of another"])
def test_what_a_comment_says_of_faces_makes_no_cloud_a_mesh_and_no_mesh_a_cloud(tmp_path: Path, comment: str) -> None:
    clouds = tmp_path / "clouds"
    clouds.mkdir()
    trimesh.PointCloud(points_of("post", 0)).export(clouds / "0.ply")
    meshes = write_meshes(tmp_path / "meshes", "ply")
    for path in [*clouds.glob("*.ply"), *meshes.glob("*/*.ply")]:
        path.write_bytes(path.read_bytes().replace(b" 1.0\n", f" 1.0\n{comment}\n".encode(), 1))
    for folder, kind in ((clouds, "clouds"), (meshes, "meshes")):
        data = read_own_data(folder, FEW)
        assert f" files of {kind} " in data.rules[0] and not data.left_out


def test_meshes_beside_clouds_are_refused(tmp_path: Path) -> None:
    write_meshes(tmp_path / "both", "ply")
    np.save(tmp_path / "both/board/cloud.npy", points_of("board", 0))
    with pytest.raises(MixedKinds, match=r"6 meshes \(0.ply\), 1 clouds \(cloud.npy\)"):
        read_own_data(tmp_path / "both", FEW)


def test_a_batch_keeps_its_names_labels_and_order_of_classes(tmp_path: Path) -> None:
    points = np.stack([points_of("post", 0), points_of("board", 0)])
    names = {"names": ["p", "b"], "class_names": ["post", "board", "rest"]}
    np.savez(tmp_path / "test.npz", points=points, labels=[0, 1], **names)
    np.savez(tmp_path / "train.npz", points=points[::-1], labels=[1, -1], **names)
    data = read_own_data(tmp_path, FEW)
    assert data.splits["test"].names == ("p", "b") and data.splits["test"].class_names == ("post", "board", "rest")
    assert data.splits["train"].labels.tolist() == [1, -1]
    assert data.all.labels.tolist() == [1, -1, 0, 1]
    assert data.split_names == ("train", "train", "test", "test")
    np.savez(tmp_path / "words.npz", points=points, labels=["post", "board"])
    assert read_own_data(tmp_path / "words.npz", FEW).all.class_names == ("board", "post")


def test_a_list_of_classes_decides_their_order_and_must_hold_all(tmp_path: Path) -> None:
    folder = write_clouds(tmp_path / "clouds")
    (folder / "class_names.txt").write_text("post\nboard\n")
    assert read_own_data(folder, FEW).all.class_names == ("post", "board")
    (folder / "class_names.txt").write_text("post\n")
    with pytest.raises(ConfigError, match="A class is not in the list"):
        read_own_data(folder, FEW)


@pytest.mark.slow
def test_layouts_of_the_catalogue_are_read_by_their_readers(repository: Path, mirror: Path) -> None:
    data = read_own_data(mirror / "modelnet40_ply_hdf5_2048", Reading(layout="modelnet40", root=repository))
    assert {name: split.points.shape for name, split in data.splits.items()} == {
        "train": (9843, 1024, 3),
        "test": (2468, 1024, 3),
    }


def test_layouts_that_the_catalogue_does_not_know_are_refused(repository: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="did you mean 'modelnet40'"):
        read_own_data(tmp_path, Reading(layout="modelnet4", root=repository))
    with pytest.raises(ConfigError, match="--root"):
        read_own_data(tmp_path, Reading(layout="modelnet40", root=tmp_path))
