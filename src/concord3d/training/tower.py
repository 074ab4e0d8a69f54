"""Training of a small tower: an open_clip CLIP on pictures of objects and what is written about them.

The loop, its checkpoints and its exact resumption are those of every training here. A tower sees no clouds: in the
loop, a single point stands for each object, and its label is its own index, by which its texts are found.

Shape legend: S objects, B batch, s side of the encoder's input, D feature width.
"""

from __future__ import annotations

import json
import logging
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from lightning_fabric import Fabric
from numpy.typing import NDArray
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional

from concord3d.errors import ConfigError
from concord3d.features.gate import RETRIEVAL, ZERO_SHOT, measure_gate, require_measurable, top1_credit
from concord3d.features.open_clip_adapter import ClipParts, OpenClipTower, build_clip, import_open_clip, resolve_device
from concord3d.features.pairs import Pairs, PicturedObjects, TextShares
from concord3d.features.weights import CONFIG_ENTRY
from concord3d.files import canonical_json, sha256_file, write_json
from concord3d.methods.image_augment import LevelRecipe, apply_recipe
from concord3d.methods.interface import Batch, LossTerms, Method
from concord3d.models.weights import save_weights
from concord3d.training.loop import Loop
from concord3d.training.pretrain import machine_facts
from concord3d.training.run import TrainingSettings, TrainRun
from concord3d.training.schedule import OptimizerName, Schedule
from concord3d.training.seeding import derived_seed, seed_everything, set_deterministic

MAX_LOGIT_SCALE = math.log(100)

_log = logging.getLogger(__name__)


class TowerSettings(TrainingSettings):
    """The settings of a tower's training, beside those of every training.

    Attributes:
        raw_share: How often a raw text is learned from, relative to the other kinds that an object has.
        caption_share: The same for captions.
        retrieved_share: The same for retrieved texts, the noisiest kind.
        sentence_share: Probability that a raw text is put into one of the sentences for class names.
        crop_scale_low: Lower end of the area fraction of the random crop; 1 never crops.
        flip: Probability of the horizontal flip.
        jitter: Probability of changed brightness, contrast and saturation.
        grayscale: Probability of dropping the colour.
        blur: Probability of a Gaussian blur.
        min_image_to_text_r1: The gate's threshold in percent; null accepts any.
        min_zero_shot_top1: The gate's threshold in percent; null accepts any, or where no object has a class.
    """

    optimizer: OptimizerName = "adamw"
    schedule: Schedule = "warmup_cosine"
    weight_decay: float = Field(default=0.05, ge=0)
    warmup_epochs: float = Field(default=1.0, ge=0, allow_inf_nan=False)
    raw_share: float = Field(default=0.8, gt=0, allow_inf_nan=False)
    caption_share: float = Field(default=0.2, gt=0, allow_inf_nan=False)
    retrieved_share: float = Field(default=0.05, gt=0, allow_inf_nan=False)
    sentence_share: float = Field(default=0.8, ge=0, le=1)
    crop_scale_low: float = Field(default=0.6, gt=0, le=1)
    flip: float = Field(default=0.5, ge=0, le=1)
    jitter: float = Field(default=0.5, ge=0, le=1)
    grayscale: float = Field(default=0.1, ge=0, le=1)
    blur: float = Field(default=0.0, ge=0, le=1)
    min_image_to_text_r1: float | None = Field(ge=0, le=100)
    min_zero_shot_top1: float | None = Field(ge=0, le=100)

    def thresholds(self) -> dict[str, float | None]:
        """Return the gate's threshold per metric."""
        return {RETRIEVAL: self.min_image_to_text_r1, ZERO_SHOT: self.min_zero_shot_top1}

    def text_shares(self) -> TextShares:
        """Return how often each kind of text is chosen."""
        return TextShares(self.raw_share, self.caption_share, self.retrieved_share, self.sentence_share)

    def recipe(self) -> LevelRecipe:
        """Return the augmentation of pictures."""
        crop = None if self.crop_scale_low == 1 else self.crop_scale_low
        return LevelRecipe(crop, self.jitter, self.grayscale, self.blur, self.flip)


@dataclass(frozen=True)
class TowerRun:
    """One training of a tower.

    Attributes:
        model: Configuration file of ours, or a name known to open_clip.
        objects: Data sets with pictures and texts.
        settings: See :class:`TowerSettings`.
        seed: Seed of the weights, the order and all draws.
        work_dir: Folder for checkpoints in progress.
        out_dir: Folder for the results.
        device: ``auto``, ``cpu`` or ``cuda``.
        progress: Show progress on standard error.
        inputs_identity: See :class:`concord3d.training.run.TrainRun`.
    """

    model: str
    objects: Sequence[PicturedObjects]
    settings: TowerSettings
    seed: int
    work_dir: Path
    out_dir: Path
    device: str = "auto"
    progress: bool = True
    inputs_identity: str | None = None


class ClipTraining(Method):
    """open_clip's contrastive loss between a picture and a text of each object.

    Args:
        parts: The model and what belongs to it.
        pairs: The objects.
        settings: See :class:`TowerSettings`.
    """

    num_views = 1
    uses_labels = True

    def __init__(self, parts: ClipParts, pairs: Pairs, settings: TowerSettings) -> None:
        super().__init__()
        # The loop saves what is called so.
        self.point_encoder: nn.Module = parts.module
        self._preprocess, self._texts, self._settings = parts.preprocess, pairs.texts, settings
        self._tokens = _Tokens(parts.tokenize)
        self._loss = import_open_clip().ClipLoss()

    def _embed(self, pixels: Tensor, texts: Sequence[str]) -> tuple[Tensor, Tensor]:
        tokens = self._tokens.of(texts).to(pixels.device)
        clip: Any = self.point_encoder
        image, text = clip.encode_image(self._preprocess.normalize(pixels)), clip.encode_text(tokens)
        return functional.normalize(image.float(), dim=1), functional.normalize(text.float(), dim=1)

    def training_loss(self, batch: Batch) -> LossTerms:
        """Return the loss of one batch of augmented pictures and randomly chosen texts."""
        pixels, objects = _unpacked(batch)
        pixels = apply_recipe(pixels, self._settings.recipe(), batch.generator)
        texts = [self._texts[index].draw(self._settings.text_shares(), batch.generator) for index in objects]
        logit_scale = self.point_encoder.logit_scale
        assert isinstance(logit_scale, nn.Parameter)
        with torch.no_grad():
            logit_scale.clamp_(0, MAX_LOGIT_SCALE)
        image, text = self._embed(pixels, texts)
        loss: Tensor = self._loss(image, text, logit_scale.float().exp())
        return LossTerms(loss, {"contrastive": loss.detach(), "logit_scale": logit_scale.detach().exp()})

    def held_out_metrics(self, batch: Batch) -> dict[str, float]:
        """Return the retrieval of descriptions among those of the batch, one picture per object, in percent."""
        pixels, objects = _unpacked(batch)
        descriptions = [self._texts[index].description for index in objects]
        distinct = list(dict.fromkeys(descriptions))
        image, text = self._embed(pixels, distinct)
        target = np.array([distinct.index(description) for description in descriptions])
        credit = top1_credit(image.cpu().numpy(), text.cpu().numpy(), target)
        return {RETRIEVAL: 100 * float(credit.mean()), "num_texts": len(distinct)}


class _Tokens:
    """Tokens of texts, each worked out once."""

    def __init__(self, tokenize: Callable[[Sequence[str]], Tensor]) -> None:
        self._tokenize = tokenize
        self._known: dict[str, Tensor] = {}

    def of(self, texts: Sequence[str]) -> Tensor:
        """Return (B, L) int64."""
        for text in dict.fromkeys(texts):
            if text not in self._known:
                self._known[text] = self._tokenize([text])[0]
        return torch.stack([self._known[text] for text in texts])


def _unpacked(batch: Batch) -> tuple[Tensor, list[int]]:
    """Return the pictures as (B, 3, s, s) floats in [0, 1] and the indices of their objects."""
    assert batch.views is not None and batch.labels is not None
    return batch.views[:, 0].permute(0, 3, 1, 2).float() / 255, batch.labels.tolist()


class TowerLoop(Loop):
    """The training loop, without weight decay on vectors and scalars.

    Args:
        fabric: Device and precision.
        run: The task as the loop sees it.
        method: The freshly initialised model with its loss.
        folder: Where checkpoints in progress lie.
    """

    def __init__(self, fabric: Fabric, run: TrainRun, method: ClipTraining, folder: Path) -> None:
        super().__init__(fabric, run, method, folder)
        group = self._optimizer.param_groups[0]
        parameters = group["params"]
        group["params"] = [parameter for parameter in parameters if parameter.ndim > 1]
        vectors = [parameter for parameter in parameters if parameter.ndim <= 1]
        self._optimizer.param_groups.append({**group, "params": vectors, "weight_decay": 0.0})


def train_tower(run: TowerRun) -> None:
    """Train a tower, write it with its history, and measure its gate.

    Writes below ``run.out_dir``: ``model.safetensors``; ``open_clip_config.json`` (with which the weights must be
    used); ``tower.json`` (deterministic: identity, losses and held-out figures per epoch); ``gate.json`` (see
    :func:`concord3d.features.gate.measure_gate`; a gate that is not passed is logged as a warning, and the tower is
    kept so that it can be looked at); ``run.json`` (what differs from machine to machine). A run that was stopped goes
    on from its last checkpoint in ``run.work_dir``.

    Raises:
        ConfigError: The configuration or the data do not fit together, or there are too few objects.
        NonFiniteLoss: The loss or its gradient became NaN or infinite.
        TrainingInterrupted: A signal stopped the run after a checkpoint.
        ResumeMismatch: The checkpoint found belongs to another run.
        DiskFull: A checkpoint or result could not be written.
    """
    started = time.monotonic()
    device = resolve_device(run.device)
    set_deterministic(run.settings.deterministic)
    seed_everything(derived_seed(run.seed, "model"))
    parts = build_clip(run.model)
    pairs = Pairs(run.objects, parts.preprocess)
    task = _task(run, parts, pairs)
    if len(task.held_out_index()) < 2:
        raise ConfigError(
            "Too few objects to hold any out for a tower's gate",
            where=", ".join(part.name for part in run.objects),
            expected="at least 20 objects with texts",
            found=pairs.num_objects,
        )
    require_measurable(pairs, task.held_out_index(), run.settings.thresholds())
    folder = task.work_folder
    fabric = Fabric(accelerator=device.type, devices=1, precision=run.settings.precision)
    loop = TowerLoop(fabric, task.validated(), ClipTraining(parts, pairs, run.settings), folder)
    loop.fit()
    _publish(run, loop, parts, pairs, started)
    task.forget(folder)


def _task(run: TowerRun, parts: ClipParts, pairs: Pairs) -> TrainRun:
    settings = run.settings.model_dump()
    config = {
        "method": "tower",
        "seed": run.seed,
        "training": {key: settings[key] for key in TrainingSettings.model_fields},
        "clip": {
            "config": parts.config,
            "settings": {key: value for key, value in settings.items() if key not in TrainingSettings.model_fields},
            "pairs_sha256": pairs.identity,
        },
    }
    return TrainRun(
        run_config=config,
        points=np.zeros((pairs.num_objects, 1, 3), np.float32),
        labels=np.arange(pairs.num_objects),
        views=pairs,
        work_dir=run.work_dir,
        out_dir=run.out_dir,
        device=run.device,
        progress=run.progress,
        inputs_identity=run.inputs_identity,
    )


def _publish(run: TowerRun, loop: TowerLoop, parts: ClipParts, pairs: Pairs, started: float) -> None:
    weights = run.out_dir / "model.safetensors"
    save_weights(parts.module, weights, {CONFIG_ENTRY: canonical_json(parts.config["model_cfg"])})
    write_json(run.out_dir / "open_clip_config.json", parts.config)
    tower = OpenClipTower(parts, sha256_file(weights), loop.fabric.device)
    held_out: NDArray[np.int64] = loop.run.held_out_index()
    gate = measure_gate(tower, pairs, held_out, run.settings.thresholds())
    write_json(run.out_dir / "gate.json", gate)
    _report(gate)
    write_json(
        run.out_dir / "tower.json",
        {
            "config_hash": loop.run.config_hash,
            "identity": tower.identity,
            "settings": json.loads(run.settings.model_dump_json()),
            "seed": run.seed,
            "num_train": len(loop.run.training_index()),
            "num_held_out": len(held_out),
            "num_without_text": pairs.num_without_text,
            "num_views": pairs.num_views,
            "num_steps": loop.num_steps,
            "history": loop.history,
        },
    )
    record: dict[str, Any] = {
        "pairs_per_s": round(loop.clouds_per_s, 2),
        "wall_s": round(loop.earlier_seconds + time.monotonic() - started, 2),
        "resumed_from": loop.resumed_from,
        "resumed_count": len(loop.resumed_from),
        "warnings": loop.warnings,
        **machine_facts(loop.fabric.device, loop.run),
    }
    write_json(run.out_dir / "run.json", record)


def _report(gate: dict[str, Any]) -> None:
    for measure in gate["measures"]:
        line = "%s on %s pictures: %.2f %% (chance %.2f %%, %d pictures of %d objects)"
        keys = ("metric", "view_set", "value", "chance", "n_items", "n_objects")
        _log.info(line, *(measure[key] for key in keys))
        if measure["passed"] is False:
            _log.warning(
                "THE GATE IS NOT PASSED: %s is %.2f %%, at least %.2f %% was asked for",
                measure["metric"],
                measure["value"],
                measure["threshold"],
            )
