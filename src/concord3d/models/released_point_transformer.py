"""Released weights of towers of this form, under the names of :class:`PointTransformer`."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor

# What a release puts before the names of the tower.
_BEFORE = ("point_encoder.", "transformer_q.")
_TOWER = {
    "encoder.first_conv.": "tokeniser.first.",
    "encoder.second_conv.0.": "tokeniser.widen.",
    "encoder.second_conv.1.": "tokeniser.norm.",
    "encoder.second_conv.3.": "tokeniser.narrow.",
    "reduce_dim.": "lift.",
    "pos_embed.": "position.",
    "norm.": "norm.",
}
_TOKENS = {"cls_token": "class_token", "cls_pos": "class_position", "mask_token": "mask_token"}
_BLOCK = {
    "norm1": "attention_norm",
    "attn.qkv": "to_queries_keys_values",
    "attn.proj": "to_output",
    "norm2": "mlp_norm",
    "mlp.fc1": "mlp.0",
    "mlp.fc2": "mlp.2",
}
_BLOCKS, _PROJECTION = "blocks.blocks.", "pc_projection"


def from_release(released: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Rename and reshape the tensors of a point tower; everything else of the release is left out.

    Args:
        released: Tensors of ULIP with Point-BERT (with its projection), of Point-BERT's pre-training, or of the
            discrete variational autoencoder of Point-BERT (its tokeniser alone), by name.

    Returns:
        Tensors of a :class:`~concord3d.models.point_transformer.PointTransformer` of the same size, those that there
        are. ULIP has no mask token, and only ULIP has a projection.

    Source: the names in the repositories of ULIP and of Point-BERT.
    """
    found = {}
    for name, value in released.items():
        name = name.removeprefix("module.")
        if name == _PROJECTION:
            found["projection.weight"] = value.T.contiguous()
            continue
        for before in _BEFORE:
            name = name.removeprefix(before)
        own = _own_name(name)
        if own is not None:
            found[own] = _own_shape(name, value)
    return found


def _own_name(name: str) -> str | None:
    if name in _TOKENS:
        return _TOKENS[name]
    if name.startswith(_BLOCKS):
        place, _, rest = name.removeprefix(_BLOCKS).partition(".")
        part, _, last = rest.rpartition(".")
        return f"blocks.{place}.{_BLOCK[part]}.{last}" if part in _BLOCK else None
    for theirs, ours in _TOWER.items():
        if name.startswith(theirs):
            return ours + name.removeprefix(theirs)
    return None


def _own_shape(name: str, value: Tensor) -> Tensor:
    if name in _TOKENS:
        return value.flatten()
    # A 1x1 convolution is a linear layer.
    return value.squeeze(-1) if name.startswith("encoder.") and value.ndim == 3 else value
