"""Where each evaluation protocol lives, by the name that configurations use."""

from __future__ import annotations

PROTOCOLS = {
    "linear_svm": "concord3d.evaluation.frozen_protocols:run_linear_svm",
    "few_shot": "concord3d.evaluation.frozen_protocols:run_few_shot",
    "knn": "concord3d.evaluation.frozen_protocols:run_knn",
    "occupancy_knn": "concord3d.evaluation.frozen_protocols:run_occupancy_knn",
    "tsne": "concord3d.evaluation.frozen_protocols:run_tsne",
    "finetune": "concord3d.evaluation.trained_protocols:run_finetune",
    "part_segmentation": "concord3d.evaluation.trained_protocols:run_part_segmentation",
    "semantic_segmentation": "concord3d.evaluation.trained_protocols:run_semantic_segmentation",
    "zero_shot": "concord3d.evaluation.tower_protocols:run_zero_shot",
    "retrieval": "concord3d.evaluation.retrieval_protocol:run_retrieval",
    "linear_probe": "concord3d.evaluation.tower_protocols:run_linear_probe",
    "few_shot_probe": "concord3d.evaluation.tower_protocols:run_few_shot_probe",
    "alignment": "concord3d.evaluation.tower_protocols:run_alignment",
    "consistency": "concord3d.evaluation.tower_protocols:run_consistency",
}
