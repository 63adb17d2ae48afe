"""A real headless browser, driven over the DevTools protocol: keys, mouse, what it shows and which requests it makes."""

from __future__ import annotations

import asyncio
import base64
import itertools
import json
import os
import re
import shutil
import subprocess
import tempfile
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import aiohttp

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
TIMEOUT_S = 60.0
# Name, text and number of the key.
_NAMED_KEYS = {
    "Enter": ("Enter", "\r", 13),
    "Tab": ("Tab", "", 9),
    "Escape": ("Escape", "", 27),
    "ArrowDown": ("ArrowDown", "", 40),
}
_FLAGS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--hide-scrollbars",
    "--disable-background-networking",
    "--remote-debugging-port=0",
    "about:blank",
)


def find_browser() -> str | None:
    """Path of a browser; None where there is none."""
    return next((found for name in NAMES if (found := shutil.which(name))), None)


class Browser:
    """One browser process; each `open_page` is a profile of its own, with its own cookies."""

    def __init__(self, loop: asyncio.AbstractEventLoop, socket: aiohttp.ClientWebSocketResponse) -> None:
        self._loop, self._socket = loop, socket
        self._numbers = itertools.count(1)
        self._answers: dict[int, dict[str, Any]] = {}
        self._pages: dict[str, Page] = {}

    def send(self, method: str, session: str | None = None, **params: Any) -> dict[str, Any]:
        """Run a command and give its result."""
        number = next(self._numbers)
        message = {"id": number, "method": method, "params": params} | ({"sessionId": session} if session else {})
        self._loop.run_until_complete(self._socket.send_str(json.dumps(message)))
        self.wait_until(lambda: number in self._answers, method)
        answer = self._answers.pop(number)
        if "error" in answer:
            raise RuntimeError(f"{method}: {answer['error']}")
        result: dict[str, Any] = answer["result"]
        return result

    def wait_until(self, is_reached: Callable[[], bool], what: str) -> None:
        """Take in what the browser says until something is so."""
        end = time.monotonic() + TIMEOUT_S
        while not is_reached():
            left = end - time.monotonic()
            if left <= 0:
                raise TimeoutError(what)
            self.take_in(left)

    def take_in(self, timeout_s: float) -> bool:
        """Take in one message; False where none came in time."""
        try:
            raw = self._loop.run_until_complete(asyncio.wait_for(self._socket.receive(), timeout_s))
        except TimeoutError:
            return False
        message = json.loads(raw.data)
        if "id" in message:
            self._answers[message["id"]] = message
        elif message.get("sessionId") in self._pages:
            self._pages[message["sessionId"]].take(message["method"], message["params"])
        return True

    def open_page(self, *, scripts: bool = True, width: int = 1200, height: int = 900) -> Page:
        """An empty page in a profile of its own."""
        context = self.send("Target.createBrowserContext")["browserContextId"]
        target = self.send("Target.createTarget", url="about:blank", browserContextId=context)["targetId"]
        session = self.send("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        page = Page(self, session)
        self._pages[session] = page
        for domain in ("Page", "Network", "Runtime", "Log", "DOM"):
            page.send(f"{domain}.enable")
        page.resize(width, height)
        if not scripts:
            page.send("Emulation.setScriptExecutionDisabled", value=True)
        return page


@dataclass
class Page:
    """One tab. ``requests`` are the addresses that it asked for, ``dialogs`` and ``errors`` what scripts did."""

    browser: Browser
    session: str
    requests: list[str] = field(default_factory=list)
    dialogs: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    loads: int = 0

    def send(self, method: str, **params: Any) -> dict[str, Any]:
        return self.browser.send(method, self.session, **params)

    def take(self, method: str, params: dict[str, Any]) -> None:
        """An event."""
        if method == "Page.loadEventFired":
            self.loads += 1
        elif method == "Network.requestWillBeSent":
            self.requests.append(params["request"]["url"])
        elif method == "Page.javascriptDialogOpening":
            self.dialogs.append(params["message"])
        elif method == "Runtime.exceptionThrown":
            self.errors.append(params["exceptionDetails"]["text"])
        elif method == "Log.entryAdded" and params["entry"]["level"] == "error":
            self.errors.append(params["entry"]["text"])

    @contextmanager
    def loading(self) -> Iterator[None]:
        """What is done within leads to another page."""
        before = self.loads
        yield
        self.browser.wait_until(lambda: self.loads > before, "the next page")

    def open(self, url: str) -> None:
        with self.loading():
            self.send("Page.navigate", url=url)

    def resize(self, width: int, height: int = 900) -> None:
        self.send("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=width < 600)

    def settle(self, quiet_s: float = 0.3) -> None:
        """Wait until the browser says nothing more."""
        while self.browser.take_in(quiet_s):
            pass

    def evaluate(self, expression: str) -> Any:
        """What an expression gives; the page's own rules do not bind it."""
        result = self.send("Runtime.evaluate", expression=expression, returnByValue=True)["result"]
        return result.get("value")

    @property
    def text(self) -> str:
        return str(self.evaluate("document.body.innerText"))

    @property
    def path(self) -> str:
        return str(self.evaluate("location.pathname + location.search"))

    @property
    def focused(self) -> str:
        """Tag, id or name of what has the focus."""
        return str(self.evaluate("(e => e.tagName.toLowerCase() + '#' + (e.id || e.name || ''))(document.activeElement)"))

    def expect_focus(self, wanted: str) -> None:
        """Wait until something has the focus: browsers move it only after the page has loaded."""
        end = time.monotonic() + TIMEOUT_S / 6
        while (found := self.focused) != wanted:
            if time.monotonic() > end:
                raise AssertionError(f"{found} has the focus on {self.path}, not {wanted}")
            self.browser.take_in(0.02)

    def press(self, key: str) -> None:
        """Press and release a key: a letter, a digit, or a name such as Enter."""
        if key in _NAMED_KEYS:
            name, text, number = _NAMED_KEYS[key]
            code = key
        else:
            name, text, number = key, key, ord(key.upper())
            code = f"Digit{key}" if key.isdigit() else f"Key{key.upper()}"
        common = {"key": name, "code": code, "windowsVirtualKeyCode": number}
        self.send("Input.dispatchKeyEvent", type="keyDown" if text else "rawKeyDown", text=text, **common)
        self.send("Input.dispatchKeyEvent", type="keyUp", **common)

    def type(self, text: str) -> None:
        """Write into what has the focus."""
        self.send("Input.insertText", text=text)

    def click(self, selector: str) -> None:
        """Click into the middle of an element with the mouse."""
        root = self.send("DOM.getDocument")["root"]["nodeId"]
        node = self.send("DOM.querySelector", nodeId=root, selector=selector)["nodeId"]
        if not node:
            raise LookupError(f"{selector} is not on {self.path}")
        self.send("DOM.scrollIntoViewIfNeeded", nodeId=node)
        quad = self.send("DOM.getContentQuads", nodeId=node)["quads"][0]
        x, y = (quad[0] + quad[4]) / 2, (quad[1] + quad[5]) / 2
        for kind in ("mousePressed", "mouseReleased"):
            self.send("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", clickCount=1)

    def picture(self, path: Path, *, dark: bool = False, whole: bool = True) -> None:
        """Write a picture of the page as PNG."""
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.send("Emulation.setEmulatedMedia", features=[scheme])
        data = self.send("Page.captureScreenshot", format="png", captureBeyondViewport=whole)["data"]
        path.write_bytes(base64.b64decode(data))


@contextmanager
def run_browser(command: str) -> Iterator[Browser]:
    """A browser, ended afterwards."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        log = Path(folder) / "log.txt"
        arguments = [command, f"--user-data-dir={folder}/profile", *_FLAGS]
        with log.open("wb") as output:
            process = subprocess.Popen(arguments, stdout=output, stderr=output, env={**os.environ, "HOME": folder})
        loop = asyncio.new_event_loop()
        client: aiohttp.ClientSession | None = None
        try:
            address = _find_address(log, process)
            client, socket = loop.run_until_complete(_connect(address))
            yield Browser(loop, socket)
        finally:
            if client is not None:
                loop.run_until_complete(client.close())
            process.terminate()
            process.wait(20)
            loop.close()


def _find_address(log: Path, process: subprocess.Popen[bytes]) -> str:
    end = time.monotonic() + TIMEOUT_S
    while time.monotonic() < end and process.poll() is None:
        if found := re.search(r"DevTools listening on (ws://\S+)", log.read_text(errors="replace")):
            return found.group(1)
        time.sleep(0.05)
    raise RuntimeError(f"the browser did not start: {log.read_text(errors='replace')[-500:]}")


async def _connect(address: str) -> tuple[aiohttp.ClientSession, aiohttp.ClientWebSocketResponse]:
    client = aiohttp.ClientSession()
    return client, await client.ws_connect(address, max_msg_size=0)
