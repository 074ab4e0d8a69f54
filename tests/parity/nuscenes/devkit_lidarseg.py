"""What the official evaluator says of predictions. It runs in `.venv-parity`, where Concord3D is not installed.

Arguments: the root of a data set, an `.npz` with `<i>` (P,) uint8 official classes of the points of sweep number i of
the split `val`, in the order of the scenes, a folder for files, and the `.json` that receives `miou`,
`freq_weighted_iou` and `iou_per_class`.
"""

import json
import sys
from pathlib import Path

import numpy as np
from nuscenes.eval.lidarseg import utils
from nuscenes.eval.lidarseg.evaluate import LidarSegEval
from nuscenes.nuscenes import NuScenes
from nuscenes.utils.splits import create_splits_scenes


def main(root: str, predictions: str, folder: str, out: str) -> None:
    kit, classes = NuScenes("v1.0-trainval", root, verbose=False), np.load(predictions)
    present = [scene["name"] for scene in kit.scene if scene["name"] in create_splits_scenes()["val"]]
    # The evaluator asks for all 150 scenes.
    utils.create_splits_scenes = lambda verbose=False: {"val": present}
    index = 0
    results = Path(folder, "lidarseg", "val")
    results.mkdir(parents=True)
    for scene in kit.scene:
        token = scene["first_sample_token"] if scene["name"] in present else ""
        while token:
            sample = kit.get("sample", token)
            classes[str(index)].tofile(results / f"{sample['data']['LIDAR_TOP']}_lidarseg.bin")
            token, index = sample["next"], index + 1
    found = LidarSegEval(kit, folder, "val", verbose=False).evaluate()
    found["iou_per_class"] = {name: float(iou) for name, iou in found["iou_per_class"].items()}
    Path(out).write_text(json.dumps(found))


main(*sys.argv[1:])
