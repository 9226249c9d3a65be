"""A flow is read, a guarantee derived and checked, and told to people; beside it stand a picture and the proof.

Three hospitals publish a total. If one of them tells the coordinator all that it knows, how much do they learn about a
patient of another one? What `tip explain` and `tip verify` do, in Python.
"""

from __future__ import annotations

import json
from pathlib import Path

import tip
from tip.errors import VerificationFailed
from tip.explain import in_words
from tip.explain.diagrams import svg
from tip.flow.files import from_json, to_json


def main() -> None:
    """Who learns how much, why, and what happens to a proof that was changed."""
    flow = tip.read_flow(Path(__file__).parent / "flows" / "hospital_consortium.toml")
    for against in ("world", "coordinator", "coordinator + paris", "coordinator + paris + lyon"):
        epsilon = tip.derive(flow, against, delta=1e-6).guarantee.epsilon
        print(f"against {against}: epsilon {epsilon:.3f}")

    proven = tip.derive(flow)  # against whom the flow itself requires something
    print(f"\nchecked again: {'; '.join(tip.verify(proven).claims)}\n")
    for language in ("en", "fr"):
        for sentence in in_words(proven.guarantee, "participant", language)[:2]:
            print(sentence)

    Path("who-sees-what.svg").write_text(svg(proven.flow, proven.coalition), encoding="utf-8")
    proof = json.dumps(to_json(proven))
    Path("proof.json").write_text(proof, encoding="utf-8")

    louder = json.loads(proof)
    louder["flow"] = louder["flow"].replace("variance = 16", "variance = 15")  # less noise than was proven
    try:
        tip.verify(from_json(louder))
    except VerificationFailed as error:
        print(f"\nwith a little less noise: {error}")


if __name__ == "__main__":
    main()
