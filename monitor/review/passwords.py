"""Passwords: hashed with argon2id, checked in the same time whether or not there is such an account."""

from __future__ import annotations

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

MIN_CHARS = 12
MAX_CHARS = 256
_hasher = PasswordHasher()
# Of a password that nobody has: so that an unknown name costs as much time as a known one.
_DUMMY = _hasher.hash("no account has this password")


def hash_password(password: str) -> str:
    """The hash to store."""
    return _hasher.hash(password)


def verify_password(password: str, stored: str | None) -> bool:
    """Whether a password is the one that was stored. None: there is no such account, which takes as long to say."""
    try:
        is_right = _hasher.verify(stored or _DUMMY, password)
    except (VerificationError, InvalidHashError):
        return False
    return is_right and stored is not None


def find_weakness(password: str, name: str) -> str | None:
    """Why a password cannot be taken, as a key of the messages; None where it can."""
    if len(password) < MIN_CHARS:
        return "password_short"
    if len(password) > MAX_CHARS:
        return "password_long"
    if name.casefold() in password.casefold() or len(set(password)) < 5:
        return "password_weak"
    return None
