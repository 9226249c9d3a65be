"""What malicious agents do: poisoned data and poisoned messages."""

from tip.attacks.poisoning import Attack, LabelFlip, Scale, SignFlip, attack_of

__all__ = ["Attack", "LabelFlip", "Scale", "SignFlip", "attack_of"]
