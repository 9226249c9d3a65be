"""Masking, opening: from the answers to the masks that are left on the sum.

The sum of the survivors' vectors carries each survivor's own mask, and of the pairwise masks those between a survivor
and an agent that dealt and did not survive; between two survivors they cancel, between two others there are none.

- Own masks come from the holders' shares, all of them in one exact matrix product.
- A pairwise mask's seed comes from the survivor itself, if it has the hash that *both* ends signed. Where it does not,
  or did not answer, the other end's mask seed is rebuilt from its holders' shares, and gives the edge's key.

Shares reach this file only with the hash that their dealer signed. So if a secret that they rebuild is not the one that
was signed, its dealer is guilty, and the shares show it to anybody.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from tip.crypto import KeyPair
from tip.protocols.masking.evidence import Claim, exhibit
from tip.protocols.masking.findings import edge_key, secret_fits
from tip.protocols.masking.judging import share_list
from tip.protocols.masking.messages import HASH, MASK, SHARE, pieces
from tip.protocols.masking.secrets import mask_keys, mask_secret, own_hash, pairwise_seed, rebuilt, seed_hashes

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from tip.protocols.core import AgentId, Fault
    from tip.protocols.masking.evidence import Case
    from tip.protocols.masking.messages import Dealing, Keys, Unmask

    Shares = dict[AgentId, dict[int, bytes]]


@dataclass(frozen=True, slots=True)
class Opened:
    """The masks to take off: seeds whose masks are added, and those whose masks are subtracted."""

    add: tuple[bytes, ...] = field(repr=False)
    subtract: tuple[bytes, ...] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Stuck:
    """Why the masks cannot be taken off, and whose fault that is, if it is somebody's."""

    reason: str
    faults: tuple[Fault, ...] = ()


@dataclass(frozen=True, slots=True)
class Books:
    """What was signed in a round, as far as opening needs it."""

    context: bytes
    here: bytes
    threshold: int
    keys: Mapping[AgentId, Keys]
    dealings: Mapping[AgentId, Dealing]
    answers: Mapping[AgentId, Unmask]
    disputed: Mapping[tuple[AgentId, AgentId], bytes] = field(repr=False)
    case: Case

    def open(self, survivors: tuple[AgentId, ...], around: Mapping[AgentId, tuple[AgentId, ...]]) -> Opened | Stuck:
        """The masks on the sum of the survivors; `around` holds each agent's neighbors."""
        own = self._own(survivors)
        if isinstance(own, Stuck):
            return own
        pairwise = self._pairwise(frozenset(survivors), around)
        if isinstance(pairwise, Stuck):
            return pairwise
        add = mask_keys((seed for (survivor, other), seed in pairwise.items() if other < survivor), self.here)
        subtract = mask_keys((seed for (survivor, other), seed in pairwise.items() if survivor < other), self.here)
        return Opened(add, (*own, *subtract))

    def _own(self, survivors: tuple[AgentId, ...]) -> tuple[bytes, ...] | Stuck:
        """The seeds of the survivors' own masks."""
        shares = self._gathered(survivors, own=True)
        short = [agent for agent in survivors if len(shares[agent]) < self.threshold]
        if short:
            return Stuck(f"too few shares of agent {short[0]}'s own mask were given")
        seeds = self._rebuilt(survivors, shares)
        for agent, seed in zip(survivors, seeds, strict=True):
            if seed is None or own_hash(seed) != self.dealings[agent].own:
                return self._bad(agent, shares[agent], own=True)
        return tuple(seed for seed in seeds if seed is not None)

    def _gathered(self, dealers: Iterable[AgentId], *, own: bool) -> Shares:
        """All shares that were given, by dealer and place."""
        shares: Shares = {dealer: {} for dealer in dealers}
        places = {dealer: {h: i for i, h in enumerate(self.dealings[dealer].holders)} for dealer in shares}
        for holder, answer in self.answers.items():
            given, data = (answer.alive, answer.own_shares) if own else (answer.gone, answer.mask_shares)
            for dealer, at in zip(given, range(0, len(data), SHARE), strict=True):
                if dealer in shares:
                    shares[dealer][places[dealer][holder]] = data[at : at + SHARE]
        return shares

    def _rebuilt(self, dealers: tuple[AgentId, ...], shares: Shares) -> list[bytes | None]:
        """The secrets of these dealers, from the first shares of each."""
        if not dealers:
            return []
        first = [sorted(shares[dealer].items())[: self.threshold] for dealer in dealers]
        points = np.array([[place for place, _ in rows] for rows in first], dtype=np.int64) + 1
        data = np.frombuffer(b"".join([share for rows in first for _, share in rows]), dtype=np.uint8)
        return rebuilt(points, data.reshape(len(dealers), self.threshold, SHARE))

    def _bad(self, dealer: AgentId, shares: dict[int, bytes], *, own: bool) -> Stuck:
        """The dealer's own shares convict it."""
        fault = self.case.fault(
            dealer,
            Claim.BAD_SECRET,
            "dealt shares of something else than it signed",
            exhibit(self.keys[dealer]),
            exhibit(self.dealings[dealer]),
            share_list(dict(sorted(shares.items())[: self.threshold]), own=own),
        )
        return Stuck(f"agent {dealer} dealt shares of something else than it signed", (fault,))

    def _pairwise(
        self, survivors: frozenset[AgentId], around: Mapping[AgentId, tuple[AgentId, ...]]
    ) -> dict[tuple[AgentId, AgentId], bytes] | Stuck:
        """The seeds of the masks between a survivor and an agent that dealt and is gone, by (survivor, other)."""
        told = {
            (survivor, other): answer.seeds[at : at + HASH]
            for survivor, answer in self.answers.items()
            for other, at in zip(answer.edges, range(0, len(answer.seeds), HASH), strict=True)
        }
        hashes = dict(zip(told, seed_hashes(told.values()), strict=True))
        seeds: dict[tuple[AgentId, AgentId], bytes] = {}
        missing: dict[AgentId, list[AgentId]] = {}
        for gone in self.dealings.keys() - survivors:
            dealt = self.dealings[gone]
            signed = dict(zip(dealt.peers, pieces(dealt.seeds, HASH), strict=True))
            for survivor in survivors.intersection(around[gone]):
                edge = (survivor, gone)
                if hashes.get(edge) == signed[survivor]:
                    seeds[edge] = told[edge]
                elif edge in self.disputed:
                    seeds[edge] = self.disputed[edge]
                else:
                    missing.setdefault(gone, []).append(survivor)
        rest = self._derived(missing)
        return rest if isinstance(rest, Stuck) else {**seeds, **rest}

    def _derived(self, missing: Mapping[AgentId, list[AgentId]]) -> dict[tuple[AgentId, AgentId], bytes] | Stuck:
        """The seeds that no survivor told, from the rebuilt mask seeds of those that are gone."""
        dealers = tuple(sorted(missing))
        shares = self._gathered(dealers, own=False)
        short = [dealer for dealer in dealers if len(shares[dealer]) < self.threshold]
        if short:
            return Stuck(f"too few shares of agent {short[0]}'s mask seed were given")
        seeds = {}
        for dealer, secret in zip(dealers, self._rebuilt(dealers, shares), strict=True):
            if secret is None or not secret_fits(self.keys[dealer], self.dealings[dealer], secret, own=False):
                return self._bad(dealer, shares[dealer], own=False)
            for survivor in missing[dealer]:
                mine = KeyPair.from_secret(mask_secret(secret, survivor))
                theirs = edge_key(self.keys[survivor], MASK, dealer)
                seeds[survivor, dealer] = pairwise_seed(mine, theirs or b"", self.context)
        return seeds
