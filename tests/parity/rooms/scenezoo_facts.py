"""What scenezoo says of rooms. It runs in `.venv-parity`, where Concord3D is not installed.

Arguments: `scannetv2` or `3rscan`, the root of the data set (of 3RScan the folder of its scans), and an `.npz` that
receives `check` (text), `train` and `val` (ids), `references` and, for scan number i of both splits in that order,
`<i>.vertices` and `<i>.colors` of its mesh, `<i>.instance` and `<i>.nyu40` of the vertices, `<i>.objects` (numbers) and
`<i>.names`, `<i>.depth`, `<i>.pose` (camera to world), `<i>.intrinsic`, `<i>.rgb`, `<i>.distance` of the depth's points
to the mesh, and `<i>.alignment`; of ScanNet besides `<i>.pixels` (object of each) and `<i>.type`, of 3RScan
`<i>.textured` (vertices) and `<i>.boxes` (lengths).
"""

import sys
from pathlib import Path

import numpy as np
import open3d as o3d
from scenezoo import get_dataset

FRAMES = ("rgb", "depth", "rgb_intrinsics", "world_to_camera")


def opened(kind: str, root: Path):
    if kind == "scannetv2":
        (root / "scannetv2_test.txt").write_text("")
        files = {f"{split}_split_file": f"scannetv2_{split}.txt" for split in ("train", "val", "test")}
        return get_dataset(kind, str(root), offline=True, **files)
    return get_dataset(
        kind, str(root), offline=True, label_mapping_file=str(root.parent / "3RScan.v2 Semantic Classes - Mapping.csv"),
        oversegmentation_file="{scene_id}/mesh.refined.0.010000.segs.v2.json",
    )  # fmt: skip


def distances(mesh, frames) -> np.ndarray:
    """Return the distances to the mesh of what the depth says is there."""
    scene = o3d.t.geometry.RaycastingScene()
    scene.add_triangles(o3d.t.geometry.TriangleMesh.from_legacy(mesh))
    found = []
    for depth, matrix, view in zip(frames.depth, frames.rgb_intrinsics, frames.world_to_camera, strict=True):
        row, column = np.nonzero(depth > 0)
        z = depth[row, column].astype(np.float64)
        camera = np.stack([(column - matrix[0, 2]) / matrix[0, 0] * z, (row - matrix[1, 2]) / matrix[1, 1] * z, z])
        world = np.linalg.inv(view.astype(np.float64)) @ np.concatenate([camera, np.ones((1, len(z)))])
        found.append(scene.compute_distance(o3d.core.Tensor(world[:3].T.astype(np.float32))).numpy())
    return np.concatenate(found)


def main(kind: str, root: str, out: str) -> None:
    data = opened(kind, Path(root))
    facts: dict[str, object] = {"check": str(data.check()), "references": []}
    for split in ("train", "val"):
        facts[split] = data.get_ids(split)
    for number, scan in enumerate([*facts["train"], *facts["val"]]):
        mesh = data.get_mesh(scan)
        own, classes = data.get_segmentation(scan), "semantic" if kind == "scannetv2" else "nyu40"
        frames = data.get_frames(scan, items=(*FRAMES, "instance_maps") if kind == "scannetv2" else FRAMES)
        said = {
            "vertices": np.asarray(mesh.vertices),
            "colors": np.asarray(mesh.vertex_colors),
            "instance": own.labels,
            "objects": list(own.id_to_name),
            "names": list(own.id_to_name.values()),
            "nyu40": data.get_segmentation(scan, segmentation_type=classes).labels,
            "depth": frames.depth,
            "rgb": frames.rgb,
            "intrinsic": frames.rgb_intrinsics,
            "pose": np.linalg.inv(frames.world_to_camera),
            "distance": distances(mesh, frames),
        }
        if kind == "scannetv2":
            said |= {"pixels": frames.instance_maps, "type": data.get_scene_info(scan)["sceneType"]}
            said["alignment"] = data.get_alignment(scan)
        else:
            said["alignment"] = data.get_scene_alignment(scan)
            said["textured"] = np.asarray(data.get_mesh(scan, mesh_type="textured").vertices)
            boxes, _ = data.get_boxes(scan, box_type="obb_gt")
            said["boxes"] = np.array([box.extent for box in boxes.values()])
            facts["references"].append(data.get_reference_id(scan))
        facts |= {f"{number}.{name}": value for name, value in said.items()}
    np.savez(out, **facts)


main(*sys.argv[1:])
