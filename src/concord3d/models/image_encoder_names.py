"""Names of the image encoders, read without torch; :mod:`concord3d.models.image_resnet` builds them."""

from __future__ import annotations

from typing import Literal, get_args

ImageEncoderName = Literal["resnet18", "resnet50", "resnet10_32", "resnet10_16"]
IMAGE_ENCODERS: tuple[str, ...] = get_args(ImageEncoderName)
