"""English: the steps of a proof."""

from __future__ import annotations

from typing import Final

from tip.explain.stepping import Steps

_AT: Final = "epsilon is at most {epsilon} at delta {delta}"

ENGLISH_STEPS: Final = Steps(
    delta_ledger="all that this coalition learns: epsilon at most {epsilon} at a delta of at most {total} (for the "
    "conversion {conversion}, for failures that do not depend on data {failures}, for distances between laws "
    "{distances})",
    conversion={
        "mu": f"mu is at most {{mu}}, so by the curve of the normal distribution {_AT}",
        "rho": f"rho is at most {{rho}}, so by the conversion of zero-concentrated privacy {_AT}",
        "ratio": "nothing that is seen is more than {ratio} times as likely under one alternative as under the other; "
        f"by the logarithm of that, {_AT}",
        "events": f"from the privacy losses of all that is seen, {_AT}",
        "shuffling": f"by the mixing of reports, {_AT}",
    },
    every_coalition={
        "named": "who colludes is known by name: {colluders}",
        "alike": "no message tells members of a group apart, so what holds in {cases} holds for all coalitions of this "
        "size; the worst of them holds {colluders}",
        "each": "each coalition of this size was looked at, {cases}; the worst of them holds {colluders}",
        "everyone else": "all others are taken to collude, which contains every coalition; {cases}, the worst of them "
        "with {colluders} that collude",
    },
    every_coalition_of_a_graph={
        "everyone else": "all others are taken to collude, which contains every coalition; noise of its own, of "
        "variance at least {own_variance}, is left to each agent, for {times}: mu^2 is at most {mu_squared}{unless}",
        "deletion": "whichever agents of this number are taken out of the graph, the others ({left}) stay connected at "
        "least to the degree {connectivity}, each with noise of its own of variance at least {own_variance}, for "
        "{times}: mu^2 is at most {mu_squared}{unless}",
        "random graph": "the coalition was fixed before the graph was drawn, and the others ({left}) are connected at "
        "least to the degree {connectivity}, each with noise of its own of variance at least {own_variance}, for "
        "{times}: mu^2 is at most {mu_squared}{unless}",
    },
    every_agent={
        "this agent": "the claim is about agent {agent} alone",
        "alike": "no message tells the members of a group apart, so one of each group stands for all; the worst off is "
        "agent {agent}",
        "each": "the worst off of those outside the coalition ({agents}, all of whom were looked at) is agent {agent}",
        "spectral": "one bound holds for all outside the coalition ({agents}): mu^2 is at most {mu_squared}; agent "
        "{agent} is certified to be near it",
    },
    composition={
        "none": "nothing that is seen depends on this agent",
        "one": "one block holds all that is seen{bounds}",
        "several": "{blocks} that share no noise hold all that is seen{bounds}",
    },
    fresh_rounds="{times}, alike, each with noise of its own{bounds}",
    linear_gaussian="mu^2 of agent {agent} lies between {lower} and {mu_squared}: the attack z reaches the lower end, "
    "the certificate w proves the upper one",
    leak="a combination of what is seen holds a secret of agent {agent} and none of the noise that the coalition does "
    "not know{modulo}",
    integer_sum={
        "one": "whole-number noise that the coalition does not know, in {shares} of variance at least {share_variance} "
        "each, hides agent {agent}{bounds}",
        "several": "sums of shares of whole-number noise that the coalition does not know hide agent {agent}{bounds}",
    },
    integer_certificate="a whole-number change of the noise hides any change of agent {agent}{bounds}",
    additive_laplace="noise of its own hides agent {agent}{bounds}",
    ring_masks="the masks, uniform modulo 2^{ring}, leave {functionals} of the masked messages readable",
    local_report="each report “{report}” is at most {ratio} times as likely under one answer as under any other; it is "
    "charged for {times}",
    shuffling="mixing {reports}, by somebody outside the coalition, leaves epsilon at most {epsilon} at delta {delta}",
    sampling="each agent takes part with a probability of at most {rate}, drawn on its own, and the coalition cannot "
    "see who does; {times}",
    view="of {messages} the coalition sees {rows} in {secrets} and {noises} that it does not know{modulo}{alike}"
    "{hidden}",
    not_proven="what is missing: {reason}",
    counted={
        "agents": ("1 agent", "{} agents"),
        "left": ("1 agent", "{} agents"),
        "colluders": ("1 agent", "{} agents"),
        "cases": ("1 case", "{} cases"),
        "blocks": ("1 block", "{} blocks"),
        "times": ("1 round", "{} rounds"),
        "shares": ("1 share", "{} shares"),
        "functionals": ("1 combination", "{} combinations"),
        "reports": ("1 honest report", "{} honest reports"),
        "rows": ("1 equation", "{} equations"),
        "covered": ("1 further equation", "each of {} further equations"),
        "secrets": ("1 secret", "{} secrets"),
        "noises": ("1 noise", "{} noises"),
    },
    bounds={
        "mu_squared": "mu^2 is at most {mu_squared}",
        "rho": "rho is at most {rho}",
        "ratio": "the ratio of probabilities is at most {ratio}",
    },
    joined=", ",
    begun=": ",
    unless=", but for a failure of probability at most {failure}",
    alike="; it stands for {times} that are alike",
    hidden="; {covered} lies under a mask of its own, is uniform and tells nothing",
    modulo=", modulo 2^{ring}",
    values={
        word: word
        for word in (
            "named",
            "alike",
            "each",
            "everyone else",
            "deletion",
            "random graph",
            "this agent",
            "spectral",
            "ratio",
            "events",
            "shuffling",
        )
    },
    sources={word: word for word in ("the mechanism's own law", "amplification", "laws 8 to 10", "law ", "; ")},
)
