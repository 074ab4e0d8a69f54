"""What the official devkit says of a data set. It runs in `.venv-parity`, where Concord3D is not installed.

Arguments: the root of the data set, and an `.npz` that receives, for sweep number i in the order of the scenes,
`names` and `<i>.{points,category,panoptic,velocity}`, and for each camera `<i>.<camera>` (M, 3): column and row of the
points in the picture, and their depth; besides `annotated` and `in_box`, counts of points, and `train` and `val`.
"""

import sys
from pathlib import Path

import numpy as np
from nuscenes.nuscenes import NuScenes
from nuscenes.utils.data_classes import LidarPointCloud
from nuscenes.utils.data_io import load_bin_file
from nuscenes.utils.geometry_utils import points_in_box
from nuscenes.utils.splits import create_splits_scenes

CAMERAS = ("CAM_FRONT", "CAM_FRONT_RIGHT", "CAM_BACK_RIGHT", "CAM_BACK", "CAM_BACK_LEFT", "CAM_FRONT_LEFT")


def main(root: str, out: str) -> None:
    kit = NuScenes("v1.0-trainval", root, verbose=False)
    facts: dict[str, object] = {}
    names = []
    in_box = annotated = 0
    for scene in kit.scene:
        token = scene["first_sample_token"]
        for number in range(scene["nbr_samples"]):
            sample, index = kit.get("sample", token), len(names)
            names.append(f"{scene['name']}/{number:03d}")
            lidar = sample["data"]["LIDAR_TOP"]
            path, boxes, _ = kit.get_sample_data(lidar)
            points = LidarPointCloud.from_file(path).points
            category = load_bin_file(str(Path(root, kit.get("lidarseg", lidar)["filename"])), "lidarseg")
            panoptic = load_bin_file(str(Path(root, kit.get("panoptic", lidar)["filename"])), "panoptic")
            facts |= {f"{index}.points": points.T, f"{index}.category": category, f"{index}.panoptic": panoptic}
            facts[f"{index}.velocity"] = np.array([kit.box_velocity(token)[:2] for token in sample["anns"]])
            for camera in CAMERAS:
                pixels, depth, _ = kit.explorer.map_pointcloud_to_image(lidar, sample["data"][camera])
                facts[f"{index}.{camera}"] = np.column_stack([pixels[:2].T, depth])
            for box in boxes:
                count = kit.get("sample_annotation", box.token)["num_lidar_pts"]
                inside = points_in_box(box, points[:3], 1.05) & (category == kit.lidarseg_name2idx_mapping[box.name])
                annotated, in_box = annotated + count, in_box + min(count, int(inside.sum()))
            token = sample["next"]
        if token:
            raise SystemExit(f"{scene['name']} has more keyframes than it says")
    splits = create_splits_scenes()
    np.savez(out, names=names, in_box=in_box, annotated=annotated, train=splits["train"], val=splits["val"], **facts)


main(*sys.argv[1:])
