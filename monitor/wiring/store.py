"""What `monitor store` is made of."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING

from monitor.lock import hold_run_lock, lock_path

if TYPE_CHECKING:
    from collections.abc import Callable

    from monitor.pipeline.parts import Progress
    from monitor.storage.transfer import Copied
    from monitor.wiring.parts import Clock


def copy_store(
    source_url: str, target_url: str, clock: Clock, *, report_progress: Callable[[Progress], None] = lambda _: None
) -> Copied:
    """Copy a store into an empty one and compare both. No run may go on in either meanwhile."""
    from monitor.pipeline.parts import Progress  # noqa: PLC0415
    from monitor.storage.transfer import StoreTransfer  # noqa: PLC0415

    # Two stores on servers have the same lock.
    locks = {lock_path(url).resolve() for url in (source_url, target_url)}
    with StoreTransfer(source_url, target_url) as transfer, ExitStack() as stack:
        for path in sorted(locks):
            stack.enter_context(hold_run_lock(path, started_at=clock.read()))
        return transfer.copy(clock.timer, lambda step, done, total: report_progress(Progress(step, done, total)))
