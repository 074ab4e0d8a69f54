"""Frozen towers: pictures and texts through the real open_clip, and what makes up their identity."""

from __future__ import annotations

import json
import shutil
import socket
from collections.abc import Callable
from pathlib import Path

import numpy as np
import open_clip
import pytest
import torch
from PIL import Image

from concord3d.errors import ConfigError
from concord3d.features import open_clip_adapter
from concord3d.features.open_clip_adapter import build_clip, resolve_device
from concord3d.features.open_tower import open_tower
from concord3d.features.preprocess import Preprocess
from concord3d.features.tower import BadPictures, BadText, TowerSpec, is_unusable
from concord3d.features.tower_config import config_kind

WriteMicro = Callable[..., TowerSpec]


def pictures(*shape: int, seed: int = 0) -> np.ndarray:
    smooth = np.random.default_rng(seed).normal(size=(*shape[:-3], 5, 5, shape[-1]))
    big = torch.nn.functional.interpolate(
        torch.from_numpy(smooth).permute(0, 3, 1, 2), size=shape[-3:-1], mode="bilinear"
    )
    return (big.permute(0, 2, 3, 1).numpy() * 60 + 128).clip(0, 255).astype(np.uint8)


def test_features_are_those_of_open_clip(write_micro: WriteMicro) -> None:
    spec = write_micro()
    tower = open_tower(spec, "cpu")
    parts = build_clip(spec.model)
    open_clip.load_checkpoint(parts.module, spec.weights)
    module = parts.module.eval()
    images, texts = pictures(3, 16, 16, 3), ["a red chair", "two tables, one lamp!"]
    tokens = open_clip.SimpleTokenizer(context_length=16)(texts)
    with torch.no_grad():
        pixels = torch.from_numpy(images).permute(0, 3, 1, 2).float() / 255
        expected_images = module.encode_image((pixels - 0.5) / 0.5).numpy()
        expected_texts = module.encode_text(tokens).numpy()
    np.testing.assert_allclose(tower.encode_images(images), expected_images, atol=1e-5)
    np.testing.assert_allclose(tower.encode_texts(texts), expected_texts, atol=1e-5)
    assert tower.dim == 6 and tower.image_size == 16
    assert tower.encode_images(images[:0]).shape == tower.encode_texts([]).shape == (0, 6)


def test_features_do_not_depend_on_the_batch_and_grey_is_repeated(
    write_micro: WriteMicro, monkeypatch: pytest.MonkeyPatch
) -> None:
    tower = open_tower(write_micro(), "cpu")
    images = pictures(5, 16, 16, 1)
    whole = tower.encode_images(images)
    monkeypatch.setattr(open_clip_adapter, "BATCH", 2)
    np.testing.assert_allclose(tower.encode_images(images), whole, atol=1e-5)
    np.testing.assert_allclose(tower.encode_images(np.repeat(images, 3, axis=3)), whole, atol=1e-5)
    assert np.ptp(whole, axis=0).min() > 1e-3


@pytest.mark.parametrize("interpolation", ["bicubic", "bilinear"])
@pytest.mark.parametrize("mode", ["shortest", "longest", "squash"])
@pytest.mark.parametrize("form", [(40, 40), (40, 27), (13, 30), (16, 16)])
def test_preprocessing_is_that_of_open_clip(interpolation: str, mode: str, form: tuple[int, int]) -> None:
    mean, std = (0.4, 0.5, 0.6), (0.2, 0.3, 0.25)
    own = Preprocess(16, mean, std, interpolation, mode, fill_color=90)
    transform = open_clip.image_transform(
        16, is_train=False, mean=mean, std=std, interpolation=interpolation, resize_mode=mode, fill_color=90
    )
    images = pictures(2, *form, 3, seed=form[1])
    expected = torch.stack([transform(Image.fromarray(image)) for image in images])
    found = own.normalize(own.resize(torch.from_numpy(images)).float() / 255)
    # Two rounding steps of 8 bits, in units of the smallest deviation.
    assert found.shape == expected.shape and float((found - expected).abs().max()) <= 2 / 255 / min(std) + 1e-6


@pytest.mark.parametrize(
    ("change", "part"),
    [({"size": [16, 20]}, "square"), ({"std": [1, 0, 1]}, "deviations"), ({"interpolation": "nearest"}, "bicubic")],
)
def test_preprocessing_that_cannot_be_done_is_refused(change: dict[str, object], part: str) -> None:
    config = {**Preprocess(16, (0, 0, 0), (1, 1, 1)).to_config(), **change}
    with pytest.raises(ConfigError, match=part):
        Preprocess.from_config(config)


def test_long_texts_are_read_from_the_beginning_as_the_tokenizer_does(write_micro: WriteMicro) -> None:
    tokenize = build_clip(write_micro().model).tokenize
    reference = open_clip.SimpleTokenizer(context_length=16)
    words = "the quick brown fox's 12 jumps, über den Zaun -- 椅子 とても стул "
    for text in (words * 160, "  a \n\t chair " + " " * 10_000 + "red", "don't&amp;do [this] {}"):
        assert torch.equal(tokenize([text]), reference([text]))
    assert len(words * 160) > 9000


@pytest.mark.parametrize("text", ["q" * 10_000, "椅" * 10_000, "เก้าอี้" * 1500, "=" * 10_000, "🪑" * 10_000, "x1" * 5000])
def test_endless_words_cost_no_more_than_a_sentence(write_micro: WriteMicro, text: str) -> None:
    readable = open_clip_adapter._readable(text)
    assert text.startswith(readable[:100]) and len(readable) <= open_clip_adapter.READ_CHARACTERS
    words = open_clip.SimpleTokenizer().pat.findall(readable)
    assert max(map(len, words)) <= open_clip_adapter.READ_RUN
    tokens = build_clip(write_micro().model).tokenize([text])
    assert tokens.shape == (1, 16) and int(tokens[0, -1]) == open_clip.SimpleTokenizer().eot_token_id


@pytest.mark.parametrize("text", ["", "  \n", "\u200b", "\x00", "&nbsp;", "\ud800"])
def test_a_text_that_holds_nothing_is_refused_with_its_position(write_micro: WriteMicro, text: str) -> None:
    assert is_unusable(text)
    with pytest.raises(BadText, match="text 1 of 3"):
        open_tower(write_micro(), "cpu").encode_texts(["a", text, "b"])


@pytest.mark.parametrize("text", ["-", "椅子", "𓀀", ".", "0", " x "])
def test_short_and_foreign_texts_are_texts(write_micro: WriteMicro, text: str) -> None:
    assert not is_unusable(text)
    features = open_tower(write_micro(), "cpu").encode_texts([text])
    assert np.isfinite(features).all()


@pytest.mark.parametrize(
    "bad", [np.zeros((2, 4, 4, 3)), np.zeros((4, 4, 3), np.uint8), np.zeros((1, 4, 4, 2), np.uint8)]
)
def test_what_is_no_picture_is_refused(write_micro: WriteMicro, bad: np.ndarray) -> None:
    with pytest.raises(BadPictures, match="uint8"):
        open_tower(write_micro(), "cpu").encode_images(bad)


def test_identity_is_made_of_content_not_of_paths(write_micro: WriteMicro, tmp_path: Path) -> None:
    spec = write_micro()
    base = open_tower(spec, "cpu").identity
    assert json.loads(json.dumps(base)) == base
    shutil.copy(spec.model, tmp_path / "moved.json")
    shutil.copy(spec.weights, tmp_path / "moved.safetensors")
    moved = TowerSpec(str(tmp_path / "moved.json"), str(tmp_path / "moved.safetensors"))
    assert open_tower(moved, "cpu").identity == base
    variants = [
        write_micro("b", seed=1),
        write_micro("c", changes={"preprocess_cfg.mean": [0.4, 0.5, 0.5]}),
        write_micro("d", changes={"preprocess_cfg.interpolation": "bicubic"}),
        write_micro("e", changes={"model_cfg.quick_gelu": True}),
        TowerSpec(spec.model, spec.weights, "bf16"),
    ]
    identities = [open_tower(variant, "cpu").identity for variant in variants]
    assert all(identities[i] != other for i in range(5) for other in [base, *identities[:i]])


def test_weights_come_from_safetensors_and_from_plain_torch_files(write_micro: WriteMicro, tmp_path: Path) -> None:
    spec = write_micro()
    images = pictures(2, 16, 16, 3)
    expected = open_tower(spec, "cpu").encode_images(images)
    state = {f"module.{name}": value for name, value in open_clip.factory.load_state_dict(spec.weights).items()}
    torch.save({"epoch": 3, "state_dict": state}, tmp_path / "weights.pt")
    torch.save({name.removeprefix("module."): value.half() for name, value in state.items()}, tmp_path / "half.bin")
    as_saved = open_tower(TowerSpec(spec.model, str(tmp_path / "weights.pt")), "cpu").encode_images(images)
    assert np.array_equal(as_saved, expected)
    half = open_tower(TowerSpec(spec.model, str(tmp_path / "half.bin")), "cpu").encode_images(images)
    np.testing.assert_allclose(half, expected, atol=0.02)
    assert not np.array_equal(half, expected)


def test_bf16_is_close_to_fp32(write_micro: WriteMicro) -> None:
    spec = write_micro()
    images = pictures(4, 16, 16, 3)
    exact = open_tower(spec, "cpu").encode_images(images)
    rough = open_tower(TowerSpec(spec.model, spec.weights, "bf16"), "cpu").encode_images(images)
    assert rough.dtype == np.float32 and 0 < np.abs(rough - exact).max() < 0.1 * np.abs(exact).max()


def test_a_tower_of_ours_needs_no_network(write_micro: WriteMicro, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*arguments: object, **options: object) -> None:
        raise AssertionError("a connection was opened")

    spec = write_micro()
    monkeypatch.setattr(socket.socket, "connect", refused)
    monkeypatch.setattr(socket, "create_connection", refused)
    tower = open_tower(spec, "cpu")
    assert tower.encode_texts(["a chair"]).shape == (1, 6)


def test_our_configurations_can_be_built(repository: Path) -> None:
    paths = sorted((repository / "config" / "towers").glob("*.json"))
    trained_from_nothing = [path for path in paths if config_kind(json.loads(path.read_text())) is None]
    assert [path.stem for path in trained_from_nothing] == ["concord_small", "concord_tiny", "concord_tiny_vit"]
    for path in trained_from_nothing:
        parts = build_clip(str(path))
        size = parts.preprocess.size
        with torch.no_grad():
            image = parts.module.eval().encode_image(torch.zeros(1, 3, size, size))
            text = parts.module.encode_text(parts.tokenize(["a chair"]))
        assert image.shape == text.shape == (1, parts.config["model_cfg"]["embed_dim"])


def test_the_tower_of_the_papers_is_known_with_its_size() -> None:
    config = open_clip_adapter.clip_config("ViT-bigG-14")["model_cfg"]
    vision, text = config["vision_cfg"], config["text_cfg"]
    assert config["embed_dim"] == 1280
    assert (vision["layers"], vision["width"], vision["head_width"], vision["patch_size"]) == (48, 1664, 104, 14)
    assert (text["layers"], text["width"], text["heads"], text["context_length"]) == (32, 1280, 20, 77)
    assert "laion2b_s39b_b160k" in open_clip.list_pretrained_tags_by_model("ViT-bigG-14")


def test_a_gpu_that_is_not_there_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert resolve_device("auto").type == "cpu"
    with pytest.raises(ConfigError, match="No CUDA device"):
        resolve_device("cuda")
