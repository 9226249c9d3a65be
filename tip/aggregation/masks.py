"""Mask sums: vectors covered by the keystreams of many seeds.

A mask is PRG(s) = the AES-256-CTR keystream under the 32-byte seed s from position 0, read as
little-endian words of the ring: its first d * b/8 bytes are the d coordinates. What an agent sends is

    y = x + sum of PRG(s) over `add` - sum of PRG(s) over `subtract`      in Z_(2^b)^d

(Bonawitz et al. 2017, section 4; Bell et al. 2020, Algorithm 3); the coordinator takes the masks
that are left off the sum by the same sums with the sides exchanged. Four rules:

1. A keystream is never written down whole. One scratch block (256 KiB) takes a block of one stream,
   which is added to the same block of the total while both are in the second-level cache.
2. Streams are open in groups, so memory does not grow with the number of seeds: 128 streams of about
   1.2 kB and one scratch block a thread. The total is read once a group.
3. Threads share the coordinates, not the seeds: a keystream is seekable, so nothing is merged. Addition
   in the ring is exact: threads, blocks and the order of the seeds never change the result.
4. One mask for one sum: the difference of two vectors under the same mask is the difference of what
   they hide. That a seed serves one round only is the protocol's duty. Seeds never print.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from tip.aggregation.sums import ring_type
from tip.crypto.stream import Keystream
from tip.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    Ring = NDArray[np.unsignedinteger[Any]]

SEED_BYTES: Final = 32
_BLOCK: Final = 1 << 18  # bytes of the total that all streams of a group pass over
_GROUP: Final = 128  # streams open at a time
_SHARE: Final = 1 << 15  # a thread's least share in bytes: below, waking it costs more than it does


def cover(
    vector: Ring, add: Sequence[bytes], subtract: Sequence[bytes], *, threads: int = 1, out: Ring | None = None
) -> Ring:
    """`vector` plus the masks of `add` minus those of `subtract`, `(d,)` of the vector's own words.

    `vector`: `(d,)` uint16, uint32 or uint64, not changed unless it is `out` itself. Other types and
    shapes, seeds that are not 32 bytes, threads below 1 and a wrong `out` raise `ConfigurationError`.

    **Law.** `cover(cover(x, p, m), m, p) == x` for all seeds; one seed on both sides cancels.
    """
    _checked(vector, add, subtract, threads)
    if out is None:
        out = np.empty(len(vector), dtype=vector.dtype)
    elif out.dtype != vector.dtype or out.shape != vector.shape:
        raise ConfigurationError(f"out is {out.dtype} of shape {out.shape}, not {vector.dtype} of {vector.shape}")
    if out is not vector:
        _writable(out)
        np.copyto(out, vector)
    expand_into(out, add, subtract, threads=threads)
    return out


def expand_into(total: Ring, add: Sequence[bytes], subtract: Sequence[bytes], *, threads: int = 1) -> None:
    """Add the masks of `add` to `total` and take those of `subtract` off it, in place.

    `total`: `(d,)` uint16, uint32 or uint64, writable. Raises what `cover` raises, before it writes.
    """
    _checked(total, add, subtract, threads)
    _writable(total)
    if not len(total) or not (add or subtract):
        return
    signed = [*((seed, np.add) for seed in add), *((seed, np.subtract) for seed in subtract)]
    shares = _shares(len(total), total.itemsize, threads)
    if len(shares) == 1:
        _expand(total, shares[0], signed)
        return
    with ThreadPoolExecutor(len(shares)) as pool:
        for done in [pool.submit(_expand, total, share, signed) for share in shares]:
            done.result()


def _expand(total: Ring, share: slice, signed: Sequence[tuple[bytes, np.ufunc]]) -> None:
    """One thread's coordinates, a group of streams after the other."""
    words = min(_BLOCK // total.itemsize, share.stop - share.start)
    scratch = np.empty(words, dtype=f"<u{total.itemsize}")
    for first in range(0, len(signed), _GROUP):
        _pass(total, share, signed[first : first + _GROUP], scratch)


def _pass(total: Ring, share: slice, signed: Sequence[tuple[bytes, np.ufunc]], scratch: Ring) -> None:
    """One group: all its streams over one block of the total, then over the next."""
    streams = [(_opened(seed, share.start * total.itemsize), sign) for seed, sign in signed]
    octets = scratch.view(np.uint8)
    for start in range(share.start, share.stop, len(scratch)):
        block = total[start : min(start + len(scratch), share.stop)]
        mask, written = scratch[: len(block)], octets[: len(block) * total.itemsize]
        for stream, sign in streams:
            stream.next_into(written)
            sign(block, mask, out=block)


def _opened(seed: bytes, offset: int) -> Keystream:
    """The seed's keystream from a position on; a second stream is made only where it is not the first."""
    stream = Keystream(seed)
    return stream.at(offset) if offset else stream


def _shares(dimension: int, itemsize: int, threads: int) -> list[slice]:
    """Runs of coordinates, one a thread; each begins at a whole block of the cipher and is worth a thread."""
    step = _SHARE // itemsize
    size = -(-dimension // (threads * step)) * step
    return [slice(start, min(start + size, dimension)) for start in range(0, dimension, size)]


def _checked(vector: Ring, add: Sequence[bytes], subtract: Sequence[bytes], threads: int) -> None:
    """Raise `ConfigurationError` for what is no vector of a ring, no seed, no number of threads."""
    if vector.ndim != 1 or vector.dtype != ring_type(vector.dtype.itemsize * 8):
        raise ConfigurationError(
            f"a mask covers one vector of the ring (unsigned words), not {vector.dtype} of shape {vector.shape}"
        )
    for side, seeds in (("add", add), ("subtract", subtract)):
        for place, seed in enumerate(seeds):
            if not isinstance(seed, bytes) or len(seed) != SEED_BYTES:
                raise ConfigurationError(f"{side}[{place}] is no seed: a seed is {SEED_BYTES} bytes")
    if isinstance(threads, bool) or not isinstance(threads, int) or threads < 1:
        raise ConfigurationError(f"threads is a whole number >= 1, not {threads!r}")


def _writable(total: Ring) -> None:
    if not total.flags.writeable:
        raise ConfigurationError("the total cannot be written to", instead="give a writable array")
