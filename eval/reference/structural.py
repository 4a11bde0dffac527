"""SSIM: the structural similarity of frames.

Wang, Bovik, Sheikh and Simoncelli 2004, "Image quality assessment: from error visibility to
structural similarity", equation 13, K1 = 0.01, K2 = 0.03, L = 255, an 11x11 Gaussian window of
sigma 1.5 that sums to 1, moments weighted by it without the n / (n - 1) of a sample.
Conventions that change the number: each colour channel by itself, then their mean; only windows
that lie wholly in the frame; no downsampling first. This is scikit-image's
structural_similarity(..., channel_axis=-1, gaussian_weights=True, sigma=1.5,
use_sample_covariance=False, data_range=255). Wang's own script takes grey frames.
"""

from __future__ import annotations

import numpy as np
from scipy.ndimage import correlate1d

from worldsim.episode import Episode

from .inputs import Float, Frames, check_alike, check_frames

WINDOW_PX = 11
SIGMA_PX = 1.5
_C1 = (0.01 * 255.0) ** 2
_C2 = (0.03 * 255.0) ** 2


def ssim(generated: Frames, reference: Frames) -> Float:
    """Mean structural similarity of each frame, (T, H, W, 3) -> (T,), -1..1; 1 for equal frames.

    Raises InputError on other shapes or dtypes, and on frames below 11 x 11 px.
    """
    check_frames("generated", generated, WINDOW_PX)
    check_frames("reference", reference, WINDOW_PX)
    check_alike("generated", generated, "reference", reference)
    pairs = zip(generated, reference, strict=True)
    return np.array([_map(a.astype(np.float64), b.astype(np.float64)).mean() for a, b in pairs])


def named_values(generated: Episode, reference: Episode) -> dict[str, float]:
    """Mean SSIM over all frames of the pair, the shared first one included."""
    return {"ssim": float(ssim(generated.frames, reference.frames).mean())}


def _map(first: Float, second: Float) -> Float:
    """Structural similarity at every whole window, (H, W, 3) twice -> (H - 10, W - 10, 3)."""
    mean_1, mean_2 = _weighted(first), _weighted(second)
    variance_1 = _weighted(first * first) - mean_1 * mean_1
    variance_2 = _weighted(second * second) - mean_2 * mean_2
    covariance = _weighted(first * second) - mean_1 * mean_2
    above = (2.0 * mean_1 * mean_2 + _C1) * (2.0 * covariance + _C2)
    below = (mean_1**2 + mean_2**2 + _C1) * (variance_1 + variance_2 + _C2)
    similarity: Float = above / below
    return similarity


def _weighted(image: Float) -> Float:
    """Gaussian mean of every whole window."""
    reach = WINDOW_PX // 2
    window = np.exp(-0.5 * (np.arange(-reach, reach + 1) / SIGMA_PX) ** 2)
    window /= window.sum()
    mean: Float = correlate1d(correlate1d(image, window, axis=0), window, axis=1)
    return mean[reach:-reach, reach:-reach]
