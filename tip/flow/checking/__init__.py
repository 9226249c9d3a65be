"""Checking: the parts of a check of derivations, written from docs/flow-rules.md and apart from the reasoner."""
