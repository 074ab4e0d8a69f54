"""Two-dimensional t-SNE maps of frozen features (MM-Point spec 9, figure F5)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from sklearn.manifold import TSNE

from concord3d.errors import EvaluationError
from concord3d.measures.vectors import check_features


def tsne_map(
    features: NDArray[np.float32], perplexity: float, seed: int = 0, max_iterations: int = 1000
) -> NDArray[np.float32]:
    """Return the t-SNE map of features, started from their principal components.

    Args:
        features: (T, d).
        perplexity: Effective number of neighbours, below T.
        seed: Seed of the optimiser.
        max_iterations: Gradient steps, at least 250.

    Returns:
        (T, 2) float32.

    Raises:
        EvaluationError: Features that are not finite or all equal, or a perplexity that is not below T.
    """
    check_features(features)
    if not 0 < perplexity < len(features):
        raise EvaluationError(
            "The perplexity must lie below the number of items",
            expected=f"in (0, {len(features)})",
            found=perplexity,
            next_step="lower 'perplexities' in the protocol's settings or use more test items",
        )
    if np.ptp(features, axis=0).max() == 0:
        raise EvaluationError("All features are equal; there is nothing to map", found=f"{len(features)} equal rows")
    model = TSNE(2, perplexity=perplexity, init="pca", random_state=seed, max_iter=max_iterations, n_jobs=1)
    return np.asarray(model.fit_transform(features.astype(np.float32)), dtype=np.float32)
