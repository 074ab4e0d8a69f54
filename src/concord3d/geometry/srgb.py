"""The transfer function of sRGB: from the numbers of a screen to light, and back (IEC 61966-2-1).

Shape legend: (...) any shape.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def light_of(shown: NDArray[np.floating]) -> NDArray[np.floating]:
    """Return the light, 0 to 1, of (...) numbers of a screen, 0 to 1, in their dtype."""
    return np.where(shown <= 0.04045, shown / 12.92, ((shown + 0.055) / 1.055) ** 2.4).astype(shown.dtype)


def shown_for(light: NDArray[np.floating]) -> NDArray[np.floating]:
    """Return the numbers of a screen, 0 to 1, that show (...) light, in its dtype; light beyond 0 to 1 is cut."""
    cut = light.clip(0, 1)
    return np.where(cut <= 0.0031308, 12.92 * cut, 1.055 * cut ** (1 / 2.4) - 0.055).astype(light.dtype)
