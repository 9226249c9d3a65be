"""One catalog of local mechanisms: every promise is attacked over all of them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import numpy as np
import pytest

import tip.mechanisms
from tip.mechanisms import (
    SQKR,
    BinaryRandomizedResponse,
    BitFlip,
    CohortLocalHashing,
    CountMeanSketch,
    Duchi,
    GeneralizedRandomizedResponse,
    GridGaussianVectors,
    HadamardResponse,
    Hierarchical,
    Hybrid,
    L2BallDuchi,
    LocalGaussian,
    LocalHashing,
    LocalLaplace,
    LongitudinalHashing,
    LongitudinalUnary,
    OptimizedUnaryEncoding,
    Piecewise,
    PlanarLaplace,
    PrefixExtendingMethod,
    PrivUnit,
    PrivUnitG,
    PrivUnitSubset,
    ProjectiveGeometryResponse,
    ProjUnit,
    RandomSamplingFakeData,
    Rappor,
    RealGaussianVectors,
    RoundedGaussian,
    SampledAttribute,
    SampledMeans,
    SquareWave,
    SubsetSelection,
    SymmetricUnaryEncoding,
    TwoWayMarginals,
    UnaryEncoding,
)
from tip.mechanisms.base import Mechanism

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tip.mechanisms.base import PureMechanism

Thing: TypeAlias = Any  # an entry of the catalog, a mechanism, a value: what an attack is aimed at

UNIT: Final = (0.0, 1.0)


def projective_level(categories: int, epsilon: Thing) -> ProjectiveGeometryResponse:
    """An oracle for a tree."""
    return ProjectiveGeometryResponse(categories, epsilon)


def hashing_level(categories: int, epsilon: Thing) -> LocalHashing:
    """An oracle for a tree whose seeds can be enumerated."""
    return LocalHashing(categories, epsilon, hashed_to=2, word_bits=4)


@dataclass(frozen=True)
class Attacked:
    """A mechanism, inputs that differ, and the fields that change its law."""

    mechanism: Thing
    inputs: Sequence[Any]
    others: dict[str, Any] = field(default_factory=dict)  # a field -> another value of it
    agents: int = 1 << 62  # how many agents have an address

    @property
    def name(self) -> str:
        """For the test's name."""
        return f"{type(self.mechanism).__name__}-{self.mechanism.spec.digest.hex()[:4]}"

    def many(self, count: int) -> np.ndarray:
        """The inputs in turn, this often."""
        return np.resize(np.asarray(self.inputs), (count, *np.asarray(self.inputs).shape[1:]))


def _oracles() -> list[Attacked]:
    k = {"categories": 9, "epsilon": 1.5}
    five, ranks = range(5), range(6)
    return [
        Attacked(BinaryRandomizedResponse(1.0), range(2), {"epsilon": 1.5}),
        Attacked(GeneralizedRandomizedResponse(5, 1.0), five, k),
        Attacked(GeneralizedRandomizedResponse(300, 3.0), (0, 1, 255, 256, 299)),
        Attacked(SymmetricUnaryEncoding(5, 1.0), five, k),
        Attacked(OptimizedUnaryEncoding(5, 1.0), five, k),
        Attacked(OptimizedUnaryEncoding(9, 2.0), (0, 7, 8)),
        Attacked(OptimizedUnaryEncoding(131, 1.0), (0, 63, 64, 130)),
        Attacked(UnaryEncoding(4, 0.8, 0.3), range(4), {"categories": 9, "keep": 0.7, "flip": 0.2}),
        Attacked(SubsetSelection(6, 1.0), ranks, {**k, "size": 3}),
        Attacked(SubsetSelection(7, 3.0, size=2), range(7)),
        Attacked(SubsetSelection(90, 3.0), (0, 1, 89)),
        Attacked(HadamardResponse(6, 1.0), ranks, {**k, "blocks": 3}),
        Attacked(HadamardResponse(6, 2.0, blocks=1), ranks),
        Attacked(HadamardResponse(7, 2.0, blocks=3), range(7)),
        Attacked(HadamardResponse(5, 3.0, blocks=5), five),
        Attacked(ProjectiveGeometryResponse(6, 1.0), ranks, {"categories": 60, "epsilon": 1.5, "order": 7}),
        Attacked(ProjectiveGeometryResponse(20, 2.0), (0, 1, 7, 19)),
        Attacked(ProjectiveGeometryResponse(130, 3.0), (0, 1, 128, 129)),
        Attacked(LocalHashing(5, 1.0, hashed_to=2, word_bits=4), five, {**k, "hashed_to": 4, "word_bits": 5}),
        Attacked(LocalHashing(40, 2.0), (0, 1, 39)),
        Attacked(
            LocalHashing(40, 2.0, seeds="server", public_seed=7), (0, 1, 39), {"categories": 50, "public_seed": 8}
        ),
        Attacked(
            CohortLocalHashing(5, 1.0, cohorts=3, public_seed=2, hashed_to=4),
            five,
            {**k, "cohorts": 4, "public_seed": 3, "hashed_to": 2},
        ),
        Attacked(CohortLocalHashing(5, 2.0, cohorts=1, hashed_to=8), five),
        Attacked(PrefixExtendingMethod(12, 1.0, top=2, step=2), (0, 1, 4095), {"bits": 11, "epsilon": 1.5, "top": 8}),
        Attacked(PrefixExtendingMethod(64, 2.0, held_out=True), (0, 1, (1 << 63) - 1)),
        Attacked(Hierarchical(10, 1.0, fanout=3), range(10), {**k, "fanout": 2}),
        Attacked(Hierarchical(7, 2.0, fanout=2, oracle=projective_level), range(7)),
        Attacked(Hierarchical(5, 1.0, fanout=3, oracle=hashing_level), five),
        Attacked(LongitudinalUnary(4, 1.0, 2.0), range(4), {**k, "limit": 3.0}),
        Attacked(LongitudinalUnary(70, 1.0, 3.0), (0, 69)),
        Attacked(LongitudinalHashing(5, 1.0, 2.0, word_bits=4), five, {**k, "limit": 3.0, "hashed": 4}),
        Attacked(LongitudinalHashing(5, 1.0, 2.0, 4), five),
        Attacked(BitFlip(5, 1.0, 2), five, {**k, "watched": 3}),
        Attacked(BitFlip(3, 1.0, 3), range(3)),
        Attacked(BitFlip(4, 1.0, 1), range(4)),
    ]


def _numbers() -> list[Attacked]:
    fine = [float(x) for x in np.linspace(-1, 3, 17)]
    one = {"low": -2.0, "high": 4.0, "epsilon": 1.5, "bits": 4}
    rows = [(0.0, 0.0, 0.0), (1.0, 2.0, 1.0), (0.5, 0.25, -1.0), (0.1, 2.0, 0.0)]
    ranges = (UNIT, (0.0, 2.0), (-1.0, 1.0))
    sampled = {"ranges": (UNIT, UNIT, UNIT), "epsilon": 1.5, "answer": "piecewise", "sampled": 1, "bits": 3}
    return [
        Attacked(Duchi(-1, 3, 1.0, bits=3), fine, one),
        Attacked(Piecewise(-1, 3, 2.0, bits=3), fine, one),
        Attacked(Piecewise(-1, 3, 0.1, bits=2), fine),
        Attacked(Hybrid(-1, 3, 2.0, bits=3), fine, one),
        Attacked(Hybrid(-1, 3, 0.4, bits=3), fine),
        Attacked(SampledMeans(ranges, 2.0, sampled=2, bits=2), rows, sampled),
        Attacked(SampledMeans(ranges, 1.0, answer="piecewise", sampled=2, bits=2), rows),
        Attacked(SampledMeans(ranges, 0.5, bits=2), rows),
        Attacked(SampledMeans(ranges, 3.0, answer="duchi", sampled=3, bits=3), rows),
        Attacked(SquareWave(-1, 3, 1.0, inputs=8), fine, {"low": -2, "high": 4, "epsilon": 1.5, "inputs": 9}),
        Attacked(SquareWave(-1, 3, 4.0, inputs=2), fine),
        Attacked(LocalLaplace(-1, 3, 1.0, bits=3), fine, one),
        Attacked(LocalGaussian(-1, 3, 1.0, 1e-3, bits=3), fine, {**one, "delta": 1e-4}),
        Attacked(RoundedGaussian(-1, 3, 1.0, 1e-3, bits=3), fine, {**one, "delta": 1e-4}),
        Attacked(PlanarLaplace(3, 4, 100.0, 0.01), range(12), {"columns": 4, "rows": 5, "cell": 90.0, "epsilon": 0.02}),
        Attacked(PlanarLaplace(2, 3, 100.0, 0.02, "manhattan"), range(6)),
    ]


def _vectors() -> list[Attacked]:
    rows = [(1.0, 0.0, 0.0), (0.0, -1.0, 0.0), (0.0, 0.0, 0.0), (0.3, 0.1, -0.2), (-2.0, 3.0, 1.0)]
    ball = {"dimension": 4, "norm": 2.0, "epsilon": 1.5}
    wide = [(1.0, *(0.0,) * 19), tuple(-0.2 for _ in range(20))]
    return [
        Attacked(L2BallDuchi(3, 1.0, 1.0), rows, ball),
        Attacked(PrivUnitSubset(3, 1.0, 2.0, candidates=4), rows, {**ball, "candidates": 8}),
        Attacked(PrivUnitG(3, 1.0, 2.0), rows, ball),
        Attacked(PrivUnit(3, 1.0, 2.0), rows, ball),
        Attacked(ProjUnit(20, 1.0, 2.0, width=16, rotations=2, candidates=2), wide, {"rotations": 3, "headroom": 2.0}),
        Attacked(SQKR(3, 1.0, 2.0), rows, ball),
        Attacked(GridGaussianVectors(3, 1.0, 1.0, 1e-3, steps=20), rows, {**ball, "delta": 1e-4, "steps": 30}),
        Attacked(RealGaussianVectors(3, 1.0, 1.0, 1e-3), rows, {**ball, "delta": 1e-4}),
    ]


def _several() -> list[Attacked]:
    rows = [(0, 0), (2, 3), (1, 0), (0, 3)]
    other = {"categories": (3, 5), "epsilon": 1.5}
    three = [(0, 0, 0), (1, 2, 1), (1, 0, 1), (0, 2, 0)]
    sketch = {"categories": 9, "epsilon": 1.5, "hashes": 2, "width": 4, "public_seed": 1}
    rappor = {"f": 0.25, "p": 0.4, "q": 0.8, "public_seed": 1, "bits": 16, "hashes": 1, "cohorts": 3}
    return [
        Attacked(SampledAttribute((3, 4), 1.0), rows, other),
        Attacked(SampledAttribute((3, 4), 2.0, HadamardResponse), rows),
        Attacked(RandomSamplingFakeData((3, 4), 1.0), rows, other),
        Attacked(RandomSamplingFakeData((2, 3, 2), 3.0), three),
        Attacked(TwoWayMarginals((3, 4), 1.0), rows, other),
        Attacked(TwoWayMarginals((2, 3, 2), 2.0, SubsetSelection), three),
        Attacked(CountMeanSketch(20, 1.0, hashes=4, width=8), (0, 1, 19), sketch),
        Attacked(CountMeanSketch(1 << 20, 3.0, hashes=1, width=2), (0, 2, 3, 1)),
        Attacked(Rappor(8, 2, 4, 0.5, 0.5, 0.75), (1, 2, 99), rappor, agents=1 << 30),
        Attacked(Rappor.for_budget(5, 1, 1, epsilon=1, limit=3.0), (0, (1 << 32) - 1, 3), agents=1 << 30),
    ]


CATALOG: Final = [*_several(), *_oracles(), *_numbers(), *_vectors()]


def exported() -> set[type]:
    """The classes in `tip.mechanisms` that keep the contract of a local mechanism."""
    things = (getattr(tip.mechanisms, name) for name in tip.mechanisms.__all__)
    return {thing for thing in things if isinstance(thing, type) and issubclass(thing, Mechanism)}


def has_law(mechanism: PureMechanism, value: Thing) -> bool:
    """Whether the mechanism lists its output law."""
    law = getattr(mechanism, "law", None)
    if law is None:
        return False
    try:
        law(value)
    except ValueError:
        return False
    return True


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """`attacked` stands for each entry of the catalog, `lawful` for each that lists its law."""
    for name in ("attacked", "lawful"):
        if name in metafunc.fixturenames:
            cases = [one for one in CATALOG if name == "attacked" or has_law(one.mechanism, one.inputs[0])]
            metafunc.parametrize(name, cases, ids=[one.name for one in cases])


@pytest.fixture
def catalog() -> list[Attacked]:
    """All of it."""
    return CATALOG


@pytest.fixture
def forgotten() -> set[type]:
    """Exported mechanisms that the catalog has no instance of."""
    return exported() - {type(one.mechanism) for one in CATALOG}
