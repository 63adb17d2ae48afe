"""Who may come in: log-in with rate limit and lock-out, sessions, and the tokens that forms carry."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from monitor.review.passwords import MAX_CHARS, verify_password

if TYPE_CHECKING:
    from collections.abc import Sequence

    from monitor.decisions import Session
    from monitor.storage.reviewstore import ReviewStore

SESSION_LASTS = timedelta(hours=12)
SESSION_IDLE = timedelta(hours=1)
TOUCH_AFTER = timedelta(minutes=1)
FAILURE_WINDOW = timedelta(minutes=15)
MAX_FAILURES_OF_NAME = 5
MAX_FAILURES_OF_ADDRESS = 20
MAX_TOKEN_CHARS = 128


@dataclass(frozen=True, slots=True)
class LoggedIn:
    """A new session's token, for the browser alone."""

    token: str


@dataclass(frozen=True, slots=True)
class Refused:
    """No log-in. ``wait`` is how long to wait before another try counts; None: name or password are wrong."""

    wait: timedelta | None = None


class Gate:
    """Log-ins and sessions over a store."""

    def __init__(self, store: ReviewStore) -> None:
        self._store = store

    def log_in(self, name: str, password: str, *, address: str, language: str, now: datetime) -> LoggedIn | Refused:
        """Open a session. Takes the same time for a wrong name as for a wrong password."""
        subjects = (_hash(f"name:{name}"), _hash(f"address:{address}"))
        if wait := self._find_wait(subjects, now):
            return Refused(wait)
        found = self._store.load_credentials(name)
        stored = found[1] if found and found[0].disabled_at is None else None
        if not verify_password(password[: MAX_CHARS + 1], stored) or found is None:
            self._store.add_failure(subjects, failed_at=now, forget_before=now - timedelta(days=1))
            return Refused()
        self._store.clear_failures(subjects[0])
        token = make_token()
        self._store.open_session(_hash(token), account_id=found[0].id, language=language, now=now, expires_at=now + SESSION_LASTS)
        return LoggedIn(token)

    def _find_wait(self, subjects: Sequence[str], now: datetime) -> timedelta | None:
        limits = (MAX_FAILURES_OF_NAME, MAX_FAILURES_OF_ADDRESS)
        waits = [
            judge_failures(self._store.load_failures(subject, since=now - FAILURE_WINDOW), limit=limit, now=now)
            for subject, limit in zip(subjects, limits, strict=True)
        ]
        return max((wait for wait in waits if wait is not None), default=None)

    def find_session(self, token: str, now: datetime) -> Session | None:
        """The session that a browser's token opens; None where it opens none."""
        if not token or len(token) > MAX_TOKEN_CHARS:
            return None
        session = self._store.load_session(_hash(token), now=now, seen_since=now - SESSION_IDLE)
        if session is not None and now - session.last_seen_at > TOUCH_AFTER:
            self._store.touch_session(_hash(token), now)
        return session

    def log_out(self, token: str) -> None:
        """End a session."""
        self._store.close_session(_hash(token))

    def set_language(self, token: str, language: str) -> None:
        """Choose a session's language."""
        self._store.set_language(_hash(token), language)

    def set_password(self, name: str, password_hash: str, *, token: str) -> None:
        """Set an account's password; its other sessions end."""
        self._store.set_password(name, password_hash, keep=_hash(token))


def judge_failures(failures: Sequence[datetime], *, limit: int, now: datetime) -> timedelta | None:
    """How long a subject with these failed log-ins has to wait; None where it may try."""
    if len(failures) < limit:
        return None
    wait = failures[-limit] + FAILURE_WINDOW - now
    return wait if wait > timedelta() else None


def make_token() -> str:
    """A token that nobody can guess."""
    return secrets.token_urlsafe(32)


def make_form_token(token: str) -> str:
    """What a form must carry to be taken: it follows from the cookie, which other sites cannot read."""
    return hmac.new(token.encode("utf-8", "replace"), b"form", hashlib.sha256).hexdigest()


def is_form_token(given: str, token: str) -> bool:
    """Whether a form was made for this cookie."""
    return bool(token) and hmac.compare_digest(given.encode("utf-8", "replace"), make_form_token(token).encode())


def _hash(secret: str) -> str:
    return hashlib.sha256(secret.encode("utf-8", "replace")).hexdigest()
