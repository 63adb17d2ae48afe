"""The analysts' side of the store. Each method is one transaction; any may raise `monitor.errors.StoreError`."""

from __future__ import annotations

import threading
from contextlib import contextmanager, nullcontext
from typing import TYPE_CHECKING, Self

from sqlalchemy import event, text
from sqlalchemy.exc import SQLAlchemyError

from monitor.errors import StoreError
from monitor.reports import SearchFilters
from monitor.storage import accounts, decisions, health, histories, queue, reviewstats, search
from monitor.storage.engine import display_url, find_remedy, open_engine, read_reason

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import date, datetime

    from sqlalchemy import Connection
    from sqlalchemy.engine.interfaces import DBAPIConnection

    from monitor.decisions import (
        Account,
        Answer,
        Basis,
        Conflict,
        DayCount,
        DecidedText,
        Decision,
        Filters,
        ImportedAnswers,
        ImportOutcome,
        Item,
        Judged,
        Kept,
        Order,
        QueueRow,
        Role,
        Session,
    )
    from monitor.reports import ArticleHistory
    from monitor.stages.health import FeedRecord
    from monitor.stages.searchquery import Term


class ReviewStore:
    """A store in SQLite or PostgreSQL, as the analysts' page needs it. What it kept, it has on the disk."""

    def __init__(self, db_url: str, *, must_exist: bool = True) -> None:
        self._name = display_url(db_url)
        self._engine = open_engine(db_url, must_exist=must_exist)
        # SQLite lets one write at a time, and who waits polls ever more rarely: within this process they queue instead.
        self._write_lock = threading.Lock() if self._engine.dialect.name == "sqlite" else nullcontext()
        if self._engine.dialect.name == "sqlite":
            # A decision that was acknowledged must survive a power cut too.
            self._engine.dispose()
            event.listen(self._engine, "connect", _sync_fully)

    def close(self) -> None:
        """Give the connections back."""
        self._engine.dispose()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @contextmanager
    def _begin(self) -> Iterator[Connection]:
        try:
            with self._engine.begin() as connection:
                yield connection
        except SQLAlchemyError as error:
            reason = read_reason(error)
            remedy = find_remedy(reason, "see `monitor doctor`")
            raise StoreError(f"store {self._name}: {reason}; nothing of this step was kept; {remedy}") from error

    @contextmanager
    def _begin_writing(self) -> Iterator[Connection]:
        with self._write_lock, self._begin() as connection:
            decisions.take_write_lock(connection)
            yield connection

    # Accounts

    def add_account(self, name: str, *, role: Role, password_hash: str, created_at: datetime) -> Account | None:
        """See `monitor.storage.accounts`; so for the others of this group."""
        with self._begin_writing() as connection:
            return accounts.add_account(connection, name, role=role, password_hash=password_hash, created_at=created_at)

    def load_accounts(self) -> tuple[Account, ...]:
        """All accounts."""
        with self._begin() as connection:
            return accounts.load_accounts(connection)

    def load_credentials(self, name: str) -> tuple[Account, str] | None:
        """An account and its password's hash."""
        with self._begin() as connection:
            return accounts.load_credentials(connection, name)

    def set_password(self, name: str, password_hash: str, *, keep: str | None = None) -> bool:
        """Set a password; ends the account's sessions but ``keep``."""
        with self._begin_writing() as connection:
            return accounts.set_password(connection, name, password_hash, keep=keep)

    def set_disabled(self, name: str, at: datetime | None) -> bool:
        """Disable or enable an account."""
        with self._begin_writing() as connection:
            return accounts.set_disabled(connection, name, at)

    def count_active_leads(self) -> int:
        """How many leads may log in."""
        with self._begin() as connection:
            return accounts.count_active_leads(connection)

    def open_session(self, token_sha256: str, *, account_id: int, language: str, now: datetime, expires_at: datetime) -> None:
        """Keep a new session."""
        with self._begin_writing() as connection:
            accounts.open_session(
                connection, token_sha256, account_id=account_id, language=language, now=now, expires_at=expires_at
            )

    def load_session(self, token_sha256: str, *, now: datetime, seen_since: datetime) -> Session | None:
        """The session that a token opens."""
        with self._begin() as connection:
            return accounts.load_session(connection, token_sha256, now=now, seen_since=seen_since)

    def touch_session(self, token_sha256: str, now: datetime) -> None:
        """Note that a session is in use."""
        with self._begin_writing() as connection:
            accounts.touch_session(connection, token_sha256, now)

    def set_language(self, token_sha256: str, language: str) -> None:
        """Choose a session's language."""
        with self._begin_writing() as connection:
            accounts.set_language(connection, token_sha256, language)

    def close_session(self, token_sha256: str) -> None:
        """End a session."""
        with self._begin_writing() as connection:
            accounts.close_session(connection, token_sha256)

    def add_failure(self, subjects: Sequence[str], *, failed_at: datetime, forget_before: datetime) -> None:
        """Note a failed log-in."""
        with self._begin_writing() as connection:
            accounts.add_failure(connection, subjects, failed_at=failed_at, forget_before=forget_before)

    def clear_failures(self, subject: str) -> None:
        """Forget failed log-ins."""
        with self._begin_writing() as connection:
            accounts.clear_failures(connection, subject)

    def load_failures(self, subject: str, *, since: datetime) -> tuple[datetime, ...]:
        """When log-ins failed."""
        with self._begin() as connection:
            return accounts.load_failures(connection, subject, since=since)

    # The queue

    def fill_queue(
        self, bundle: str, *, thresholds: Mapping[str, float], seed: str, limit: int, sweep: queue.Sweep | None = None
    ) -> int:
        """Make questions of up to ``limit`` articles that have none; gives how many, 0 when the queue is up to date.

        With ``sweep`` from where it stands on. Others may write while articles are looked for.
        """
        chosen = sweep or queue.Sweep()
        with self._begin() as connection:
            rows = queue.load_unasked(connection, bundle, chosen, limit=limit)
        if rows:
            with self._begin_writing() as connection:
                queue.fill_queue(connection, bundle, rows, thresholds=thresholds, seed=seed)
            chosen.before = rows[-1].id
        return len(rows)

    def close_copies(self) -> int:
        """Close items of copies."""
        with self._begin_writing() as connection:
            return queue.close_copies(connection)

    def load_page(
        self, order: Order, filters: Filters, *, account_id: int, after: tuple[float, int] | None, limit: int
    ) -> tuple[QueueRow, ...]:
        """A page of the queue."""
        with self._begin() as connection:
            return queue.load_page(connection, order, filters, account_id=account_id, after=after, limit=limit)

    def claim_next(
        self, orders: Sequence[Order], filters: Filters, *, account_id: int, now: datetime, but: int | None = None
    ) -> int | None:
        """Claim the next free item."""
        with self._begin_writing() as connection:
            return queue.claim_next(connection, orders, filters, account_id=account_id, now=now, but=but)

    def claim_item(self, item_id: int, *, account_id: int, now: datetime) -> bool:
        """Claim an item that the analyst chose."""
        with self._begin() as connection:
            return queue.claim_item(connection, item_id, account_id=account_id, now=now)

    def load_item(self, item_id: int) -> Item | None:
        """One item."""
        with self._begin() as connection:
            return queue.load_item(connection, item_id)

    def find_item(self, article_id: str) -> int | None:
        """The item to show for an article."""
        with self._begin() as connection:
            return queue.find_item(connection, article_id)

    def load_siblings(self, article_id: str) -> tuple[Item, ...]:
        """All items of an article."""
        with self._begin() as connection:
            return queue.load_siblings(connection, article_id)

    def count_open(self) -> dict[str, int]:
        """How many items wait."""
        with self._begin() as connection:
            return queue.count_open(connection)

    # Decisions

    def save_decision(self, item_id: int, answer: Answer, *, account_id: int, basis: Basis, made_at: datetime) -> Kept | Conflict:
        """See `monitor.storage.decisions`; so for the others of this group."""
        with self._begin_writing() as connection:
            return decisions.save_decision(connection, item_id, answer, account_id=account_id, basis=basis, made_at=made_at)

    def import_annotation(self, annotation: ImportedAnswers, *, account_id: int) -> ImportOutcome:
        """Record what was answered elsewhere on one revision: all of it, or nothing where its text is another one here."""
        with self._begin_writing() as connection:
            kept = decisions.load_hash(connection, annotation.article_id, annotation.revision)
            if kept is None:
                return "unknown"
            if kept != annotation.sha256:
                return "changed"
            added = [
                decisions.import_answer(
                    connection,
                    article_id=annotation.article_id,
                    revision=annotation.revision,
                    asked=asked,
                    answer=answer,
                    account_id=account_id,
                    bundle=annotation.bundle,
                    made_at=annotation.made_at,
                )
                for asked, answer in annotation.answers
            ]
            return "decided" if any(added) else "known"

    def undo_decision(self, decision_id: int, *, account_id: int, is_lead: bool, made_at: datetime) -> int | None:
        """Take a decision back."""
        with self._begin_writing() as connection:
            return decisions.undo_decision(connection, decision_id, account_id=account_id, is_lead=is_lead, made_at=made_at)

    def load_decisions(self, *, account_id: int | None = None, before: int | None = None, limit: int) -> tuple[Decision, ...]:
        """The latest decisions."""
        with self._begin() as connection:
            return decisions.load_decisions(connection, account_id=account_id, before=before, limit=limit)

    def load_decision(self, decision_id: int) -> Decision | None:
        """One decision."""
        with self._begin() as connection:
            return decisions.load_decision(connection, decision_id)

    def load_article_decisions(self, article_id: str) -> tuple[Decision, ...]:
        """Everything ever decided of an article."""
        with self._begin() as connection:
            return decisions.load_article_decisions(connection, article_id)

    def load_decided(self) -> tuple[DecidedText, ...]:
        """Every revision with answers that still hold, and these."""
        with self._begin() as connection:
            return decisions.load_decided(connection)

    def load_pairs(self, *, since: datetime) -> tuple[tuple[str, Answer, Answer], ...]:
        """Answers of two analysts to one question."""
        with self._begin() as connection:
            return decisions.load_pairs(connection, since=since)

    def load_judged(self, *, since: datetime) -> tuple[Judged, ...]:
        """Answers on the random share."""
        with self._begin() as connection:
            return decisions.load_judged(connection, since=since)

    def count_answers(self, account_id: int) -> int:
        """How many decisions an account ever made."""
        with self._begin() as connection:
            return decisions.count_answers(connection, account_id)

    # What is told

    def load_day_counts(self, *, first: date, last: date) -> tuple[DayCount, ...]:
        """Flagged and decided items by day and narrative."""
        with self._begin() as connection:
            return reviewstats.load_day_counts(connection, first=first, last=last)

    def search(self, terms: tuple[Term, ...], *, limit: int) -> tuple[QueueRow, ...]:
        """Articles of which some text fits what is searched for, newest first."""
        with self._begin() as connection:
            found = search.search_texts(connection, terms, SearchFilters(), bundle="", limit=limit)
            return reviewstats.load_found(connection, [hit.article_id for hit in found.hits])

    def load_history(self, article_id: str) -> ArticleHistory | None:
        """Everything about an article."""
        with self._begin() as connection:
            return histories.load_history(connection, article_id)

    def load_feed_records(self, since: datetime) -> tuple[FeedRecord, ...]:
        """What is known of every feed."""
        with self._begin() as connection:
            return health.load_feed_records(connection, since)

    def check(self) -> None:
        """Find out whether the store answers."""
        with self._begin() as connection:
            connection.execute(text("SELECT 1"))


def _sync_fully(dbapi_connection: DBAPIConnection, _record: object) -> None:
    cursor = dbapi_connection.cursor()
    cursor.execute("PRAGMA synchronous = FULL")
    cursor.close()
