"""Where each point encoder lives, by the name that configurations use."""

from __future__ import annotations

ENCODERS = {
    "dgcnn": "concord3d.models.dgcnn:DGCNN",
    "pointnet": "concord3d.models.pointnet:PointNet",
    "dgcnn_partseg": "concord3d.models.dgcnn_partseg:DGCNNPartSeg",
    "dgcnn_semseg": "concord3d.models.dgcnn_semseg:DGCNNSemSeg",
    "point_bert": "concord3d.models.point_bert:PointBERT",
    "mink_resnet34": "concord3d.models.mink_resnet:MinkResNet34",
}
