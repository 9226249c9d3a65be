"""Careless variants of the masked protocol's machines, one for each law that they break."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import TYPE_CHECKING, Any

from tests.protocols import masking_rules
from tip.protocols.core import Add, Resumed, Step
from tip.protocols.masking import Parameters, answers, checking, client, doubts, evidence, judging, opening, server
from tip.protocols.masking.course import Consenting, Unmasking
from tip.protocols.masking.messages import Consents, MaskedInput, Survivors
from tip.protocols.masking.stages import Consented

if TYPE_CHECKING:
    from collections.abc import Callable

    from tip.protocols import AgentId

Patch = tuple[object, str, "Callable[..., Any]"]


def adds_late_vectors() -> Patch:
    honest = server._receive

    def receive(state: server.Coordinator, message: Any) -> Step[server.Coordinator]:  # noqa: ANN401
        late = isinstance(message, MaskedInput) and message.sender not in state.of(MaskedInput)
        if not late or not isinstance(state.stage, Consenting | Unmasking):
            return honest(state, message)
        heard = {**state.heard, MaskedInput: {**state.of(MaskedInput), message.sender: message}}
        return Step(replace(state, heard=heard), work=(Add(message.sender, message.body),))

    return server, "_receive", receive


def opens_survivors_masks() -> Patch:
    honest = answers._unmasked
    return answers, "_unmasked", lambda own, stage: honest(own, replace(stage, survivors=stage.survivors[1:]))


def signs_two_sets() -> Patch:
    honest = client._told_otherwise

    def told(agent: client.Agent, first: Any, second: Any) -> Step[client.Agent]:  # noqa: ANN401
        if isinstance(second, Survivors) and isinstance(agent.stage, Consented):
            return client._reply(agent, second, answers.survivors(agent.own, agent.stage.masked, second))
        return honest(agent, first, second)

    return client, "_told_otherwise", told


def believes_complaints() -> Patch:
    return checking, "decide", lambda complaint, *_: complaint.about


def complains_of_what_was_delivered() -> Patch:
    return doubts, "delivered_as_dealt", lambda *_: True


def complains_of_who_was_misled() -> Patch:
    return doubts, "_was_told", lambda *_: True


def takes_masks_off_twice() -> Patch:
    honest = opening.Books.open

    def wrong(books: opening.Books, *of: Any) -> Any:  # noqa: ANN401
        found = honest(books, *of)
        if isinstance(found, opening.Stuck):
            return found
        own = found.subtract[: len(of[0])]
        return opening.Opened(found.subtract[len(own) :], (*own, *found.add))

    return opening.Books, "open", wrong


def forgets_after_a_restart() -> Patch:
    honest = client.advance

    def advance(agent: client.Agent, event: Any) -> Step[client.Agent]:  # noqa: ANN401
        if isinstance(event, Resumed) and isinstance(agent.stage, Consented):
            said = {kind: was for kind, was in agent.said.items() if kind not in (Survivors, Consents)}
            return Step(replace(agent, stage=agent.stage.masked, said=said))
        return honest(agent, event)

    return client, "advance", advance


def asks_no_minimum() -> Patch:
    honest = answers.consents

    def consents(own: Any, *of: Any) -> answers.Reply:  # noqa: ANN401
        values = {f.name: getattr(own.parameters, f.name) for f in fields(own.parameters) if f.init}
        return honest(replace(own, parameters=Parameters.unchecked(**values | {"minimum": 1})), *of)

    return answers, "consents", consents


def takes_copied_keys() -> Patch:
    return checking, "copied", lambda _: frozenset()


def trusts_the_accuser() -> Patch:
    def judge(shown: bytes, *_: object) -> tuple[AgentId, ...]:
        return (evidence.read(shown).accused,)

    return masking_rules, "judge", judge


class _Same:
    def __eq__(self, other: object) -> bool:
        return True

    __hash__ = None  # type: ignore[assignment]


def takes_any_words() -> Patch:
    return judging, "words_hash", lambda *_: _Same()


def takes_any_key() -> Patch:
    return judging, "_require_told", lambda *_: None


def takes_unproven_keys() -> Patch:
    return answers, "require_signed", lambda *_: None


def checks_no_consent() -> Patch:
    return answers, "genuine", lambda *_: True
