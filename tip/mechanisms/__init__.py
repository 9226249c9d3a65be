"""Mechanisms: how agents protect what they send."""

from tip.mechanisms.distributed import DistributedGaussian, honest_shares

__all__ = ["DistributedGaussian", "honest_shares"]
