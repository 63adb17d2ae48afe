"""SQL about accounts, their sessions and failed log-ins. Every function works within the caller's transaction."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, delete, func, insert, select, update

from monitor.decisions import Account, Session
from monitor.storage.reviewschema import login_failures, sessions, users

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from monitor.decisions import Role


def add_account(connection: Connection, name: str, *, role: Role, password_hash: str, created_at: datetime) -> Account | None:
    """A new account; None where the name is taken."""
    if _find(connection, name) is not None:
        return None
    values = {"name": name, "role": role, "password_hash": password_hash, "created_at": created_at}
    added = connection.execute(insert(users).returning(users.c.id), [values])
    return Account(int(added.scalar_one()), name, role, created_at)


def load_accounts(connection: Connection) -> tuple[Account, ...]:
    """All accounts, by name."""
    return tuple(_make_account(row) for row in connection.execute(select(users).order_by(users.c.name)))


def load_credentials(connection: Connection, name: str) -> tuple[Account, str] | None:
    """An account and its password's hash."""
    row = _find(connection, name)
    return (_make_account(row), row.password_hash) if row is not None else None


def set_password(connection: Connection, name: str, password_hash: str, *, keep: str | None = None) -> bool:
    """Set an account's password and end its sessions but the one with token hash ``keep``; False where there is no such account."""
    row = _find(connection, name)
    if row is None:
        return False
    connection.execute(update(users).where(users.c.id == row.id).values(password_hash=password_hash))
    _end_sessions(connection, row.id, keep=keep)
    return True


def set_disabled(connection: Connection, name: str, at: datetime | None) -> bool:
    """Disable an account, which ends its sessions, or (None) enable it again; False where there is no such account."""
    row = _find(connection, name)
    if row is None:
        return False
    connection.execute(update(users).where(users.c.id == row.id).values(disabled_at=at))
    if at is not None:
        _end_sessions(connection, row.id, keep=None)
    return True


def count_active_leads(connection: Connection) -> int:
    """How many leads may log in."""
    is_active_lead = (users.c.role == "lead") & users.c.disabled_at.is_(None)
    return int(connection.execute(select(func.count()).select_from(users).where(is_active_lead)).scalar_one())


def _find(connection: Connection, name: str) -> Any:
    return connection.execute(select(users).where(users.c.name == name)).first()


def _make_account(row: Any) -> Account:
    return Account(row.id, row.name, row.role, row.created_at, row.disabled_at)


def _end_sessions(connection: Connection, user_id: int, *, keep: str | None) -> None:
    connection.execute(delete(sessions).where((sessions.c.user_id == user_id) & (sessions.c.token_sha256 != (keep or ""))))


def open_session(
    connection: Connection, token_sha256: str, *, account_id: int, language: str, now: datetime, expires_at: datetime
) -> None:
    """Keep a new session; those that have run out go."""
    connection.execute(delete(sessions).where(sessions.c.expires_at <= now))
    connection.execute(
        insert(sessions).values(
            token_sha256=token_sha256,
            user_id=account_id,
            language=language,
            created_at=now,
            last_seen_at=now,
            expires_at=expires_at,
        )
    )


def load_session(connection: Connection, token_sha256: str, *, now: datetime, seen_since: datetime) -> Session | None:
    """The session that a token opens, where it has not run out, was used since ``seen_since``, and its account may log in."""
    holds = (sessions.c.expires_at > now) & (sessions.c.last_seen_at >= seen_since) & users.c.disabled_at.is_(None)
    query = (
        select(users, sessions.c.language, sessions.c.expires_at, sessions.c.last_seen_at)
        .join(sessions, sessions.c.user_id == users.c.id)
        .where((sessions.c.token_sha256 == token_sha256) & holds)
    )
    row = connection.execute(query).first()
    return Session(_make_account(row), row.language, row.expires_at, row.last_seen_at) if row is not None else None


def touch_session(connection: Connection, token_sha256: str, now: datetime) -> None:
    """Note that a session is in use."""
    connection.execute(update(sessions).where(sessions.c.token_sha256 == token_sha256).values(last_seen_at=now))


def set_language(connection: Connection, token_sha256: str, language: str) -> None:
    """Choose the language that a session's pages are in."""
    connection.execute(update(sessions).where(sessions.c.token_sha256 == token_sha256).values(language=language))


def close_session(connection: Connection, token_sha256: str) -> None:
    """End a session."""
    connection.execute(delete(sessions).where(sessions.c.token_sha256 == token_sha256))


def add_failure(connection: Connection, subjects: Sequence[str], *, failed_at: datetime, forget_before: datetime) -> None:
    """Note a failed log-in under each of its subjects; old ones go."""
    connection.execute(delete(login_failures).where(login_failures.c.failed_at < forget_before))
    connection.execute(insert(login_failures), [{"subject": subject, "failed_at": failed_at} for subject in subjects])


def clear_failures(connection: Connection, subject: str) -> None:
    """Forget a subject's failed log-ins."""
    connection.execute(delete(login_failures).where(login_failures.c.subject == subject))


def load_failures(connection: Connection, subject: str, *, since: datetime) -> tuple[datetime, ...]:
    """When log-ins of a subject failed, the earliest first."""
    of_subject = (login_failures.c.subject == subject) & (login_failures.c.failed_at >= since)
    query = select(login_failures.c.failed_at).where(of_subject).order_by(login_failures.c.failed_at)
    return tuple(connection.execute(query).scalars())
