"""Quantiles of a handful of samples."""

from collections.abc import Sequence


def quantile(samples: Sequence[float], at: float) -> float:
    """Find the sample below which a share `at` of the samples lies; 1.0 is the largest."""
    return sorted(samples)[min(int(at * len(samples)), len(samples) - 1)]
