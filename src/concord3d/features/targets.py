"""What an alignment learns to predict: tower features of a picture and a text of every object, drawn at each step.

Shape legend: S objects, V pictures per object, T distinct texts, D feature width, B batch.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from concord3d.arrays import ShardedRows
from concord3d.data.stores.objects import ShapeTexts
from concord3d.errors import ConfigError

_NOTHING = np.zeros(0, dtype=np.int64)


@dataclass(frozen=True)
class TextRows:
    """Rows of the texts of one object in the array of text features.

    Attributes:
        raw: Row of the raw text, or none.
        captions: Rows of the captions.
        retrieved: Rows of the retrieved texts.
    """

    raw: NDArray[np.int64]
    captions: NDArray[np.int64]
    retrieved: NDArray[np.int64]

    def draw(self, generator: torch.Generator) -> int | None:
        """Choose one of {raw, random caption, random retrieved text}, each kind alike (MM-Mixing spec 1.3, step 6)."""
        kinds = [rows for rows in (self.raw, self.captions, self.retrieved) if len(rows)]
        if not kinds:
            return None
        rows = kinds[int(torch.randint(len(kinds), (), generator=generator))]
        return int(rows[int(torch.randint(len(rows), (), generator=generator))])


class FrozenTargets:
    """Features of frozen towers for an ordered list of objects.

    Args:
        images: (S, V, D) features of each object's pictures.
        texts: (T, D) features of the distinct texts.
        rows: For each object, the rows of its texts.
        places: (S,) which row of ``images`` each object has; None where object i has row i of S.

    Raises:
        ConfigError: Numbers of objects or widths differ.

    Source: per-sample loading (MM-Mixing spec 1.3, steps 6 and 7).
    """

    def __init__(
        self,
        images: ShardedRows,
        texts: ShardedRows,
        rows: Sequence[TextRows],
        places: NDArray[np.int64] | None = None,
    ) -> None:
        self._places = np.arange(len(images)) if places is None else places
        if (
            len(images.shape) != 3
            or len(texts.shape) != 2
            or len(self._places) != len(rows)
            or images.shape[2] != texts.shape[1]
        ):
            raise ConfigError(
                "Features of pictures and texts do not belong together",
                expected=f"(S, V, D) and (T, D) for {len(rows)} objects",
                found=(images.shape, texts.shape),
                next_step="encode both with the same tower and in the order of the clouds",
            )
        self._images, self._texts, self._rows = images, texts, tuple(rows)

    @property
    def num_objects(self) -> int:
        """S."""
        return len(self._rows)

    @property
    def dim(self) -> int:
        """D."""
        return int(self._images.shape[2])

    @property
    def identity(self) -> str:
        """SHA-256 of all features and of which belongs to which object."""
        digest = hashlib.sha256()
        for part in (*self._images.parts, *self._texts.parts):
            digest.update(np.ascontiguousarray(part).data)
        if len(self._places) < len(self._images):
            digest.update(np.ascontiguousarray(self._places, np.int64).data)
        for rows in self._rows:
            for part in (rows.raw, rows.captions, rows.retrieved):
                digest.update(np.int64(len(part)).tobytes() + np.ascontiguousarray(part).tobytes())
        return digest.hexdigest()

    def read(
        self, objects: NDArray[np.int64], generator: torch.Generator
    ) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.bool_]]:
        """Draw one picture and one text of each object.

        Args:
            objects: (B,) indices.
            generator: Source of both choices.

        Returns:
            (B, D) image features; (B, D) text features, zeros where an object has no text; (B,) whether it has one.
        """
        views = torch.randint(self._images.shape[1], (len(objects),), generator=generator).numpy()
        images = self._images.read(self._places[objects], views).astype(np.float32)
        drawn = [self._rows[index].draw(generator) for index in objects]
        has_text = np.array([row is not None for row in drawn])
        texts = np.zeros((len(objects), self.dim), np.float32)
        texts[has_text] = self._texts.read(np.array([row for row in drawn if row is not None], dtype=np.int64))
        return images, texts, has_text

    def joined(self, other: FrozenTargets) -> FrozenTargets:
        """Return the objects of both, those of ``other`` last; both have equally many pictures per object."""
        if self._images.shape[1:] != other._images.shape[1:]:
            raise ConfigError(
                "Tower features of two data sets do not fit together",
                expected=self._images.shape[1:],
                found=other._images.shape[1:],
                next_step="use the same view set and tower for both",
            )
        shift = len(self._texts)
        rows = [TextRows(row.raw + shift, row.captions + shift, row.retrieved + shift) for row in other._rows]
        images = ShardedRows([*self._images.parts, *other._images.parts])
        texts = ShardedRows([*self._texts.parts, *other._texts.parts])
        places = np.concatenate([self._places, other._places + len(self._images)])
        return FrozenTargets(images, texts, [*self._rows, *rows], places)


def text_rows(texts: Sequence[ShapeTexts], row_of: Mapping[str, int]) -> list[TextRows]:
    """Return where the texts of each object stand among the encoded texts; texts that were not encoded are left out.

    Args:
        texts: Texts of each object.
        row_of: Row of each encoded text.
    """

    def rows(strings: Sequence[str]) -> NDArray[np.int64]:
        found = [row_of[string] for string in strings if string in row_of]
        return np.array(found, dtype=np.int64) if found else _NOTHING

    return [
        TextRows(rows((item.raw,) if item.raw else ()), rows(item.captions), rows(item.retrieved)) for item in texts
    ]
