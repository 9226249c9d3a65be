"""Codec: frozen messages to bytes and back, one way only.

A frame, all numbers little endian:

    length (4)  of all that follows
    protocol (2) | version (1) | type (1) | round (8) | sender (8, signed)
    the fields of the message's class, in the order of their declaration

Rules:

1. A message's class declares how each field travels: `minimum: U32`. The first two are `round` and
   `sender`. A field without a kind is refused when the `Table` is made.
2. **Claim.** `decode` accepts a frame only if `encode` of what it returns is that frame, byte for
   byte: lengths are exact, nothing is left over, lists of agents increase.
3. Nothing is allocated before the bytes for it are there: a vector is a view of its frame, and a
   frame longer than `limit` is refused unread.
4. Bytes that do not decode raise `MalformedMessage`; who sent them is for the door to say.
5. Vectors travel beside the messages: a message holds a `Body`, the frame the vector itself.
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Final, get_args, get_origin, get_type_hints

import numpy as np

from tip.aggregation.sums import ring_type
from tip.errors import ConfigurationError, MalformedMessage, ProtocolMisuse
from tip.protocols.core import AgentId, Body, Message

if TYPE_CHECKING:
    from tip.protocols.core import Vector

_HEAD: Final = struct.Struct("<HBB")
_LENGTH: Final = struct.Struct("<I")
_AGENT: Final = struct.Struct("<q")
_BODY: Final = struct.Struct("<BI")  # bits of the ring, dimension


class Reader:
    """The bytes of one frame, taken from the front; asking for more than there is raises."""

    __slots__ = ("_at", "_bytes", "vectors")

    def __init__(self, frame: bytes) -> None:
        self._bytes = memoryview(frame)
        self._at = 0
        self.vectors: dict[bytes, Vector] = {}

    @property
    def left(self) -> int:
        """How many bytes are left."""
        return len(self._bytes) - self._at

    def take(self, count: int) -> memoryview:
        """The next `count` bytes, not copied."""
        if count > self.left:
            raise MalformedMessage(f"the frame ends early: {count} bytes wanted, {self.left} left")
        self._at += count
        return self._bytes[self._at - count : self._at]

    def unpack(self, form: struct.Struct) -> tuple[int, ...]:
        """The next numbers of this form."""
        return form.unpack(self.take(form.size))


Vectors = Mapping[bytes, "Vector"]
Pack = Callable[[Any, Vectors], bytes]


@dataclass(frozen=True, slots=True)
class Kind:
    """How a field travels. `pack` gets the value and the vectors at hand, `unpack` the bytes left."""

    name: str
    pack: Pack
    unpack: Callable[[Reader], Any]


def _whole(form: str) -> Kind:
    layout = struct.Struct(f"<{form}")
    return Kind(f"whole number, {form}", lambda value, _: layout.pack(value), lambda r: r.unpack(layout)[0])


def _exactly(name: str, size: int) -> Kind:
    """Bytes of one length."""

    def pack(value: bytes, _: Vectors) -> bytes:
        if len(value) != size:
            raise ProtocolMisuse(f"a {name} has {size} bytes")
        return value

    return Kind(name, pack, lambda reader: bytes(reader.take(size)))


def _pack_bytes(value: bytes, _: Vectors) -> bytes:
    return _LENGTH.pack(len(value)) + value


def _unpack_bytes(reader: Reader) -> bytes:
    (length,) = reader.unpack(_LENGTH)
    return bytes(reader.take(length))


def _pack_agents(agents: tuple[AgentId, ...], _: Vectors) -> bytes:
    ids = np.array(agents, dtype="<i8")
    if not (ids[1:] > ids[:-1]).all() or (ids[:1] < 0).any():
        raise ProtocolMisuse("a list of agents is sorted, names each once, and counts from 0")
    return _LENGTH.pack(len(ids)) + ids.tobytes()


def _unpack_agents(reader: Reader) -> tuple[AgentId, ...]:
    (count,) = reader.unpack(_LENGTH)
    ids = np.frombuffer(reader.take(count * _AGENT.size), dtype="<i8")
    if not (ids[1:] > ids[:-1]).all():
        raise MalformedMessage("a list of agents is not sorted or names one twice")
    if (ids[:1] < 0).any():
        raise MalformedMessage("a list of agents names a party that is none")
    return tuple(ids.tolist())


def _pack_body(body: Body, vectors: Vectors) -> bytes:
    vector = vectors.get(body.digest)
    if vector is None or vector.shape != (body.dimension,):
        raise ProtocolMisuse("the vector of a body to be sent is not at hand")
    wire = vector.astype(f"<u{ring_type(body.modulus_bits).itemsize}", copy=False)
    words = np.ascontiguousarray(wire).view(np.uint8).data  # copied once, into the frame's field
    return b"".join((_BODY.pack(body.modulus_bits, body.dimension), words))


def _unpack_body(reader: Reader) -> Body:
    bits, dimension = reader.unpack(_BODY)
    word = ring_type(bits)
    wire = np.frombuffer(reader.take(dimension * word.itemsize), dtype=f"<u{word.itemsize}")
    vector = wire.astype(word, copy=False)
    body = Body.of(vector, bits)
    reader.vectors[body.digest] = vector
    return body


_I64: Final = _whole("q")
U8 = Annotated[int, _whole("B")]
U32 = Annotated[int, _whole("I")]
U64 = Annotated[int, _whole("Q")]
Agent = Annotated[AgentId, _I64]
Hash = Annotated[bytes, _exactly("hash", 32)]
Signature = Annotated[bytes, _exactly("signature", 64)]
Opaque = Annotated[bytes, Kind("opaque bytes", _pack_bytes, _unpack_bytes)]  # their meaning is not the codec's
Agents = Annotated[tuple[AgentId, ...], Kind("agents", _pack_agents, _unpack_agents)]
RingVector = Annotated[Body, Kind("ring vector", _pack_body, _unpack_body)]


@dataclass(frozen=True, slots=True)
class Decoded:
    """A message and, by their hash, the vectors that came with it (read-only views of the frame)."""

    message: Message
    vectors: Vectors


class Table:
    """The messages of one version of one protocol: type number to class, and how its fields travel.

    `room`: how many bytes for each agent of a round a frame may have, beside a vector and a kilobyte.
    """

    def __init__(self, *, protocol: int, version: int, types: Mapping[int, type[Message]], room: int = 16) -> None:
        self.protocol, self.version, self.types, self.room = protocol, version, dict(types), room
        self._numbers = {cls: number for number, cls in self.types.items()}
        self._kinds = {cls: _kinds(cls) for cls in self.types.values()}

    def encode(self, message: Message, vectors: Vectors = {}) -> bytes:  # noqa: B006 - read only
        """The frame of a message; `vectors` holds those that its bodies name."""
        parts = self._pack(message, vectors)
        return b"".join((_LENGTH.pack(sum(map(len, parts))), *parts))

    def digest(self, message: Message) -> bytes:
        """The hash of a message without vectors: what an answer to it binds itself to."""
        return hashlib.sha256(self.encode(message)).digest()

    def evidence(self, message: Message) -> bytes:
        """The message as bytes, each vector replaced by its hash."""
        kinds = self._of(message)
        return self._head(message) + b"".join(
            value.digest if isinstance(value, Body) else kind.pack(value, {})
            for kind, value in ((kind, getattr(message, name)) for name, kind in kinds.items())
        )

    def decode(self, frame: bytes, *, limit: int) -> Decoded:
        """The message in a frame of at most `limit` bytes, or `MalformedMessage`."""
        if len(frame) > limit:
            raise MalformedMessage(f"a frame of {len(frame)} bytes; the limit is {limit}")
        reader = Reader(frame)
        (length,) = reader.unpack(_LENGTH)
        if length != reader.left:
            raise MalformedMessage(f"the frame says {length} bytes and has {reader.left}")
        cls = self._class(reader)
        try:
            message = cls(**{name: kind.unpack(reader) for name, kind in self._kinds[cls].items()})
        except ConfigurationError as error:
            raise MalformedMessage(f"{cls.__name__}: {error}") from error
        if reader.left:
            raise MalformedMessage(f"{reader.left} bytes are left over after {cls.__name__}")
        return Decoded(message, reader.vectors)

    def fields(self, message: type[Message]) -> tuple[str, ...]:
        """The names of a message's fields, in the order in which they travel."""
        return tuple(self._kinds[message])

    def _class(self, reader: Reader) -> type[Message]:
        protocol, version, number = reader.unpack(_HEAD)
        if protocol != self.protocol:
            raise MalformedMessage(f"protocol {protocol} where {self.protocol} is spoken")
        if version != self.version:
            raise MalformedMessage(f"version {version} of the protocol; this side speaks {self.version}")
        if number not in self.types:
            raise MalformedMessage(f"no message has type {number}")
        return self.types[number]

    def _of(self, message: Message) -> Mapping[str, Kind]:
        if type(message) not in self._kinds:
            raise ProtocolMisuse(f"{type(message).__name__} is no message of protocol {self.protocol}")
        return self._kinds[type(message)]

    def _head(self, message: Message) -> bytes:
        return _HEAD.pack(self.protocol, self.version, self._numbers[type(message)])

    def _pack(self, message: Message, vectors: Vectors) -> list[bytes]:
        kinds = self._of(message)
        try:
            parts = [kind.pack(getattr(message, name), vectors) for name, kind in kinds.items()]
        except struct.error as error:
            raise ProtocolMisuse(f"{type(message).__name__} does not fit its fields: {error}") from error
        return [self._head(message), *parts]


def _kinds(cls: type[Message]) -> dict[str, Kind]:
    """How each field of a message's class travels, read from its annotations."""
    parameters = getattr(cls, "__dataclass_params__", None)
    if parameters is None or not parameters.frozen:
        raise ConfigurationError(f"{cls.__name__} is not a frozen data class, as messages are")
    hints = get_type_hints(cls, include_extras=True)
    names = list(vars(cls)["__dataclass_fields__"])
    if names[:2] != ["round", "sender"]:
        raise ConfigurationError(f"{cls.__name__} does not start with round and sender, as messages do")
    header: dict[str, Kind] = {"round": get_args(U64)[1], "sender": _I64}
    return header | {name: _kind(cls, name, hints[name]) for name in names[2:]}


def _kind(cls: type[Message], name: str, hint: object) -> Kind:
    kinds = [note for note in get_args(hint)[1:] if isinstance(note, Kind)] if get_origin(hint) is Annotated else []
    if len(kinds) != 1:
        raise ConfigurationError(
            f"{cls.__name__}.{name} does not say how it travels",
            instead="Annotate it with one kind of tip.protocols.codec, such as U32",
        )
    return kinds[0]
