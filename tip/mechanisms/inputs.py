"""What agents hand in, as arrays: errors never show a value.

NumPy's own errors quote what they could not convert ("could not convert string to float: ..."), and an
agent's answer must stand in no log. So whatever is handed in becomes an array here first.
"""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from tip.errors import ConfigurationError, DataError
from tip.privacy.checks import whole
from tip.randomness import Entropy

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

MOST_ROUND: Final = (1 << 64) - 1


def as_array(values: ArrayLike, what: str = "values") -> NDArray[Any]:
    """The values as an array of any type; raises `ConfigurationError` for rows of unlike lengths."""
    try:
        return np.asarray(values)
    except (ValueError, TypeError, OverflowError):
        raise ConfigurationError(f"{what} are no array: rows of one shape, of numbers") from None


def as_places(points: ArrayLike) -> NDArray[np.float64]:
    """Places `(n, 2)` of finite numbers as float64; a single pair is one row. Raises `DataError`."""
    array = np.atleast_2d(as_array(points, "places"))
    wanted = "places are pairs of finite numbers, meters to the east and to the north"
    if array.ndim != 2 or array.shape[1:] != (2,) or (array.size and array.dtype.kind not in "iuf"):
        raise DataError(wanted)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # a number beyond float64 becomes infinite, and is refused
        places = array.astype(np.float64)
    bad = ~np.isfinite(places).all(axis=1)
    if bad.any():
        raise DataError(wanted, row=int(np.argmax(bad)) + 1)
    return places


def checked_entropy(source: Entropy) -> Entropy:
    """A source of random bits: a seed or a NumPy generator is none."""
    if not isinstance(source, Entropy):
        raise ConfigurationError(
            f"entropy is an Entropy, not a {type(source).__name__}", instead="Entropy.seeded(seed), or nothing: SYSTEM"
        )
    return source


def checked_round(number: object) -> int:
    """A whole number in [0, 2^64), as bits are addressed by it."""
    if whole("round", number, least=0) > MOST_ROUND:
        raise ConfigurationError("a round is below 2^64")
    return int(number)  # type: ignore[call-overload, no-any-return]  # `whole` has seen that it is one
