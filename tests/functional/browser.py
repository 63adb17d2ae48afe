"""A real browser without a window, spoken to by the DevTools protocol."""

from __future__ import annotations

import asyncio
import base64
import os
import shutil
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING, Any

import aiohttp

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")
_FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--hide-scrollbars", "--remote-debugging-port=0",
    "--host-resolver-rules=MAP * ~NOTFOUND", "--disable-dev-shm-usage",
)  # fmt: skip
_TIMEOUT_S = 60


def find_browser() -> str | None:
    """The browser's program: that of MONITOR_TEST_BROWSER, or the first one found."""
    named = os.environ.get("MONITOR_TEST_BROWSER")
    return named or next((found for name in NAMES if (found := shutil.which(name))), None)


class Tab:
    """One page of a browser. ``events`` has everything that the browser told of it."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self._socket, self._last = socket, 0
        self.events: list[dict[str, Any]] = []

    async def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        """One command; its answer. What is told meanwhile goes to ``events``."""
        self._last += 1
        await self._socket.send_json({"id": self._last, "method": method, "params": parameters})
        while True:
            told = await self._socket.receive_json(timeout=_TIMEOUT_S)
            if told.get("id") == self._last:
                assert "error" not in told, told
                result: dict[str, Any] = told["result"]
                return result
            self.events.append(told)

    async def open(self, url: str, *, width: int = 1200, height: int = 900, dark: bool = False) -> None:
        """Load a page in a window of this size, and wait until it is there."""
        for domain in ("Page", "Runtime", "Log", "Network", "Security"):
            await self.call(f"{domain}.enable")
        await self.call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=width < 600)
        features = [{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}]
        await self.call("Emulation.setEmulatedMedia", media="", features=features)
        await self.call("Page.navigate", url=url)
        while not any(event.get("method") == "Page.loadEventFired" for event in self.events):
            self.events.append(await self._socket.receive_json(timeout=_TIMEOUT_S))

    async def ask(self, expression: str) -> Any:
        """The value of an expression in the page. The inspector's own code runs whatever the page's policy forbids."""
        answer = await self.call("Runtime.evaluate", expression=expression, returnByValue=True)
        assert "exceptionDetails" not in answer, answer
        return answer["result"].get("value")

    async def take_screenshot(self) -> bytes:
        """What is seen of the page, as PNG."""
        shot = await self.call("Page.captureScreenshot", format="png")
        return base64.b64decode(shot["data"])

    async def print_pdf(self) -> bytes:
        """The page as it would be printed on A4."""
        printed = await self.call("Page.printToPDF", paperWidth=8.27, paperHeight=11.69, preferCSSPageSize=True)
        return base64.b64decode(printed["data"])

    def list_requests(self) -> list[str]:
        """Addresses that the page asked for."""
        return [event["params"]["request"]["url"] for event in self.events if event.get("method") == "Network.requestWillBeSent"]

    def list_messages(self) -> list[str]:
        """What stands in the console and the log, and whatever dialog was opened."""
        methods = {"Runtime.consoleAPICalled", "Runtime.exceptionThrown", "Log.entryAdded", "Page.javascriptDialogOpening"}
        return [str(event["params"]) for event in self.events if event.get("method") in methods]


@asynccontextmanager
async def open_tab(browser: str, folder: Path) -> AsyncIterator[Tab]:
    """A fresh browser with one empty page; ``folder`` keeps its profile. It ends with the context."""
    (folder / "DevToolsActivePort").unlink(missing_ok=True)
    process = await asyncio.create_subprocess_exec(
        browser, *_FLAGS, f"--user-data-dir={folder}", "about:blank",
        stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL,
    )  # fmt: skip
    try:
        port = await _read_port(folder, process)
        async with aiohttp.ClientSession() as session:
            async with session.get(f"http://127.0.0.1:{port}/json/list") as answer:
                pages = [page for page in await answer.json() if page["type"] == "page"]
            async with session.ws_connect(pages[0]["webSocketDebuggerUrl"], max_msg_size=0) as socket:
                yield Tab(socket)
    finally:
        with suppress(ProcessLookupError):
            process.terminate()
        try:
            await asyncio.wait_for(process.wait(), 10)
        except TimeoutError:
            process.kill()
            await process.wait()


async def _read_port(folder: Path, process: asyncio.subprocess.Process) -> int:
    """Where it listens; it says so in a file."""
    path = folder / "DevToolsActivePort"
    for _ in range(_TIMEOUT_S * 20):
        if path.is_file() and "\n" in (text := path.read_text()):
            return int(text.split("\n")[0])
        assert process.returncode is None, "the browser ended"
        await asyncio.sleep(0.05)
    raise AssertionError("the browser did not start")
