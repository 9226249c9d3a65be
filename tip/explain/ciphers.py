"""What masked sums assume of ciphers, keys and parties: in plain words and in French, by its name.

Participants read one sentence about all ciphers together; engineers read one for each.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from tip.explain.wording import Wording

if TYPE_CHECKING:
    from collections.abc import Mapping

_ANY: Final = ".*"
_ENGLISH: Final = "the ciphers, signatures and fingerprints that devices use are not broken"
_FRENCH: Final = "les chiffrements, signatures et empreintes des appareils ne sont pas brisés"


def _cipher(exact: str) -> tuple[Wording, ...]:
    return (Wording(_ANY, _ENGLISH, _FRENCH, exact),)


CIPHERS: Final[Mapping[str, tuple[Wording, ...]]] = {
    "x25519": _cipher(
        "le problème de Diffie-Hellman à oracle de décision est difficile sur Curve25519, de sorte que les clés que "
        "HKDF tire des secrets X25519 ne se distinguent pas de clés aléatoires",
    ),
    "aes-256-gcm": _cipher("nul ne lit ni ne fabrique sans la clé ce que scelle AES-256-GCM"),
    "ed25519": _cipher("nul n’appose sans la clé Ed25519 d’un agent une signature qui se vérifie sous elle"),
    "sha-256": _cipher(
        "nul ne trouve deux antécédents d’une même empreinte SHA-256, et HKDF se comporte comme une fonction aléatoire"
    ),
    "identity-keys": (
        Wording(
            _ANY,
            "each device knows the true digital identity of every other, and nobody has two of them",
            "chaque appareil connaît la véritable identité numérique de tous les autres, et personne n’en a deux",
            "chaque agent connaît depuis l’inscription les vraies clés d’identité de tous les autres, une par agent",
        ),
    ),
    "follows-protocol": (
        Wording(
            _ANY,
            "whoever runs the rounds keeps to the rules, though they may look at everything that they get",
            "quiconque mène les tours en respecte les règles, même s’il regarde tout ce qu’il reçoit",
            "le coordinateur suit le protocole, quoi qu’il garde et mette en commun",
        ),
    ),
    "chance-dropouts": (
        Wording(
            _ANY,
            "it is by chance whose device falls silent in a round, and no more do than planned for",
            "c’est le hasard qui décide des appareils qui se taisent pendant un tour, pas plus nombreux que prévu",
            "les agents abandonnent au hasard, indépendamment du graphe, et pas plus que la part prévue",
        ),
    ),
}
