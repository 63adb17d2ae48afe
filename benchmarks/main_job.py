"""How fast the main job is: a cold run, a warm run and bare classification, in one go on one machine.

    python benchmarks/main_job.py [--feeds 200] [--items 20] [--out FILE.json]

Feeds are generated from a seed and served on loopback. Seconds depend on the machine; compare the ratios.
"""

from __future__ import annotations

import argparse
import json
import platform
import random
import subprocess
import sys
import tempfile
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

TEXT = """рынок школа мост концерт погода матч музей закон цена врач поезд книга сад театр бюджет урожай порт завод спецоперация
съезд президент поддержал делегаты жители Крым Херсон Донецк Москва Киев НАТО санкции газ дрон фронт переговоры суд выставка"""
WORDS = TEXT.split()


def make_feed(number: int, items: int) -> bytes:
    """An RSS document of generated words; the same for the same number."""
    source = random.Random(number)  # noqa: S311 - reproducible, not secret
    body = "".join(
        f"<item><title>{' '.join(source.choices(WORDS, k=9))}</title><link>https://o{number}.example/{item}</link>"
        f"<description>{' '.join(source.choices(WORDS, k=45))}.</description></item>"
        for item in range(items)
    )
    return f'<?xml version="1.0"?><rss version="2.0"><channel>{body}</channel></rss>'.encode()


def serve(documents: dict[str, bytes]) -> ThreadingHTTPServer:
    """A server on loopback with ETags."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            is_known = self.headers.get("If-None-Match") == f'"{self.path}"'
            body = b"" if is_known else documents[self.path]
            self.send_response(304 if is_known else 200)
            self.send_header("ETag", f'"{self.path}"')
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Keep the output for the figures."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    Thread(target=server.serve_forever, daemon=True).start()
    return server


def run_once(folder: Path) -> dict[str, object]:
    """One `monitor run`: its wall time and its own report."""
    began = time.perf_counter()
    done = subprocess.run([sys.executable, "-m", "monitor", "run", "--json"], cwd=folder, capture_output=True, check=True)
    return {"wall_s": round(time.perf_counter() - began, 2), **json.loads(done.stdout)["seconds"]}


def classify(lines: int) -> dict[str, float]:
    """`monitor classify` on generated lines of 54 words."""
    source = random.Random(7)  # noqa: S311
    rows = "".join(json.dumps({"id": n, "text": " ".join(source.choices(WORDS, k=54)), "lang": "ru"}) + "\n" for n in range(lines))
    began = time.perf_counter()
    subprocess.run([sys.executable, "-m", "monitor", "classify"], input=rows.encode(), capture_output=True, check=True)
    wall = time.perf_counter() - began
    return {"lines": lines, "wall_s": round(wall, 2), "lines_per_s": round(lines / wall, 1)}


def main() -> None:
    """Measure, print, and write the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--feeds", type=int, default=200)
    parser.add_argument("--items", type=int, default=20)
    parser.add_argument("--out", type=Path)
    given = parser.parse_args()
    server = serve({f"/{n}.xml": make_feed(n, given.items) for n in range(given.feeds)})
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        feeds = "".join(f"  - {{id: f{n}, url: 'http://127.0.0.1:{server.server_port}/{n}.xml'}}\n" for n in range(given.feeds))
        fetch = "{min_delay_s: 0, per_host: 16, allow_private_networks: true}"
        (folder / "feeds.yaml").write_text(f"settings: {{fetch: {fetch}}}\nfeeds:\n{feeds}", encoding="utf-8")
        cold, warm = run_once(folder), run_once(folder)
    server.shutdown()
    server.server_close()
    bare = classify(given.feeds * given.items)
    figures = {
        "machine": f"{platform.machine()}, Python {platform.python_version()}",
        "feeds": given.feeds,
        "items": given.items,
        "cold": cold,
        "warm": warm,
        "classify": bare,
        "ratio_cold_to_classify": round(float(str(cold["wall_s"])) / bare["wall_s"], 2),
        "ratio_warm_to_cold": round(float(str(warm["wall_s"])) / float(str(cold["wall_s"])), 3),
    }
    print(json.dumps(figures, indent=1))
    if given.out:
        given.out.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
