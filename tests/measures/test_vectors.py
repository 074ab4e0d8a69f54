"""Feature vectors: what is refused."""

from __future__ import annotations

import numpy as np
import pytest

from concord3d.errors import EvaluationError
from concord3d.measures.vectors import check_features


def test_check_features_names_the_first_bad_row() -> None:
    features = np.zeros((5, 3), dtype=np.float32)
    features[3, 1] = np.inf
    with pytest.raises(EvaluationError, match=r"first: 3"):
        check_features(features)
    with pytest.raises(EvaluationError, match="shape"):
        check_features(np.zeros((5, 0), dtype=np.float32))
