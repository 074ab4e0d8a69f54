"""CLIP: an image and a text encoder of open_clip, trained on pictures of objects and what is written about them.

Shape legend: B objects, s side of the encoder's input, D feature width, L tokens of a text.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from concord3d.batches.pictures import PictureBatch
from concord3d.features.gate import RETRIEVAL, ZERO_SHOT, log_gate, measure_gate, require_measurable, top1_credit
from concord3d.features.open_clip_adapter import ClipParts, OpenClipTower, build_clip, import_open_clip
from concord3d.features.pairs import Pairs, TextShares
from concord3d.features.weights import CONFIG_ENTRY
from concord3d.files import canonical_json, sha256_file
from concord3d.methods.clip.settings import ClipSettings
from concord3d.methods.image_augment import LevelRecipe, apply_recipe
from concord3d.methods.interface import Context, LossTerms, Method, ParameterGroup

MAX_LOGIT_SCALE = math.log(100)


class Clip(Method[PictureBatch]):
    """open_clip's contrastive loss between a picture and a text of each object.

    Args:
        settings: See :class:`ClipSettings`.
        parts: The model and what belongs to it.
        pairs: All objects, on the held-out of which the gate is measured.
        held_out: Objects that are never trained on.
    """

    def __init__(self, settings: ClipSettings, parts: ClipParts, pairs: Pairs, held_out: NDArray[np.int64]) -> None:
        super().__init__()
        self.clip: Any = parts.module
        self._settings, self._parts, self._pairs, self._held_out = settings, parts, pairs, held_out
        self._tokens = _Tokens(parts.tokenize)
        self._loss = import_open_clip().ClipLoss()
        self._shares = TextShares(
            settings.raw_share, settings.caption_share, settings.retrieved_share, settings.sentence_share
        )
        crop = None if settings.crop_scale_low == 1 else settings.crop_scale_low
        self._recipe = LevelRecipe(crop, settings.jitter, settings.grayscale, settings.blur, settings.flip)

    def saved(self) -> dict[str, nn.Module]:
        """Return the model with both encoders."""
        return {"clip": self.clip}

    def header(self, name: str) -> dict[str, str]:
        """Return the configuration that the weights belong to: another one may have tensors of the same shapes."""
        return {CONFIG_ENTRY: canonical_json(self._parts.config["model_cfg"])}

    def parameter_groups(self) -> list[ParameterGroup]:
        """Return two groups: vectors and scalars do not decay."""
        parameters = [parameter for parameter in self.parameters() if parameter.requires_grad]
        return [
            ParameterGroup([parameter for parameter in parameters if parameter.ndim > 1]),
            ParameterGroup([parameter for parameter in parameters if parameter.ndim <= 1], weight_decay=0.0),
        ]

    def _embed(self, pixels: Tensor, texts: Sequence[str]) -> tuple[Tensor, Tensor]:
        tokens = self._tokens.of(texts).to(pixels.device)
        image = self.clip.encode_image(self._parts.preprocess.normalize(pixels))
        text = self.clip.encode_text(tokens)
        return functional.normalize(image.float(), dim=1), functional.normalize(text.float(), dim=1)

    def loss(self, batch: PictureBatch, draw: torch.Generator) -> LossTerms:
        """Return the loss of one batch of augmented pictures and randomly chosen texts."""
        pixels = apply_recipe(batch.pixels, self._recipe, draw)
        texts = [choice.draw(self._shares, draw) for choice in batch.texts]
        logit_scale: nn.Parameter = self.clip.logit_scale
        with torch.no_grad():
            logit_scale.clamp_(0, MAX_LOGIT_SCALE)
        image, text = self._embed(pixels, texts)
        loss: Tensor = self._loss(image, text, logit_scale.float().exp())
        return LossTerms(loss, {"contrastive": loss.detach(), "logit_scale": logit_scale.detach().exp()})

    def held_out(self, batch: PictureBatch, draw: torch.Generator) -> dict[str, float]:
        """Return the retrieval of descriptions among those of the batch, one picture per object, in percent."""
        descriptions = [choice.description for choice in batch.texts]
        distinct = list(dict.fromkeys(descriptions))
        image, text = self._embed(batch.pixels, distinct)
        target = np.array([distinct.index(description) for description in descriptions])
        credit = top1_credit(image.cpu().numpy(), text.cpu().numpy(), target)
        return {RETRIEVAL: 100 * float(credit.mean()), "num_texts": len(distinct)}

    def reports(self, weights: Mapping[str, Path]) -> dict[str, Any]:
        """Return the configuration that the weights belong to, the identity of the tower, and its gate.

        A gate that is not passed is logged as a warning; the tower is kept so that it can be looked at.
        """
        device = next(self.clip.parameters()).device
        tower = OpenClipTower(self._parts, sha256_file(weights["clip"]), device)
        gate = measure_gate(tower, self._pairs, self._held_out, _thresholds(self._settings))
        log_gate(gate)
        facts = {
            "identity": tower.identity,
            "num_without_text": self._pairs.num_without_text,
            "num_views": self._pairs.num_views,
        }
        return {"open_clip_config": self._parts.config, "tower": facts, "gate": gate}


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


def _thresholds(settings: ClipSettings) -> dict[str, float | None]:
    return {RETRIEVAL: settings.min_image_to_text_r1, ZERO_SHOT: settings.min_zero_shot_top1}


def build(settings: ClipSettings, context: Context) -> Clip:
    """Build the model that ``encoder.model`` names.

    Raises:
        ConfigError: open_clip cannot build it, there are too few objects, or a threshold is set for what cannot be
            measured on them.
    """
    parts = build_clip(context.encoder["model"])
    pairs: Pairs = context.data.pairs
    require_measurable(pairs, context.held_out, _thresholds(settings))
    return Clip(settings, parts, pairs, context.held_out)
