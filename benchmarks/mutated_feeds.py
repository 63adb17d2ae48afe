"""Damaged and hostile feed documents: each must end in entries or in a named error, within memory and time.

    python benchmarks/mutated_feeds.py [--count 20000] [--seed 1] [--limit 5] [--memory 400] [--out FILE.json]

Generated feeds are damaged at random places (bits, cuts, doubled and lost pieces, other encodings, tag soup, entities, nesting,
compression); a few monsters come on top, once each: a million items, 200,000 attributes, deep nesting, bombs. They are read as
a run reads them: what is simple at once, the rest in a process that is ended after 4 seconds or 256 MB. Prints how they ended, the
slowest case and the peak of resident memory, of this process and the largest of its children together. Ends with 1 where a
case broke, took longer than ``--limit`` seconds of the clock, or memory went beyond ``--memory`` megabytes.
"""

from __future__ import annotations

import argparse
import gzip
import hashlib
import json
import random
import resource
import time
import warnings
import zlib
from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from monitor.errors import FeedDocumentError, FetchError
from monitor.fetch.decompress import BodyReader
from monitor.records import (
    Feed,
    FetchedFeed,
)
from monitor.wiring.parts import open_readers

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from monitor.readers import Readers

MAX_BYTES = 10_485_760
NOON = datetime(2026, 5, 14, 12, 0, tzinfo=UTC)
FEED = Feed("mutated", "https://mutated.example/rss", outlet="Mutated", timezone="Europe/Kyiv")
WORDS = [
    *("порт", "мост", "суд", "сад", "театр", "«Крым»", "дрон", "фронт", "—", "поезд", "Ёлка"),
    *(
        "їжак",
        "&amp;laquo;",
        "&lt;p&gt;",
        "&#8212;",
        "&#x2014;",
        "<![CDATA[<b>жир</b>]]>",
        "концерт",
        "школа",
        "рынок",
        "https://a.example/?a=1&amp;b=2",
    ),
]
SOUP = [
    *(b"<item>", b"</item>", b"<title>", b"</title>", b"<![CDATA[", b"]]>", b"<!--", b"-->", b"<!DOCTYPE rss [", b"]>", b"<![x["),
    *(b"<?xml version='1.0'?>", b"<", b">", b"&", b"&nope;", b"&#xD800;", b"&#0;", b"\x00", b"\xff\xfe", b"\xd0", b"<entry/>"),
    *(
        b"<content type='xhtml'><div>",
        b" xmlns='urn:x'",
        b" xml:base='http://['",
        b"<link>http://[</link>",
        b"<svg>",
        b"</channel>",
    ),
    *(b"<media:thumbnail/>", b"<width>x</width>", b"<psc:chapter/>", b"<georss:point>x</georss:point>", b"<guid>http://[</guid>"),
]
ENCODINGS = ["cp1251", "koi8-r", "utf-16", "utf-32", "cp866", "utf-8-sig", "iso8859-5"]
ENTITIES = (
    b'<!DOCTYPE r [<!ENTITY a0 "ha">' + b"".join(b'<!ENTITY a%d "%b">' % (n, b"&a%d;" % (n - 1) * 10) for n in range(1, 12)) + b"]>"
)


@dataclass(frozen=True)
class Case:
    """What a server sends: ``body`` as it goes over the wire, compressed as ``coding`` says."""

    name: str
    body: bytes
    coding: str = ""
    content_type: str | None = "application/rss+xml"


def make_feed(source: random.Random) -> bytes:
    """A sound document of a few items, in one of the formats."""
    texts = (" ".join(source.choices(WORDS, k=source.randrange(1, 25))) for _ in iter(int, 1))
    rows = [(next(texts), next(texts), f"https://mutated.example/{n}") for n in range(source.randrange(1, 6))]
    match source.randrange(3):
        case 0:
            items = "".join(f"<item><title>{t}</title><link>{u}</link><description>{d}</description></item>" for t, d, u in rows)
            return f'<?xml version="1.0" encoding="utf-8"?><rss version="2.0"><channel>{items}</channel></rss>'.encode()
        case 1:
            items = "".join(f'<entry><id>{u}</id><title>{t}</title><content type="html">{d}</content></entry>' for t, d, u in rows)
            return f'<feed xmlns="http://www.w3.org/2005/Atom">{items}</feed>'.encode()
        case _:
            items = "".join(f"<item rdf:about='{u}'><title>{t}</title><dc:date>{d}</dc:date></item>" for t, d, u in rows)
            names = 'xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#" xmlns:dc="http://purl.org/dc/elements/1.1/"'
            return f'<rdf:RDF xmlns="http://purl.org/rss/1.0/" {names}><channel/>{items}</rdf:RDF>'.encode()


def flip_bits(body: bytes, source: random.Random) -> bytes:
    """A few bits turned over."""
    changed = bytearray(body)
    for _ in range(source.randrange(1, 12)):
        changed[source.randrange(len(changed))] ^= 1 << source.randrange(8)
    return bytes(changed)


def cut(body: bytes, source: random.Random) -> bytes:
    """The end is missing, or a piece in between."""
    at = source.randrange(len(body))
    return body[:at] + (body[at + source.randrange(200) :] if source.random() < 0.5 else b"")


def repeat(body: bytes, source: random.Random) -> bytes:
    """A piece stands there many times."""
    at, length = source.randrange(len(body)), source.randrange(1, 120)
    return body[:at] + body[at : at + length] * source.randrange(2, 60) + body[at + length :]


def stir(body: bytes, source: random.Random) -> bytes:
    """Tags and other marks where none should be."""
    for _ in range(source.randrange(1, 6)):
        at = source.randrange(len(body))
        body = body[:at] + source.choice(SOUP) + body[at:]
    return body


def encode_anew(body: bytes, source: random.Random) -> bytes:
    """Another encoding than the declared one, in part or as a whole."""
    encoded = body.decode("utf-8", "replace").encode(source.choice(ENCODINGS), "replace")
    at = source.randrange(len(body))
    return encoded if source.random() < 0.7 else body[:at] + encoded[at:]


def nest(body: bytes, source: random.Random) -> bytes:
    """An element in itself, many times."""
    at, depth = source.randrange(len(body)), source.randrange(1, 400)
    tag = source.choice([b"item", b"title", b"div", b"media:group", b"content"])
    return body[:at] + b"<%b>" % tag * depth + b"x" + b"</%b>" % tag * depth + body[at:]


def add_entities(body: bytes, source: random.Random) -> bytes:
    """Entities that would grow a billion times, or that point to a file."""
    outside = b'<!DOCTYPE r [<!ENTITY a11 SYSTEM "file:///etc/passwd">]>'
    return source.choice([ENTITIES, outside]) + body[body.find(b"?>") + 2 :].replace(b"<title>", b"<title>&a11;", 1)


MUTATIONS: list[Callable[[bytes, random.Random], bytes]] = [flip_bits, cut, repeat, stir, encode_anew, nest, add_entities]


def make_cases(count: int, seed: int) -> Iterator[Case]:
    """Damaged documents, the same for the same seed; a part of them comes compressed and damaged after that."""
    source = random.Random(seed)  # noqa: S311 - reproducible, not secret
    for number in range(count):
        body, names = make_feed(source), []
        for mutation in source.sample(MUTATIONS, source.choice([1, 1, 2])):
            body = mutation(body, source) if len(body) > 1 else body
            names.append(mutation.__name__)
        name = f"{number} {'+'.join(names)}"
        content_type = source.choice(["application/rss+xml", "text/xml; charset=windows-1251", "text/html", None])
        if source.random() < 0.1:
            yield Case(f"{name}+gzip", flip_bits(gzip.compress(body, 1), source), "gzip", content_type)
        else:
            yield Case(name, body, content_type=content_type)


def make_bomb(piece: bytes, times: int, window_bits: int) -> bytes:
    """A piece many times, compressed; never whole in memory, so that only the reader's is measured."""
    compressor = zlib.compressobj(1, zlib.DEFLATED, window_bits)
    return b"".join([*(compressor.compress(piece) for _ in range(times)), compressor.flush()])


def make_monsters() -> Iterator[Case]:
    """Documents that are made to cost much; one at a time, for they are large."""
    head, tail = b'<rss version="2.0"><channel>', b"</channel></rss>"
    item = "<item><title>Мост</title><link>https://a.example/</link></item>".encode()
    yield Case("a million empty items", head + b"<item/>" * 1_000_000 + tail)
    yield Case("as many items as fit", head + item * (9_000_000 // len(item)) + tail)
    yield Case("a million open items", head + b"<item>" * 1_000_000)
    attributes = b" ".join(b'a%d="x"' % n for n in range(200_000))
    yield Case("200,000 attributes", head + b"<item " + attributes + b"><title>x</title></item>" + tail)
    yield Case("100,000 deep", head + b"<item><title>" + b"<b>" * 100_000 + b"x" + b"</b>" * 100_000 + b"</title></item>" + tail)
    text = "Слово за слово. ".encode() * 350_000
    yield Case("a text of ten megabytes", head + b"<item><title>t</title><description>" + text + b"</description></item>" + tail)
    yield Case("a text of markup", head + b"<item><description>" + b"&lt;p&gt;x" * 900_000 + b"</description></item>" + tail)
    yield Case("open brackets", head + b"<item><description>" + b"&lt;a " * 1_000_000 + b"</description></item>" + tail)
    yield Case("ampersands", head + b"<item><title>" + b"& " * 3_000_000 + b"</title></item>" + tail)
    yield Case("a million comments", head + b"<!---->" * 1_000_000 + item + tail)
    yield Case("entities in entities", ENTITIES + head + b"<item><title>&a11;</title></item>" + tail)
    yield Case("many declarations", b"<!DOCTYPE r [" + b'<!ENTITY a "b">\n' * 400_000 + b"]>" + head + item + tail)
    yield Case("namespaces", b"<rss" + b"".join(b' xmlns:n%d="urn:%d"' % (n, n) for n in range(200_000)) + b"/>")
    yield Case("bomb of gzip", make_bomb(bytes(1_000_000), 400, zlib.MAX_WBITS | 16), "gzip")
    yield Case("bomb of deflate", make_bomb(b"<item>" * 500_000, 100, zlib.MAX_WBITS), "deflate")
    yield Case("bomb of many streams", gzip.compress(b"<item>" * 100_000, 1) * 2_000, "gzip")
    yield Case("traces of double encoding", head + "°>".encode() * 3_000_000)
    yield Case("references", head + b"&#5;" * 2_500_000)
    yield Case("control characters", head + b"<item><\x01>" * 1_000_000)
    yield Case("spaces", b" " * 10_000_000)
    yield Case("letters", "я".encode("cp1251") * 10_000_000)


def read(case: Case, readers: Readers) -> int:
    """The number of entries of a case, from what comes over the wire on."""
    reader = BodyReader(case.coding, max_bytes=MAX_BYTES)
    for at in range(0, len(case.body), 65_536):
        reader.feed(case.body[at : at + 65_536])
    body = reader.finish()
    digest = hashlib.sha256(body).hexdigest()
    fetched = FetchedFeed(FEED.id, FEED.url, 200, case.content_type, body, digest, None, None, NOON)
    return len(readers.parse(FEED, fetched).entries)


def try_case(case: Case, readers: Readers) -> str:
    """How a case ended: "entries", "no entries", the kind of a named error, or "broke …" where it should not."""
    try:
        return "entries" if read(case, readers) else "no entries"
    except (FetchError, FeedDocumentError) as error:
        return f"{type(error).__name__} {error.kind}"
    except Exception as error:  # noqa: BLE001 - that nothing else is raised is what is checked
        return f"broke {type(error).__name__}: {error}"[:200]


def measure_memory_mb(who: int) -> float:
    """Peak of resident memory of this process, or of the largest child that has ended."""
    return resource.getrusage(who).ru_maxrss / 1024


def run(cases: Iterator[Case], limit_s: float) -> dict[str, Any]:
    """How the cases ended, the ones that failed, and the slowest. A case that fails says so at once."""
    ends: Counter[str] = Counter()
    failed: list[dict[str, object]] = []
    slowest = (0.0, "")
    with open_readers() as readers:
        for case in cases:
            began = time.perf_counter()
            end = try_case(case, readers)
            spent = time.perf_counter() - began
            slowest = max(slowest, (spent, case.name))
            ends[end.split(":")[0]] += 1
            if spent > limit_s or end.startswith("broke"):
                failed.append({"case": case.name, "end": end, "seconds": round(spent, 1)})
            if spent > 1:
                print(f"{case.name}: {end}, {spent:.1f} s", flush=True)
    # The readers' processes have ended here, and so count among the children.
    own, child = (round(measure_memory_mb(who)) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return {
        "ends": dict(sorted(ends.items())),
        "failed": failed,
        "slowest": [round(slowest[0], 2), slowest[1]],
        "peak_mb": {"own": own, "child": child, "together": own + child},
    }


def main() -> int:
    """Run, print, and write the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--limit", type=float, default=5.0, help="seconds that a case may take")
    parser.add_argument("--memory", type=float, default=400.0, help="megabytes that may be used at most")
    parser.add_argument("--out", type=Path)
    given = parser.parse_args()
    warnings.simplefilter("ignore", DeprecationWarning)
    damaged = run(make_cases(given.count, given.seed), given.limit)
    monsters = run(make_monsters(), given.limit)
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    figures = {
        "count": given.count,
        "seed": given.seed,
        "damaged": damaged,
        "monsters": monsters,
        "cpu_s": round(sum(one.ru_utime + one.ru_stime for one in used), 1),
    }
    print(json.dumps(figures, indent=1, ensure_ascii=False))
    if given.out:
        given.out.write_text(json.dumps(figures, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    return 1 if damaged["failed"] or monsters["failed"] or monsters["peak_mb"]["together"] > given.memory else 0


if __name__ == "__main__":
    raise SystemExit(main())
