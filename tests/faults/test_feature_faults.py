"""Towers and caches that are damaged, mixed up, malicious or out of room: named errors; the next call mends them."""

from __future__ import annotations

import errno
import json
import os
import pickle
import resource
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import open_clip
import pytest
import torch

from concord3d.errors import CheckpointCorrupt, ConfigError, DiskFull, UnreadableFile
from concord3d.features import cache
from concord3d.features.cache import image_features, text_features
from concord3d.features.open_clip_adapter import build_clip, clip_config
from concord3d.features.open_tower import open_tower
from concord3d.features.stored import open_features
from concord3d.features.tower import TowerError, TowerMismatch, TowerSpec, TowerWeightsMissing
from concord3d.features.weights import CONFIG_ENTRY, find_weights
from concord3d.files import canonical_json, read_json
from concord3d.models.weights import read_tensors, save_tensors, save_weights

CONFIG: dict[str, Any] = {
    "model_cfg": {
        "embed_dim": 4,
        "vision_cfg": {"image_size": 16, "patch_size": 8, "width": 8, "layers": 1, "head_width": 8},
        "text_cfg": {"context_length": 8, "vocab_size": 49408, "width": 8, "heads": 1, "layers": 1},
    }
}
BIG = TowerSpec("ViT-bigG-14", "laion2b_s39b_b160k")


def write_config(path: Path, **changes: Any) -> str:
    config = json.loads(json.dumps(CONFIG))
    for section, values in changes.items():
        config["model_cfg"][section] = (
            {**config["model_cfg"][section], **values} if isinstance(values, dict) else values
        )
    path.write_text(json.dumps(config))
    return str(path)


@pytest.fixture
def spec(tmp_path: Path) -> TowerSpec:
    """A small tower with its weights."""
    model = write_config(tmp_path / "tower.json")
    weights = tmp_path / "tower.safetensors"
    save_weights(build_clip(model).module, weights, {CONFIG_ENTRY: canonical_json(CONFIG["model_cfg"])})
    return TowerSpec(model, str(weights))


def without_header(spec: TowerSpec) -> None:
    """Forget which configuration the weights were trained with, as weights from elsewhere do."""
    tensors, _ = read_tensors(Path(spec.weights))
    save_tensors(tensors, Path(spec.weights))


def test_weights_of_another_width_are_listed_with_both_shapes(spec: TowerSpec, tmp_path: Path) -> None:
    without_header(spec)
    other = write_config(tmp_path / "wide.json", embed_dim=5)
    with pytest.raises(CheckpointCorrupt, match=r"(?s)do not fit the tower.*text_projection.*\[8, 4\].*\[8, 5\]"):
        open_tower(TowerSpec(other, spec.weights), "cpu")


def test_weights_for_another_picture_size_are_not_silently_stretched(spec: TowerSpec, tmp_path: Path) -> None:
    without_header(spec)
    other = write_config(tmp_path / "large.json", vision_cfg={"image_size": 32})
    with pytest.raises(CheckpointCorrupt, match=r"visual\.positional_embedding.*\[5, 8\].*\[17, 8\]"):
        open_tower(TowerSpec(other, spec.weights), "cpu")


def test_missing_and_extra_names_are_listed(spec: TowerSpec) -> None:
    tensors, _ = read_tensors(Path(spec.weights))
    renamed = {("text_projektion" if name == "text_projection" else name): value for name, value in tensors.items()}
    save_tensors(renamed, Path(spec.weights))
    with pytest.raises(CheckpointCorrupt, match=r"(?s)text_projection: absent.*extra text_projektion"):
        open_tower(spec, "cpu")
    save_tensors({**tensors, "more": torch.zeros(1)}, Path(spec.weights))
    with pytest.raises(CheckpointCorrupt, match="extra more"):
        open_tower(spec, "cpu")


def test_equal_shapes_with_another_activation_are_noticed(spec: TowerSpec, tmp_path: Path) -> None:
    other = write_config(tmp_path / "quick.json", quick_gelu=True)
    with pytest.raises(TowerMismatch, match=r"(?s)another configuration.*'quick_gelu': None.*'quick_gelu': True"):
        open_tower(TowerSpec(other, spec.weights), "cpu")


def test_released_weights_with_another_activation_are_refused_with_the_right_model() -> None:
    model_cfg = clip_config("ViT-B-32")["model_cfg"]
    with pytest.raises(TowerMismatch, match="ViT-B-32-quickgelu"):
        find_weights(open_clip, TowerSpec("ViT-B-32", "openai"), model_cfg, None)


def local_weights(folder: Path, **changes: Any) -> str:
    """A file of weights, which is not opened here, with the configuration that its publisher puts beside it."""
    config = {"model_cfg": clip_config("RN50-quickgelu")["model_cfg"] | changes, "preprocess_cfg": {"mean": [0.5] * 3}}
    (folder / "open_clip_config.json").write_text(json.dumps(config))
    (folder / "open_clip_model.safetensors").touch()
    return str(folder / "open_clip_model.safetensors")


def test_the_configuration_beside_weights_decides(tmp_path: Path) -> None:
    weights = local_weights(tmp_path)
    for model, message in (
        ("RN50", r"(?s)'quick_gelu': True.*set model: RN50-quickgelu"),
        ("RN101-quickgelu", "layers"),
    ):
        with pytest.raises(TowerMismatch, match=message):
            find_weights(open_clip, TowerSpec(model, weights), clip_config(model)["model_cfg"], None)
    spec = TowerSpec("RN50-quickgelu", weights)
    found = find_weights(open_clip, spec, clip_config(spec.model)["model_cfg"], None)
    assert found.preprocess_cfg == {"mean": [0.5] * 3}
    weights = local_weights(tmp_path, embed_dim=512)
    with pytest.raises(TowerMismatch, match=r"set model: .*open_clip_config\.json"):
        find_weights(open_clip, spec, clip_config(spec.model)["model_cfg"], None)
    (tmp_path / "open_clip_config.json").write_text("[]")
    with pytest.raises(UnreadableFile, match=r"open_clip_config\.json"):
        find_weights(open_clip, spec, clip_config(spec.model)["model_cfg"], None)


def test_weights_that_nothing_describes_are_named_in_the_log(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    weights = tmp_path / "own.safetensors"
    weights.touch()
    for model, warned in (("RN50", True), ("RN50-quickgelu", True), ("ViT-B-16-SigLIP", False)):
        caplog.clear()
        find_weights(open_clip, TowerSpec(model, str(weights)), clip_config(model)["model_cfg"], None)
        assert ("RN50-quickgelu" in caplog.text) == warned


class Malicious:
    def __init__(self, target: Path) -> None:
        self.target = target

    def __reduce__(self) -> tuple[Any, tuple[str]]:
        return os.mkdir, (str(self.target),)


def test_a_pickle_that_runs_code_is_not_run(spec: TowerSpec, tmp_path: Path) -> None:
    target = tmp_path / "executed"
    torch.save({"visual.proj": Malicious(target)}, tmp_path / "evil.pt")
    (tmp_path / "plain.bin").write_bytes(pickle.dumps(Malicious(target)))
    for name in ("evil.pt", "plain.bin"):
        with pytest.raises(CheckpointCorrupt, match="safely"):
            open_tower(TowerSpec(spec.model, str(tmp_path / name)), "cpu")
    assert not target.exists()


@pytest.mark.parametrize("content", [b"", b"not weights", None])
@pytest.mark.parametrize("suffix", [".safetensors", ".pt"])
def test_damaged_weights_are_named(spec: TowerSpec, tmp_path: Path, content: bytes | None, suffix: str) -> None:
    path = tmp_path / f"damaged{suffix}"
    path.write_bytes(Path(spec.weights).read_bytes()[:5000] if content is None else content)
    with pytest.raises(CheckpointCorrupt, match=path.name):
        open_tower(TowerSpec(spec.model, str(path)), "cpu")


def test_a_file_without_named_tensors_is_no_weights_file(spec: TowerSpec, tmp_path: Path) -> None:
    torch.save([1, 2], tmp_path / "list.pt")
    with pytest.raises(CheckpointCorrupt, match="no named tensors"):
        open_tower(TowerSpec(spec.model, str(tmp_path / "list.pt")), "cpu")


def test_unknown_models_tags_and_files_are_named(spec: TowerSpec, tmp_path: Path) -> None:
    cases = [
        (TowerSpec("ViT-bigG-41", "x"), ConfigError, "did you mean 'ViT-bigG-14'"),
        (TowerSpec("ViT-bigG-14", "laion2b_s39b_b160"), ConfigError, "did you mean 'laion2b_s39b_b160k'"),
        (TowerSpec(spec.model, "laion2b_s39b_b160k"), ConfigError, "a file ending in"),
        (TowerSpec(spec.model, str(tmp_path / "absent.safetensors")), TowerWeightsMissing, "absent.safetensors"),
        (TowerSpec(str(tmp_path / "absent.json"), spec.weights), ConfigError, "absent.json"),
    ]
    for bad, kind, message in cases:
        with pytest.raises(kind, match=message):
            open_tower(bad, "cpu")


@pytest.mark.parametrize(
    "content",
    [
        "{",
        "[]",
        '{"embed_dim": 4}',
        '{"model_cfg": {"embed_dim": 4}}',
        '{"model_cfg": {"embed_dim": 4, "vision_cfg": {}, "text_cfg": {"hf_model_name": "x"}}}',
        '{"model_cfg": {"embed_dim": 4, "vision_cfg": {"widht": 8}, "text_cfg": {}}}',
        '{"model_cfg": {"embed_dim": 4, "vision_cfg": {}, "text_cfg": {}}, "preproces_cfg": {}}',
    ],
)
def test_a_bad_configuration_file_is_named(spec: TowerSpec, tmp_path: Path, content: str) -> None:
    path = tmp_path / "bad.json"
    path.write_text(content)
    with pytest.raises(ConfigError, match=r"bad\.json"):
        open_tower(TowerSpec(str(path), spec.weights), "cpu")


def test_without_network_the_message_says_which_file_goes_where(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_network(*arguments: object, **options: object) -> str:
        raise OSError("Network is unreachable")

    monkeypatch.setattr(open_clip, "download_pretrained", no_network)
    place = tmp_path / "ViT-bigG-14__laion2b_s39b_b160k.safetensors"
    with pytest.raises(TowerWeightsMissing) as caught:
        open_tower(BIG, "cpu", tmp_path)
    for part in ("laion/CLIP-ViT-bigG-14-laion2B-39B-b160k/resolve/main/", str(place), "Network is unreachable"):
        assert part in str(caught.value)
    place.write_bytes(b"the file that was placed")
    found = find_weights(open_clip, BIG, clip_config(BIG.model)["model_cfg"], tmp_path)
    assert found.path == place and "mean" in found.preprocess_cfg


class Half:
    """Two features per content, in the range of 16 bits unless told otherwise."""

    dim, image_size = 2, 8

    def __init__(self, name: str = "half", value: float = 1.0) -> None:
        self.identity: dict[str, Any] = {"architecture": name, "weights_sha256": "0" * 64}
        self.calls, self.value = 0, value

    def encode_images(self, images: Any) -> Any:
        self.calls += 1
        mean = images.reshape(len(images), -1).mean(axis=1)
        return np.stack([mean, mean * 0 + self.value], axis=1).astype(np.float32)

    def encode_texts(self, texts: Any) -> Any:
        self.calls += 1
        return np.array([[len(text), self.value] for text in texts], np.float32)


IMAGES = [np.random.default_rng(seed).integers(0, 256, (3, 2, 8, 8, 3), dtype=np.uint8) for seed in range(3)]
HASHES = ["a", "b", "c"]


def build(folder: Path, tower: Half) -> None:
    image_features(IMAGES, HASHES, tower, tower.encode_images, folder / "store", folder / "images.json")


def tree(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)


def truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1])


def break_record(path: Path) -> None:
    path.with_suffix(".json").write_text("[1]")


@pytest.mark.parametrize("damage", [flip, truncate, break_record, Path.unlink])
def test_a_damaged_shard_is_remade_alone(tmp_path: Path, damage: Callable[[Path], None]) -> None:
    build(tmp_path, Half())
    before = tree(tmp_path)
    damage(tmp_path / "store" / read_json(tmp_path / "images.json")["shards"][1]["file"])
    assert tree(tmp_path) != before
    tower = Half()
    build(tmp_path, tower)
    assert tower.calls == 1 and tree(tmp_path) == before


def test_a_cache_of_another_tower_is_refused_with_what_differs(tmp_path: Path) -> None:
    build(tmp_path, Half())
    assert open_features(tmp_path / "images.json", Half().identity).num_items == 9
    with pytest.raises(TowerMismatch, match=r"(?s)another tower.*'architecture': 'other'.*'architecture': 'half'"):
        open_features(tmp_path / "images.json", Half("other").identity)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), 70_000.0])
def test_features_that_16_bits_cannot_hold_are_never_stored(tmp_path: Path, value: float) -> None:
    with pytest.raises(TowerError, match="not finite"):
        build(tmp_path, Half(value=value))
    with pytest.raises(TowerError, match="not finite"):
        text_features(["a"], Half(value=value), tmp_path / "store", tmp_path / "texts.json")
    assert tree(tmp_path) == {}


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT])
def test_a_full_disk_is_named_and_keeps_the_other_shards(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    original = np.lib.format.write_array
    written: list[Any] = []

    def full(stream: Any, array: Any, **told: Any) -> None:
        written.append(stream)
        if len(written) == 2:
            stream.write(b"half")
            raise OSError(code, os.strerror(code))
        original(stream, array, **told)

    with monkeypatch.context() as patch:
        patch.setattr(np.lib.format, "write_array", full)
        with pytest.raises(DiskFull, match="free some space"):
            build(tmp_path, Half())
    assert sorted(path.suffix for path in tmp_path.rglob("*") if path.is_file()) == [".json", ".npy"]
    tower = Half()
    build(tmp_path, tower)
    whole = tmp_path / "whole"
    build(whole, Half())
    assert tower.calls == 2
    kept = {name: content for name, content in tree(tmp_path).items() if not name.startswith("whole/")}
    assert kept == tree(whole)


def test_a_limit_on_file_size_is_a_full_disk(tmp_path: Path) -> None:
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (100, before[1]))
        with pytest.raises(DiskFull, match="free some space"):
            build(tmp_path, Half())
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert tree(tmp_path) == {}


def test_a_killed_encoding_goes_on_after_the_last_whole_shard(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Killed(Half):
        def encode_images(self, images: Any) -> Any:
            if self.calls == 2:
                raise KeyboardInterrupt
            return super().encode_images(images)

    with pytest.raises(KeyboardInterrupt):
        build(tmp_path, Killed())
    assert not (tmp_path / "images.json").exists()
    tower = Half()
    build(tmp_path, tower)
    assert tower.calls == 1


def test_text_records_of_other_texts_are_not_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    texts = ["one", "three", "seventeen"]
    text_features(texts, Half(), tmp_path / "store", tmp_path / "texts.json")
    record = next((tmp_path / "store").rglob("*.json"))
    record.write_text(record.read_text().replace('"three"', '"thr33"'))
    tower = Half()
    text_features(texts, tower, tmp_path / "store", tmp_path / "texts.json")
    features = open_features(tmp_path / "texts.json")
    assert tower.calls == 1 and features.encode_texts(texts)[:, 0].tolist() == [3, 5, 9]


def test_shards_hold_a_bounded_number_of_texts(tmp_path: Path) -> None:
    texts = [str(number) for number in range(2 * cache.SHARD_TEXTS)]
    count = text_features(texts, Half(), tmp_path / "store", tmp_path / "texts.json")
    assert count.shards_encoded == 2
