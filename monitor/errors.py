"""What can go wrong, and the exit code that it ends a command with.

::

    MonitorError                1  unexpected
    ├── UsageError              2  wrong arguments or input: nothing ran
    │   ├── ConfigError         2  feeds.yaml or the environment
    │   └── CorpusError         2  labelled JSON Lines that cannot be used
    ├── StoreError              4  the database
    │   ├── ArchiveError        4  the archive of fetched documents
    │   └── DigestError         4  the folder of digests, where it fails in mid-run
    ├── BundleError             5  the trained model
    ├── RunLockedError         75  another run holds the lock
    ├── NotifyError             3  a channel did not take a message (in a run: a line in the report)
    ├── MetricsError            -  the file of metrics could not be written (a line in the report)
    ├── PingError               -  a health check was not reached (a line in the report)
    ├── FetchError              -  one feed could not be fetched (a line in the report)
    ├── FeedDocumentError       -  one fetched document is no feed (a line in the report)
    ├── PageError               -  one article's page holds no article (a line in the report)
    └── WorkerError             -  a worker process gave no answer (a line in the report)
        ├── WorkerTimeoutError  -  it took too long and was killed
        ├── WorkerMemoryError   -  it needed too much memory
        └── WorkerDiedError     -  it crashed or was killed by others

Every message names the thing, says what is wrong with it and what to do next.
"""

from __future__ import annotations

import errno
from typing import Self

EXIT_DONE = 0
EXIT_UNEXPECTED = 1
EXIT_PARTIAL = 3
# What the system says where a disk, a quota or a file is full.
NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


class MonitorError(Exception):
    """Base of all errors that this project raises on purpose."""

    exit_code = 1


class UsageError(MonitorError):
    """The command was called wrongly, or on input that it cannot use; nothing ran."""

    exit_code = 2


class ConfigError(UsageError):
    """``feeds.yaml`` or an environment variable is wrong. Holds one message for each mistake."""

    def __init__(self, problems: tuple[str, ...]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


class CorpusError(UsageError):
    """Labelled JSON Lines are missing, unreadable or contradict the codebook."""


class StoreError(MonitorError):
    """The database is missing, unreadable, locked or of another version."""

    exit_code = 4


class ArchiveError(StoreError):
    """The archive cannot be read or written."""


class DigestError(StoreError):
    """A digest could not be written: what it says is in the store."""


class BundleError(MonitorError):
    """A bundle is missing, damaged, or was made for another version of this program."""

    exit_code = 5


class RunLockedError(MonitorError):
    """Another run holds the lock of this store."""

    exit_code = 75


class NotifyError(MonitorError):
    """A channel did not take a message. Never shows where the channel leads."""

    exit_code = 3


class MetricsError(MonitorError):
    """The file of metrics cannot be written."""


class PingError(MonitorError):
    """A health check was not reached. Never shows its address."""


class FetchError(MonitorError):
    """A document could not be fetched. ``kind`` groups causes, ``retry_after_s`` is the server's wish if it gave one."""

    def __init__(self, kind: str, message: str, *, retry_after_s: float | None = None) -> None:
        super().__init__(message)
        self.kind = kind
        self.retry_after_s = retry_after_s


class FeedDocumentError(MonitorError):
    """A fetched document holds no feed. ``kind`` says what it is instead."""

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind

    def __reduce__(self) -> tuple[type[Self], tuple[str, str]]:
        # It crosses from the process that parses to ours; by default only the message would.
        return type(self), (self.kind, str(self))


class PageError(FeedDocumentError):
    """An article's page holds no article. ``kind`` says what it is instead."""


class WorkerError(MonitorError):
    """A worker process gave no answer; only the one task is lost. ``kind`` groups causes."""

    kind = "crashed"


class WorkerTimeoutError(WorkerError):
    """A task took longer than it may; its process was killed."""

    kind = "too_slow"


class WorkerMemoryError(WorkerError):
    """A task needed more memory than it may have."""

    kind = "too_big"


class WorkerDiedError(WorkerError):
    """A task's process ended before it answered."""
