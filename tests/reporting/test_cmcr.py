"""Robustness, panoptic segmentation, detection and transfer of CMCR from fabricated results, beside printed numbers."""

from __future__ import annotations

import numpy as np
import pytest
from tests.reporting.fabricate import Fabricated

from concord3d.data.corruptions import CORRUPTIONS
from concord3d.protocols.evaluation.results import ProtocolResult, Record
from concord3d.reporting.claims.verdicts import all_claims
from concord3d.reporting.tables.cells import Cell, table_of

SCENES = tuple(f"scene-{number:04d}" for number in range(20))


def written(
    made: Fabricated, experiment: str, dataset: str, protocol: str, values: dict[str, tuple[float, str]]
) -> None:
    """Write numbers of two seeds; scenes and seeds scatter a little."""
    for seed in (1, 2):
        rng = np.random.default_rng([seed, len(experiment)])
        records, items = [], {}
        for metric, (value, unit) in values.items():
            scale = 100 if unit == "%" else 1
            outcomes = value / scale * (1 + 0.01 * rng.normal(size=len(SCENES)))
            mean = float(outcomes.mean()) * scale
            records.append(Record(metric, mean, len(SCENES), mean - 1, mean + 1, unit=unit))
            items[f"{metric}__last"] = outcomes
        made.write(ProtocolResult(tuple(records), items, SCENES), experiment, seed, dataset, protocol)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Fabricated:
    folder = Fabricated(tmp_path_factory.mktemp("cmcr"), "demo", "synthetic", paper="cmcr")
    for pre, miou, mce, mrr in (("random", 20.0, 210.0, 101.0), ("cmcr", 40.0, 150.0, 90.0)):
        values = {"mce": (mce, "% of MinkUNet-18"), "mrr": (mrr, "% of clean"), "clean_miou": (miou, "%")}
        values |= {f"{name}_miou": (miou - number, "%") for number, name in enumerate(CORRUPTIONS)}
        written(folder, f"finetuned_{pre}_100", "nuscenes_c", "corrupted_segmentation", values)
        for percent in (1, 100):
            found = {name: (miou / 4, "%") for name in ("pq", "sq", "rq", "pq_dagger", "pq_things")}
            written(folder, f"finetuned_{pre}_{percent}", "nuscenes", "panoptic_segmentation", found)
    for pre, value in (("random", 5.0), ("slidr", 8.0), ("cmcr", 20.0)):
        values = {"map": (value, "%"), "nds": (2 * value, "%")}
        written(folder, f"detected_{pre}_20", "nuscenes_boxes", "sweep_detection", values)
    for name, dataset, miou in (
        ("semantic_kitti_ppkt_1", "semantic_kitti", 20.0), ("semantic_kitti_cmcr_1", "semantic_kitti", 30.0),
        ("transfer_slidr_scribble_kitti_10", "scribble_kitti", 20.0),
        ("transfer_cmcr_scribble_kitti_10", "scribble_kitti", 31.0),
        ("transfer_slidr_synlidar_10", "synlidar", 20.0), ("transfer_cmcr_synlidar_10", "synlidar", 32.0),
        ("transfer_slidr_semantic_stf_100", "semantic_stf", 20.0),
        ("transfer_cmcr_semantic_stf_100", "semantic_stf", 33.0),
    ):  # fmt: skip
        written(folder, name, dataset, "sweep_segmentation", {"miou": (miou, "%")})
    return folder


def cells(made: Fabricated, table: str, method: str) -> list[Cell]:
    return [cell for cell in table_of(made.material, table).cells if cell.method == method]


def ours(cell: Cell) -> float:
    return cell.estimates["last"].interval.value


def test_every_corruption_stands_beside_its_printed_number(made: Fabricated) -> None:
    random = {(cell.setting, cell.metric): cell for cell in cells(made, "robustness", "Random init")}
    whole = "full fine-tuning; MinkUNet-34"
    mce = random[whole, "mCE"]
    assert mce.published is not None and mce.published.value == 112.20 and ours(mce) == pytest.approx(210, rel=0.01)
    assert ours(random[whole, "mRR"]) == pytest.approx(101, rel=0.01)
    fog = random["full fine-tuning; corruption Fog, mean of 3 severities; MinkUNet-34", "mIoU"]
    sensor = random["full fine-tuning; corruption Cross-sensor, mean of 3 severities; MinkUNet-34", "mIoU"]
    assert (ours(fog), ours(sensor)) == pytest.approx((20, 13), rel=0.02)
    cmcr = {cell.setting: cell for cell in cells(made, "robustness", "CMCR")}
    assert len(cmcr) == 10 and all(cell.status == "measured" for cell in cmcr.values())
    assert ours(cmcr["mCE"]) == pytest.approx(150, rel=0.01) and cmcr["mCE"].published.value is None
    # Probes are printed and not tested; networks that did not run say so.
    settings = {cell.setting: cell.status for cell in cells(made, "robustness", "SLidR")}
    assert settings[whole] == "not_run" and settings["linear probing; MinkUNet-34"] == "quoted"


def test_rows_of_ours_alone_repeat_nothing(made: Fabricated) -> None:
    table = table_of(made.material, "robustness").cells
    measured = [cell.address for cell in table if cell.status == "measured"]
    assert len(measured) == len(set(measured)) == 2 * 11
    own = [cell for cell in table if cell.published is None and cell.status == "measured"]
    assert {cell.metric for cell in own} == {"mIoU as recorded"} and len(own) == 2


def test_panoptic_quality_stands_beside_the_one_number_that_is_known(made: Fabricated) -> None:
    known = [cell for cell in cells(made, "panoptic", "CMCR") if cell.published and cell.published.value is not None]
    assert [(cell.metric, cell.published.value) for cell in known if cell.published] == [("PQ", 20.7)]
    assert known[0].experiment == "finetuned_cmcr_1" and ours(known[0]) == pytest.approx(10, rel=0.02)
    unknown = {cell.setting: cell.status for cell in cells(made, "panoptic", "CMCR") if cell.metric == "SQ"}
    assert unknown["fine-tuning 100%"] == "measured" and unknown["fine-tuning 25%"] == "not_run"


def test_detection_stands_beside_printed_rows(made: Fabricated) -> None:
    known = [cell for cell in cells(made, "detection", "CMCR") if cell.published and cell.published.value is not None]
    assert [cell.published.value for cell in known if cell.published] == [52.7]
    assert known[0].experiment == "detected_cmcr_20" and ours(known[0]) == pytest.approx(20, rel=0.02)
    setting = "fine-tuning {} labels; VoxelNet + CenterPoint"
    slidr = {(cell.setting, cell.metric): cell for cell in cells(made, "detection", "SLidR")}
    assert slidr[setting.format("5%"), "mAP"].status == "not_run"
    nds = slidr[setting.format("20%"), "NDS"]
    assert nds.published is not None and nds.published.value == 59.9 and ours(nds) == pytest.approx(16, rel=0.02)
    assert {cell.status for cell in cells(made, "detection", "LiMA")} == {"quoted"}
    assert {cell.status for cell in table_of(made.material, "detection_kitti").cells} <= {"quoted", "not_recovered"}


def test_transfer_stands_beside_the_three_numbers_that_are_known(made: Fabricated) -> None:
    measured = [cell for cell in table_of(made.material, "transfer").cells if cell.status == "measured"]
    found = {(cell.method, cell.published.value): ours(cell) for cell in measured if cell.published is not None}
    assert found == pytest.approx({
        ("CMCR", 55.36): 31, ("CMCR", 53.58): 32, ("CMCR", 60.71): 33,
        ("SLidR", 50.45): 20, ("SLidR", 47.84): 20, ("SLidR", 54.35): 20,
    }, rel=0.01)  # fmt: skip
    unknown = {cell.status for cell in cells(made, "transfer", "CMCR") if cell not in measured}
    assert unknown == {"not_run"}


def test_semantic_kitti_stands_beside_the_one_number_that_is_known(made: Fabricated) -> None:
    [known] = [cell for cell in cells(made, "kitti", "CMCR") if cell.status == "measured"]
    assert known.published is not None and known.published.value == 49.86 and ours(known) == pytest.approx(30, rel=0.01)
    kitti = [cell for cell in cells(made, "main", "PPKT") if cell.published and cell.published.value == 44.0]
    assert [(cell.experiment, cell.status) for cell in kitti] == [("semantic_kitti_ppkt_1", "measured")]


def test_claims_are_judged(made: Fabricated) -> None:
    claims = {claim["id"]: claim for claim in all_claims(made.material)}
    assert claims["C12"]["verdict"] == claims["C13"]["verdict"] == "holds"
    parts = {part["name"]: part["difference"] for part in claims["C12"]["parts"]}
    assert parts["mAP with 20 % of the labels"] == pytest.approx(12, rel=0.05)
    errors, resilience = claims["C14"]["parts"]
    assert errors["verdict"] == "holds" and errors["difference"] == pytest.approx(60, rel=0.05)
    # The lower error is that of the better network on clean sweeps: corruptions leave less of it.
    assert resilience["verdict"] == claims["C14"]["verdict"] == "fails"
    assert claims["C3"]["verdict"] == claims["C11"]["verdict"] == "holds"
