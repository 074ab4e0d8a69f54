"""What an encoder makes of the referrals of scans."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from tests.data.scan_examples import scan, scans
from tests.features.fake_encoders import FakeSentences

from concord3d.features.scan_texts import scan_texts, scene_referral


def test_an_object_is_the_mean_of_its_referrals() -> None:
    split, encoder = scans(), FakeSentences("0" * 64)
    found = scan_texts(split, encoder, 10, seed=0)
    first = split.scan(0)
    assert first.referral_objects.tolist() == [0, 0, 1]
    alone = encoder.encode_texts(first.referrals)
    np.testing.assert_allclose(found.referral[0], alone[:2].mean(axis=0), atol=1e-6)
    np.testing.assert_allclose(found.referral[1], alone[2], atol=1e-6)
    assert found.has_referral.tolist() == [True, True, False, True, True, False, False]
    assert found.has_scene_referral.tolist() == [True, True, False]
    assert not found.referral[~found.has_referral].any() and not found.scene_referral[2].any()


def test_the_text_of_a_scene_joins_referrals_that_are_drawn_once_each() -> None:
    referrals = [f"sentence {number}." for number in range(30)]
    text = scene_referral(referrals, 10, np.random.default_rng(0))
    chosen = [f"sentence {part.strip()}" for part in text.split("sentence")[1:]]
    assert len(chosen) == len(set(chosen)) == 10 and set(chosen) <= set(referrals) and chosen != referrals[:10]
    assert text == " ".join(chosen)
    assert scene_referral(referrals, 10, np.random.default_rng(0)) == text
    assert scene_referral(referrals, 10, np.random.default_rng(1)) != text
    assert sorted(scene_referral(["a", "b"], 10, np.random.default_rng(0)).split()) == ["a", "b"]


def test_what_is_drawn_depends_on_seed_and_scan() -> None:
    many = replace(scan(), referral_objects=np.zeros(12, np.int64), referrals=tuple(f"word{n}" for n in range(12)))
    split = scans(many, replace(many, name="scene0001_00"))
    read = {}
    for seed in (0, 0, 1):
        encoder = FakeSentences("0" * 64)
        scan_texts(split, encoder, 3, seed)
        joined = [text for text in encoder.read if " " in text]
        assert len(joined) == 2 and joined[0] != joined[1] and all(len(text.split()) == 3 for text in joined)
        assert read.setdefault(seed, joined) == joined
    assert read[0] != read[1]


def test_texts_that_hold_nothing_are_left_out() -> None:
    member = replace(scan(), referral_objects=np.array([0, 0, 1]), referrals=("a chair", " ", "\n"))
    found = scan_texts(scans(member), FakeSentences("0" * 64), 10, seed=0)
    assert found.has_referral.tolist() == [True, False, False]
    np.testing.assert_allclose(found.referral[0], found.scene_referral[0], atol=1e-6)


def test_a_text_that_is_said_often_is_read_once_in_blocks_of_scans(monkeypatch: pytest.MonkeyPatch) -> None:
    members = [replace(scan(f"scene{n:04d}_00"), referrals=("a chair", "a chair", "a bed")) for n in range(5)]
    split, whole = scans(*members), FakeSentences("0" * 64)
    expected = scan_texts(split, whole, 2, seed=0)
    assert whole.read.count("a chair") == whole.read.count("a bed") == 1
    monkeypatch.setattr("concord3d.features.scan_texts._BLOCK", 2)
    cut = FakeSentences("0" * 64)
    found = scan_texts(split, cut, 2, seed=0)
    assert cut.read.count("a chair") == 3
    np.testing.assert_allclose(found.referral, expected.referral, atol=1e-6)
    np.testing.assert_allclose(found.scene_referral, expected.scene_referral, atol=1e-6)
