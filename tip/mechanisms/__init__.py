"""Mechanisms: how agents protect what they send.

Names are imported when they are first used; docs/local-privacy.md says which to take.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tip.mechanisms.additive import LocalGaussian, LocalLaplace, RoundedGaussian
    from tip.mechanisms.aggregates import Aggregate
    from tip.mechanisms.attributes import RandomSamplingFakeData, SampledAttribute
    from tip.mechanisms.attributes_mean import SampledMeans
    from tip.mechanisms.base import Influence
    from tip.mechanisms.bitflip import BitFlip
    from tip.mechanisms.categorical import BinaryRandomizedResponse, GeneralizedRandomizedResponse
    from tip.mechanisms.choosing import Auto
    from tip.mechanisms.cohorts import CohortLocalHashing, cohorts_for
    from tip.mechanisms.distributed import DistributedGaussian, honest_shares
    from tip.mechanisms.distribution import SquareWave
    from tip.mechanisms.estimates import Estimate
    from tip.mechanisms.gaussian_vectors import GridGaussianVectors, RealGaussianVectors
    from tip.mechanisms.hadamard import HadamardResponse
    from tip.mechanisms.hashing import LocalHashing
    from tip.mechanisms.heavy_hitters import PrefixExtendingMethod, keys_of, texts_of
    from tip.mechanisms.location import PlanarLaplace
    from tip.mechanisms.loloha import LongitudinalHashing
    from tip.mechanisms.longitudinal import LongitudinalUnary
    from tip.mechanisms.marginals import TwoWayMarginals
    from tip.mechanisms.memory import Memory
    from tip.mechanisms.mixing import shuffled
    from tip.mechanisms.numeric import Duchi
    from tip.mechanisms.piecewise import Hybrid, Piecewise
    from tip.mechanisms.polar import PolarLaplace
    from tip.mechanisms.pool import NoisePool
    from tip.mechanisms.postprocessing import normalize
    from tip.mechanisms.privunit import PrivUnit, PrivUnitG, PrivUnitSubset
    from tip.mechanisms.projected import ProjUnit
    from tip.mechanisms.projective import ProjectiveGeometryResponse
    from tip.mechanisms.quantized_vectors import SQKR
    from tip.mechanisms.ranges import Hierarchical
    from tip.mechanisms.rappor import Rappor
    from tip.mechanisms.reports import Reports
    from tip.mechanisms.sketch import CountMeanSketch
    from tip.mechanisms.subset import SubsetSelection
    from tip.mechanisms.unary import OptimizedUnaryEncoding, SymmetricUnaryEncoding, UnaryEncoding
    from tip.mechanisms.vectors import L2BallDuchi

__all__ = [
    "SQKR",
    "Aggregate",
    "Auto",
    "BinaryRandomizedResponse",
    "BitFlip",
    "CohortLocalHashing",
    "CountMeanSketch",
    "DistributedGaussian",
    "Duchi",
    "Estimate",
    "GeneralizedRandomizedResponse",
    "GridGaussianVectors",
    "HadamardResponse",
    "Hierarchical",
    "Hybrid",
    "Influence",
    "L2BallDuchi",
    "LocalGaussian",
    "LocalHashing",
    "LocalLaplace",
    "LongitudinalHashing",
    "LongitudinalUnary",
    "Memory",
    "NoisePool",
    "OptimizedUnaryEncoding",
    "Piecewise",
    "PlanarLaplace",
    "PolarLaplace",
    "PrefixExtendingMethod",
    "PrivUnit",
    "PrivUnitG",
    "PrivUnitSubset",
    "ProjUnit",
    "ProjectiveGeometryResponse",
    "RandomSamplingFakeData",
    "Rappor",
    "RealGaussianVectors",
    "Reports",
    "RoundedGaussian",
    "SampledAttribute",
    "SampledMeans",
    "SquareWave",
    "SubsetSelection",
    "SymmetricUnaryEncoding",
    "TwoWayMarginals",
    "UnaryEncoding",
    "cohorts_for",
    "honest_shares",
    "keys_of",
    "normalize",
    "shuffled",
    "texts_of",
]

_HOMES = {
    "Aggregate": "aggregates",
    "Auto": "choosing",
    "BinaryRandomizedResponse": "categorical",
    "BitFlip": "bitflip",
    "CohortLocalHashing": "cohorts",
    "CountMeanSketch": "sketch",
    "DistributedGaussian": "distributed",
    "Duchi": "numeric",
    "Estimate": "estimates",
    "GeneralizedRandomizedResponse": "categorical",
    "GridGaussianVectors": "gaussian_vectors",
    "HadamardResponse": "hadamard",
    "Hierarchical": "ranges",
    "Hybrid": "piecewise",
    "Influence": "base",
    "L2BallDuchi": "vectors",
    "LocalGaussian": "additive",
    "LocalHashing": "hashing",
    "LocalLaplace": "additive",
    "LongitudinalHashing": "loloha",
    "LongitudinalUnary": "longitudinal",
    "Memory": "memory",
    "NoisePool": "pool",
    "OptimizedUnaryEncoding": "unary",
    "Piecewise": "piecewise",
    "PlanarLaplace": "location",
    "PolarLaplace": "polar",
    "PrefixExtendingMethod": "heavy_hitters",
    "PrivUnit": "privunit",
    "PrivUnitG": "privunit",
    "PrivUnitSubset": "privunit",
    "ProjUnit": "projected",
    "ProjectiveGeometryResponse": "projective",
    "RandomSamplingFakeData": "attributes",
    "Rappor": "rappor",
    "RealGaussianVectors": "gaussian_vectors",
    "Reports": "reports",
    "RoundedGaussian": "additive",
    "SQKR": "quantized_vectors",
    "SampledAttribute": "attributes",
    "SampledMeans": "attributes_mean",
    "SquareWave": "distribution",
    "SubsetSelection": "subset",
    "SymmetricUnaryEncoding": "unary",
    "TwoWayMarginals": "marginals",
    "UnaryEncoding": "unary",
    "cohorts_for": "cohorts",
    "honest_shares": "distributed",
    "keys_of": "heavy_hitters",
    "normalize": "postprocessing",
    "shuffled": "mixing",
    "texts_of": "heavy_hitters",
}


def __getattr__(name: str) -> Any:  # noqa: ANN401 - PEP 562: whatever the name stands for
    if name not in _HOMES:
        raise AttributeError(f"module 'tip.mechanisms' has no attribute {name!r}")
    return getattr(importlib.import_module(f"tip.mechanisms.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return __all__
