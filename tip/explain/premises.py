"""What each assumption of tip means: in plain words and in French, by its name.

The sentence of an `Assumption` is written for engineers, where it is made. Numbers in it are found again by the
pattern; each name ends with a pattern that fits any sentence. A name that is not here is told by its own sentence;
`tests/explain` sees to it that every name that tip uses is here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from tip.explain.ciphers import CIPHERS
from tip.explain.wording import Wording, reword

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tip.explain.tongue import Audience, Tongue
    from tip.privacy.guarantees import Assumption

_ANY: Final = ".*"
_N: Final = r"([\d,]+)"


def premise(assumption: Assumption, audience: Audience, tongue: Tongue) -> str:
    """What is assumed, without a full stop; its own English sentence where no words are known."""
    text = assumption.sentence.rstrip(".")
    known = PREMISES.get(assumption.name, ())
    return reword(known, text, audience, tongue) or text


PREMISES: Final[Mapping[str, tuple[Wording, ...]]] = {
    **CIPHERS,
    "ideal-sum": (
        Wording(
            _ANY,
            "whoever runs the rounds sees only totals, never what a single participant sent",
            "quiconque mène les tours ne voit que des totaux, jamais ce qu’un seul participant a envoyé",
            "le coordinateur ne voit que des sommes ; rien dans cette exécution ne l’impose",
        ),
    ),
    "seeded": (
        Wording(
            _ANY,
            "all chance in this run follows from one starting number in its plan, so this run shows how it works and "
            "protects nobody",
            "tout le hasard de cet essai découle d’un nombre de départ inscrit dans son plan ; cet essai montre donc "
            "comment cela marche et ne protège personne",
            "tout l’aléa découle de la graine du plan : cette exécution montre les mathématiques et ne protège "
            "personne",
        ),
    ),
    "seeded-before": (
        Wording(
            _ANY,
            "an earlier run drew its chance from one starting number, and whoever knows that number can undo what hid "
            "people then, so it protected nobody",
            "un essai antérieur tirait son hasard d’un nombre de départ ; quiconque le connaît peut défaire ce qui "
            "cachait alors les personnes, et cet essai n’a donc protégé personne",
            "une exécution antérieure partait d’une graine : qui la connaît peut en retirer le bruit, elle n’a donc "
            "protégé personne",
        ),
    ),
    "own-minimum": (
        Wording(
            f".*fewer than {_N} agents",
            "each participant’s device sends nothing in a round that would be published with fewer than {0} "
            "participants",
            "l’appareil de chacun n’envoie rien dans un tour qui serait publié avec moins de {0} participants",
            "un agent n’envoie rien dans un tour qui serait publié avec moins de {0} agents",
        ),
        Wording(
            _ANY,
            "each participant’s device sends nothing in a round that would be published with too few participants",
            "l’appareil de chacun n’envoie rien dans un tour qui serait publié avec trop peu de participants",
            "un agent n’envoie rien dans un tour qui serait publié avec trop peu d’agents",
        ),
    ),
    "colluders": (
        Wording(
            f"each of the {_N} enrolled agents.*",
            "the device of each of the {0} participants adds its own chance numbers, which hide the others as "
            "well, and tells them to nobody",
            "l’appareil de chacun des {0} participants ajoute ses propres nombres tirés au hasard, qui "
            "cachent aussi les autres, et ne les révèle à personne",
            "chacun des {0} agents inscrits ajoute son propre bruit et ne le révèle à personne",
        ),
        Wording(
            f"at most 1 of the {_N} (?:enrolled )?agents.*",
            "no more than one of the {0} participants tells others what it sees or leaves out the chance numbers "
            "that hide the others; the devices of all others, yours among them, add theirs and tell them to nobody",
            "parmi les {0} participants, un seul au plus révèle ce qu’il voit ou omet les nombres tirés au "
            "hasard qui cachent les autres ; les appareils de tous les autres, dont le vôtre, ajoutent les leurs et "
            "ne les révèlent à personne",
            "parmi les {0} agents inscrits, un seul au plus révèle ce qu’il voit ou omet son bruit ; tous les autres "
            "ajoutent le leur sans le révéler, et l’agent protégé est des leurs",
        ),
        Wording(
            f"at most {_N} of the {_N} (?:enrolled )?agents.*",
            "at most {0} of the {1} participants pool what they see or leave out the chance numbers that hide the "
            "others; the devices of all others, yours among them, add theirs and tell them to nobody",
            "parmi les {1} participants, au plus {0} mettent en commun ce qu’ils voient ou omettent les "
            "nombres tirés au hasard qui cachent les autres ; les appareils de tous les autres, dont le vôtre, "
            "ajoutent les leurs et ne les révèlent à personne",
            "parmi les {1} agents inscrits, au plus {0} mettent en commun ce qu’ils voient ou omettent leur bruit ; "
            "tous les autres ajoutent le leur sans le révéler, et l’agent protégé est des leurs",
        ),
        Wording(
            _ANY,
            "only so many participants as stated pool what they see; everybody else’s device adds the chance numbers "
            "that hide the others and tells them to nobody",
            "seuls les participants annoncés, pas davantage, mettent en commun ce qu’ils voient ; les appareils de "
            "tous les autres ajoutent les nombres tirés au hasard qui cachent chacun et ne les révèlent à personne",
            "seuls les agents annoncés mettent en commun ce qu’ils voient ; tous les autres ajoutent leur bruit et ne "
            "le révèlent à personne",
        ),
    ),
    "who-colludes": (
        Wording(
            _ANY,
            "nobody beyond those named here pools what they see with them, and you are not one of them",
            "personne d’autre que ceux qui sont nommés ici ne met en commun ce qu’il voit avec eux, et vous n’êtes "
            "pas des leurs",
            "personne hors de la coalition ne lui communique ce qu’il voit, et l’agent protégé n’en fait pas partie",
        ),
    ),
    "one-sum": (
        Wording(
            _ANY,
            "each round publishes one total over one set of participants, never two totals whose difference could be "
            "taken",
            "chaque tour publie un seul total sur un seul ensemble de participants, jamais deux totaux dont on "
            "pourrait faire la différence",
            "un tour publie une seule somme sur un seul ensemble d’agents, jamais deux dont on pourrait faire la "
            "différence",
        ),
    ),
    "presence": (
        Wording(
            r".*\banswer",
            "whether and when your device reports does not depend on your answer",
            "que votre appareil envoie ou non, et le moment où il le fait, ne dépend pas de votre réponse",
            "qu’un agent envoie un rapport, et à quel moment, ne dépend pas de sa réponse",
        ),
        Wording(
            _ANY,
            "whether you are enrolled, and whether, when and how much your device sends, does not depend on your data",
            "votre inscription, et le fait que votre appareil envoie, quand et en quelle quantité, ne dépendent pas "
            "de vos données",
            "l’inscription d’un agent, et le fait, le moment et la taille de ses envois, ne dépendent pas de ses "
            "données",
        ),
    ),
    "own-count": (
        Wording(
            _ANY,
            "each participant’s device counts the rounds that it takes part in and stops at the limit",
            "l’appareil de chacun compte les tours auxquels il participe et s’arrête à la limite",
            "chaque agent compte les tours auxquels il participe et s’arrête à la limite",
        ),
    ),
    "aes-256": (
        Wording(
            _ANY,
            "the encryption that also makes the chance numbers is not broken",
            "le chiffrement, dont viennent aussi les nombres tirés au hasard, n’est pas brisé",
            "le flux de clé d’AES-256 sous une clé inconnue ne se distingue pas de bits aléatoires",
        ),
    ),
    "ledger": (
        Wording(
            _ANY,
            "everything that was ever published about these people was written down and nothing was struck out, one "
            "name is one person in all runs, and each time no more than the stated share of people pooled what they "
            "saw",
            "tout ce qui a jamais été publié sur ces personnes a été consigné sans que rien en soit rayé, un nom "
            "désigne une seule personne dans tous les essais, et chaque fois pas plus que la part annoncée des "
            "personnes a mis en commun ce qu’elle voyait",
            "toute publication sur ces agents figure au registre, nul n’en a retiré de ligne, une identité est une "
            "personne dans toutes les exécutions, et dans chacune au plus la part annoncée des agents inscrits a mis "
            "en commun ce qu’elle voyait",
        ),
    ),
    "own-device": (
        Wording(
            _ANY,
            "your answer is changed by chance on your own device, before anything leaves it",
            "votre réponse est modifiée au hasard sur votre propre appareil, avant que quoi que ce soit en sorte",
            "la réponse est brouillée sur l’appareil même de l’agent, avant que quoi que ce soit en sorte",
        ),
    ),
    "one-report": (
        Wording(
            _ANY,
            "your device reports once; each further report would be charged again",
            "votre appareil n’envoie qu’une fois ; tout envoi supplémentaire compterait de nouveau",
            "un agent envoie un seul rapport ; tout rapport supplémentaire est compté de nouveau",
        ),
    ),
    "kept": (
        Wording(
            _ANY,
            "the lasting answer that your device draws for each state is drawn once, kept secret and never drawn anew",
            "la réponse durable que votre appareil tire pour chaque état est tirée une fois, gardée secrète et jamais "
            "tirée de nouveau",
            "la réponse permanente à chaque état est tirée une seule fois, gardée secrète et jamais tirée de nouveau",
        ),
    ),
    "pattern": (
        Wording(
            _ANY,
            "in which rounds your state changes, or becomes again what it was, is no secret",
            "les tours où votre état change, ou redevient ce qu’il était, ne sont pas un secret",
            "les tours où l’état change, ou revient à un état antérieur, ne sont pas un secret",
        ),
    ),
    "cells": (
        Wording(
            _ANY,
            "distance is that between the centers of the squares of a map: two places in adjacent squares are one "
            "square apart",
            "la distance est celle des centres des cases d’une carte : deux lieux situés dans des cases voisines sont "
            "à une case l’un de l’autre",
            "la distance est celle des centres des cellules : deux lieux de cellules voisines sont à une cellule l’un "
            "de l’autre",
        ),
    ),
    "real-arithmetic": (
        Wording(
            _ANY,
            "the chance numbers are exact, not rounded as a computer rounds them",
            "les nombres tirés au hasard sont exacts, non arrondis comme le fait un ordinateur",
            "le bruit est tiré et envoyé en arithmétique réelle, non en virgule flottante",
        ),
    ),
    "independent-noise": (
        Wording(
            _ANY,
            "each device draws its chance numbers by itself, afresh each time, and tells them to nobody but those for "
            "whom they are meant",
            "chaque appareil tire ses nombres au hasard de son côté, à nouveau chaque fois, et ne les révèle qu’à "
            "ceux à qui ils sont destinés",
            "les bruits sont tirés indépendamment, selon la loi déclarée, et ne sont connus que de ceux que le flux "
            "nomme",
        ),
    ),
    "graph-drawn-before": (
        Wording(
            _ANY,
            "those who pool what they see were chosen before it was drawn by lot who exchanges with whom",
            "ceux qui mettent en commun ce qu’ils voient ont été choisis avant que l’on tire au sort qui échange avec "
            "qui",
            "la coalition est fixée avant le tirage du graphe, et le tirage ne dépend pas des données",
        ),
    ),
    "masks-pseudorandom": (
        Wording(
            _ANY,
            "the encryption from which the covering numbers come that cancel out in the total is not broken",
            "le chiffrement d’où viennent les nombres couvrants, qui s’annulent dans le total, n’est pas brisé",
            "les masques, tirés d’un générateur pseudo-aléatoire, ne se distinguent pas de nombres uniformes",
        ),
    ),
    "declared": (
        Wording(
            _ANY,
            "nobody sees more than is described here, and every message says what is described",
            "personne ne voit plus que ce qui est décrit ici, et chaque message dit ce qui est décrit",
            "nul ne voit plus que ce que le flux déclare, et chaque message dit ce que dit le flux",
        ),
    ),
    "public-graph": (
        Wording(
            _ANY,
            "who exchanges with whom follows from a number that everybody can check",
            "qui échange avec qui découle d’un nombre que chacun peut vérifier",
            "le graphe est celui que donne sa graine publique",
        ),
    ),
    "spectral-certificate": (
        Wording(
            r".*probability (\S+), counted in delta",
            "a piece of luck on which it builds does not fail; the tiny chance that it does is counted in",
            "un hasard sur lequel elle s’appuie ne fait pas défaut ; le risque infime qu’il le fasse est compté",
            "une défaillance indépendante des données, de probabilité {0}, est comptée dans delta",
        ),
        Wording(
            _ANY,
            "a calculation about who exchanges with whom was right; the tiny chance that it was not is counted in",
            "un calcul sur qui échange avec qui était juste ; le risque infime qu’il ne le soit pas est compté",
            "le certificat spectral du graphe tient ; la probabilité de son échec figure dans delta, et son aléa est "
            "indépendant des données",
        ),
    ),
    "shuffler": (
        Wording(
            f"(.+) mixes at least {_N} honest reports.*",
            "“{0}” mixes the answers of at least {1} honest people before handing them on, without names, times or "
            "sizes, and tells nobody what it saw",
            "« {0} » mélange les réponses d’au moins {1} personnes honnêtes avant de les transmettre, sans noms, "
            "heures ni tailles, et ne dit à personne ce qu’il a vu",
            "« {0} » mélange au moins {1} rapports honnêtes avant de les transmettre, sans noms, heures ni tailles, "
            "et ne révèle à personne ce qu’il a vu",
        ),
        Wording(
            _ANY,
            "the answers of enough honest people are mixed before they are handed on, and who mixes them tells nobody "
            "what it saw",
            "les réponses d’assez de personnes honnêtes sont mélangées avant d’être transmises, et qui les mélange ne "
            "dit à personne ce qu’il a vu",
            "assez de rapports honnêtes sont mélangés avant d’être transmis, et le mélangeur ne révèle rien",
        ),
    ),
    "parties-apart": (
        Wording(
            "(.+), outside the coalition, tell it nothing.*",
            "whoever sees more (“{0}”) passes nothing on to them but what is described here",
            "qui en voit plus (« {0} ») ne leur transmet rien d’autre que ce qui est décrit ici",
            "{0}, hors de la coalition, ne lui transmettent que ce qui est déclaré",
        ),
        Wording(
            _ANY,
            "whoever sees more passes nothing on to them but what is described here",
            "qui en voit plus ne leur transmet rien d’autre que ce qui est décrit ici",
            "qui est hors de la coalition ne lui transmet que ce qui est déclaré",
        ),
    ),
    "shuffler-honest": (
        Wording(
            _ANY,
            "whoever mixes the answers really mixes them, strips them of names, times and sizes, and tells nobody "
            "what it saw",
            "qui mélange les réponses les mélange vraiment, en ôte noms, heures et tailles, et ne dit à personne ce "
            "qu’il a vu",
            "le mélangeur mélange vraiment, ôte noms, heures et tailles, et ne fait pas partie de la coalition",
        ),
    ),
    "fresh-sample": (
        Wording(
            _ANY,
            "who takes part is drawn by lot afresh each time, each person by themselves, and those named here do not "
            "learn who it was",
            "qui participe est tiré au sort à nouveau chaque fois, chacun de son côté, et ceux qui sont nommés ici "
            "n’apprennent pas qui c’était",
            "l’échantillon est de Poisson, tiré à nouveau pour chaque tour, employé une seule fois et inconnu de la "
            "coalition",
        ),
    ),
}
