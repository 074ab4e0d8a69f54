"""Scenes that are found by one modality, as the modality of a scan of the store and as files of that scan."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from tests.queries.small_search import INSTANCE, PARAMS, fake_frozen_encoders, opened, small_rooms

from concord3d.errors import ConfigError
from concord3d.features.scan_texts import scene_referral
from concord3d.features.tower import BadText, TowerWeightsMissing
from concord3d.models.instance_encoder import InstanceEncoder
from concord3d.queries.answers import Answer
from concord3d.queries.given_scene import GivenScene, of_cloud, of_floorplan, of_photos, of_sentence
from concord3d.queries.searched_scans import EncoderFiles, SearchedScans, StoredScene

ROW = 0


@pytest.fixture(scope="module", autouse=True)
def fakes() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        fake_frozen_encoders(patch)
        yield


@pytest.fixture(scope="module")
def searched(tmp_path_factory: pytest.TempPathFactory) -> SearchedScans:
    return opened(tmp_path_factory.mktemp("store"))


def given(modality: str, folder: Path) -> GivenScene:
    """The first scan of the store as files."""
    split = small_rooms()
    scan = split.scan(ROW)
    if modality == "image":
        files = [folder / f"{frame}.png" for frame in scan.key_frames]
        for frame, file in zip(scan.key_frames.tolist(), files, strict=True):
            Image.fromarray(scan.picture(frame)).save(file)
        return of_photos(files)
    if modality == "point":
        np.savez(folder / "cloud.npz", points=scan.points, colors=scan.colors, instance=scan.instance)
        return of_cloud(folder / "cloud.npz")
    if modality == "floorplan":
        assert scan.floorplan is not None
        Image.fromarray(scan.floorplan).save(folder / "plan.png")
        return of_floorplan(folder / "plan.png")
    told = PARAMS["texts"]
    draw = np.random.default_rng([told["referral_seed"], ROW])
    return of_sentence(scene_referral(scan.referrals, told["scene_referrals"], draw))


def scores(answer: Answer) -> list[float]:
    return [scene.score for scene in answer.scenes]


@pytest.mark.parametrize("modality", ["image", "point", "referral", "floorplan"])
def test_files_find_what_the_scan_finds_that_they_are_of(
    searched: SearchedScans, tmp_path: Path, modality: str
) -> None:
    among = "image" if modality == "point" else "point"
    by_name = searched.answer(StoredScene(small_rooms().names[ROW], modality), among, count=6)
    by_files = searched.answer(given(modality, tmp_path), among, count=6)
    assert [scene.name for scene in by_files.scenes] == [scene.name for scene in by_name.scenes]
    assert scores(by_files) == pytest.approx(scores(by_name), abs=1e-5)
    assert len(set(scores(by_name))) > 3 and scores(by_name) == sorted(scores(by_name), reverse=True)
    assert by_name.num_searched == 6 and len(by_name.scenes) == 6
    assert {scene.scene_type for scene in by_name.scenes} == {"Kitchen", "Office", "Bathroom"}
    if modality == "point":
        assert [each.identifier for each in by_files.objects] == [each.identifier for each in by_name.objects]
        assert [each.query for each in by_name.objects] == ["dining table", "chair", "lamp", "sofa"]
        assert [each.query for each in by_files.objects] == ["object 1", "object 3", "object 5", "object 7"]


@pytest.mark.parametrize("modality", ["image", "point", "referral", "floorplan"])
def test_the_own_scan_is_found_among_its_own_modality(searched: SearchedScans, modality: str) -> None:
    answer = searched.answer(StoredScene("scene0001_01", modality), modality, count=6)
    own = {scene.name: scene.score for scene in answer.scenes}["scene0001_01"]
    assert own == answer.scenes[0].score == pytest.approx(1, abs=1e-5)
    assert len(answer.scenes) == answer.num_searched == (5 if modality == "floorplan" else 6)
    assert bool(answer.objects) == (modality != "floorplan")
    split = small_rooms()
    row = split.names.index(answer.scenes[0].name)
    for each in answer.objects:
        place = split.object_offsets[row] + split.scan(row).object_ids.tolist().index(each.identifier)
        assert np.allclose((*each.middle, *each.extent), split.locations[place])


def test_what_objects_a_query_has_is_said(searched: SearchedScans, tmp_path: Path) -> None:
    answer = searched.answer(given("image", tmp_path), "point")
    assert [each.query for each in answer.objects] == ["1.png", "0.png"]
    assert answer.query_objects == "each picture as a whole, for no masks are known"
    said = searched.answer(of_sentence("The big sofa."), "floorplan")
    assert [each.query for each in said.objects] == ["The big sofa."] and said.objects_among == "point"
    plan = searched.answer(given("floorplan", tmp_path), "point")
    assert not plan.objects and plan.query_objects.startswith("none")
    scan = small_rooms().scan(ROW)
    np.savez(tmp_path / "whole.npz", points=scan.points, colors=scan.colors)
    whole = searched.answer(of_cloud(tmp_path / "whole.npz"), "image")
    assert [each.query for each in whole.objects] == ["whole.npz"] and "as a whole" in whole.query_objects


def test_an_encoder_of_objects_finds_scans_by_averages(tmp_path: Path) -> None:
    torch.manual_seed(0)
    searched = opened(tmp_path, InstanceEncoder(INSTANCE))
    answer = searched.answer(of_sentence("a sofa"), "point")
    assert answer.objects and len(answer.scenes) == 4
    assert searched.answer(given("floorplan", tmp_path), "image").scenes
    with pytest.raises(ConfigError, match="does not know the modality 'fused'"):
        searched.answer(of_sentence("a sofa"), "fused")


def test_what_cannot_be_asked_is_refused(searched: SearchedScans, tmp_path: Path) -> None:
    asked = of_sentence("a sofa")
    with pytest.raises(ConfigError, match="did you mean 'point'"):
        searched.answer(asked, "points")
    with pytest.raises(ConfigError, match="did you mean 'scene0001_01'"):
        searched.answer(StoredScene("scene0001-01", "image"))
    with pytest.raises(ConfigError, match="modality 'floorplan' is missing"):
        searched.answer(StoredScene(small_rooms().names[5], "floorplan"))
    with pytest.raises(ConfigError, match="'cad' of the query"):
        searched.answer(StoredScene(small_rooms().names[0], "cad"))
    with pytest.raises(ConfigError, match="At least one"):
        searched.answer(asked, count=0)
    with pytest.raises(ConfigError, match="no picture"):
        of_photos([])
    for empty in ("", " \n", "\u200b"):
        with pytest.raises(BadText):
            of_sentence(empty)


def test_an_encoder_that_does_not_run_here_sees_scans_of_the_store_alone(searched: SearchedScans) -> None:
    texts = searched.encoders["texts"]
    given_texts = EncoderFiles({**texts.params, "given": "blip.npz"}, texts.inputs, texts.features)
    elsewhere = replace(searched, encoders={**searched.encoders, "texts": given_texts})
    with pytest.raises(TowerWeightsMissing, match="ask by a scan of the store"):
        elsewhere.answer(of_sentence("a sofa"))
    assert elsewhere.answer(StoredScene(small_rooms().names[0], "referral")).scenes
