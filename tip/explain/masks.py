"""Masked rounds in words: who shares masks with whom, who can take them off, and what that buys.

The figures are those of a plan (`tip.plan.masking`), as plain numbers: this room knows no protocol. Counts are exact;
the mean number of neighbors is rounded to a whole one, the probability of failure upward.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from typing import TYPE_CHECKING, Any, Final

from tip.errors import ConfigurationError
from tip.explain.tongues import check_audience, tongue_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tip.explain.tongue import Audience, Language, Tongue


_KINDS: Final = ("curious", "malicious")
_GRAPHS: Final = ("drawn", "ring", "complete")


@dataclass(frozen=True, slots=True)
class Masked:
    """The public numbers of masked rounds.

    `invited` agents, of whom at most `corrupt` are corrupt; `graph`: "drawn", "ring" or "complete"; `neighbors`: with
    how many others an agent shares masks, in the mean; `degree`: of them hold its shares, `threshold` open a secret.
    `minimum`: of roster, sum and consents; `samples`: consents that an agent verifies; `honest`: honest vectors in a
    sum at least; `failure`: the probability, over all `rounds`, that a condition fails; `dropouts`: planned in a round;
    `gives_up`: the probability that so many by chance end it.
    """

    invited: int
    corrupt: int
    dropouts: int
    coordinator: str
    graph: str
    neighbors: int
    degree: int
    threshold: int
    minimum: int
    samples: int
    honest: int
    rounds: int
    failure: float
    gives_up: float

    @classmethod
    def from_json(cls, told: Mapping[str, Any]) -> Masked:
        """From what `dataclasses.asdict` gave; raises `ConfigurationError` for anything else."""
        kinds: dict[str, type | tuple[type, ...]] = {
            "coordinator": str,
            "graph": str,
            "failure": (int, float),
            "gives_up": (int, float),
        }
        names = [part.name for part in fields(cls)]
        fits = told.keys() == set(names) and all(
            isinstance(told[name], kinds.get(name, int)) and not isinstance(told[name], bool) for name in names
        )
        if not fits or told["coordinator"] not in _KINDS or told["graph"] not in _GRAPHS:
            raise ConfigurationError("these are no numbers of masked rounds")
        return cls(**told)

    @property
    def spare(self) -> int:
        """Holders that may fall silent."""
        return self.degree - self.threshold


def masks_in_words(masked: Masked, audience: Audience = "engineer", language: Language = "en") -> tuple[str, ...]:
    """How masked rounds are set up and what that buys, as sentences; for participants without a term of the trade."""
    check_audience(audience)
    tongue = tongue_of(language)
    table = _WORDS[language]["participant" if audience == "participant" else "engineer"]
    places = _places(masked, tongue)
    return tuple(table[name].format(**places) for name in _chosen(masked) if name in table)


def _chosen(masked: Masked) -> tuple[str, ...]:
    """Which sentences are true of these rounds, in their order."""
    malicious = masked.coordinator == "malicious"
    every = masked.samples >= masked.minimum
    return (
        masked.graph,
        "opens",
        "refuses",
        *(("verifies all" if every else "verifies",) if malicious else ()),
        "malicious" if malicious else "curious",
        *(("fails",) if masked.failure else ("never",)),
        *(("spare",) if masked.dropouts else ()),
    )


def _places(masked: Masked, tongue: Tongue) -> dict[str, str]:
    counts = {name: tongue.count(value) for name, value in asdict(masked).items() if isinstance(value, int)}
    figures = {"failure": tongue.figure(masked.failure), "gives_up": tongue.figure(masked.gives_up)}
    return {**counts, **figures, "spare": tongue.count(masked.spare)}


_ENGINEER: Final = {
    "drawn": "Each agent shares masks with about {neighbors} others. {degree} of them hold shares of its two secrets: "
    "it draws these holders by a seed to which it committed before the roster was known.",
    "ring": "The {invited} agents stand in a ring, permuted by chance; the {degree} nearest share masks with an agent "
    "and hold shares of its two secrets.",
    "complete": "Each agent shares masks with all others, up to {neighbors}, and they hold shares of its two secrets.",
    "opens": "{threshold} of {degree} shares open a secret, fewer tell nothing. An agent opens one secret of each "
    "other agent and never both, so that a vector is either in the sum or stays masked.",
    "refuses": "An agent refuses rosters, sums and consents of fewer than {minimum} agents.",
    "verifies": "Before it opens anything, an agent verifies {samples} consents to the set that is summed, drawn by "
    "its own chance from all that are claimed: a second set in the same round does not pass.",
    "verifies all": "Before it opens anything, an agent verifies all consents to the set that is summed: a second set "
    "in the same round does not pass.",
    "malicious": "That buys: whatever a malicious coordinator does together with {corrupt} of the {invited} agents, a "
    "sum holds the vectors of at least {honest} honest ones, and a round yields one sum.",
    "curious": "That buys: a coordinator that follows the protocol learns, together with {corrupt} of the {invited} "
    "agents, one sum a round, with the vectors of at least {honest} honest ones. Against one that deviates nothing is "
    "promised.",
    "fails": "It fails with a probability of at most {failure} over all {rounds} rounds, which is counted in delta.",
    "never": "It rests on counting alone and has no probability of failure.",
    "spare": "Where {dropouts} drop out by chance and nobody breaks the protocol, a round ends with a sum but for a "
    "probability of {gives_up}; each agent has {spare} holders to spare.",
}
_PARTICIPANT: Final = {
    "drawn": "Your device covers what it sends with secret numbers that it shares with about {neighbors} others and "
    "that cancel out in the total. {degree} of them, whom it draws by lot, each keep a part of the key to these "
    "numbers.",
    "ring": "Your device covers what it sends with secret numbers that it shares with {degree} others, drawn by lot, "
    "and that cancel out in the total. Each of them keeps a part of the key to these numbers.",
    "complete": "Your device covers what it sends with secret numbers that it shares with all others and that cancel "
    "out in the total. Each of them keeps a part of the key to these numbers.",
    "opens": "It takes {threshold} of these parts to open a key, and fewer tell nothing; nobody helps to open what "
    "would show you alone.",
    "refuses": "Your device takes no part where fewer than {minimum} people do.",
    "verifies": "Before it helps to open a total, it checks the signatures of {samples} others, drawn by lot, so that "
    "there is only one total.",
    "verifies all": "Before it helps to open a total, it checks the signatures of all others, so that there is only "
    "one total.",
    "malicious": "So even if whoever runs the rounds cheats, together with {corrupt} of the {invited} participants, "
    "each total holds what at least {honest} honest people sent.",
    "curious": "So if whoever runs the rounds keeps to the rules, they learn only totals, each of what at least "
    "{honest} honest people sent, even together with {corrupt} of the {invited} participants.",
    "fails": "There is a tiny chance that this fails, and it is counted in.",
}
_INGENIEUR: Final = {
    "drawn": "Chaque agent partage des masques avec environ {neighbors} autres. {degree} d’entre eux détiennent des "
    "parts de ses deux secrets\u00a0: il tire ces dépositaires d’une graine sur laquelle il s’est engagé avant que la "
    "liste soit connue.",
    "ring": "Les {invited} agents forment un anneau, permuté au hasard\u202f; les {degree} plus proches partagent des "
    "masques avec un agent et détiennent des parts de ses deux secrets.",
    "complete": "Chaque agent partage des masques avec tous les autres, jusqu’à {neighbors}, qui détiennent des parts "
    "de ses deux secrets.",
    "opens": "Il faut {threshold} parts sur {degree} pour ouvrir un secret\u202f; moins n’apprennent rien. Un agent "
    "n’ouvre qu’un secret de chaque autre agent, jamais les deux\u00a0: un vecteur est dans la somme ou reste masqué.",
    "refuses": "Un agent refuse les listes, les sommes et les accords de moins de {minimum} agents.",
    "verifies": "Avant d’ouvrir quoi que ce soit, un agent vérifie {samples} accords sur l’ensemble sommé, tirés par "
    "son propre hasard parmi tous ceux qui sont annoncés\u00a0: un second ensemble dans le même tour ne passe pas.",
    "verifies all": "Avant d’ouvrir quoi que ce soit, un agent vérifie tous les accords sur l’ensemble sommé\u00a0: "
    "un second ensemble dans le même tour ne passe pas.",
    "malicious": "Ce que cela garantit\u00a0: quoi que fasse un coordinateur malveillant avec {corrupt} des {invited} "
    "agents, une somme contient les vecteurs d’au moins {honest} agents honnêtes, et un tour donne une seule somme.",
    "curious": "Ce que cela garantit\u00a0: un coordinateur qui suit le protocole n’apprend, avec {corrupt} des "
    "{invited} agents, qu’une somme par tour, des vecteurs d’au moins {honest} agents honnêtes. Rien n’est promis "
    "contre un coordinateur qui s’en écarte.",
    "fails": "Cela échoue avec une probabilité d’au plus {failure} sur l’ensemble des {rounds} tours, comptée dans "
    "delta.",
    "never": "Cela repose sur un simple décompte et ne peut échouer.",
    "spare": "Si {dropouts} abandonnent au hasard et que nul ne s’écarte du protocole, un tour donne une somme, sauf "
    "avec une probabilité de {gives_up}\u202f; chaque agent a {spare} dépositaires de réserve.",
}
_PERSONNE: Final = {
    "drawn": "Votre appareil couvre ce qu’il envoie de nombres secrets, qu’il partage avec environ {neighbors} autres "
    "et qui s’annulent dans le total. {degree} d’entre eux, tirés au sort par lui, gardent chacun une part de la clé "
    "de ces nombres.",
    "ring": "Votre appareil couvre ce qu’il envoie de nombres secrets, qu’il partage avec {degree} autres, tirés au "
    "sort, et qui s’annulent dans le total. Chacun d’eux garde une part de la clé de ces nombres.",
    "complete": "Votre appareil couvre ce qu’il envoie de nombres secrets, qu’il partage avec tous les autres et qui "
    "s’annulent dans le total. Chacun d’eux garde une part de la clé de ces nombres.",
    "opens": "Il faut {threshold} de ces parts pour ouvrir une clé, et moins n’apprennent rien\u202f; personne n’aide "
    "à ouvrir ce qui vous montrerait seul.",
    "refuses": "Votre appareil ne participe pas là où moins de {minimum} personnes le font.",
    "verifies": "Avant d’aider à ouvrir un total, il vérifie les signatures de {samples} autres, tirés au sort, pour "
    "qu’il n’y ait qu’un seul total.",
    "verifies all": "Avant d’aider à ouvrir un total, il vérifie les signatures de tous les autres, pour qu’il n’y "
    "ait qu’un seul total.",
    "malicious": "Ainsi, même si quiconque mène les tours triche avec {corrupt} des {invited} participants, chaque "
    "total contient ce qu’au moins {honest} personnes honnêtes ont envoyé.",
    "curious": "Ainsi, si quiconque mène les tours en respecte les règles, il n’apprend que des totaux, chacun de ce "
    "qu’au moins {honest} personnes honnêtes ont envoyé, même avec {corrupt} des {invited} participants.",
    "fails": "Il y a un risque infime que cela échoue, et il est compté.",
}
_WORDS: Final[Mapping[Language, Mapping[str, Mapping[str, str]]]] = {
    "en": {"engineer": _ENGINEER, "participant": _PARTICIPANT},
    "fr": {"engineer": _INGENIEUR, "participant": _PERSONNE},
}
