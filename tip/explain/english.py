"""English: every sentence that is said in it."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Final

from tip.explain.figures import english_count, rounded_down, rounded_up
from tip.explain.steps_english import ENGLISH_STEPS
from tip.explain.tongue import Drawn, Exact, Plain, Sights, Staged, Tongue, Who
from tip.flow.hidden import Law
from tip.privacy.coalitions import COORDINATOR, NETWORK, Chosen
from tip.privacy.guarantees import Kind, Neighboring, Security, Status, Unit
from tip.privacy.rounding import up

if TYPE_CHECKING:
    from fractions import Fraction


def _agents(share: Fraction, chosen: str) -> str:
    percent = 100 * share
    if (percent * 100).denominator == 1:
        told = f"{Decimal(percent.numerator) / Decimal(percent.denominator):f} %"
    else:
        told = f"{share.numerator:,} out of {share.denominator:,}"
    return f"any {told} of the enrolled agents ({chosen})"


def _people(share: Fraction, chosen: str) -> str:
    base = share.denominator if 100 % share.denominator else 100
    return f"any group of {int(share * base):,} out of every {base:,} participants ({chosen})"


def _joined(members: list[str]) -> str:
    return " and ".join(part for part in (", ".join(members[:-1]), members[-1]) if part)


def _trade_off(alarms: int, hits: int, base: int, question: str, truth: str) -> str:
    return (
        f"Suppose these observers want to tell, of {base:,} people like you, {question}. "
        f"If they accept {alarms:,} false {'alarm' if alarms == 1 else 'alarms'} out of {base:,}, they notice {truth} "
        f"in at most {hits:,} cases out of {base:,} (blind guessing: {alarms:,})."
    )


_WHO: Final = Who(
    parties={COORDINATOR: "the coordinator", NETWORK: "an eavesdropper on the network"},
    does={COORDINATOR: ", who runs the rounds", NETWORK: ", who sees who sends when and how much"},
    plainly={COORDINATOR: "whoever runs the rounds", NETWORK: "whoever listens in on the network"},
    does_plainly={NETWORK: " and so sees who sends when and how much"},
    chosen={Chosen.BEFORE_RANDOMNESS: "chosen before anything is drawn by lot", Chosen.ADAPTIVE: "chosen at any time"},
    agents=_agents,
    people=_people,
    joined=_joined,
    pooled=", who pool all that they see",
    world="anybody who sees all that is published",
    against="Against {who}.",
)

_PLAIN: Final = Plain(
    questions={
        Neighboring.REPLACE_ONE: "whether the data in each one's place are that person's own or some quite different "
        "ones",
        Neighboring.ADD_REMOVE_ONE: "whether each one took part",
        Neighboring.ZERO_OUT: "whether each one gave data or nothing",
    },
    truths={
        Neighboring.REPLACE_ONE: "a person's own data",
        Neighboring.ADD_REMOVE_ONE: "that a person did",
        Neighboring.ZERO_OUT: "a person's data",
    },
    yours={
        Neighboring.REPLACE_ONE: "whether the data in your place are yours or some quite different ones",
        Neighboring.ADD_REMOVE_ONE: "whether you took part",
        Neighboring.ZERO_OUT: "whether you gave your data or nothing",
    },
    trade_off=_trade_off,
    no_limit="It does not limit how surely these observers can tell {question}.",
    metric="How well these observers can tell two answers of yours apart grows with how far these lie apart "
    "({distance}): near ones are hard to tell apart, far ones are not.",
    distances={
        "meters (euclidean)": "in meters, as the crow flies",
        "meters (manhattan)": "in meters, along the streets of a grid",
    },
    units={
        Unit.AGENT: "It covers everything that you contribute, in all rounds together.",
        Unit.RECORD: "It covers any one of your records, not all of them together.",
    },
    one_report="It covers one report; each further one would be charged again.",
    relations={
        Neighboring.REPLACE_ONE: "It compares your data with any others in their place; that you take part is no "
        "secret.",
        Neighboring.ADD_REMOVE_ONE: "It compares taking part with not taking part.",
        Neighboring.ZERO_OUT: "It compares your data with an empty contribution in their place.",
    },
    scope="What is covered: {scope}.",
    statuses={
        Status.PROVEN: "Proven mathematically, provided that what it relies on is true.",
        Status.IDEALIZED: "Proven for exact numbers, not for the rounded ones that a computer calculates with.",
        Status.SIMULATED: "This is a simulation: nothing is promised in earnest, since whoever knows its starting "
        "number can undo all that hides you.",
        Status.NOT_PROVEN: "Not proven.",
    },
    strong_cryptography="It holds against everybody who cannot break the encryption in use, which is beyond all "
    "computers of today.",
    weak_cryptography="It holds only against those who cannot break the encryption in use.",
    remains="What remains: this is a limit, and it is not zero. Within it these observers may learn something about "
    "you, and they learn what is true of people in general. If something that it relies on is not true, they may "
    "learn more, in the worst case your data.",
    all_remains="What remains: everything. The rule is kept, but it is too loose to protect you against these "
    "observers.",
    unenforced="Beware, nothing enforces this: {sentence}.",
    caveat="Beware: {sentence}.",
    relies="It relies on the following:",
    relies_again="It relies on what is named above.",
    relies_besides="It relies on what is named above and on the following:",
    item="– {sentence}",
    opens="This is not protected:",
    not_proven="Nothing is promised here, because nothing is proven: act as if they could learn your data.",
    leak="They can read your answer exactly.",
)

_EXACT: Final = Exact(
    figures="epsilon = {epsilon}, delta = {delta} ({kind}; unit {unit}; {neighboring}; {coalition}).",
    metric_figures="epsilon = {epsilon}, delta = {delta} for each unit of {distance}; unit {unit}.",
    ledger="Delta's ledger: conversion {conversion}, failures that do not depend on data {failures}, distances "
    "between laws {distances}.",
    curves={
        "mu": "The curve behind it: mu = {value} (Gaussian differential privacy).",
        "rho": "The curve behind it: rho = {value} (zero-concentrated differential privacy).",
    },
    rates="Hit rate of the best test at a false-alarm rate: at most {rates}.",
    at="{bound} at {where}",
    odds="The odds of one alternative rise by more than {factor} with probability at most {tail} (tail of the privacy "
    "loss).",
    pure_odds="No observation raises the odds of one alternative by more than e^{epsilon}.",
    scope="Scope: {scope}.",
    assumed="Assumed ({name}): {sentence}.",
    statuses={
        Status.PROVEN: "Proven.",
        Status.IDEALIZED: "Idealized: proven for real numbers, not for the rounded numbers of a computer.",
        Status.SIMULATED: "This is a simulation: nothing is promised in earnest, since the seed tells all its noise.",
        Status.NOT_PROVEN: "Not proven.",
    },
    cryptography="It holds against all who cannot break the cryptography in use{work}.",
    work=" (that takes about 2^{bits} steps)",
    units={Unit.AGENT: "agent", Unit.RECORD: "record"},
    kinds={kind: kind.value for kind in Kind},
    securities={
        Security.STATISTICAL: "statistical (against any computing power)",
        Security.COMPUTATIONAL: "computational",
    },
    relations={relation: relation.value for relation in Neighboring},
    labels={status: status.value for status in Status},
    reviewed="Status: {status}. Security: {security}. Neighboring relation: {neighboring}. Kind: {kind}. Coalition: "
    "{coalition}.",
    reconstruction="Reconstruction: who succeeds with probability kappa without the release succeeds with it with "
    "probability at most Phi(Phi^-1(kappa) + mu), failures and distances of delta counted in: at most {rates} (mu = "
    "{mu}; real arithmetic; the event that the reconstruction succeeds is a test).",
    step="Step {number} [{rule}]: {says}.",
    numbers=" Numbers: {numbers}.",
    source=" Source: {source}.",
    between="between {low} and {high}",
    published="Published elsewhere, not re-proven here (published): {says}.",
    not_proven="Nothing is promised here: not proven. What is missing: {missing}.",
    leak="A leak, the loss is infinite: the combination {combination} of the messages {messages} holds none of the "
    "noise that the coalition does not know, and it is not zero in a secret of the protected agent.",
    in_round="{row} (round {round})",
    open="Not protected: {sentence}",
)

_SIGHTS: Final = Sights(
    world="all released models and reports of all rounds",
    network="who connects, when, and how much is sent",
    agents="their own data, and the rosters and models that they are sent",
    local_world="all published answers and their intervals",
    local_agents="their own answers, the question, and how many reports count",
    coordinator={
        "local": "who reports, and each agent's randomized report",
        "clear": "who takes part in each round, and each agent's noisy vector",
        "ideal": "who takes part in each round, and the noisy sum of its vectors",
        "masking": "who takes part in each round, masked vectors, and their noisy sum",
    },
    unknown="whatever this protocol shows to it",
    joined="; ",
    open=(
        (
            "That somebody takes part, when their device answers, and how much it sends: assumed not to depend on "
            "their data."
        ),
        "What is true of whole groups: a useful model tells it about everybody, whether or not they took part.",
        "The result against manipulation: a liar can send made-up values, and a sum hides whose they were.",
        "Figures that are marked as evaluation only: they exist in a simulation, where everybody's data are at hand.",
        "The choice of the plan's settings, if it was made on the same data.",
    ),
    open_locally=(
        "That somebody takes part, and when their device reports: assumed not to depend on their answer.",
        "What is true of whole groups: a useful answer tells it about everybody, whether or not they took part.",
        "The answer against manipulation: a liar can claim anything, or report whatever they like.",
        "Figures that are marked as evaluation only: only a simulation has everybody's answer.",
        "A second report about the same answer: it would be charged again, so each person's device refuses it.",
    ),
    open_in_clear="What you send against the coordinator, beyond what your own device adds by chance to hide it.",
)

_DRAWN: Final = Drawn(
    title="What the best observer can achieve",
    told="False alarms: {alarms} of {base}; hits: at most {hits} of {base}.",
    across="false alarms",
    along="hits, at most",
    guessing="blind guessing",
    bound="limit of the guarantee",
    attack="measured attack",
    marked="{alarms} of {base}: at most {hits}",
)

_STAGED: Final = Staged(
    title="The flow “{name}”",
    told="{about} {acts}",
    agents=lambda size: f"{size:,} agents" if size > 1 else "1 agent",
    world="everybody",
    hidden="secret",
    noise="noise",
    laws={law.value: law.value for law in Law},
    drawn="noise: ",
    variance=lambda size: f"variance {size:g}",
    scale=lambda size: f"scale {size:g}",
    rounds=lambda rounds: f", {rounds:,} rounds",
    report=lambda secret, ratio: f"{secret}, changed by chance (ratio {_ratio(ratio)})",
    mixed=lambda least: f"at least {least:,} of them, mixed",
    nobody="to nobody",
    neighbors="to neighbors in {name}",
    following="to the next in {name}",
    inside="colludes",
    partly_inside="some of them",
    seen="seen by “{coalition}”",
    partly_seen="seen in part: what its own agents send or hear",
    unseen="not seen",
    facts="Also seen, the same whatever the data:",
)


def _ratio(ratio: Fraction) -> str:
    """Exact where it is short; else rounded up, as a bound is."""
    return str(ratio) if len(str(ratio)) <= 9 else rounded_up(up(ratio))


ENGLISH: Final = Tongue(
    language="en",
    count=english_count,
    figure=rounded_up,
    least=rounded_down,
    written=str,
    quoted="“{}”".format,
    comma=", ",
    who=_WHO,
    plain=_PLAIN,
    exact=_EXACT,
    steps=ENGLISH_STEPS,
    sights=_SIGHTS,
    drawn=_DRAWN,
    staged=_STAGED,
)
