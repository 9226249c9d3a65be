"""Accountants side by side: is the promised epsilon above the truth, and how near?

Columns: tip, dp_accounting's PLD and RDP accountants, Opacus' RDP, PRV and CLT ("gdp") accountants, and the truth.
The truth is a closed form, a sum, or a privacy loss distribution of our own on a five times finer grid. Opacus is asked
where it is installed: `--opacus PYTHON` names an interpreter that has it. Exit code 1 where a verdict fails.
"""

from __future__ import annotations

import json
import math
import subprocess
import sys
from dataclasses import dataclass
from fractions import Fraction
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from scipy.special import log_ndtr, ndtr

from tip.privacy import accountant
from tip.privacy.events import DiscreteGaussian, Gaussian, Laplace, PoissonSampled, Repeated
from tip.privacy.statements import Neighboring

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

    from tip.privacy.events import Event

    Floats = NDArray[np.float64]

DELTA: Final = 1e-5
NEAR: Final = 1e-4  # relative distance to dp_accounting's PLD
STEP: Final = 2e-5
POINTS: Final = 1 << 22  # of the own distribution: losses in +-42
_REACH: Final = 100  # of one discrete Gaussian of parameter 10: what lies outside weighs 1e-22
COLUMNS: Final = ("truth", "tip", "PLD", "RDP", "Opacus RDP", "Opacus PRV", "Opacus CLT")


@dataclass(frozen=True, slots=True)
class Setting:
    """A mechanism run `times` times: Gaussian noise of multiplier `size` on Poisson samples, or another `kind`."""

    name: str
    size: float
    times: int
    rate: float = 1.0
    kind: str = "gaussian"

    @property
    def event(self) -> Event:
        """As tip says it."""
        match self.kind:
            case "laplace":
                return Repeated(Laplace(1 / self.size), self.times)
            case "discrete":
                return Repeated(DiscreteGaussian(1, Fraction(self.size) ** 2), self.times)
        single = Gaussian(1 / self.size)
        return Repeated(single if self.rate == 1 else PoissonSampled(Fraction(str(self.rate)), single), self.times)


SETTINGS: Final = (
    Setting("q .01, s 1, T 1,000", 1, 1000, 0.01),
    Setting("q .01, s 1, T 3,000", 1, 3000, 0.01),
    Setting("q .01, s 1, T 10,000", 1, 10000, 0.01),
    Setting("q .01, s .6, T 1,000", 0.6, 1000, 0.01),
    Setting("q .256, s 8, T 500", 8, 500, 0.256),
    Setting("q .04, s 1.5, T 2,250", 1.5, 2250, 0.04),
    Setting("q 1, s 20, T 100", 20, 100),
    Setting("tree, 1,024 steps, s 10", 10, 11),
    Setting("Laplace, scale 10, T 100", 10, 100, kind="laplace"),
    Setting("discrete Gaussian, s 10, T 100", 10, 100, kind="discrete"),
)


# -- the truth ------------------------------------------------------------------------------------------


def truth(setting: Setting, step: float = STEP) -> float:
    """Closed form for Gaussian noise without samples; else the larger direction of our own distribution."""
    if setting.kind == "gaussian" and setting.rate == 1:
        return least_epsilon(lambda epsilon: gaussian_delta(epsilon, math.sqrt(setting.times) / setting.size))
    if setting.kind == "discrete":
        total = sum_of_noises(setting.size, setting.times)
        return least_epsilon(lambda epsilon: discrete_delta(epsilon, setting.size, total))
    grid: Floats = np.arange(-POINTS // 2, POINTS // 2) * np.float64(step)
    return max(composed(masses, on, setting.times) for masses, on in directions(setting, grid))


def gaussian_delta(epsilon: float, mu: float) -> float:
    """The exact curve: Phi(mu/2 - epsilon/mu) - e^epsilon Phi(-mu/2 - epsilon/mu)."""
    a, b = log_ndtr(mu / 2 - epsilon / mu), epsilon + log_ndtr(-mu / 2 - epsilon / mu)
    return float(np.exp(a) * -np.expm1(b - a))


def least_epsilon(delta_of: Callable[[float], float]) -> float:
    """Where a falling curve meets DELTA, from below."""
    low, high = 0.0, 40.0
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if delta_of(middle) > DELTA else (low, middle)
    return low


def directions(setting: Setting, grid: Floats) -> Iterator[tuple[Floats, Floats]]:
    """The loss distribution and its grid, for each order of the two neighbors."""
    if setting.kind == "laplace":
        e = 1 / setting.size
        inside = np.clip(grid, -e, e)
        p = np.where(grid < -e, 0.0, np.where(grid >= e, 1.0, np.exp((inside - e) / 2) / 2))
        q = np.where(grid < -e, 0.0, np.where(grid >= e, 1.0, 1 - np.exp(-(inside + e) / 2) / 2))
        yield spread(np.diff(p), np.diff(q), grid), grid
    else:
        yield from sampled_gaussian(setting.rate, setting.size, grid)


def sampled_gaussian(q: float, s: float, grid: Floats) -> Iterator[tuple[Floats, Floats]]:
    """(1 - q) N(0, s^2) + q N(1, s^2) against N(0, s^2), and the other way round."""
    with np.errstate(invalid="ignore", divide="ignore"):
        log_ratio = np.log(np.maximum(np.expm1(grid) + q, 0.0) / q)  # of the shifted to the centered density
    x = s * s * log_ratio + 0.5

    def cells(points: Floats) -> Floats:
        """Mass between neighboring points: from the nearer tail."""
        low, high = points[:-1] / s, points[1:] / s
        return np.where(low > 0, ndtr(-low) - ndtr(-high), ndtr(high) - ndtr(low))

    centered, shifted = cells(x), cells(x - 1)
    mixture = (1 - q) * centered + q * shifted
    yield spread(mixture, centered, grid), grid
    yield spread(centered[::-1], mixture[::-1], -grid[::-1]), -grid[::-1]


def spread(p: Floats, q: Floats, grid: Floats) -> Floats:
    """Masses of cells put on their ends so that both P and Q keep theirs: the dots are connected."""
    step = float(grid[1] - grid[0])
    upper = np.clip((p - q * np.exp(np.minimum(grid[:-1], 700))) / -math.expm1(-step), 0.0, p)
    out = np.zeros(len(grid))
    out[1:] += upper
    out[:-1] += p - upper
    return out


def discrete_delta(epsilon: float, size: float, total: Floats) -> float:
    """The curve of many discrete Gaussians at once: their loss is a function of the sum of the noises alone."""
    times = (len(total) - 1) // (2 * _REACH)
    losses = (times - 2 * (np.arange(len(total)) - len(total) // 2)) / (2 * size**2)
    above = losses > epsilon
    return float(-(total[above] * np.expm1(epsilon - losses[above])).sum())


def sum_of_noises(size: float, times: int) -> Floats:
    """The law of the sum of discrete Gaussians, by plain convolution: all terms are positive, nothing cancels."""
    mass = np.exp(-(np.arange(-_REACH, _REACH + 1) ** 2) / (2 * size**2))
    total: Floats = np.ones(1)
    for _ in range(times):
        total = np.convolve(total, mass / mass.sum())
    return total


def composed(masses: Floats, grid: Floats, times: int) -> float:
    """The epsilon of `times` runs; the mass outside the grid counts as an infinite loss."""
    step = float(grid[1] - grid[0])
    first = round(float(grid[0] / step))
    power = np.fft.rfft(np.roll(masses, first)) ** times
    total = np.maximum(np.roll(np.fft.irfft(power, len(masses)), -first), 0.0)
    lost = max(0.0, times * (1 - float(masses.sum())))

    def delta_of(epsilon: float) -> float:
        above = grid > epsilon
        return float(-(total[above] * np.expm1(epsilon - grid[above])).sum()) + (lost if lost > 1e-9 else 0.0)

    return least_epsilon(delta_of)


# -- the accountants ------------------------------------------------------------------------------------


def library(setting: Setting, name: str) -> float:
    """dp_accounting's own accountants on its own events; infinite where it has no rule."""
    if setting.kind == "discrete":  # it has a distribution, and no event
        made = import_module("dp_accounting.pld.privacy_loss_distribution")
        single = made.from_discrete_gaussian_mechanism(setting.size, 1, use_connect_dots=True)
        return float(single.self_compose(setting.times).get_epsilon_for_delta(DELTA)) if name == "PLD" else math.inf
    dp: Any = import_module("dp_accounting")
    event: Any = dp.GaussianDpEvent(setting.size) if setting.kind == "gaussian" else dp.LaplaceDpEvent(setting.size)
    if setting.rate != 1:
        event = dp.PoissonSampledDpEvent(setting.rate, event)
    module: Any = import_module(f"dp_accounting.{name.lower()}")
    asked = module.PLDAccountant() if name == "PLD" else module.RdpAccountant()
    return float(asked.compose(event, setting.times).get_epsilon(DELTA)) if asked.supports(event) else math.inf


_ASK: Final = """
import json, sys, warnings
warnings.simplefilter("ignore")
from opacus.accountants import create_accountant
found = []
for s, q, t in json.loads(sys.argv[1]):
    row = []
    for name in ("rdp", "prv", "gdp"):
        made = create_accountant(name)
        made.history = [(s, q, t)]
        try:
            row.append(float(made.get_epsilon(1e-5)))
        except Exception:
            row.append(None)
    found.append(row)
print(json.dumps(found))
"""


def opacus(settings: tuple[Setting, ...], python: str = sys.executable) -> list[list[float | None]] | None:
    """Epsilons of its three accountants; None where it is not installed."""
    asked = json.dumps([(one.size, one.rate, one.times) for one in settings])
    done = subprocess.run([python, "-c", _ASK, asked], capture_output=True, text=True, check=False)
    return json.loads(done.stdout.splitlines()[-1]) if done.returncode == 0 else None


def compared(setting: Setting, step: float = STEP) -> dict[str, float]:
    """The epsilons of a setting that need no Opacus."""
    return {
        "truth": truth(setting, step),
        "tip": accountant.epsilon(setting.event, DELTA, Neighboring.ADD_REMOVE_ONE),
        "PLD": library(setting, "PLD"),
        "RDP": library(setting, "RDP"),
    }


def verdicts(found: dict[str, float]) -> dict[str, bool]:
    """What must hold of every row."""
    return {
        "tip is not below the truth": found["tip"] >= found["truth"],
        "tip is near the library": abs(found["tip"] - found["PLD"]) <= NEAR * found["PLD"],
    }


def main() -> int:
    """Print the table; the exit code."""
    python = sys.argv[sys.argv.index("--opacus") + 1] if "--opacus" in sys.argv else sys.executable
    gaussian = tuple(one for one in SETTINGS if one.kind == "gaussian")
    asked = opacus(gaussian, python)
    print(f"{'setting, delta 1e-5':<32}" + "".join(f"{name:>13}" for name in COLUMNS))
    wrong = 0
    for setting in SETTINGS:
        found = compared(setting)
        shown = [f"{found[name]:.6f}" if math.isfinite(found[name]) else "no rule" for name in COLUMNS[:4]]
        if asked is None or setting not in gaussian:
            shown += ["-" if setting not in gaussian else "absent"] * 3
        else:
            shown += ["failed" if e is None else f"{e:.6f}" for e in asked[gaussian.index(setting)]]
        failed = [words for words, right in verdicts(found).items() if not right]
        wrong += len(failed)
        note = "  WRONG: not: " + "; ".join(failed) if failed else ""
        print(f"{setting.name:<32}" + "".join(f"{text:>13}" for text in shown) + note, flush=True)
    if asked is None:
        print("Opacus is not installed: `--opacus PYTHON` names an interpreter that has it")
    print(f"{2 * len(SETTINGS)} verdicts, {wrong} of them wrong")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
