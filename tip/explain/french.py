"""French: every sentence that is said in it.

Spaces that do not break stand as they are printed in French: U+00A0 before « : » and inside « », U+202F before
« ; ? ! » and between thousands.
"""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Final

from tip.explain.figures import french, french_count, french_figure, french_least
from tip.explain.reasons import LAWS
from tip.explain.steps_french import FRENCH_STEPS
from tip.explain.tongue import Drawn, Exact, Plain, Sights, Staged, Tongue, Who
from tip.privacy.coalitions import COORDINATOR, NETWORK, Chosen
from tip.privacy.guarantees import Kind, Neighboring, Security, Status, Unit
from tip.privacy.rounding import up

if TYPE_CHECKING:
    from fractions import Fraction


def _agents(share: Fraction, chosen: str) -> str:
    percent = 100 * share
    if (percent * 100).denominator == 1:
        told = french(f"{Decimal(percent.numerator) / Decimal(percent.denominator):f}")
        return f"n’importe quels {told} % des agents inscrits ({chosen})"
    told = f"{french_count(share.numerator)} sur {french_count(share.denominator)}"
    return f"{told} des agents inscrits, quels qu’ils soient ({chosen})"


def _people(share: Fraction, chosen: str) -> str:
    base = share.denominator if 100 % share.denominator else 100
    some = int(share * base)
    whom = "d’un participant" if some == 1 else f"de {french_count(some)} participants"
    return f"n’importe quel groupe {whom} sur {french_count(base)} ({chosen})"


def _joined(members: list[str]) -> str:
    return " et ".join(part for part in (", ".join(members[:-1]), members[-1]) if part)


def _trade_off(alarms: int, hits: int, base: int, question: str, truth: str) -> str:
    of, alerts = french_count(base), "fausse alerte" if alarms == 1 else "fausses alertes"
    return (
        f"Supposons que ces observateurs cherchent à savoir, pour {of} personnes comme vous, {question}. "
        f"S’ils acceptent {french_count(alarms)} {alerts} sur {of}, ils reconnaissent {truth} dans au plus "
        f"{french_count(hits)} cas sur {of} (en devinant au hasard : {french_count(alarms)})."
    )


_WHO: Final = Who(
    parties={COORDINATOR: "le coordinateur", NETWORK: "quelqu’un qui épie le réseau"},
    does={COORDINATOR: ", qui mène les tours", NETWORK: " et voit qui envoie, quand et combien"},
    plainly={COORDINATOR: "quiconque mène les tours", NETWORK: "quiconque épie le réseau"},
    does_plainly={NETWORK: " et voit ainsi qui envoie, quand et combien"},
    chosen={
        Chosen.BEFORE_RANDOMNESS: "dont le choix précède tout tirage au sort",
        Chosen.ADAPTIVE: "dont le choix peut se faire à tout moment",
    },
    agents=_agents,
    people=_people,
    joined=_joined,
    pooled=", qui mettent en commun tout ce qu’ils voient",
    world="quiconque voit tout ce qui est publié",
    against="Contre {who}.",
)

_PLAIN: Final = Plain(
    questions={
        Neighboring.REPLACE_ONE: "si les données mises à la place de chacune sont bien les siennes ou de tout autres",
        Neighboring.ADD_REMOVE_ONE: "si chacune a participé",
        Neighboring.ZERO_OUT: "si chacune a donné ses données ou n’a rien donné",
    },
    truths={
        Neighboring.REPLACE_ONE: "les vraies données d’une personne",
        Neighboring.ADD_REMOVE_ONE: "la participation d’une personne",
        Neighboring.ZERO_OUT: "les données d’une personne",
    },
    yours={
        Neighboring.REPLACE_ONE: "si les données mises à votre place sont bien les vôtres ou de tout autres",
        Neighboring.ADD_REMOVE_ONE: "si vous avez participé",
        Neighboring.ZERO_OUT: "si vous avez donné vos données ou n’avez rien donné",
    },
    trade_off=_trade_off,
    no_limit="Rien ne limite la certitude avec laquelle ces observateurs peuvent savoir {question}.",
    metric="Plus deux de vos réponses possibles sont éloignées ({distance}), mieux ces observateurs peuvent les "
    "distinguer : proches, elles se distinguent difficilement ; lointaines, aisément.",
    distances={
        "meters (euclidean)": "en mètres, à vol d’oiseau",
        "meters (manhattan)": "en mètres, le long de rues en damier",
    },
    units={
        Unit.AGENT: "La promesse couvre tout ce que vous apportez, tous tours confondus.",
        Unit.RECORD: "La promesse couvre n’importe laquelle de vos fiches, mais non toutes à la fois.",
    },
    one_report="La promesse couvre un seul envoi ; tout envoi supplémentaire compterait de nouveau.",
    relations={
        Neighboring.REPLACE_ONE: "La promesse compare vos données à n’importe quelles autres mises à leur place ; que "
        "vous participiez n’est pas un secret.",
        Neighboring.ADD_REMOVE_ONE: "La promesse compare le fait de participer à celui de ne pas participer.",
        Neighboring.ZERO_OUT: "La promesse compare vos données à une contribution vide mise à leur place.",
    },
    scope="Ce qui est couvert : {scope}.",
    statuses={
        Status.PROVEN: "C’est démontré mathématiquement, pourvu que ce sur quoi cela repose soit vrai.",
        Status.IDEALIZED: "C’est démontré pour des nombres exacts, non pour les nombres arrondis dont se sert un "
        "ordinateur.",
        Status.SIMULATED: "Ceci est une simulation : rien n’est vraiment promis, car quiconque en connaît le nombre "
        "de départ peut défaire tout ce qui vous cache.",
        Status.NOT_PROVEN: "Ce n’est pas démontré.",
    },
    strong_cryptography="La promesse vaut contre tous ceux qui ne peuvent pas briser le chiffrement employé, ce dont "
    "aucun ordinateur actuel n’est capable.",
    weak_cryptography="La promesse ne vaut que contre ceux qui ne peuvent pas briser le chiffrement employé.",
    remains="Ce qui reste possible : c’est une limite, pas une absence totale de risque. En deçà, ces observateurs "
    "peuvent apprendre quelque chose sur vous, et ils apprennent ce qui est vrai des gens en général. Si l’une des "
    "choses sur lesquelles la promesse repose n’est pas vraie, ils peuvent en apprendre davantage, au pire vos "
    "données.",
    all_remains="Ce qui reste possible : tout. La règle est respectée, mais elle est trop lâche pour vous protéger de "
    "ces observateurs.",
    unenforced="Attention, rien ne l’impose : {sentence}.",
    caveat="Attention : {sentence}.",
    relies="La promesse repose sur ceci :",
    relies_again="La promesse repose sur ce qui est indiqué plus haut.",
    relies_besides="La promesse repose sur ce qui est indiqué plus haut et sur ceci :",
    item="– {sentence}",
    opens="Ceci n’est pas protégé :",
    not_proven="Rien n’est promis ici, car rien n’est démontré : faites comme s’ils pouvaient apprendre vos données.",
    leak="Ils peuvent lire exactement votre réponse.",
)

_EXACT: Final = Exact(
    figures="epsilon = {epsilon}, delta = {delta} ({kind} ; unité : {unit} ; {neighboring} ; coalition "
    "« {coalition} »).",
    metric_figures="epsilon = {epsilon}, delta = {delta} par unité de distance « {distance} » ; unité : {unit}.",
    ledger="Registre de delta : conversion {conversion}, défaillances indépendantes des données {failures}, distances "
    "entre lois {distances}.",
    curves={
        "mu": "La courbe sous-jacente : mu = {value} (confidentialité différentielle gaussienne).",
        "rho": "La courbe sous-jacente : rho = {value} (confidentialité différentielle concentrée en zéro).",
    },
    rates="Taux de détection du meilleur test selon le taux de fausses alertes : au plus {rates}.",
    at="{bound} à {where}",
    odds="La cote d’une des deux hypothèses augmente d’un facteur supérieur à {factor} avec une probabilité d’au plus "
    "{tail} (queue de la perte de confidentialité).",
    pure_odds="Aucune observation n’augmente la cote d’une des deux hypothèses d’un facteur supérieur à e^{epsilon}.",
    scope="Portée : {scope}.",
    assumed="Hypothèse ({name}) : {sentence}.",
    statuses={
        Status.PROVEN: "Démontré.",
        Status.IDEALIZED: "Idéalisé : démontré pour des nombres réels, non pour les nombres arrondis d’un ordinateur.",
        Status.SIMULATED: "Ceci est une simulation : rien n’est vraiment promis, car la graine révèle tout le bruit.",
        Status.NOT_PROVEN: "Non démontré.",
    },
    cryptography="La garantie vaut contre tous ceux qui ne peuvent pas casser la cryptographie employée{work}.",
    work=" (ce qui demande environ 2^{bits} opérations)",
    units={Unit.AGENT: "agent", Unit.RECORD: "enregistrement"},
    kinds={
        Kind.PURE: "pure",
        Kind.APPROXIMATE: "approchée",
        Kind.ZCDP: "concentrée (zCDP)",
        Kind.GDP: "gaussienne (GDP)",
        Kind.METRIC: "métrique",
    },
    securities={
        Security.STATISTICAL: "statistique (quelle que soit la puissance de calcul)",
        Security.COMPUTATIONAL: "calculatoire",
    },
    relations={
        Neighboring.REPLACE_ONE: "remplacement d’un agent",
        Neighboring.ADD_REMOVE_ONE: "ajout ou retrait d’un agent",
        Neighboring.ZERO_OUT: "mise à zéro d’un agent",
    },
    labels={
        Status.PROVEN: "démontré",
        Status.IDEALIZED: "idéalisé",
        Status.SIMULATED: "simulé",
        Status.NOT_PROVEN: "non démontré",
    },
    reviewed="Statut : {status}. Sécurité : {security}. Relation de voisinage : {neighboring}. Nature : {kind}. "
    "Coalition : « {coalition} ».",
    reconstruction="Reconstruction : qui réussit sans la publication avec une probabilité kappa réussit avec elle "
    "avec une probabilité d’au plus Phi(Phi^-1(kappa) + mu), défaillances et distances de delta comprises : au plus "
    "{rates} (mu = {mu} ; arithmétique réelle ; l’événement « la reconstruction réussit » est un test).",
    step="Étape {number} [{rule}] : {says}.",
    numbers=" Nombres : {numbers}.",
    source=" Source : {source}.",
    between="entre {low} et {high}",
    published="Publié ailleurs, non redémontré ici (published) : {says}.",
    not_proven="Rien n’est promis ici : non démontré. Ce qui manque : {missing}.",
    leak="Fuite, la perte est infinie : la combinaison {combination} des messages {messages} ne contient aucun bruit "
    "inconnu de la coalition, et elle n’est pas nulle en un secret de l’agent protégé.",
    in_round="{row} (tour {round})",
    open="Non protégé : {sentence}",
)

_SIGHTS: Final = Sights(
    world="tous les modèles et tous les rapports publiés, pour tous les tours",
    network="qui se connecte, quand, et combien est envoyé",
    agents="leurs propres données, ainsi que les listes et les modèles qui leur sont envoyés",
    local_world="toutes les réponses publiées et leurs intervalles",
    local_agents="leurs propres réponses, la question, et le nombre de rapports comptés",
    coordinator={
        "local": "qui envoie un rapport, et le rapport brouillé de chaque agent",
        "clear": "qui participe à chaque tour, et le vecteur bruité de chaque agent",
        "ideal": "qui participe à chaque tour, et la somme bruitée des vecteurs",
        "masking": "qui participe à chaque tour, les vecteurs masqués, et leur somme bruitée",
    },
    unknown="tout ce que ce protocole lui montre",
    joined=" ; ",
    open=(
        (
            "Le fait de participer, le moment où votre appareil répond et la quantité qu’il envoie : on suppose que "
            "cela ne dépend pas de vos données."
        ),
        "Ce qui est vrai de groupes entiers : un modèle utile l’apprend sur tout le monde, participant ou non.",
        (
            "Le résultat face aux manipulations : un menteur peut envoyer des valeurs inventées, et une somme cache "
            "de qui elles venaient."
        ),
        (
            "Les chiffres signalés comme servant à l’évaluation seule : ils n’existent que dans une simulation, où "
            "les données de tous sont sous la main."
        ),
        "Le choix des réglages du plan, s’il a été fait sur les mêmes données.",
    ),
    open_locally=(
        (
            "Le fait de participer et le moment où votre appareil envoie : on suppose que cela ne dépend pas de votre "
            "réponse."
        ),
        "Ce qui est vrai de groupes entiers : une réponse utile l’apprend sur tout le monde, participant ou non.",
        "La réponse face aux manipulations : un menteur peut prétendre n’importe quoi, ou envoyer ce qu’il veut.",
        "Les chiffres signalés comme servant à l’évaluation seule : seule une simulation connaît la réponse de chacun.",
        "Un second envoi sur la même réponse : il compterait de nouveau, et chaque appareil le refuse donc.",
    ),
    open_in_clear="Ce que vous envoyez, face au coordinateur, au-delà de ce que votre propre appareil y ajoute au "
    "hasard pour le cacher.",
)

_DRAWN: Final = Drawn(
    title="Ce que le meilleur observateur peut atteindre",
    told="Fausses alertes : {alarms} sur {base} ; détections : au plus {hits} sur {base}.",
    across="fausses alertes",
    along="détections, au plus",
    guessing="deviner au hasard",
    bound="limite de la garantie",
    attack="attaque mesurée",
    marked="{alarms} sur {base} : au plus {hits}",
)

_STAGED: Final = Staged(
    title="Le flux « {name} »",
    told="{about} {acts}",
    agents=lambda size: f"{french_count(size)} agents" if size > 1 else "1 agent",
    world="le public",
    hidden="secret",
    noise="bruit",
    laws=LAWS,
    drawn="bruit : ",
    variance=lambda size: f"variance {french(f'{size:g}')}",
    scale=lambda size: f"échelle {french(f'{size:g}')}",
    rounds=lambda rounds: f", {french_count(rounds)} tours",
    report=lambda secret, ratio: f"{secret}, modifié au hasard (rapport {_ratio(ratio)})",
    mixed=lambda least: f"au moins {french_count(least)} d’entre eux, mélangés",
    nobody="à personne",
    neighbors="aux voisins dans {name}",
    following="au suivant dans {name}",
    inside="complice",
    partly_inside="certains",
    seen="vu par « {coalition} »",
    partly_seen="vu en partie : ce que ses propres agents envoient ou entendent",
    unseen="non vu",
    facts="Vu aussi, quelles que soient les données :",
)


def _ratio(ratio: Fraction) -> str:
    """Exact where it is short; else rounded up, as a bound is."""
    return str(ratio) if len(str(ratio)) <= 9 else french_figure(up(ratio))


FRENCH: Final = Tongue(
    language="fr",
    count=french_count,
    figure=french_figure,
    least=french_least,
    written=french,
    quoted="« {} »".format,
    comma=" ; ",
    who=_WHO,
    plain=_PLAIN,
    exact=_EXACT,
    steps=FRENCH_STEPS,
    sights=_SIGHTS,
    drawn=_DRAWN,
    staged=_STAGED,
)
