"""What Open3D's own readers and pykitti say of data sets. It runs in `.venv-parity`, without Concord3D.

Arguments: `semantic_kitti` or `kitti`, the root of the data set, and an `.npz` that receives, of SemanticKITTI, for
each split `<split>.names` and for scan number i `<split>.<i>.{points,labels}` of Open3D, and of pykitti for sequence 08
`odometry.{velo,velo_to_camera,times}`; of KITTI for frame number i `<i>.points`, `<i>.classes` and `<i>.boxes` (N, 8):
centre in the LiDAR's frame, width, height, length, yaw and occlusion.
"""

import sys

import numpy as np
import pykitti
from open3d._ml3d.datasets.kitti import KITTI
from open3d._ml3d.datasets.semantickitti import SemanticKITTI


def semantic_kitti(root: str) -> dict[str, object]:
    facts: dict[str, object] = {}
    data = SemanticKITTI(root)
    for split in ("training", "validation"):
        part = data.get_split(split)
        facts[f"{split}.names"] = [part.get_attr(index)["name"] for index in range(len(part))]
        for index in range(len(part)):
            scan = part.get_data(index)
            points = np.column_stack([scan["point"], scan["feat"]]) if scan["feat"].size else scan["point"]
            facts |= {f"{split}.{index}.points": points, f"{split}.{index}.labels": scan["label"]}
    drive = pykitti.odometry(f"{root}/dataset", "08")
    facts["odometry.velo"] = np.concatenate([drive.get_velo(index) for index in range(len(drive.velo_files))])
    facts["odometry.velo_to_camera"] = drive.calib.T_cam0_velo
    facts["odometry.times"] = [moment.total_seconds() for moment in drive.timestamps]
    return facts


def kitti(root: str) -> dict[str, object]:
    facts: dict[str, object] = {}
    part = KITTI(root, val_split=2).get_split("all")
    for index in range(len(part)):
        frame = part.get_data(index)
        boxes = frame["bounding_boxes"]
        facts[f"{index}.points"] = frame["full_point"]
        facts[f"{index}.classes"] = [box.label_class for box in boxes]
        facts[f"{index}.boxes"] = np.array([[*box.center, *box.size, box.yaw, box.occlusion] for box in boxes])
    return facts


np.savez(sys.argv[3], **{"semantic_kitti": semantic_kitti, "kitti": kitti}[sys.argv[1]](sys.argv[2]))
