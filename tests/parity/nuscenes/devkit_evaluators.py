"""What the official evaluators say of predictions. It runs in `.venv-parity`, where Concord3D is not installed.

Arguments: the root of a data set that has every official scene of `val`, a folder of predictions, and a JSON file that
receives `lidarseg`, `panoptic` and `detection`, each where predictions of its kind are there:
`lidarseg/val/<token>_lidarseg.bin` (P,) uint8 from 1 to 16, `panoptic/val/<token>_panoptic.npz` (`data` (P,) uint16,
1000 times such a class plus the instance), `detection.json` in the form of submissions; the tokens are of sweeps.
"""

import json
import sys
from pathlib import Path
from typing import Any

from nuscenes.eval.detection.config import config_factory
from nuscenes.eval.detection.evaluate import DetectionEval
from nuscenes.eval.lidarseg.evaluate import LidarSegEval
from nuscenes.eval.panoptic.evaluate import NuScenesPanopticEval
from nuscenes.nuscenes import NuScenes

MODALITIES = dict.fromkeys(("use_camera", "use_radar", "use_map", "use_external"), False) | {"use_lidar": True}


def main(root: str, folder: str, out: str) -> None:
    kit, given = NuScenes("v1.0-trainval", root, verbose=False), Path(folder)
    said: dict[str, Any] = {}
    (given / "val").mkdir(exist_ok=True)
    (given / "val" / "submission.json").write_text(json.dumps({"meta": MODALITIES}))
    if (given / "lidarseg").is_dir():
        said["lidarseg"] = LidarSegEval(kit, folder, "val", verbose=False).evaluate()
    if (given / "panoptic").is_dir():
        written = given / "said"
        NuScenesPanopticEval(
            kit, folder, "val", task="segmentation", min_inst_points=15, out_dir=str(written), verbose=False
        ).evaluate()
        (table,) = written.rglob("*.json")
        said["panoptic"] = json.loads(table.read_text())
    if (given / "detection.json").is_file():
        config = config_factory("detection_cvpr_2019")
        evaluation = DetectionEval(
            kit, config, str(given / "detection.json"), "val", str(given / "said"), verbose=False
        )
        said["detection"] = evaluation.main(plot_examples=0, render_curves=False)
    Path(out).write_text(json.dumps(said, default=float))


main(*sys.argv[1:])
