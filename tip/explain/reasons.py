"""Why nothing is proven, in French: the reasoner words it in English, and is found again by patterns.

Names and messages of other rooms that stand in a reason are quoted as they are. A reason that no pattern knows is
quoted whole, as English text.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tip.explain.tongue import Tongue

_N: Final = r"(?P<{}>[\d,]+)"
_NAME: Final = r"'(?P<{}>[^']*)'"


@dataclass(frozen=True, slots=True)
class Reason:
    """One reason: its pattern, and how it reads in French, with the groups of the pattern as places."""

    pattern: str
    french: str


def reason_in_words(text: str, tongue: Tongue) -> str:
    """A reason or several joined by `; `; in English as it is, in French by its pattern or quoted."""
    if tongue.language == "en":
        return text
    whole = _known(text, tongue)
    if whole is not None:
        return whole
    parts = [_known(part, tongue) for part in text.split("; ")]
    return tongue.comma.join(part for part in parts if part) if None not in parts else tongue.quoted(text)


def _known(text: str, tongue: Tongue) -> str | None:
    for reason in REASONS:
        if found := re.fullmatch(reason.pattern, text, re.DOTALL):
            places = {name: _told(name, group, tongue) for name, group in found.groupdict(default="").items()}
            return reason.french.format(**places)
    return None


def _told(name: str, group: str, tongue: Tongue) -> str:
    """A count, a figure, laws or a relation in French; English text in quotation marks."""
    if not group:
        return ""
    if name in _COUNTS:
        return _COUNTS[name].format(tongue.count(int(group.replace(",", ""))))
    if name == "chance":
        return tongue.written(group)
    if name == "laws":
        return " et ".join(LAWS.get(law, tongue.quoted(law)) for law in group.split(" and "))
    return RELATIONS.get(group, tongue.quoted(group)) if name == "relation" else tongue.quoted(group)


_COUNTS: Final[Mapping[str, str]] = {
    "count": "{}",
    "agent": "{}",
    "row": "{}",
    "turn": " au tour {}",
    "ring": " dans un anneau de {} bits",
}
LAWS: Final[Mapping[str, str]] = {
    "gaussian": "gaussien",
    "discrete gaussian": "gaussien discret",
    "skellam": "de Skellam",
    "laplace": "de Laplace",
    "discrete laplace": "de Laplace discret",
    "uniform": "uniforme",
}
RELATIONS: Final[Mapping[str, str]] = {
    "replace-one": "le remplacement d’un agent",
    "add-remove-one": "l’ajout ou le retrait d’un agent",
    "zero-out": "la mise à zéro d’un agent",
}
_HIDDEN: Final = "une règle pour des entrées qui peuvent dépendre de ce que la coalition ne voit pas"

REASONS: Final[tuple[Reason, ...]] = (
    Reason("an agent with a secret outside the coalition", "un agent qui ait un secret hors de la coalition"),
    Reason(
        f"a bound for all {_N.format('count')} agents of a flow of this form \\(ask about one agent instead\\)",
        "une borne pour tous les agents, au nombre de {count}, d’un flux de cette forme (il est possible d’interroger "
        "sur un seul agent)",
    ),
    Reason(
        f"a bound over all coalitions of {_N.format('count')} agents in a flow that tells its members apart",
        "une borne sur toutes les coalitions de cette taille ({count}) dans un flux qui distingue ses membres",
    ),
    Reason(
        f"noise: the secret {_NAME.format('secret')} of agent {_N.format('agent')}(?: in round (?P<turn>\\d+))? can be "
        "read without error",
        "du bruit : le secret {secret} de l’agent {agent}{turn} peut se lire sans erreur",
    ),
    Reason(
        "a rule for inputs that may depend on what the coalition does not see: agents receive "
        f"{_NAME.format('message')}, which not everybody sees",
        f"{_HIDDEN} : des agents reçoivent {{message}}, que tous ne voient pas",
    ),
    Reason("a rule for reports under (?P<relation>[a-z-]+)", "une règle pour des rapports sous {relation}"),
    Reason(
        "a rule for adaptive inputs and noise that is moved before they are known",
        "une règle pour des entrées adaptatives et un bruit qui est déplacé avant qu’elles soient connues",
    ),
    Reason("a rule for this noise: (?P<error>.*)", "une règle pour ce bruit : {error}"),
    Reason("a certificate for this view: (?P<error>.*)", "un certificat pour cette vue : {error}"),
    Reason(
        "a rule for (?P<laws>[a-z ]+?) noise that messages share or scale",
        "une règle pour un bruit {laws} que des messages partagent ou multiplient",
    ),
    Reason(
        r"a rule for (?P<laws>[a-z ]+?) noise together(?: in a ring of (?P<ring>\d+) bits)?",
        "une règle pour du bruit {laws} à la fois{ring}",
    ),
    Reason(
        r"a rule for (?P<laws>[a-z ]+?) noise(?: in a ring of (?P<ring>\d+) bits)?",
        "une règle pour du bruit {laws}{ring}",
    ),
    Reason(
        f"a rule for {_NAME.format('symbol')} in a sum over {_NAME.format('cohort')} and elsewhere: they may differ by "
        "single members",
        "une règle pour {symbol} dans une somme sur {cohort} et ailleurs : elles peuvent différer d’un seul membre",
    ),
    Reason(
        f"a rule for functions of {_NAME.format('symbol')} within a sum over {_NAME.format('cohort')}",
        "une règle pour des fonctions de {symbol} dans une somme sur {cohort}",
    ),
    Reason(
        f"a rule for cohorts that may change between rounds which share {_NAME.format('symbol')}",
        "une règle pour des cohortes qui peuvent changer entre des tours où {symbol} est le même",
    ),
    Reason(
        f"a rule for sums over a part of {_NAME.format('group')} where (?P<apart>.*)",
        "une règle pour des sommes sur une partie de {group} là où les membres se distinguent : {apart}",
    ),
    Reason(
        f"discrete Gaussian noise of its own in message row {_N.format('row')}",
        "un bruit gaussien discret à lui dans la ligne {row} des messages",
    ),
    Reason(
        f"Laplace noise of its own in message row {_N.format('row')}",
        "un bruit de Laplace à lui dans la ligne {row} des messages",
    ),
    Reason(
        f"an integer certificate over more than {_N.format('count')} rows or noises that are tied together",
        "un certificat entier sur plus de lignes ou de bruits liés entre eux que {count}",
    ),
    Reason(
        "an epsilon of Laplace noise in the range of floats", "un epsilon de bruit de Laplace qu’un flottant contienne"
    ),
    Reason("the size of a noise that is still to be planned", "la taille d’un bruit qui reste à prévoir"),
    Reason(
        "integer noise with only a real certificate",
        "un certificat entier : le bruit est entier et n’a qu’un certificat réel",
    ),
    Reason(
        "noise in a combination of messages that shows the secret bare",
        "du bruit dans une combinaison de messages qui montre le secret à nu",
    ),
    Reason(
        r"a delta above the failure probability (?P<chance>\S+) of its certificate",
        "un delta supérieur à la probabilité {chance} que son certificat soit en défaut",
    ),
    Reason("a delta above 0, which noise of this kind needs", "un delta supérieur à 0, qu’un tel bruit demande"),
    Reason("a rule for (?P<what>.*)", "une règle pour {what}"),
)
