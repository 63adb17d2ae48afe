"""How the application is served: by uvicorn, on a socket that is open already."""

from __future__ import annotations

from typing import TYPE_CHECKING

import uvicorn

if TYPE_CHECKING:
    from monitor.review.guard import Guard


def make_server(app: Guard) -> uvicorn.Server:
    """A server that says nothing of itself and believes nothing that a proxy would say."""
    config = uvicorn.Config(
        app,
        log_level="warning",
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_keep_alive=30,
        timeout_graceful_shutdown=10,
        limit_concurrency=500,
    )
    return uvicorn.Server(config)
