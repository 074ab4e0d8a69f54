"""Faiss adapter: exact inner-product search in large galleries.

Shape legend: Q queries, G candidates, D feature width.
"""

from __future__ import annotations

from types import ModuleType

import numpy as np
from numpy.typing import NDArray

from concord3d.errors import DependencyMissing


def import_faiss() -> ModuleType:
    """Import faiss.

    Raises:
        DependencyMissing: It is not installed, or broken.
    """
    try:
        import faiss
    except (ImportError, OSError) as error:
        raise DependencyMissing(
            "Retrieval in a gallery of this size uses faiss, which cannot be imported",
            found=error,
            next_step="pip install faiss-cpu, or raise 'faiss_above' in the protocol's settings",
        ) from error
    module: ModuleType = faiss
    return module


def nearest_by_faiss(queries: NDArray[np.float64], gallery: NDArray[np.float64], depth: int) -> NDArray[np.int64]:
    """Return (Q, depth) the candidates with the largest inner products in float32, the best first.

    Args:
        queries: (Q, D).
        gallery: (G, D).
        depth: At most G.

    Raises:
        DependencyMissing: Faiss is not installed.
    """
    index = import_faiss().IndexFlatIP(gallery.shape[1])
    index.add(np.ascontiguousarray(gallery, dtype=np.float32))
    _, found = index.search(np.ascontiguousarray(queries, dtype=np.float32), depth)
    return np.asarray(found, dtype=np.int64)
