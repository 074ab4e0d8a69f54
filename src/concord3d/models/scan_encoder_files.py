"""Weights files of encoders of scans, which hold all that is needed to build the encoder again."""

from __future__ import annotations

from pathlib import Path
from typing import TypeVar

import torch
from pydantic import ValidationError

from concord3d.config.validation import StrictModel
from concord3d.errors import CheckpointCorrupt
from concord3d.models.instance_encoder import InstanceEncoder
from concord3d.models.scan_encoder_forms import InstanceEncoderForm, SceneEncoderForm
from concord3d.models.scene_encoder import SceneEncoder
from concord3d.models.weights import load_weights, read_tensors

_ENTRY = "scan_encoder"
_Form = TypeVar("_Form", bound=StrictModel)


def form_header(form: InstanceEncoderForm | SceneEncoderForm) -> dict[str, str]:
    """Return the header entry of the weights of an encoder of this form."""
    return {_ENTRY: form.model_dump_json()}


def load_instance_encoder(path: Path) -> InstanceEncoder:
    """Build the encoder of objects that a weights file holds, on the CPU.

    Raises:
        CheckpointCorrupt: The file cannot be read, or holds something else.
    """
    form = _read_form(InstanceEncoderForm, path)
    with torch.random.fork_rng():
        encoder = InstanceEncoder(form)
    load_weights(encoder, path)
    return encoder


def load_scene_encoder(path: Path) -> SceneEncoder:
    """Build the encoder of scans that a weights file holds, on the CPU.

    Raises:
        CheckpointCorrupt: The file cannot be read, or holds something else.
    """
    form = _read_form(SceneEncoderForm, path)
    with torch.random.fork_rng():
        encoder = SceneEncoder(form)
    load_weights(encoder, path)
    return encoder


def _read_form(kind: type[_Form], path: Path) -> _Form:
    _, entries = read_tensors(path)
    try:
        return kind.model_validate_json(entries[_ENTRY])
    except (KeyError, ValidationError) as error:
        raise CheckpointCorrupt(
            "Not the weights of an encoder of scans",
            where=path,
            expected=f"a header entry '{_ENTRY}' with the form of a {kind.__name__.removesuffix('Form')}",
            found=sorted(entries),
            next_step="use the file 'objects' of crossover_instance, or 'scenes' of crossover_scene",
        ) from error
