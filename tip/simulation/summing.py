"""A secure sum of vectors: the true protocol, all its parties in one process.

`secure_sum` is for research: it plans the parameters, clips and rounds each vector to a grid, adds noise in shares
where an epsilon is asked for, and runs the masked round over bytes (`tip.protocols.masking`), drop-outs and liars
included if the network says so. All parties' secrets lie in one process: the guarantee speaks of the protocol, not of
this process.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from fractions import Fraction
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from tip.aggregation import Grid
from tip.errors import ConfigurationError, NotEnoughAgents, PeerFault
from tip.flow.model import Sampling
from tip.flow.reasoning import derive
from tip.mechanisms.distributed import DistributedGaussian, honest_shares
from tip.privacy.calibration import share_variance_for
from tip.privacy.guarantees import Status
from tip.privacy.rounding import up
from tip.protocols import FAITHFUL, AgentId, Round, masking, run_round
from tip.protocols.declaring import Sums
from tip.protocols.masking.flow import CURIOUS
from tip.protocols.masking.parameters import Parameters, plan_masking
from tip.randomness import SYSTEM
from tip.simulation.hosting import masked

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tip.privacy.guarantees import Guarantee
    from tip.protocols import Fault, Network, Outcome
    from tip.randomness import Entropy

    Vectors = NDArray[Any]

_FINEST: Final = 20  # a step is at most 2^-20 of the bound: beyond, rounding is no part of any error
_WRAP: Final = 2.0**-40


@dataclass(frozen=True, slots=True, eq=False)
class SecureSum:
    """The sum of the vectors of `agents`, and what it promises.

    `value`: (d,) float64. `agents`: whose vectors are in it, by row. `faults`: broken rules with culprits and evidence.
    `guarantee`: against the coordinator pooling with the planned share of malicious agents; "not proven" without an
    epsilon, for an exact sum shows what it shows. `clipped`: rows that were longer than the bound, for evaluation only.
    """

    value: NDArray[np.float64] = field(repr=False)
    agents: tuple[int, ...] = field(repr=False)
    faults: tuple[Fault, ...]
    guarantee: Guarantee
    parameters: Parameters
    clipped: int
    outcome: Outcome = field(repr=False)


def secure_sum(  # noqa: PLR0913 - the public door: each of these changes what is promised
    vectors: Vectors,
    *,
    bound: float,
    malicious: float,
    dropout: float,
    epsilon: float | None = None,
    delta: float | None = None,
    coordinator: str = "malicious",
    modulus_bits: int = 32,
    entropy: Entropy = SYSTEM,
    network: Network = FAITHFUL,
    processes: int = 1,
) -> SecureSum:
    """The sum of the rows of `vectors` (n, d), each clipped to `bound` in L2, by one masked round.

    Rows are agents 0 .. n-1. Whole-number rows within the bound are summed exactly; reals are rounded at random to a
    grid of at most a 2^-20th of the bound. `malicious` and `dropout`: shares of the agents that are planned for. With
    `epsilon` and `delta` each agent adds a share of discrete Gaussian noise, sized for the fewest honest survivors.
    `coordinator`: "malicious" or "curious". `network` says who is silent and which frames are changed. `processes`: a
    matter of speed for hundreds of agents (docs/simulation.md); above 1 the outcome has no transcript.

    Raises `ConfigurationError` for what cannot be met, with what would be possible; `NotEnoughAgents` and `PeerFault`
    where the round ends without a sum.
    """
    rows = _rows(vectors)
    agents, dimension = rows.shape
    parameters = plan_masking(agents, malicious, dropout, coordinator=coordinator)
    wanted = _wanted(epsilon, delta)
    whole = np.issubdtype(vectors.dtype, np.integer)
    setting = _setting(_Asked(bound, dimension, modulus_bits, whole, wanted), parameters)
    numbers = np.arange(agents, dtype=np.int64)
    encoded = setting.grid.encode(rows, entropy.stream("rounding"), numbers)
    sent = encoded.vectors
    if setting.noise is not None:
        sent = setting.noise.add_shares(sent, entropy.stream("noise"), numbers)
    ids = [AgentId(i) for i in range(agents)]
    with masked(parameters, ids, entropy=entropy, processes=processes) as protocol:
        outcome = run_round(
            protocol,
            dict(zip(ids, sent, strict=True)),
            minimum=parameters.minimum,
            modulus_bits=modulus_bits,
            round=Round(1),
            model_hash=bytes(32),
            network=network,
        )
    if outcome.total is None:
        raise _ended(outcome)
    guarantee = _guarantee(setting, parameters, entropy)
    value = setting.grid.decode(outcome.total)
    clipped = int(encoded.clipped.sum())
    return SecureSum(value, tuple(outcome.survivors), outcome.faults, guarantee, parameters, clipped, outcome)


def _rows(vectors: Vectors) -> NDArray[np.float64]:
    """The vectors as (n, d) float64, n >= 2."""
    if not isinstance(vectors, np.ndarray) or vectors.ndim != 2 or len(vectors) < 2 or not vectors.shape[1]:
        shape = getattr(vectors, "shape", type(vectors).__name__)
        raise ConfigurationError(f"vectors are an array (agents, dimension) with at least 2 agents, not {shape}")
    if vectors.dtype.kind not in "iuf":
        raise ConfigurationError(f"vectors are numbers, not {vectors.dtype}")
    rows = vectors.astype(np.float64)
    if vectors.dtype.kind in "iu" and not (rows.astype(vectors.dtype) == vectors).all():
        raise ConfigurationError("whole numbers above 2^53 are not exact in float64", instead="scale them down")
    return rows


def _wanted(epsilon: float | None, delta: float | None) -> tuple[float, float] | None:
    if epsilon is None and delta is None:
        return None
    if epsilon is None or delta is None:
        raise ConfigurationError("epsilon and delta are given together, or neither", why="A guarantee needs both")
    return epsilon, delta


@dataclass(frozen=True, slots=True)
class _Asked:
    """What a sum is asked to be."""

    bound: float
    dimension: int
    modulus_bits: int
    whole: bool
    wanted: tuple[float, float] | None


@dataclass(frozen=True, slots=True)
class _Setting:
    """The grid, and the noise if there is any."""

    grid: Grid
    noise: DistributedGaussian | None
    delta: float


def _setting(asked: _Asked, parameters: Parameters) -> _Setting:
    """The finest grid on which the sum, noise included, cannot wrap; whole numbers have the grid of step 1."""
    steps = [1.0] if asked.whole else [asked.bound * 2.0**-k for k in range(_FINEST, -1, -1)]
    refused: ConfigurationError | None = None
    for step in steps:
        try:
            setting = _on_grid(asked, parameters, Grid(step, asked.bound, asked.dimension, asked.modulus_bits))
            variance = Fraction(0) if setting.noise is None else setting.noise.noise_variance(parameters.agents)
            setting.grid.check(parameters.agents, variance, 1, most=_WRAP)
        except ConfigurationError as error:
            refused = error
        else:
            return setting
    raise refused or ConfigurationError("no grid fits")


def _on_grid(asked: _Asked, parameters: Parameters, grid: Grid) -> _Setting:
    if asked.wanted is None:
        return _Setting(grid, None, up(2 * Fraction(parameters.failure) + Fraction(1, 1 << 40)))
    epsilon, delta = asked.wanted
    if delta <= parameters.failure:
        raise ConfigurationError(
            f"delta = {delta:g} is used up by the masks' own failure, {parameters.failure:.1e}",
            instead=f"Use a delta above {2 * parameters.failure:.1e}",
        )
    left = float(np.nextafter(delta - parameters.failure, 0.0))
    variance = share_variance_for(
        epsilon=epsilon,
        delta=left,
        squared_sensitivity=4 * grid.squared_bound,
        shares=honest_shares(parameters.honest + parameters.corrupt, parameters.corrupt),
        dimension=asked.dimension,
        rounds=1,
    )
    least = parameters.honest + parameters.corrupt
    return _Setting(grid, DistributedGaussian(grid.squared_bound, variance, asked.dimension, least), delta)


def _guarantee(setting: _Setting, parameters: Parameters, entropy: Entropy) -> Guarantee:
    """What the flow of the protocol proves against the coordinator pooling with the malicious agents."""
    share = Fraction(parameters.corrupt, parameters.agents)
    against = f"coordinator + {float(100 * share):g}% of agents" if parameters.corrupt else "coordinator"
    sums = Sums(
        agents=parameters.agents,
        least=parameters.honest + parameters.corrupt,
        dimension=setting.grid.dimension,
        squared_bound=setting.grid.squared_bound,
        share_variance=None if setting.noise is None else setting.noise.share_variance,
        modulus_bits=setting.grid.modulus_bits,
        rounds=1,
        participations=1,
        sampling=Sampling.ALL,
    )
    curious = CURIOUS if parameters.coordinator == "curious" else ()
    proof = derive(
        masking.flow(sums),
        against,
        delta=setting.delta,
        silent=parameters.corrupt,
        failure=parameters.failure,
        assumptions=(*curious, *masking.ASSUMPTIONS),
        status=Status.SIMULATED if entropy.simulated else None,
        scope="one sum",
    )
    if setting.noise is None:
        return replace(proof.guarantee, missing="noise: no epsilon was asked for, and an exact sum shows what it shows")
    return proof.guarantee


def _ended(outcome: Outcome) -> NotEnoughAgents | PeerFault:
    """Why there is no sum: a named culprit with evidence, or too few agents."""
    for fault in outcome.faults:
        if fault.culprits and fault.evidence:
            return PeerFault(tuple(f"party {party}" for party in fault.culprits), fault.reason, fault.evidence)
    return NotEnoughAgents(f"no sum was released: {outcome.reason}")
