"""Who does what, where several runs share one PostgreSQL: claims that end with the connection of whoever holds them.

They are advisory locks of a session. A worker that dies, or whose machine goes away, loses its connection, and with it all claims;
the others need not wait for a deadline. On SQLite there is one run at a time (`monitor.lock`), so everything is free.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import SQLAlchemyError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

# Keeps our locks apart from those of other programs in the same database.
SPACE = 0x6D6F6E69
# Without these the server would notice the loss of a machine after two hours.
_KEEPALIVE = ("tcp_keepalives_idle = 30", "tcp_keepalives_interval = 10", "tcp_keepalives_count = 3")
_TRY = text("SELECT pg_try_advisory_lock(:space, hashtext(:name))")
_TAKE = text("SELECT pg_advisory_lock(:space, hashtext(:name))")
_GIVE = text("SELECT pg_advisory_unlock(:space, hashtext(:name))")
# Feeds are claimed by one number for each; other runs' claims are all those that we do not hold ourselves.
_COUNT_OTHERS = text(
    "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND granted AND classid = CAST(:space AS bigint) "
    "AND pid <> pg_backend_pid() AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
)
# What a run waits for when it begins, and before each of its steps.
_STEPS = ("feeds", "documents", "pages", "assessments")
_TAKE_ONCE = text("SELECT pg_advisory_xact_lock(:space, hashtext(:name))")
_SHARE_ONCE = text("SELECT pg_advisory_xact_lock_shared(:space, hashtext(:name))")


class Claims:
    """The claims of one run. The connection that holds them is opened with the first one."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._holder: Connection | None = None

    @property
    def _is_shared(self) -> bool:
        return self._engine.dialect.name == "postgresql"

    def take(self, names: Iterable[str]) -> frozenset[str]:
        """Claim what nobody else has claimed; gives what is ours now."""
        wanted = frozenset(names)
        if not self._is_shared:
            return wanted
        holder = self._open()
        return frozenset(one for one in sorted(wanted) if holder.execute(_TRY, {"space": SPACE, "name": f"feed {one}"}).scalar())

    def give_back(self, names: Iterable[str]) -> None:
        """Give claims back."""
        for one in names:
            self._give(f"feed {one}")

    @contextmanager
    def hold(self, name: str) -> Iterator[None]:
        """Let only one run at a time do what is done within; the others wait."""
        if not self._is_shared:
            yield
            return
        self._open().execute(_TAKE, {"space": SPACE, "name": name})
        try:
            yield
        finally:
            self._give(name)

    def take_store(self) -> bool:
        """Claim the whole store until `close`: no run begins meanwhile. False where one goes on; then nothing is claimed."""
        if not self._is_shared:
            return True
        holder = self._open()
        named = ({"space": SPACE, "name": name} for name in _STEPS)
        if (
            all(holder.execute(_TRY, one).scalar() for one in named)
            and not holder.execute(_COUNT_OTHERS, {"space": SPACE}).scalar()
        ):
            return True
        self.close()
        return False

    def close(self) -> None:
        """End all claims."""
        holder, self._holder = self._holder, None
        if holder is not None:
            # Not back to the pool: there the session would live on, and its claims with it.
            holder.invalidate()
            holder.close()

    def _give(self, name: str) -> None:
        if self._holder is None:
            return
        try:
            self._holder.execute(_GIVE, {"space": SPACE, "name": name})
        except SQLAlchemyError:
            self.close()  # the server has gone, and all claims with it; what failed before is what matters

    def _open(self) -> Connection:
        if self._holder is None:
            self._holder = self._engine.connect().execution_options(isolation_level="AUTOCOMMIT")
            for setting in _KEEPALIVE:
                self._holder.exec_driver_sql(f"SET {setting}")
        return self._holder


def hold_for_transaction(connection: Connection, name: str, *, is_shared: bool = False) -> None:
    """Let nobody else who asks for the same name go on until this transaction ends (PostgreSQL).

    Those who share it go on beside each other, and keep out only who wants it alone.
    """
    if connection.dialect.name == "postgresql":
        connection.execute(_SHARE_ONCE if is_shared else _TAKE_ONCE, {"space": SPACE, "name": name})
