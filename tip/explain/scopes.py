"""What a guarantee covers: scopes in plain words and in French."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from tip.explain.wording import Wording, reword

if TYPE_CHECKING:
    from tip.explain.tongue import Audience, Tongue

_N: Final = r"([\d,]+)"


def scope_in_words(scope: str, audience: Audience, tongue: Tongue) -> str:
    """The scope; what no wording knows is quoted for participants and for French readers."""
    said = _known(scope, audience, tongue)
    if said is not None:
        return said
    return scope if audience != "participant" and tongue.language == "en" else tongue.quoted(scope)


def _known(scope: str, audience: Audience, tongue: Tongue) -> str | None:
    """A wording that knows it; reports about a question and composed scopes are read part by part."""
    said = reword(SCOPES, scope, audience, tongue)
    if said is not None:
        return said
    parts = [_known(part, audience, tongue) for part in scope.split("; ")] if "; " in scope else [None]
    return "; ".join(part for part in parts if part is not None) if None not in parts else None


SCOPES: Final[tuple[Wording, ...]] = (
    Wording(
        f"the sums of all {_N} rounds and every model made from them; each agent takes part in {_N}",
        "the totals of all {0} rounds and everything that is made from them; each participant takes part in {1}",
        "les totaux de tous les tours, au nombre de {0}, et tout ce qui en est tiré ; chacun participe à {1} d’entre "
        "eux",
        "les sommes de tous les tours, au nombre de {0}, et tout modèle qui en est tiré ; chaque agent participe à "
        "{1} d’entre eux",
    ),
    Wording(
        f"the sums of all {_N} rounds and every model made from them; each agent may take part in all",
        "the totals of all {0} rounds and everything that is made from them; each participant may take part in all",
        "les totaux de tous les tours, au nombre de {0}, et tout ce qui en est tiré ; chacun peut participer à tous",
        "les sommes de tous les tours, au nombre de {0}, et tout modèle qui en est tiré ; chaque agent peut "
        "participer à tous",
    ),
    Wording(
        "all runs of this ledger so far, this one included.*",
        "all runs so far, this one included: the totals of all their rounds and everything that is made from them",
        "tous les essais jusqu’ici, celui-ci compris : les totaux de tous leurs tours et tout ce qui en est tiré",
        "toutes les exécutions de ce registre, celle-ci comprise : les sommes de tous leurs tours et tous leurs "
        "modèles",
    ),
    Wording(
        r'one report about "(.*)" \((.*)\), and every figure that is made from it',
        "one report about “{0}”, and every figure that is made from it",
        "un seul envoi sur « {0} », et tout chiffre qui en est tiré",
        "un rapport sur « {0} » ({1}), et tout chiffre qui en est tiré",
    ),
    Wording(
        "(?!.*; )(.*), mixed with others by (.*)",
        "one report, mixed with those of others by “{1}”",
        "un seul envoi, mélangé à ceux des autres par « {1} »",
        "« {0} », mélangé à d’autres par « {1} »",
    ),
    Wording(r"one report of (\S+)", "one report", "un seul envoi", "un rapport ({0})"),
    Wording(
        f"{_N} reports of (\\S+), whatever changes between them",
        "so many reports, whatever changes between them: {0}",
        "un certain nombre d’envois, quoi qu’il change entre eux : {0}",
        "des rapports ({1}), quoi qu’il change entre eux, au nombre de {0}",
    ),
    Wording(
        r"all reports of (\S+) in any number of rounds, of an unchanged \S+",
        "all your reports in any number of rounds, as long as nothing about you changes",
        "tous vos envois, quel que soit le nombre de tours, tant que rien ne change chez vous",
        "tous les rapports ({0}), quel que soit le nombre de tours, d’un état inchangé",
    ),
    Wording(
        f"all reports of (\\S+) in any number of rounds, of at most {_N} different \\S+",
        "all your reports in any number of rounds, as long as you are in no more different states than this: {1}",
        "tous vos envois, quel que soit le nombre de tours, tant que vous ne passez pas par plus d’états différents "
        "que ceci : {1}",
        "tous les rapports ({0}), quel que soit le nombre de tours, d’états différents au nombre d’au plus {1}",
    ),
    Wording(
        "one place moved by continuous planar Laplace noise",
        "one place, moved by chance",
        "un lieu, déplacé au hasard",
        "un lieu déplacé par un bruit de Laplace plan continu",
    ),
    Wording(
        r"all messages of the flow '(.*)' \((.*)\), all rounds",
        "all messages that are described under the name “{0}”, in all rounds",
        "tous les messages décrits sous le nom « {0} », pour tous les tours",
        "tous les messages du flux « {0} » ({1}), pour tous les tours",
    ),
    Wording(
        rf"all messages of the flow '(.*)' \((.*)\), all rounds; about agent {_N} alone",
        "all messages that are described under the name “{0}”, in all rounds; this is about one participant alone, "
        "whose number is {2}",
        "tous les messages décrits sous le nom « {0} », pour tous les tours ; cela ne concerne qu’un seul "
        "participant, dont le numéro est {2}",
        "tous les messages du flux « {0} » ({1}), pour tous les tours ; ne concerne que l’agent {2}",
    ),
)
