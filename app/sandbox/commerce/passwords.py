"""Commerce's rules for passwords, as `minimum_password_length` and `required_character_classes_number` say."""

from __future__ import annotations

SHORTEST, CLASSES = 8, 3


def wrong(password: str) -> tuple[str, list[str]] | None:
    """What a password lacks: the message and what fills it, in the words of rest-072; None for a good one."""
    if len(password) < SHORTEST:
        return "The password needs at least %1 characters. Create a new password and try again.", [str(SHORTEST)]
    kinds = (str.islower, str.isupper, str.isdigit, lambda letter: not letter.isalnum())
    if sum(any(map(kind, password)) for kind in kinds) < CLASSES:
        message = (
            "Minimum of different classes of characters in password is %1. "
            "Classes of characters: Lower Case, Upper Case, Digits, Special Characters."
        )
        return message, [str(CLASSES)]
    return None
