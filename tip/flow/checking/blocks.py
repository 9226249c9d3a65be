"""Blocks: the steps below a composition, each held against what the coalition sees of its block."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, Final

from tip.flow.checking import reached as results
from tip.flow.checking.cohorts import places, refuse_changing
from tip.flow.checking.reached import Reached
from tip.flow.checking.refusal import count, exact, only, refuse, want, word
from tip.flow.checking.sheets import Sheet, blocks, sheet
from tip.flow.checking.whole import certified, masks, unmasked
from tip.flow.checking.witnesses import gaussian
from tip.flow.model import EVERYBODY, NEIGHBORS, NEXT, NOBODY, Law, Message, Sampling
from tip.privacy.amplification import why_not_credited
from tip.privacy.statements import Neighboring

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tip.flow.checking.watching import Crowd, Watch
    from tip.flow.derivation import Node
    from tip.flow.model import Cohort, Flow, Noise, Report, Secret
    from tip.privacy.coalitions import Coalition

_WHOLE_RULES: Final = ("integer sum", "integer certificate", "additive laplace")


def sheets(watch: Watch) -> list[Sheet]:
    """All blocks of which the coalition sees anything that it does not know, though masks may leave nothing of it."""
    found = (sheet(watch, block) for block in blocks(watch.crowd.flow))
    return [some for some in found if any(some.A) or some.covered > 0]


def block(node: Node, some: Sheet, agent: int, watch: Watch, coalition: Coalition) -> Reached:
    """What a step proves about one block and one agent, all rounds together."""
    refuse_unruly(some, watch, coalition)
    if node.rule == "sampling":
        cohort, times = sample(some, watch, coalition)
        want(exact(node, "rate") == cohort.rate, node.rule, f"the sample's rate is {cohort.rate}")
        want(count(node, "times") == times, node.rule, f"there are {times} samples")
        return results.sampled(_round(only(node), some, agent), cohort.rate or Fraction(1), times)
    if some.times == 1:
        return _round(node, some, agent)
    want(node.rule == "fresh rounds", node.rule, f"is about one round, and there are {some.times}")
    want(count(node, "times") == some.times, node.rule, f"an agent is charged for {some.times} rounds")
    found = results.repeated(_round(only(node), some, agent), some.times)
    results.stated(node, found)
    return found


def refuse_presence(some: Sheet, watch: Watch, coalition: Coalition) -> None:
    """Under add-remove-one nothing may show who takes part: no agent's row or noise, no roster (law 1)."""
    crowd = watch.crowd
    relations = {some.flow.secret(column[0]).neighboring for column in some.secrets}
    if Neighboring.ADD_REMOVE_ONE not in relations:
        return
    own = [name for name in some.messages if some.flow.message(name).by in crowd.size]
    drawn = [column[0] for column in some.noises if some.flow.noise(column[0]).of not in some.flow.parties]
    want(not coalition.sees_roster, "view", "the coalition may learn who takes part, which add-remove-one has to hide")
    shown = (own + drawn + [""])[0]
    want(not shown, "view", f"{shown!r} shows who takes part, which add-remove-one has to hide")


def refuse_unruly(some: Sheet, watch: Watch, coalition: Coalition) -> None:
    """Noise without a size, inputs that may depend on what the coalition does not see, cohorts that change: no rule."""
    refuse_presence(some, watch, coalition)
    for name in sorted({column[0] for column in some.noises}):
        want(not some.flow.noise(name).planned, "view", f"the size of noise {name!r} is still to be planned")
    refuse_changing(some, watch)


def refuse_hidden(seen: Sequence[Sheet], watch: Watch) -> None:
    """Refuse all claims where anybody's input may depend on what the coalition does not see: it may carry it on."""
    flow = watch.crowd.flow
    adaptive = any(some.flow.secret(column[0]).adaptive for some in seen for column in some.secrets)
    for report in flow.reports if not adaptive else ():
        secret = flow.secret(report.secret)
        by_whom = [*report.to, *([report.shuffled_by] if report.shuffled_by else [])]
        members = range(watch.crowd.size[secret.of])
        adaptive |= secret.adaptive and any(watch.gets(name, i) for name in by_whom for i in members)
    hidden = hidden_inputs(watch) if adaptive else ""
    want(not hidden, "view", f"inputs may depend on {hidden!r}, which the coalition does not see")


def hidden_inputs(watch: Watch) -> str:
    """What agents get, say of others or are told, and of which the coalition does not know all; empty if nothing."""
    crowd = watch.crowd
    for noise in crowd.flow.noises:
        holders = crowd.ends[noise.of][1] if noise.of in crowd.ends else range(crowd.size.get(noise.of, 1))
        told = set(crowd.size) & set(noise.known_to)
        if told and not all(watch.knows(noise, i) for i in range(len(holders))):
            return noise.name
    for message in crowd.flow.messages:
        rows = range(crowd.size.get(message.by, 1))
        if message.by in crowd.size and _of_others(message, crowd) and not all(watch.sees(message, i) for i in rows):
            return message.name
    parts: tuple[Message | Report, ...] = (*crowd.flow.messages, *crowd.flow.reports)
    for part in parts:
        inside = any(r in crowd.size or r.startswith((NEIGHBORS, NEXT)) for r in part.to if r != NOBODY)
        if not inside or EVERYBODY in part.to:
            continue
        sender = part.by if isinstance(part, Message) else crowd.flow.secret(part.secret).of
        rows = range(crowd.size.get(sender, 1))
        seen = all(
            any(watch.gets(r, i) for r in part.to) or (isinstance(part, Message) and watch.holds(sender, i))
            for i in rows
        )
        if not seen:
            return part.name
    return ""


def _of_others(message: Message, crowd: Crowd) -> bool:
    """Whether what an agent sends holds more than its own numbers and those on its edges."""
    flow = crowd.flow
    own = {message.by, *(graph.name for graph in flow.graphs if graph.over == message.by)}
    both: tuple[Secret | Noise, ...] = (*flow.secrets, *flow.noises)
    of = {symbol.name: symbol.of for symbol in both}
    mixes = {"mix", "gossip", "token"} & set(flow.functions(message))
    return bool(mixes) or any(of[name] not in own for name in flow.symbols(message))


def sample(some: Sheet, watch: Watch, coalition: Coalition) -> tuple[Cohort, int]:
    """The Poisson sample of a block, which law 5 credits, and how often it is drawn."""
    cohort, times, refused = credited(some, watch, coalition)
    if cohort is None or refused:
        raise refuse("sampling", refused)
    return cohort, times


def credited(some: Sheet, watch: Watch, coalition: Coalition) -> tuple[Cohort | None, int, str]:
    """The one Poisson sample of a block, how often it is drawn, and why it may not be credited (law 5)."""
    flow = some.flow
    found = [place for name in some.shown for place in places(watch, name)]
    mine = {cohort for _, cohort, _, _ in found}
    known = [cohort for cohort in flow.cohorts if cohort.name in mine and cohort.sampling is Sampling.POISSON]
    if len(known) != 1 or len(mine - {""}) != 1:
        return None, 0, "the block does not sum over one Poisson sample"
    cohort = known[0]
    secrets = {secret.name: secret for secret in flow.secrets}
    mentioned = {name for name, *_ in found}
    drawn = {noise.of for noise in flow.noises if noise.name in mentioned}
    elsewhere = [m.name for m in flow.messages if m.name not in some.messages]
    rounds = {secrets[column[0]].rounds for column in some.secrets}
    refusals = {
        why_not_credited(coalition, neighboring_of(flow), poisson=True, fresh=True, releases=1): True,
        "an agent that colludes knows of itself whether it takes part": bool(watch.agents),
        "a secret of the block is seen outside the sample": any(n in secrets and not c for n, c, _, _ in found),
        "one sample serves several releases, which share its secret": any(
            place[1] == cohort.name for name in elsewhere for place in places(watch, name)
        ),
        "a fact that everybody sees may tell who takes part": any(EVERYBODY in fact.to for fact in flow.facts),
        "noise that comes and goes with the sampled agents shows who takes part": cohort.of in drawn,
        "a sum that is refused below a minimum shows how many take part": cohort.least != 1,
        "its rounds are looked at together": some.times == 1 and 1 not in rounds,
    }
    return cohort, max(rounds), next((why for why, holds in refusals.items() if why and holds), "")


def neighboring_of(flow: Flow) -> Neighboring:
    """The one relation of all secrets."""
    relations = {secret.neighboring for secret in flow.secrets}
    want(len(relations) < 2, "view", "the secrets of the flow have several neighboring relations")
    return relations.pop() if relations else Neighboring.REPLACE_ONE


def _round(node: Node, some: Sheet, agent: int) -> Reached:
    """What a leaf proves of one round."""
    if node.rule == "linear-gaussian":
        recount(only(node), some)
        return results.gaussian(gaussian(node, some, agent))
    want(node.rule in _WHOLE_RULES, node.rule, "no such step may stand below a composition")
    left = unmasked(some)
    premise = only(node)
    if left.masked:
        want(premise.rule == "ring masks", node.rule, "does not say what the masks leave")
        masks(premise, left)
        premise = only(premise)
    recount(premise, some)
    event = certified(node, left, agent)
    found = Reached(event, None, masked=left.masked, idealized=Law.LAPLACE in some.laws())
    if "rho" in node.numbers:
        want(
            node.numbers["rho"] == found.rho,
            node.rule,
            f"rho = {node.numbers['rho']} does not follow",
            f"{found.rho} does",
        )
    for name in ("squared_sensitivity", "share_variance", "shares", "dimension"):
        if name in node.numbers:
            value = getattr(event, name, None)
            want(
                node.numbers[name] == value,
                node.rule,
                f"{name} = {node.numbers[name]} does not follow",
                f"{value} does",
            )
    return found


def recount(node: Node, some: Sheet) -> None:
    """A step "view": the rows and columns are as many as were counted here."""
    want(node.rule == "view", node.rule, 'stands where a step "view" is wanted')
    want(not node.premises, node.rule, "rests on further steps")
    want(word(node, "messages") == ", ".join(some.messages), node.rule, f"the block is {', '.join(some.messages)}")
    hidden = node.numbers.get("covered", 0)
    want(hidden == some.covered, node.rule, f"covered = {hidden} was counted again as {some.covered}")
    counted = {"rows": len(some.A), "secrets": len(some.secrets), "noises": len(some.noises)}
    for name, value in {**counted, "times": some.times, "ring": some.ring}.items():
        want(count(node, name) == value, node.rule, f"{name} = {node.numbers[name]} was counted again as {value}")
