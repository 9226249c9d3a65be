"""Exact integer noise: discrete Gaussian and discrete Laplace."""

from __future__ import annotations

from tip.noise.laws import DiscreteGaussian, DiscreteLaplace

__all__ = ["DiscreteGaussian", "DiscreteLaplace"]
