"""The formulas of CMCR's losses and codebook, written out entry by entry in NumPy, float64 (CMCR spec 3)."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


def ppkt(points: Array, pixels: Array, temperature: float) -> float:
    """3.1: every point picks its own pixel among the pixels of all pairs."""
    total = 0.0
    for i in range(len(points)):
        logits = [sum(points[i, c] * q[c] for c in range(len(q))) / temperature for q in pixels]
        total -= math.log(math.exp(logits[i]) / sum(math.exp(logit) for logit in logits))
    return total / len(points)


def slidr(
    points: Array, pixels: NDArray[np.int64], pictures: Array, superpixels: NDArray[np.int64], tau: float
) -> float:
    """3.1: the same on means over superpixels."""
    of_points: dict[tuple[int, int], list[Array]] = {}
    for feature, (picture, row, column) in zip(points, pixels, strict=True):
        of_points.setdefault((picture, superpixels[picture, row, column]), []).append(feature)
    of_pixels: dict[tuple[int, int], list[Array]] = {key: [] for key in of_points}
    for picture, row, column in np.ndindex(superpixels.shape):
        key = (picture, superpixels[picture, row, column])
        if key in of_pixels:
            of_pixels[key].append(pictures[picture, :, row, column])
    keys = np.array([np.mean(of_points[key], axis=0) for key in of_points])
    queries = np.array([np.mean(of_pixels[key], axis=0) for key in of_points])
    return ppkt(keys, queries, tau)


def orthogonality(shared: Array, specific: Array) -> float:
    """3.3: as released, a sum over rows."""
    channels, total = shared.shape[1], 0.0
    for a in range(channels):
        for b in range(channels):
            entry = 0.0
            for row in range(len(shared)):
                entry += shared[row, a] * specific[row, b] / math.sqrt(sum(v * v for v in specific[row]))
            total += entry * entry
    return math.sqrt(total) / channels**2


def occupancy(decoded: Array, occupied: NDArray[np.bool_], intensity: Array) -> tuple[float, float]:
    """3.5: binary cross-entropy over pairs, absolute error over those whose intensity is known."""
    entropies, errors = [], []
    for (logit, bright), is_occupied, true in zip(decoded, occupied, intensity, strict=True):
        probability = 1 / (1 + math.exp(-logit))
        entropies.append(-math.log(probability if is_occupied else 1 - probability))
        if true != -1:
            errors.append(abs(bright - true))
    return sum(entropies) / max(1, len(entropies)), sum(errors) / max(1, len(errors))


def picture_error(predicted: Array, target: Array, where: NDArray[np.bool_] | None) -> float:
    """3.4: squared error over pixels and channels."""
    squares = [
        (predicted[b, c, y, x] - target[b, c, y, x]) ** 2
        for b, c, y, x in np.ndindex(predicted.shape)
        if where is None or where[b, y, x]
    ]
    return sum(squares) / max(1, len(squares))


def lovasz_softmax(probabilities: Array, labels: NDArray[np.int64]) -> float:
    """Berman et al., equation 9: sum of errors times the growth of the set function 1 - IoU along the sorted errors."""
    losses = []
    for k in sorted(set(labels.tolist())):
        errors = [1 - p[k] if label == k else p[k] for p, label in zip(probabilities, labels, strict=True)]
        truth = {i for i, label in enumerate(labels) if label == k}

        def jaccard_loss(wrong: set[int], truth: set[int] = truth) -> float:
            return 1 - len(truth - wrong) / len(truth | wrong)

        wrong: set[int] = set()
        loss = 0.0
        for i in sorted(range(len(errors)), key=lambda i: -errors[i]):
            loss += errors[i] * (jaccard_loss(wrong | {i}) - jaccard_loss(wrong))
            wrong.add(i)
        losses.append(loss)
    return sum(losses) / len(losses)


def standard_normal_kl(features: Array) -> float:
    """3.6, reading (a)."""
    total = 0.0
    for channel in features.T:
        mean = sum(channel) / len(channel)
        variance = sum((v - mean) ** 2 for v in channel) / len(channel)
        total += mean**2 + variance - 1 - math.log(variance)
    return 0.5 * total / features.shape[1]


def nearest_code(feature: Array, codes: Array) -> int:
    """3.2: by squared distance."""
    return min(range(len(codes)), key=lambda v: sum((feature - codes[v]) ** 2))


def commitment(features: Array, paired: Array, codes: Array, beta: float) -> float:
    """3.2: 2 beta MSE to the own code, beta MSE to the pair's code."""
    total = 0.0
    for feature, other in zip(features, paired, strict=True):
        own, its = codes[nearest_code(feature, codes)], codes[nearest_code(other, codes)]
        for c in range(len(feature)):
            total += 2 * beta * (feature[c] - own[c]) ** 2 + beta * (feature[c] - its[c]) ** 2
    return total / features.size


def code_matching(points: Array, pixels: Array, codes: Array, denominator: float) -> float:
    """3.2: with the number that the released code adds to the denominator."""

    def spread(feature: Array) -> list[float]:
        weights = [math.exp(-math.sqrt(sum((feature - code) ** 2))) for code in codes]
        return [weight / sum(weights) for weight in weights]

    p, r = [spread(a) for a in points], [spread(b) for b in pixels]
    n = len(p)
    similarity = np.zeros((n, n))
    for i, j in np.ndindex(n, n):
        for v in range(len(codes)):
            similarity[i, j] += p[i][v] * math.log(r[j][v] + 1e-10) + r[j][v] * math.log(p[i][v] + 1e-10)
    c = max(-similarity.reshape(-1))
    total = 0.0
    for i in range(n):
        total -= math.log(
            math.exp(similarity[i, i] + c) / (sum(math.exp(similarity[i, j] + c) for j in range(n)) + denominator)
        )
    return total / n


def codebook_update(
    codes: Array, counts: Array, sums: Array, pairs: list[tuple[Array, Array]], gamma: float
) -> tuple[Array, Array, Array]:
    """3.2: EMA in each process on its own pairs, then the mean over processes, then codes of length 1.

    Returns:
        Codes, counts and sums.
    """
    num_codes, epsilon = len(codes), 1e-5
    all_counts, all_sums = [], []
    for points, pixels in pairs:
        n, w = counts.copy(), sums.copy()
        for choosing in (points, pixels):
            chosen = [nearest_code(feature, codes) for feature in choosing]
            for v in range(num_codes):
                n[v] = gamma * n[v] + (1 - gamma) * chosen.count(v)
            total = sum(n)
            for v in range(num_codes):
                n[v] = (n[v] + epsilon) / (total + num_codes * epsilon) * total
                w[v] = gamma * w[v]
            for i, v in enumerate(chosen):
                w[v] = w[v] + 0.5 * (1 - gamma) * (points[i] + pixels[i])
        all_counts.append(n)
        all_sums.append(w)
    mean_counts, mean_sums = np.mean(all_counts, axis=0), np.mean(all_sums, axis=0)
    divided = mean_sums / mean_counts[:, None]
    return divided / np.linalg.norm(divided, axis=1, keepdims=True), mean_counts, mean_sums


def perplexity(chosen: list[int]) -> float:
    """3.2: exp of the entropy of the shares."""
    shares = [chosen.count(v) / len(chosen) for v in set(chosen)]
    return math.exp(-sum(share * math.log(share) for share in shares))


def bilinear(maps: Array, height: int, width: int) -> Array:
    """2.3: interpolation under which the corners of map and picture coincide."""
    _, _, h, w = maps.shape
    result = np.zeros((*maps.shape[:2], height, width))
    for row, column in np.ndindex(height, width):
        y = row * (h - 1) / (height - 1) if height > 1 else 0.0
        x = column * (w - 1) / (width - 1) if width > 1 else 0.0
        for i, j in np.ndindex(h, w):
            weight = max(0.0, 1 - abs(y - i)) * max(0.0, 1 - abs(x - j))
            result[:, :, row, column] += weight * maps[:, :, i, j]
    return result


def replaced(pictures: Array, pixels: NDArray[np.int64], features: Array) -> Array:
    """3.4: pixels with a point get the mean of its features."""
    result = pictures.copy()
    for place in {tuple(pixel) for pixel in pixels.tolist()}:
        own = [f for f, pixel in zip(features, pixels.tolist(), strict=True) if tuple(pixel) == place]
        result[place[0], :, place[1], place[2]] = np.mean(own, axis=0)
    return result


def near_pairs(queries: Array, points: Array, radius: float, most: int) -> list[tuple[int, int]]:
    """3.5: the nearest points within a radius."""
    pairs = []
    for q, query in enumerate(queries):
        distances = [(math.dist(query, point), p) for p, point in enumerate(points)]
        pairs += [(q, p) for distance, p in sorted(distances)[:most] if distance <= radius]
    return pairs
