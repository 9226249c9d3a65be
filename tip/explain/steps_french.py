"""French: the steps of a proof."""

from __future__ import annotations

from typing import Final

from tip.explain.stepping import Steps

_AT: Final = "epsilon vaut au plus {epsilon} pour delta = {delta}"
_CONNECTED: Final = (
    "les autres ({left}) restent liés au moins au degré {connectivity}, chacun avec un bruit à lui de variance au "
    "moins {own_variance}, pour {times} : mu^2 vaut au plus {mu_squared}{unless}"
)

FRENCH_STEPS: Final = Steps(
    delta_ledger="tout ce qu’apprend cette coalition : epsilon d’au plus {epsilon} pour un delta d’au plus {total} "
    "(conversion : {conversion} ; défaillances indépendantes des données : {failures} ; distances entre lois : "
    "{distances})",
    conversion={
        "mu": f"mu vaut au plus {{mu}} ; par la courbe de la loi normale, {_AT}",
        "rho": f"rho vaut au plus {{rho}} ; par la conversion de la confidentialité concentrée en zéro, {_AT}",
        "ratio": "rien de ce qui est vu n’est plus de {ratio} fois plus probable sous une hypothèse que sous l’autre ; "
        f"par le logarithme de ce rapport, {_AT}",
        "events": f"des pertes de confidentialité de tout ce qui est vu, il suit que {_AT}",
        "shuffling": f"par le mélange des rapports, {_AT}",
    },
    every_coalition={
        "named": "les complices sont nommés : {colluders}",
        "alike": "aucun message ne distingue les membres d’un groupe, si bien que ce qui vaut dans {cases} vaut pour "
        "toute coalition de cette taille ; la pire compte {colluders}",
        "each": "chaque coalition de cette taille a été examinée, soit {cases} ; la pire compte {colluders}",
        "everyone else": "tous les autres sont tenus pour complices, ce qui contient toute coalition ; {cases}, le "
        "pire avec {colluders} complices",
    },
    every_coalition_of_a_graph={
        "everyone else": "tous les autres sont tenus pour complices, ce qui contient toute coalition ; il reste à "
        "chaque agent un bruit à lui de variance au moins {own_variance}, pour {times} : mu^2 vaut au plus "
        "{mu_squared}{unless}",
        "deletion": f"quels que soient les agents, de ce nombre, que l’on ôte du graphe, {_CONNECTED}",
        "random graph": f"la coalition a été fixée avant le tirage du graphe, et {_CONNECTED}",
    },
    every_agent={
        "this agent": "l’énoncé ne concerne que l’agent {agent}",
        "alike": "aucun message ne distingue les membres d’un groupe, si bien qu’un seul de chaque groupe vaut pour "
        "tous ; le plus exposé est l’agent {agent}",
        "each": "le plus exposé de ceux qui sont hors de la coalition ({agents}, tous examinés) est l’agent {agent}",
        "spectral": "une seule borne vaut pour tous ceux qui sont hors de la coalition ({agents}) : mu^2 vaut au plus "
        "{mu_squared} ; il est certifié que l’agent {agent} en est proche",
    },
    composition={
        "none": "rien de ce qui est vu ne dépend de cet agent",
        "one": "un seul bloc contient tout ce qui est vu{bounds}",
        "several": "{blocks} sans bruit commun contiennent tout ce qui est vu{bounds}",
    },
    fresh_rounds="{times}, semblables, chacun avec un bruit nouveau{bounds}",
    linear_gaussian="mu^2 de l’agent {agent} est compris entre {lower} et {mu_squared} : l’attaque z atteint la borne "
    "inférieure, le certificat w démontre la borne supérieure",
    leak="une combinaison de ce qui est vu contient un secret de l’agent {agent} et aucun bruit inconnu de la "
    "coalition{modulo}",
    integer_sum={
        "one": "un bruit entier inconnu de la coalition, formé de {shares} de variance au moins {share_variance} "
        "chacune, cache l’agent {agent}{bounds}",
        "several": "des sommes de parts de bruit entier inconnues de la coalition cachent l’agent {agent}{bounds}",
    },
    integer_certificate="une modification entière du bruit cache toute modification de l’agent {agent}{bounds}",
    additive_laplace="un bruit à lui cache l’agent {agent}{bounds}",
    ring_masks="les masques, uniformes modulo 2^{ring}, laissent lisibles {functionals} des messages masqués",
    local_report="chaque rapport « {report} » est au plus {ratio} fois plus probable sous une réponse que sous toute "
    "autre ; il est compté pour {times}",
    shuffling="le mélange de {reports} par un tiers hors de la coalition laisse un epsilon d’au plus {epsilon} pour "
    "delta = {delta}",
    sampling="chaque agent participe avec une probabilité d’au plus {rate}, tirée de son côté, et la coalition ne peut "
    "pas voir qui participe ; {times}",
    view="de {messages}, la coalition voit {rows} en {secrets} et {noises} qu’elle ne connaît pas{modulo}{alike}"
    "{hidden}",
    not_proven="ce qui manque : {reason}",
    counted={
        "agents": ("1 agent", "{} agents"),
        "left": ("1 agent", "{} agents"),
        "colluders": ("1 agent", "{} agents"),
        "cases": ("1 cas", "{} cas"),
        "blocks": ("1 bloc", "{} blocs"),
        "times": ("1 tour", "{} tours"),
        "shares": ("1 part", "{} parts"),
        "functionals": ("1 combinaison", "{} combinaisons"),
        "reports": ("1 rapport honnête", "{} rapports honnêtes"),
        "rows": ("1 équation", "{} équations"),
        "covered": ("1 autre équation", "chacune des autres équations, au nombre de {},"),
        "secrets": ("1 secret", "{} secrets"),
        "noises": ("1 bruit", "{} bruits"),
    },
    bounds={
        "mu_squared": "mu^2 vaut au plus {mu_squared}",
        "rho": "rho vaut au plus {rho}",
        "ratio": "le rapport des probabilités vaut au plus {ratio}",
    },
    joined=", ",
    begun=" : ",
    unless=", sauf défaillance de probabilité d’au plus {failure}",
    alike=" ; elle vaut pour {times} semblables",
    hidden=" ; {covered} est sous un masque à elle, uniforme, et n’apprend rien",
    modulo=", modulo 2^{ring}",
    values={
        "named": "nommés",
        "alike": "semblables",
        "each": "chacun",
        "everyone else": "tous les autres",
        "deletion": "suppression",
        "random graph": "graphe aléatoire",
        "this agent": "cet agent",
        "spectral": "spectral",
        "ratio": "rapport",
        "events": "événements",
        "shuffling": "mélange",
    },
    sources={
        "the mechanism's own law": "la loi propre du mécanisme",
        "amplification": "amplification",
        "laws 8 to 10": "lois 8 à 10",
        "law ": "loi ",
        "; ": " ; ",
    },
)
