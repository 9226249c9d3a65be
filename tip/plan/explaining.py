"""What a plan promises, before anything runs: `tip explain`."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from tip.data import answers
from tip.errors import ConfigurationError
from tip.explain import in_words as sentences
from tip.explain.masks import masks_in_words
from tip.explain.sights import sight
from tip.flow.derivation import Derivation
from tip.plan.either import AnyPlan
from tip.plan.posing import check as check_question
from tip.plan.posing import pose
from tip.plan.question import QuestionPlan
from tip.plan.settling import ready
from tip.plan.spending import with_ledger
from tip.privacy.guarantees import Guarantee

if TYPE_CHECKING:
    from tip.explain.words import Audience, Language
    from tip.plan.guarantee import Settled
    from tip.plan.posing import Posed
    from tip.plan.tables import Plan
    from tip.privacy.coalitions import Coalition


@dataclass(frozen=True, slots=True)
class Sight:
    """What one standard observer of a plan sees."""

    party: str
    what: str


@dataclass(frozen=True, slots=True)
class Explained:
    """A plan's guarantees: those that it requires, that over a ledger's runs, the other standard observers."""

    plan: Plan
    settled: Settled
    sees: tuple[Sight, ...]

    @property
    def guarantees(self) -> tuple[Guarantee, ...]:
        """Required first; each says its coalition."""
        return self.settled.guarantees

    @property
    def stated(self) -> tuple[Guarantee, ...]:
        """What the plan asks for; the first observer's guarantee where it asks for nothing."""
        return self.settled.stated or self.guarantees[:1]

    @property
    def requirement_met(self) -> bool:
        """Whether every requirement of the plan holds; false for a plan without one."""
        required = self.plan.privacy.all if self.plan.privacy else ()
        pairs = zip(self.settled.required, required, strict=True)
        return bool(required) and all(g.at_most(r.epsilon, r.delta) for g, r in pairs)

    def to_json(self) -> dict[str, Any]:
        """What `tip explain --json` prints."""
        return {
            "plan": self.plan.name,
            "enrolled": self.settled.sizes.enrolled,
            "parameters": self.settled.sizes.dimension,
            "requirement_met": self.requirement_met,
            "required": len(self.settled.stated),
            "guarantees": [g.to_json() for g in self.guarantees],
            "sees": {s.party: s.what for s in self.sees},
            "masks": asdict(self.settled.masks.told) if self.settled.masks else None,
        }

    def masks(self, audience: Audience = "engineer", language: Language = "en") -> tuple[str, ...]:
        """How masked rounds are set up and what that buys, in words; nothing under other protocols."""
        found = self.settled.masks
        return masks_in_words(found.told, audience, language) if found else ()


@dataclass(frozen=True, slots=True)
class ExplainedQuestion:
    """A question's guarantees: the one that it requires, then the other standard observers."""

    posed: Posed
    sees: tuple[Sight, ...]

    @property
    def guarantees(self) -> tuple[Guarantee, ...]:
        """Required first; each says its coalition."""
        return self.posed.guarantees

    @property
    def stated(self) -> tuple[Guarantee, ...]:
        """What the plan asks for."""
        return (self.posed.required,)

    @property
    def requirement_met(self) -> bool:
        """Whether the requirement of the plan holds."""
        return self.posed.requirement_met

    def to_json(self) -> dict[str, Any]:
        """What `tip explain --json` prints."""
        return {
            "plan": self.posed.plan.name,
            "enrolled": self.posed.enrolled,
            "mechanism": self.posed.mechanism.spec.to_bytes().decode(),
            "requirement_met": self.requirement_met,
            "required": 1,
            "guarantees": [g.to_json() for g in self.guarantees],
            "sees": {s.party: s.what for s in self.sees},
        }


def explain_question(plan: QuestionPlan) -> ExplainedQuestion:
    """Settle a question and say who sees what; nobody is asked. The data are opened to count who would be."""
    check_question(plan)
    posed = pose(plan, len(answers(plan.answer_settings()).ids))
    seen = tuple(Sight(g.coalition.text, sight(g.coalition, plan.protocol.kind)) for g in posed.observers)
    return ExplainedQuestion(posed, seen)


def explain(plan: Plan) -> Explained:
    """Settle a plan and say who sees what; nothing is trained.

    The data are opened to count who would be enrolled, a public number (participation is no secret
    under replace-one). Raises `ConfigurationError` as `simulate` would, and
    `BudgetExhausted` for a plan that its ledger has no room for. A ledger is read, never made or written.
    """
    prepared = ready(plan)
    settled = with_ledger(plan, prepared.settled, prepared.split.train)
    return Explained(plan, settled, sights(plan, tuple(g.coalition for g in settled.observers)))


def sights(plan: Plan, coalitions: tuple[Coalition, ...]) -> tuple[Sight, ...]:
    """What each coalition sees under the plan's protocol."""
    return tuple(Sight(c.text, sight(c, plan.protocol.kind)) for c in coalitions)


def guarantees(plan: AnyPlan) -> tuple[Guarantee, ...]:
    """What a plan promises, before anything runs: one `Guarantee` for each coalition.

    The required ones come first, in the plan's order; then that over all runs of a ledger, if the plan
    names one; then those of the other standard observers (law 2), of which `network` is "not proven".
    Without a [privacy] table every one is.
    The noise is calibrated as it is for a run; epsilon is recomputed from the calibrated noise and
    rounded up (docs/privacy.md). The data are opened to count who is enrolled, and nothing is trained.

    Raises `ConfigurationError` for a plan that cannot hold, with what would be possible, `DataError` for
    data that cannot be used, `BudgetExhausted` where the plan's ledger has no room for the run.
    """
    return explain_question(plan).guarantees if isinstance(plan, QuestionPlan) else explain(plan).guarantees


def in_words(
    subject: AnyPlan | Guarantee | Derivation, audience: Audience = "participant", *, language: Language = "en"
) -> str:
    """A plan's requirements, or one guarantee, as sentences: one a line, an empty line between guarantees.

    `audience` is "participant" (hit rates as counts), "engineer" (epsilon, delta, tails) or "reviewer" (all of
    that and what it means exactly, and of a derivation each step of the proof); `language` is "en" or "fr". Each
    figure comes from the guarantee's own trade-off curve and is rounded so that the sentence stays true (law 22,
    docs/explain.md). For a plan, what no guarantee covers comes last, then how masked rounds are set up, and it raises
    what `guarantees` raises.
    """
    if isinstance(subject, Guarantee):
        return "\n".join(sentences(subject, audience, language))
    if isinstance(subject, Derivation):
        return "\n".join(sentences(subject.guarantee, audience, language, derivation=subject))
    if not isinstance(subject, AnyPlan):
        raise ConfigurationError(
            f"{type(subject).__name__} promises nothing that words could tell",
            instead="hand over a plan, a guarantee, or what tip.derive gives",
        )
    if isinstance(subject, QuestionPlan):
        told, masks = explain_question(subject).stated, tuple[str, ...]()
    else:
        explained = explain(subject)
        told, masks = explained.settled.stated or explained.settled.observers, explained.masks(audience, language)
    *first, last = told
    words = [sentences(g, audience, language) for g in first]
    words.append(sentences(last, audience, language, protocol=subject.protocol.kind))
    words += [masks] if masks else []
    return "\n\n".join("\n".join(part) for part in words)
