"""A BERT whose mean over tokens, brought to unit length, is the feature of a sentence.

Shape legend: B sentences, L tokens of the longest, W width.
"""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor, nn
from torch.nn import functional

from concord3d.errors import CheckpointCorrupt, ConfigError

_EPSILON = 1e-12
_EMBEDDINGS = {
    "word_embedding": "embeddings.word_embeddings",
    "position_embedding": "embeddings.position_embeddings",
    "segment_embedding": "embeddings.token_type_embeddings",
    "embedding_norm": "embeddings.LayerNorm",
}
_LAYER = {
    "to_queries": "attention.self.query",
    "to_keys": "attention.self.key",
    "to_values": "attention.self.value",
    "to_output": "attention.output.dense",
    "attention_norm": "attention.output.LayerNorm",
    "mlp.0": "intermediate.dense",
    "mlp.2": "output.dense",
    "mlp_norm": "output.LayerNorm",
}


class SentenceBert(nn.Module):
    """Post-norm transformer over word pieces; the default arguments are all-MiniLM-L6-v2: 22,565,376 parameters.

    Args:
        vocabulary: Word pieces.
        width: W.
        depth: Layers.
        num_heads: Attention heads; they share ``width``.
        mlp_width: Hidden width of the layers' MLPs.
        max_tokens: Positions that have an embedding.

    Raises:
        ConfigError: The heads cannot share the width.

    Source: Devlin et al., BERT, 2019; Reimers and Gurevych, Sentence-BERT, 2019, mean pooling.
    """

    def __init__(
        self,
        vocabulary: int = 30522,
        width: int = 384,
        depth: int = 6,
        num_heads: int = 12,
        mlp_width: int = 1536,
        max_tokens: int = 512,
    ) -> None:
        super().__init__()
        if width % num_heads:
            raise ConfigError(
                "Attention heads cannot share the width",
                where="num_heads",
                expected=f"a divisor of {width}",
                found=num_heads,
            )
        self.word_embedding = nn.Embedding(vocabulary, width)
        self.position_embedding = nn.Embedding(max_tokens, width)
        # BERT tells two texts of a pair apart by these; a sentence is the first.
        self.segment_embedding = nn.Embedding(2, width)
        self.embedding_norm = nn.LayerNorm(width, eps=_EPSILON)
        self.layers = nn.ModuleList(_Layer(width, num_heads, mlp_width) for _ in range(depth))

    def forward(self, tokens: Tensor, is_real: Tensor) -> Tensor:
        """Encode sentences.

        Args:
            tokens: (B, L) int64 word pieces; of what is not real any value.
            is_real: (B, L) bool, False where a shorter sentence is filled up; at least one True per sentence.

        Returns:
            (B, W) unit vectors.
        """
        summed = self.word_embedding(tokens) + self.position_embedding.weight[: tokens.shape[1]]
        states = self.embedding_norm(summed + self.segment_embedding.weight[0])
        for layer in self.layers:
            states = layer(states, is_real)
        real = is_real[..., None].to(states.dtype)
        mean = (states * real).sum(1) / real.sum(1)
        return functional.normalize(mean, dim=1)


class _Layer(nn.Module):
    """Self-attention, then an MLP with GELU; each is added to its input and normalised afterwards."""

    def __init__(self, width: int, num_heads: int, mlp_width: int) -> None:
        super().__init__()
        self.num_heads = num_heads
        self.to_queries = nn.Linear(width, width)
        self.to_keys = nn.Linear(width, width)
        self.to_values = nn.Linear(width, width)
        self.to_output = nn.Linear(width, width)
        self.attention_norm = nn.LayerNorm(width, eps=_EPSILON)
        self.mlp = nn.Sequential(nn.Linear(width, mlp_width), nn.GELU(), nn.Linear(mlp_width, width))
        self.mlp_norm = nn.LayerNorm(width, eps=_EPSILON)

    def forward(self, states: Tensor, is_real: Tensor) -> Tensor:
        projections = (self.to_queries(states), self.to_keys(states), self.to_values(states))
        queries, keys, values = (part.unflatten(-1, (self.num_heads, -1)).transpose(1, 2) for part in projections)
        attended = functional.scaled_dot_product_attention(queries, keys, values, attn_mask=is_real[:, None, None, :])
        states = self.attention_norm(states + self.to_output(attended.transpose(1, 2).flatten(2)))
        result: Tensor = self.mlp_norm(states + self.mlp(states))
        return result


def from_names_of_bert(released: Mapping[str, Tensor], depth: int) -> dict[str, Tensor]:
    """Return the tensors of a released BERT under the names of :class:`SentenceBert`.

    Args:
        released: Tensors in the names of Hugging Face's ``BertModel``; its pooler is left out.
        depth: Layers.

    Raises:
        CheckpointCorrupt: A tensor is absent.
    """
    names = {f"{ours}.weight": f"{theirs}.weight" for ours, theirs in _EMBEDDINGS.items()}
    names["embedding_norm.bias"] = f"{_EMBEDDINGS['embedding_norm']}.bias"
    for layer in range(depth):
        for ours, theirs in _LAYER.items():
            for part in ("weight", "bias"):
                names[f"layers.{layer}.{ours}.{part}"] = f"encoder.layer.{layer}.{theirs}.{part}"
    absent = sorted(theirs for theirs in names.values() if theirs not in released)
    if absent:
        raise CheckpointCorrupt(
            "Weights lack tensors of a BERT",
            expected=f"{depth} layers in the names of Hugging Face's BertModel",
            found=f"{len(absent)} absent, such as {absent[0]}",
        )
    return {ours: released[theirs] for ours, theirs in names.items()}
