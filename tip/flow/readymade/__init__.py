"""Ready-made flows: the known ways to add noise to what agents share.

Theory of operation. Each function returns a `Flow` of numbers in [0, 1] under replace-one, so that one agent's change
is at most 1, and states what is known in closed form; `dataclasses.replace` changes domains, requirements and aims.
Variances are fractions, or None where they are to be planned. The group is `agent`, so its member i is `agent.i`.
The closed forms are checks for the reasoner, never its rules: every guarantee comes from the view itself.

A warning that holds for `gossip`, `incremental` and `token_ring`. Messages that pass on what was received share its
noise. To compute each message's loss as if its noise were fresh, and to add these, is wrong where messages share noise:
on the path u - w - v with two rounds of gossip v learns y_w and then (y_u + y_w + y_v) / 3, hence y_u itself, so that
mu^2 = 1 / variance, and the sum over messages says a third of that. No function here or anywhere in `tip` adds so.
"""

from tip.flow.readymade.canceling import decor, pairwise
from tip.flow.readymade.parts import given, k_out
from tip.flow.readymade.sums import central_sum, distributed_sum, follow_the_leader, square_root, tree
from tip.flow.readymade.traveling import gossip, incremental, token_ring

__all__ = [
    "central_sum", "decor", "distributed_sum", "follow_the_leader", "given", "gossip", "incremental", "k_out",
    "pairwise", "square_root", "token_ring", "tree",
]  # fmt: skip
