"""From a plan to its guarantees: laws 1, 3, 4, 5 of the guarantees, and refusals with a way out."""

from __future__ import annotations

import re
from fractions import Fraction

import pytest

from tip.errors import ConfigurationError
from tip.plan import Plan
from tip.plan.guarantee import Settled, derivation, settle
from tip.plan.sizing import Sizes
from tip.privacy.coalitions import Coalition
from tip.privacy.guarantees import Guarantee, Neighboring, Security, Status, Unit
from tip.privacy.integer import epsilon_of_rho, rho_of_sum

SURVEY = "examples/survey.toml"
SIZES = Sizes(enrolled=4015, dimension=19)


@pytest.fixture(scope="module")
def plan(request: pytest.FixtureRequest) -> Plan:
    return Plan.read(request.config.rootpath / SURVEY)


def against(settled: Settled, text: str) -> Guarantee:
    return next(g for g in settled.guarantees if g.coalition == Coalition.parse(text))


def test_the_survey_meets_its_requirement(plan: Plan) -> None:
    guarantee = settle(plan, SIZES).required[0]
    assert guarantee.coalition == Coalition.parse("coordinator + 10% of agents")
    assert guarantee.epsilon is not None
    assert 1.98 < guarantee.epsilon <= 2.0
    assert guarantee.delta.total <= 1e-5
    assert (guarantee.unit, guarantee.neighboring) == (Unit.AGENT, Neighboring.REPLACE_ONE)
    assert guarantee.status is Status.SIMULATED
    assert guarantee.security is Security.COMPUTATIONAL  # AES makes noise and masks, Curve25519 the keys
    assert guarantee.security_bits == 125
    world = against(settle(plan, SIZES), "world")
    assert world.security_bits == 128
    assert world.delta.failures == 0.0


CIPHERS = {"x25519", "masks-pseudorandom", "aes-256-gcm", "ed25519", "sha-256", "aes-256"}
KEPT = {"identity-keys", "graph-drawn-before", "colluders", "own-minimum", "one-sum"}


def test_masks_name_every_cipher_and_leave_nothing_unenforced(plan: Plan) -> None:
    settled = settle(plan, SIZES)
    for text in ("coordinator", "coordinator + 10% of agents"):
        names = [a.name for a in against(settled, text).assumptions]
        assert len(set(names)) == len(names)
        assert set(names) >= CIPHERS | KEPT
        assert "ideal-sum" not in names
        assert "follows-protocol" not in names
    world = {a.name for a in against(settled, "world").assumptions}
    assert not world & (CIPHERS - {"aes-256"})  # a stranger to the coordinator sees no masked vector


def test_a_curious_coordinator_is_an_assumption_that_is_named(plan: Plan) -> None:
    settled = settle(plan.replace("coordinator=curious"), SIZES)
    names = [a.name for a in settled.required[0].assumptions]
    assert names[:2] == ["follows-protocol", "chance-dropouts"]
    assert "follows-protocol" not in {a.name for a in against(settled, "world").assumptions}
    assert settled.masks is not None
    malicious = settle(plan, SIZES).masks
    assert malicious is not None
    assert settled.masks.parameters.degree < malicious.parameters.degree


def test_masks_cost_delta_for_all_rounds(plan: Plan) -> None:
    """Law 7. Mutants: the failure of one round; delta spent twice; failures against those who see no masks."""
    settled = settle(plan, SIZES)
    assert settled.masks is not None
    one = Fraction(settled.masks.parameters.failure)
    delta = settled.required[0].delta
    assert 50 * one <= Fraction(delta.failures) < 50 * one * (1 + Fraction(1, 2**40))
    assert Fraction(delta.conversion) + Fraction(delta.failures) <= Fraction(1e-5)
    rho = settled.required[0].rho
    assert rho is not None
    assert settled.required[0].epsilon == epsilon_of_rho(rho, delta.conversion)
    longer = settle(plan.replace("rounds=5000", "max_participations=5000"), SIZES)
    assert longer.required[0].delta.failures > delta.failures
    assert longer.required[0].delta.failures <= 1e-5 / 4096


def test_noise_grows_with_what_masks_take_of_delta(plan: Plan) -> None:
    """The variance is calculated at what is left of delta: never less than without failures."""
    for epsilon in (0.5, 1.0, 2.0, 3.0):
        masked, ideal = (
            settle(plan.replace(f"epsilon={epsilon}", k), SIZES) for k in ("rounds=50", "protocol.kind=ideal")
        )
        assert masked.mechanism is not None
        assert ideal.mechanism is not None
        assert masked.mechanism.share_variance >= ideal.mechanism.share_variance
        told = masked.required[0]
        assert told.at_most(epsilon, 1e-5)


def test_the_noise_of_the_survey_is_that_under_an_ideal_adder(plan: Plan) -> None:
    """So a seed gives the same model: the engine draws the same shares. The minimum makes up for those left out."""
    ideal = settle(plan.replace("protocol.kind=ideal", "cohort.minimum=3700"), SIZES)
    masked = settle(plan, SIZES)
    assert masked.mechanism == ideal.mechanism
    assert masked.grid == ideal.grid
    assert masked.required[0].rho == ideal.required[0].rho


def test_more_agents_than_masks_are_planned_for_see_every_vector(plan: Plan) -> None:
    """A coalition beyond c gets what one share alone hides; the mutant credits it the sum."""
    settled = settle(plan, SIZES)
    within = derivation(plan, settled, Coalition.parse("coordinator + 9% of agents"), 1e-5).guarantee
    beyond = derivation(plan, settled, Coalition.parse("coordinator + 11% of agents"), 1e-5).guarantee
    adaptive = derivation(plan, settled, Coalition.parse("coordinator + 10% of agents (adaptive)"), 1e-5).guarantee
    assert settled.mechanism is not None
    alone = rho_of_sum(settled.mechanism.own_share()) * 50
    assert within.rho == settled.required[0].rho  # 401 silent agents in any case
    for told in (beyond, adaptive):
        assert told.rho == alone
        assert told.delta.failures == 0.0
        assert not {a.name for a in told.assumptions} & (CIPHERS - {"aes-256"})
    without = derivation(plan, settled, Coalition.parse("30% of agents"), 1e-5).guarantee
    assert without.rho is not None
    assert without.rho < alone / 1000  # the coordinator is not among them


def test_ideal_tells_first_what_nothing_enforces(plan: Plan) -> None:
    settled = settle(plan.replace("protocol.kind=ideal"), SIZES)
    for text in ("coordinator", "coordinator + 10% of agents"):
        first = against(settled, text).assumptions[0]
        assert first.name == "ideal-sum"
        assert first.sentence == "the coordinator sees only sums; nothing in this run enforces it"
    assert all(a.name != "ideal-sum" for a in against(settled, "world").assumptions)


def test_under_clear_the_coordinator_counts_one_share_only(plan: Plan) -> None:
    """Law 3. The mutant gives `clear` the figure of a sum, which is what `ideal` gives."""
    open_plan = plan.replace("protocol.kind=clear", 'privacy.against="10% of agents"')
    settled = settle(open_plan, SIZES)
    assert settled.mechanism is not None
    local = against(settled, "coordinator")
    alone = rho_of_sum(settled.mechanism.own_share()) * 50
    assert local.epsilon == epsilon_of_rho(alone, 1e-5)
    assert local.epsilon is not None
    assert local.epsilon > 400
    mutant = against(settle(plan, SIZES), "coordinator").epsilon
    assert mutant is not None
    assert mutant < 2
    required = settled.required[0].epsilon
    assert required is not None
    assert required <= 2
    assert against(settled, "coordinator + 10% of agents").epsilon == local.epsilon


def test_a_requirement_against_the_coordinator_under_clear_is_sized_for_one_share(plan: Plan) -> None:
    """Coherence refuses such a plan; settled all the same, it gets local noise, never a sum's."""
    settled = settle(plan.replace("protocol.kind=clear"), SIZES)
    ideal = settle(plan, SIZES)
    assert settled.mechanism is not None
    assert ideal.mechanism is not None
    assert settled.mechanism.share_variance > 3000 * ideal.mechanism.share_variance


def test_shares_are_sized_for_the_honest_of_the_minimum(plan: Plan) -> None:
    """Law 4: h = 3712 - 401 - 12 left out. Mutants: colluders counted as honest; all enrolled counted."""
    settled = settle(plan, SIZES)
    assert settled.masks is not None
    assert settled.masks.parameters.honest == 3299
    assert settled.mechanism is not None
    event = settled.mechanism.event(401)
    assert event.shares == 3299
    rho = rho_of_sum(event) * 50
    assert settled.required[0].rho == rho
    for shares in (3700, 4015):
        fewer = settle(plan, SIZES).mechanism
        assert fewer is not None
        mutant = Fraction(event.shares, shares) * rho
        assert mutant < rho


def test_the_coordinator_may_fill_the_cohort_with_colluders(plan: Plan) -> None:
    """Law 4: c_max = min(floor(fN), cohort), not f times the cohort."""
    fixed = plan.replace("sampling=fixed", "cohort.size=1000", "cohort.minimum=900", "max_participations=30")
    settled = settle(fixed, SIZES)
    assert settled.mechanism is not None
    assert settled.required[0].rho == rho_of_sum(settled.mechanism.event(401)) * 30
    small = plan.replace(
        "protocol.kind=ideal",
        "sampling=fixed",
        "cohort.size=300",
        "cohort.minimum=285",
        "max_participations=10",
        "epsilon=900",
    )
    engulfed = settle(small, SIZES)
    assert engulfed.mechanism is not None
    assert engulfed.mechanism.event(300).shares == 1  # the victim alone protects itself
    assert engulfed.required[0].rho == rho_of_sum(engulfed.mechanism.event(300)) * 10


def test_participations_are_charged_at_their_limit(plan: Plan) -> None:
    """Law 5: the limit, never the mean; and what is spent ends at the guarantee."""
    settled = settle(plan, SIZES)
    assert settled.charged_rounds == 50
    assert settled.spent(0) == (0.0, 0.0)
    assert settled.spent(50) == (settled.required[0].epsilon, 1e-5)
    spends = [settled.spent(n)[0] for n in range(0, 51, 10)]
    assert spends == sorted(spends)


def test_the_scope_says_in_how_many_rounds_an_agent_takes_part(plan: Plan) -> None:
    few = settle(plan.replace("max_participations=30"), SIZES)
    assert few.charged_rounds == 30
    assert few.required[0].scope.endswith("; each agent takes part in 30")
    assert settle(plan, SIZES).required[0].scope.endswith("; each agent may take part in all")


def test_stronger_observers_learn_no_less(plan: Plan) -> None:
    settled = settle(plan, SIZES)
    weak, strong = against(settled, "world").epsilon, against(settled, "coordinator + 10% of agents").epsilon
    assert weak is not None
    assert strong is not None
    assert weak <= strong
    pooled = against(settled, "10% of agents").epsilon
    assert pooled is not None
    assert weak <= pooled <= strong
    ideal = settle(plan.replace("protocol.kind=ideal"), SIZES)
    assert against(ideal, "10% of agents").epsilon == against(ideal, "coordinator + 10% of agents").epsilon


def test_the_shares_of_expected_liars_protect_nobody_whoever_looks(plan: Plan) -> None:
    """Law 4: a liar outside the coalition may leave its noise out. The mutant counts it."""
    for settings, silent in (
        (("colluding=0", "malicious=0"), 0),
        (("colluding=0", "malicious=0.1"), 401),
        (("colluding=0.2", "malicious=0.1"), 803),
    ):
        settled = settle(plan.replace("against=world", *settings), SIZES)
        assert settled.mechanism is not None
        assert settled.required[0].rho == rho_of_sum(settled.mechanism.event(silent)) * 50
        words = next(a.sentence for a in settled.required[0].assumptions if a.name == "colluders")
        assert (f"{silent:,} of the 4,015" in words) == bool(silent)


def test_an_eavesdropper_has_no_rule_yet(plan: Plan) -> None:
    guarantee = against(settle(plan, SIZES), "network")
    assert guarantee.epsilon is None
    assert guarantee.status is Status.NOT_PROVEN
    assert "transport" in guarantee.missing
    assert guarantee.delta.total == 0
    assert guarantee.to_json()["epsilon"] is None


def test_all_requirements_hold_at_once(plan: Plan) -> None:
    text = plan.to_toml()
    own = text[text.index("[privacy]") : text.index("[budget]")]
    also = (
        own.replace("[privacy]", "[[privacy.also]]")
        .replace("epsilon = 2.0", "epsilon = 0.9")
        .replace('against = "coordinator + 10% of agents"', 'against = "world"')
    )
    settled = settle(Plan.parse(text.replace("[budget]", f"{also}\n[budget]")), SIZES)
    both = [g.epsilon for g in settled.required]
    assert both[0] is not None
    assert both[1] is not None
    assert both[0] < 1.1
    assert 0.85 < both[1] <= 0.9


def test_too_few_agents_for_an_epsilon_are_told_what_would_do(plan: Plan) -> None:
    with pytest.raises(ConfigurationError) as refused:
        settle(plan.replace("epsilon=0.01", "cohort.minimum=45"), Sizes(enrolled=50, dimension=19))
    message = str(refused.value)
    assert "privacy.epsilon = 0.01 with 50 agents a round leaves nothing to learn" in message
    told = re.search(r"epsilon of at least (\S+) or ([\d,]+) agents a round \(cohort.minimum = ([\d,]+)\)", message)
    assert told is not None
    epsilon, agents, minimum = told[1], *(int(told[i].replace(",", "")) for i in (2, 3))
    assert settle(plan.replace(f"epsilon={epsilon}", "cohort.minimum=45"), Sizes(50, 19)).required
    assert settle(plan.replace("epsilon=0.01", f"cohort.minimum={minimum}"), Sizes(agents, 19)).required
    for hopeless in (plan.replace(f"epsilon={0.9 * float(epsilon)}", "cohort.minimum=45"),):
        with pytest.raises(ConfigurationError, match="leaves nothing"):
            settle(hopeless, Sizes(50, 19))


def test_a_poisson_cohort_may_hold_every_colluder(plan: Plan) -> None:
    """The planned size is a mean: 401 colluders may all be drawn, though 200 agents are expected."""
    poisson = plan.replace(
        "protocol.kind=ideal", "sampling=poisson", "cohort.rate=0.05", "cohort.minimum=150", "epsilon=900"
    )
    settled = settle(poisson.replace("max_participations=20"), SIZES)
    assert settled.mechanism is not None
    assert settled.required[0].rho == rho_of_sum(settled.mechanism.event(401)) * 20
    assert settled.mechanism.event(401).shares == 1


def test_a_ring_too_small_names_the_least_that_would_do(plan: Plan) -> None:
    with pytest.raises(ConfigurationError, match="modulus_bits") as refused:
        settle(plan.replace("modulus_bits=16"), SIZES)
    assert "32" in str(refused.value)


def test_without_a_requirement_nothing_is_proven(plan: Plan) -> None:
    text = plan.to_toml()
    bare = Plan.parse(text[: text.index("[privacy]")] + text[text.index("[execution]") :]).replace(
        "protocol.kind=clear"
    )
    settled = settle(bare, SIZES)
    assert settled.mechanism is None
    assert settled.required == ()
    assert all(g.status is Status.NOT_PROVEN and "noise" in g.missing for g in settled.guarantees)


def test_a_run_on_system_randomness_is_proven(plan: Plan) -> None:
    text = plan.to_toml()
    real = Plan.parse(text[: text.index("[simulation]")])
    assert settle(real, SIZES).required[0].status is Status.PROVEN
