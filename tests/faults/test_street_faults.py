"""Bad input of trainings on streets: which test says what happens to each."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

# What may be wrong, and the tests of its named error or of the result that is defined for it.
COVERED = {
    "a camera without a single pair": (
        "batches/test_sweeps.py::test_a_camera_that_sees_no_point_has_a_picture_and_no_pair",
        "geometry/test_picture_crops.py::test_a_crop_that_loses_too_many_pairs_is_drawn_again_but_not_for_ever",
        "methods/cmcr/test_method.py::test_without_a_single_pair_every_term_is_defined",
        "losses/test_cmcr_losses.py::test_pictures_without_pairs_and_superpixels_of_another_size",
    ),
    "a sweep without points": (
        "data/readers/test_nuscenes.py::test_every_damage_has_a_name",
        "data/readers/test_semantic_kitti.py::test_every_damage_has_a_name",
        "data/readers/test_kitti.py::test_every_damage_has_a_name",
        "data/stores/test_sweeps.py::test_wrong_offsets_are_named",
        "geometry/test_sweep_voxels.py::test_sweeps_that_have_no_voxels",
    ),
    "points behind the camera": (
        "geometry/test_projection.py::test_the_edges_of_the_picture_and_of_depth",
        "geometry/test_projection.py::test_pairs_are_those_of_the_written_rule",
    ),
    "a label outside the map": (
        "data/readers/test_nuscenes.py::test_every_damage_has_a_name",
        "data/readers/test_semantic_kitti.py::test_every_damage_has_a_name",
        "world/datasets/test_nuscenes_c.py::test_damage_has_a_name",
        "batches/test_labelled_sweeps.py::test_labels_without_a_class_are_refused",
    ),
    "truncated .bin and .pcd.bin": (
        "data/readers/test_nuscenes.py::test_every_damage_has_a_name",
        "data/readers/test_semantic_kitti.py::test_every_damage_has_a_name",
        "data/readers/test_kitti.py::test_every_damage_has_a_name",
    ),
    "labels of another length": (
        "data/readers/test_nuscenes.py::test_every_damage_has_a_name",
        "data/readers/test_semantic_kitti.py::test_every_damage_has_a_name",
    ),
    "broken chains of tokens": ("data/readers/test_nuscenes.py::test_every_damage_has_a_name",),
    "a missing file of a camera": (
        "data/readers/test_nuscenes.py::test_every_damage_has_a_name",
        "data/readers/test_kitti.py::test_every_damage_has_a_name",
    ),
    "superpixels of another size": (
        "batches/test_sweeps.py::test_superpixels_of_another_size_than_the_pictures_are_refused",
        "losses/test_cmcr_losses.py::test_pictures_without_pairs_and_superpixels_of_another_size",
    ),
    "a collapsed codebook": (
        "models/test_codebook.py::test_collapse_is_seen_and_undone",
        "models/test_codebook.py::test_dead_codes_come_back_beside_recent_ones",
        "methods/cmcr/test_method.py::test_dead_codes_are_revived_where_it_is_asked_for_and_perplexity_tells",
    ),
    "a resumed codebook and its averages": (
        "models/test_codebook.py::test_a_resumed_codebook_goes_on_bit_for_bit",
        "methods/cmcr/test_method.py::test_a_copy_goes_on_bit_for_bit",
        "methods/cmcr/test_method.py::test_a_codebook_that_revives_codes_is_resumed_bit_for_bit",
    ),
    "a fraction that leaves no scene": (
        "batches/test_labelled_sweeps.py::test_a_share_that_leaves_nothing_is_refused",
        "batches/test_sweeps.py::test_scenes_that_are_kept_for_choices_are_left_out_unless_asked_for",
        "data/test_scan_fractions.py::test_few_scans_leave_one",
    ),
}


@pytest.mark.parametrize("wrong", COVERED)
def test_what_may_be_wrong_is_tested(repository: Path, wrong: str) -> None:
    for place in COVERED[wrong]:
        file, _, name = place.partition("::")
        tree = ast.parse((repository / "tests" / file).read_text(encoding="utf-8"))
        assert name in {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}, place
