"""The parts of the masking protocol beside slow twins: exchange, bits, shares, proofs, what a signature covers."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from hypothesis import given
from hypothesis import strategies as st

from tip.crypto import Identity, shamir
from tip.errors import ConfigurationError, MalformedMessage
from tip.protocols import COORDINATOR, AgentId, Network, Round
from tip.protocols.core import Body, Terms
from tip.protocols.loopback import Loopback, Task
from tip.protocols.masking import Directory, Parameters, under
from tip.protocols.masking.exchange import Exchange
from tip.protocols.masking.graph import as_bits, chosen_by, from_bits, holders_of, neighbors
from tip.protocols.masking.messages import ONCE, TABLE, Keys, Message
from tip.protocols.masking.peers import proofs_for, require_signed
from tip.protocols.masking.sealing import canonical
from tip.protocols.masking.secrets import LIMBS, Secrets, rebuilt, usable
from tip.protocols.masking.signing import content, genuine, signed
from tip.randomness import Entropy

if TYPE_CHECKING:
    from tip.protocols.loopback import Envelope

AGENTS = st.sets(st.integers(0, 40), min_size=1, max_size=12)
PARAMETERS = Parameters.unchecked(
    agents=7,
    corrupt=0,
    dropouts=1,
    coordinator="malicious",
    graph="drawn",
    degree=4,
    threshold=3,
    minimum=6,
    samples=3,
    privacy_bits=1,
    success_bits=1,
)
SEVEN = [AgentId(i) for i in range(7)]


def frames() -> list[Message]:
    """The longest message of each type of one round, in which agent 6 falls silent after it dealt."""
    task = Task(Terms(Round(1), 6, 2, 16), bytes(32), {a: np.array([a, 1], dtype=np.uint16) for a in SEVEN})
    protocol = under(PARAMETERS, SEVEN, entropy=Entropy.seeded(1))
    loopback = Loopback(TABLE, task, Network(silent=frozenset({SEVEN[6]})))
    found: dict[type, Any] = {}
    post = loopback._post

    def watched(envelope: Envelope) -> None:
        message = TABLE.decode(envelope.frame, limit=1 << 20).message
        known = found.setdefault(type(message), message)
        if len(TABLE.evidence(known)) < len(TABLE.evidence(message)):
            found[type(message)] = message
        post(envelope)

    loopback._post = watched  # type: ignore[method-assign]
    protocol.run(loopback, task)
    return list(found.values())


MESSAGES = frames()


@given(st.dictionaries(st.integers(0, 40), AGENTS, min_size=1, max_size=8))
def test_an_exchange_brings_every_piece_to_its_reader(written: dict[int, set[int]]) -> None:
    lists = {AgentId(sender): tuple(AgentId(r) for r in sorted(readers)) for sender, readers in written.items()}
    pieces = {sender: b"".join(bytes([sender, reader]) for reader in readers) for sender, readers in lists.items()}
    exchange = Exchange.of(lists)
    field = exchange.sorted(pieces.values(), 2)
    for reader in range(42):
        senders = sorted(sender for sender, readers in lists.items() if reader in readers)
        assert exchange.to(AgentId(reader)) == tuple(senders)
        assert field.to(AgentId(reader)) == b"".join(bytes([sender, reader]) for sender in senders)


def test_an_exchange_among_nobody_is_empty() -> None:
    exchange = Exchange.of({AgentId(3): ()})
    assert exchange.to(AgentId(3)) == ()
    assert exchange.sorted([b""], 32).to(AgentId(3)) == b""


@given(st.sets(st.integers(0, 30)), st.sets(st.integers(0, 30), min_size=1))
def test_bits_tell_who_of_a_roster(some: set[int], roster: set[int]) -> None:
    everybody = tuple(AgentId(i) for i in sorted(roster))
    here = frozenset(AgentId(i) for i in some & roster)
    bits = as_bits(here, everybody)
    assert from_bits(bits, everybody) == here
    with pytest.raises(MalformedMessage):
        from_bits(bits + b"\0", everybody)
    if len(everybody) % 8:
        with pytest.raises(MalformedMessage):
            from_bits(bits[:-1] + bytes([bits[-1] | 1]), everybody)


@given(st.binary(min_size=34, max_size=34))
def test_a_share_is_canonical_as_the_field_says(share: bytes) -> None:
    row = np.frombuffer(share, dtype=np.uint8)[None]
    assert canonical(share) == bool(shamir.canonical_rows(row, LIMBS)[0])


@given(st.lists(st.sampled_from([0, 1, 255, 65535, 65536]), min_size=LIMBS, max_size=LIMBS))
def test_every_share_of_the_field_is_canonical(limbs: list[int]) -> None:
    assert canonical(shamir.pack(np.array(limbs, dtype=np.uint32)))


def test_any_threshold_of_shares_rebuilds_both_secrets() -> None:
    secrets = Secrets(bytes(range(32)))
    mask, own = secrets.shares(3, 6)
    for places in ([0, 1, 2], [5, 3, 1], [2, 4, 5]):
        points = np.array([places], dtype=np.int64) + 1
        assert rebuilt(points, mask[places][None]) == [secrets.mask]
        assert rebuilt(points, own[places][None]) == [secrets.own]
    assert rebuilt(np.array([[1, 2]], dtype=np.int64), own[[0, 1]][None]) != [secrets.own]


@pytest.mark.parametrize("u", [0, 1, 2**255 - 20, 2**255 - 19, 2**255 - 18, 2**255 - 1, 2**256 - 1])
def test_keys_that_nobody_has_are_unusable(u: int) -> None:
    assert not usable(u.to_bytes(32, "little"))


@pytest.mark.parametrize(
    "u",
    [
        325606250916557431795983626356110631294008115727848805560023387167927233504,
        39382357235489614581723060781553021112529911719440698176882885853963445705823,
    ],
)
def test_points_of_order_eight_are_unusable_and_openssl_agrees(u: int) -> None:
    public = u.to_bytes(32, "little")
    assert not usable(public)
    with pytest.raises(ValueError, match="shared key"):
        X25519PrivateKey.generate().exchange(X25519PublicKey.from_public_bytes(public))


@given(st.binary(min_size=32, max_size=32))
def test_honest_keys_are_usable(seed: bytes) -> None:
    assert usable(X25519PrivateKey.from_private_bytes(seed).public_key().public_bytes_raw())


def test_the_largest_canonical_key_that_is_no_small_point_is_usable() -> None:
    assert usable((2**255 - 21).to_bytes(32, "little"))


@pytest.mark.parametrize("message", MESSAGES, ids=[type(message).__name__ for message in MESSAGES])
def test_a_signature_covers_every_field(message: Any) -> None:  # noqa: ANN401 - any message
    """Change one field, or the type, or the context: another content, and the signature fits no more."""
    identity = Identity.from_seed(bytes(range(32)))
    message = signed(identity, bytes(32), message)
    assert genuine(identity.public, bytes(32), message)
    assert not genuine(identity.public, b"\1" + bytes(31), message)
    for part in fields(message):
        if part.name == "signature":
            continue
        changed = other(message, part.name)
        assert content(changed) != content(message), part.name
        assert not genuine(identity.public, bytes(32), changed), part.name


def other(message: Any, name: str) -> Any:  # noqa: ANN401 - any message
    """The message with another value in one field; lists of pieces keep their length."""
    value = getattr(message, name)
    match value:
        case bytes():
            return replace(message, **{name: bytes([value[0] ^ 1]) + value[1:] if value else b"\1"})
        case tuple():
            return replace(message, **{name: (*value[:-1], AgentId(99))})
        case Body():
            return replace(message, **{name: replace(value, digest=bytes(32))})
        case _:
            return replace(message, **{name: {"modulus_bits": 64, "purpose": 1}.get(name, value + 1)})


def test_all_that_is_said_once_is_in_the_list() -> None:
    assert {type(message) for message in MESSAGES} <= set(ONCE)
    assert len(set(ONCE)) == len(ONCE) == len(TABLE.types) - 3  # but Query, Proof and Complaint


@given(st.integers(2, 30), st.data())
def test_a_proof_shows_one_edge_of_signed_keys(count: int, data: st.DataObject) -> None:
    me, reader = AgentId(100), AgentId(data.draw(st.integers(0, count - 1)))
    identity = Identity.from_seed(bytes(range(32)))
    keys = Keys(
        Round(1),
        me,
        tuple(AgentId(i) for i in range(count)),
        b"".join(bytes([1, i]) * 16 for i in range(count)),
        b"".join(bytes([2, i]) * 16 for i in range(count)),
    )
    keys = signed(identity, bytes(32), keys)
    proof = proofs_for(keys, [reader])[reader]
    directory = Directory(bytes(31) + b"\1", {me: identity.public})
    peers = told(reader, me, keys, proof)
    require_signed(peers, [me], directory, bytes(32))
    for wrong in (
        replace(peers, mask=bytes(32)),
        replace(peers, channel=bytes(32)),
        replace(peers, to=AgentId(reader + 1)),
        replace(peers, proofs=proof[:-1]),
        replace(peers, proofs=proof + b"\0"),
        replace(peers, proofs=b""),
        replace(peers, round=Round(2)),
    ):
        with pytest.raises(MalformedMessage):
            require_signed(wrong, [me], directory, bytes(32))
    with pytest.raises(MalformedMessage):
        require_signed(peers, [me], directory, b"\1" + bytes(31))


def told(reader: AgentId, me: AgentId, keys: Keys, proof: bytes) -> Any:  # noqa: ANN401 - a Peers
    kind = TABLE.types[7]
    at = reader * 32
    return kind(Round(1), COORDINATOR, reader, (me,), keys.channel[at : at + 32], keys.mask[at : at + 32], proof)  # type: ignore[call-arg]


def test_holders_are_a_function_of_seed_roster_and_place_and_never_the_agent_itself() -> None:
    roster = tuple(AgentId(3 * i) for i in range(20))
    for agent in roster:
        drawn = holders_of(PARAMETERS, roster, agent, bytes([agent]) * 32, bytes(32))
        assert len(set(drawn)) == PARAMETERS.degree
        assert agent not in drawn
        assert set(drawn) <= set(roster)
        assert drawn == tuple(sorted(drawn)) == holders_of(PARAMETERS, roster, agent, bytes([agent]) * 32, bytes(32))
        assert drawn != holders_of(PARAMETERS, roster, agent, bytes([agent]) * 32, b"\1" * 32)


def test_holders_are_uniform() -> None:
    """Chi-square over 4,000 draws of 4 of 9 others: 4/9 each; a draw that favors the first places is refused."""
    roster = tuple(AgentId(i) for i in range(10))

    def counted(shift: int) -> float:
        counts = np.zeros(10)
        for number in range(4000):
            seed = number.to_bytes(32, "big")
            drawn = holders_of(PARAMETERS, roster, AgentId(5), seed, bytes(32))
            counts[list(drawn)] += 1
            if shift and number % 20 == 0:
                counts[[drawn[-1], 0]] += (-1, 1)
        expected = 4000 * 4 / 9
        places = [i for i in range(10) if i != 5]
        # drawn without replacement: variance T p (1 - p), and a covariance that takes 1/9 off the sum of squares
        return float(((counts[places] - expected) ** 2 / (expected * 5 / 9) * 8 / 9).sum())

    assert counted(0) < 42.7  # chi-square, 8 degrees of freedom, alpha 1e-6
    assert counted(1) > 42.7


@pytest.mark.parametrize("size", [8, 9, 20])
def test_a_ring_is_symmetric_regular_and_one_piece(size: int) -> None:
    ring = Parameters.unchecked(
        **{
            part.name: getattr(PARAMETERS, part.name)
            for part in fields(PARAMETERS)
            if part.name not in ("proven", "graph", "coordinator")
        },
        graph="ring",
        coordinator="curious",
    )
    roster = tuple(AgentId(i) for i in range(size))
    holders = {agent: holders_of(ring, roster, agent, bytes(32), bytes(32)) for agent in roster}
    chosen = chosen_by(holders)
    for agent in roster:
        assert len(set(holders[agent])) == ring.degree
        assert holders[agent] == chosen[agent] == neighbors(holders[agent], chosen[agent])
    reached = {roster[0]}
    for _ in roster:
        reached |= {peer for agent in reached for peer in holders[agent]}
    assert reached == set(roster)


@pytest.mark.parametrize(
    ("coordinator", "agents", "words"),
    [
        (bytes(32), {AgentId(0): bytes(32)}, "same identity key"),
        (bytes(32), {AgentId(0): b"\1" * 32, AgentId(1): b"\1" * 32}, "same identity key"),
        (bytes(31), {}, "32 bytes"),
        (bytes(32), {AgentId(-3): b"\1" * 32}, "counted from 0"),
    ],
)
def test_directories_that_mean_nothing_are_refused(coordinator: bytes, agents: Any, words: str) -> None:  # noqa: ANN401
    with pytest.raises(ConfigurationError, match=words):
        Directory(coordinator, agents)
