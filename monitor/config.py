"""``feeds.yaml`` to a frozen `Config`. Every mistake in the file is found at once and named by its line."""

from __future__ import annotations

import json
import re
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Literal
from zoneinfo import available_timezones

import yaml
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from monitor.errors import ConfigError
from monitor.records import (
    Feed,
    OutletKind,
)
from monitor.urls import is_web_url

if TYPE_CHECKING:
    from pathlib import Path

    from yaml.nodes import Node

MAX_BYTES = 5_000_000
_HEADER_NAME = re.compile(r"^[A-Za-z0-9!#$%&'*+.^_`|~-]{1,100}$")
_CHANNEL = re.compile(r"^[a-z][a-z0-9-]{0,31}$")
_VARIABLE = re.compile(r"^\$\{[A-Za-z_][A-Za-z0-9_]*\}$")
# These belong to the exchange: to set them would break it, or get past the guards.
_OWN_HEADERS = frozenset(
    {"host", "content-length", "transfer-encoding", "connection", "te", "trailer", "upgrade", "expect", "accept-encoding"}
    | {"if-none-match", "if-modified-since", "proxy-authorization", "range"}
)


def _check_zone(name: str) -> str:
    if name not in available_timezones():
        raise ValueError(f"{name!r} is no IANA time zone; write one such as Europe/Kyiv")
    return name


def _check_url(url: str) -> str:
    if not is_web_url(url):
        raise ValueError(f"{url!r} is no web address; write it in full, with http:// or https://")
    return url


def _check_contact(contact: str) -> str:
    if not contact.startswith(("mailto:", "https://", "http://")) or any(char.isspace() for char in contact):
        raise ValueError("must be an address at which you can be reached; write mailto:YOU@EXAMPLE.ORG or a https:// page")
    return contact


def _check_proxy(proxy: str) -> str:
    if not proxy.startswith(("http://", "https://", "socks4://", "socks5://", "socks5h://")):
        raise ValueError(f"{proxy!r} is no proxy; write http://HOST:PORT or socks5://HOST:PORT")
    return proxy


def _check_headers(headers: dict[str, str]) -> dict[str, str]:
    for name, value in headers.items():
        if not _HEADER_NAME.match(name) or name.lower() in _OWN_HEADERS:
            raise ValueError(f"{name!r} is no header that may be set; leave out those that the exchange itself needs")
        if any(ord(char) < 32 or ord(char) == 127 for char in value):
            raise ValueError(f"the value of {name!r} holds a control character; write it in one line")
    return headers


Zone = Annotated[str, AfterValidator(_check_zone)]
WebUrl = Annotated[str, AfterValidator(_check_url)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class FetchSettings(_Strict):
    """How feeds are fetched."""

    concurrency: int = Field(32, ge=1, le=512, description="Requests under way at once, over all hosts.")
    per_host: int = Field(1, ge=1, le=16, description="Requests under way at once to one host.")
    min_delay_s: float = Field(1.0, ge=0, le=3600, description="Seconds between two requests to one host.")
    timeout_s: float = Field(30, gt=0, le=600, description="Seconds after which one fetch is given up.")
    max_bytes: int = Field(10_485_760, ge=1024, le=1_073_741_824, description="Largest document, after decompression.")
    allow_private_networks: bool = Field(default=False, description="Also fetch from loopback and private addresses.")
    full_text: Literal["auto", "never", "always"] = Field("auto", description="When article pages are fetched.")


class ArchiveSettings(_Strict):
    """How long the documents are kept as they were fetched."""

    enabled: bool = Field(default=True, description="Keep every document as it was fetched, in WARC files with a hash chain.")
    keep_days: int = Field(
        365, ge=1, le=36_500, description="Days after which documents are dropped, but evidence of flagged items."
    )
    max_bytes: int = Field(
        20_000_000_000, ge=1_000_000, description="Size above which the oldest are dropped, but evidence of flagged items."
    )


def _check_channel(name: str) -> str:
    # The value is not repeated: it may hold a password.
    if not _CHANNEL.match(name):
        raise ValueError(
            "holds something that is no channel's name; write names of small letters, digits and dashes here, and each channel's"
            " Apprise address into the variable MONITOR_NOTIFY_NAME"
        )
    return name


class AssessSettings(_Strict):
    """How articles are assessed."""

    rescore_s: float = Field(
        300,
        ge=0,
        le=86_400,
        description="Seconds that each run gives, after the digest, to articles of earlier days that the bundle has not seen.",
    )


class NotifySettings(_Strict):
    """Who is told when there is something."""

    channels: list[Annotated[str, AfterValidator(_check_channel)]] = Field(
        default_factory=list,
        max_length=20,
        description="Names; where each leads stands in the variable MONITOR_NOTIFY_<NAME> alone.",
    )
    digest_url: WebUrl | None = Field(
        None, description="Where the digests can be read; a day's folder is added. Else its path is told."
    )
    min_flagged: int = Field(1, ge=1, le=10_000, description="So many articles that were not told yet are worth a message.")
    on_failure: bool = Field(default=True, description="Also tell when every feed failed or a run broke.")


def _check_textfile(path: str) -> str:
    if not path.endswith(".prom"):
        raise ValueError(f"{path!r} does not end in .prom; node_exporter reads only files that do")
    return path


class MetricsSettings(_Strict):
    """Figures of each run for Prometheus."""

    textfile: Annotated[str, AfterValidator(_check_textfile)] | None = Field(
        None, description="File (*.prom) in the folder of node_exporter's textfile collector; written at the end of each run."
    )


class RetentionSettings(_Strict):
    """How long records of visits and runs are kept one by one; afterwards only what digests read of them."""

    visits_days: int | None = Field(90, ge=30, le=36_500, description="Days; null keeps all.")
    runs_days: int | None = Field(400, ge=30, le=36_500, description="Days; null keeps all.")


def _check_reference(value: str) -> str:
    # The value is not repeated: it may be the address itself.
    if not _VARIABLE.match(value):
        raise ValueError(
            "must name a variable of the environment, as in ${MONITOR_HEALTHCHECK}; the address itself is a secret and stands there"
        )
    return value


class Settings(_Strict):
    """What holds for all feeds."""

    contact: Annotated[str, AfterValidator(_check_contact)] | None = Field(
        None, description="Goes into the User-Agent, so that a site's owner can reach you: mailto:… or https://…"
    )
    timezone: Zone = Field("Europe/Kyiv", description="What a day means in the digest (IANA name).")
    fetch: FetchSettings = FetchSettings()
    archive: ArchiveSettings = ArchiveSettings()
    assess: AssessSettings = AssessSettings()
    notify: NotifySettings = NotifySettings()
    metrics: MetricsSettings = MetricsSettings()
    healthcheck: Annotated[str, AfterValidator(_check_reference)] | None = Field(
        None, description="${VARIABLE} that holds the address to ping when a run begins, succeeds or fails."
    )
    retention: RetentionSettings = RetentionSettings()

    @property
    def healthcheck_variable(self) -> str | None:
        """The variable that holds the address to ping."""
        return self.healthcheck[2:-1] if self.healthcheck else None


class FeedSettings(_Strict):
    """One feed."""

    id: str = Field(pattern=r"^[a-z0-9][a-z0-9._-]{0,63}$", description="Unique and stable: it is stored with every article.")
    url: WebUrl = Field(description="Address of the feed.")
    outlet: str | None = Field(None, min_length=1, description="Whose voice it is; the id where left out.")
    language: str | None = Field(None, pattern=r"^[a-z]{2,3}$", description="Language code (ISO 639) of most items.")
    kind: OutletKind | None = Field(None, description="What kind of outlet it is; never what a text carries.")
    timezone: Zone | None = Field(None, description="For dates that come without a zone (IANA name); else settings.timezone.")
    proxy: Annotated[str, AfterValidator(_check_proxy)] | None = Field(None, description="HTTP or SOCKS proxy for this feed.")
    headers: Annotated[dict[str, str], AfterValidator(_check_headers)] = Field(
        default_factory=dict, description="HTTP headers to send with this feed's requests, such as a User-Agent."
    )
    full_text: Literal["auto", "never", "always"] | None = Field(
        None, description="When this feed's article pages are fetched; else settings.fetch.full_text."
    )
    enabled: bool = Field(default=True, description="false pauses the feed.")


class FeedsFile(_Strict):
    """The whole file."""

    settings: Settings = Settings()
    feeds: list[FeedSettings] = Field(min_length=1, description="The feeds to poll.")


@dataclass(frozen=True, slots=True)
class Config:
    """What ``feeds.yaml`` says."""

    settings: Settings
    feeds: tuple[Feed, ...]


def load_config(path: Path) -> Config:
    """Read and check a feeds file. Raises `ConfigError` with one ``FILE:LINE: …`` message for every mistake."""
    node = _compose(path)
    if (looping := _find_loop(node, ())) is not None:
        raise ConfigError((f"{path}:{looping}: an alias here refers to what it stands in; write the value out",))
    problems = _find_repeated_keys(node)
    values = _to_values(path, node)  # this merges `<<` into the nodes, so that keys stand in them twice
    lines = _index_lines(node)
    problems += _find_contradictions(values, lines)
    try:
        parsed = FeedsFile.model_validate(values)
    except ValidationError as error:
        problems += [(_line_of(lines, e["loc"]), _explain(e)) for e in error.errors()]
    if problems:
        raise ConfigError(tuple(f"{path}:{line}: {what}" for line, what in sorted(set(problems))))
    return Config(parsed.settings, tuple(_make_feed(feed, parsed.settings) for feed in parsed.feeds))


def render_schema() -> str:
    """The JSON schema of a feeds file, for editors; ``docs/feeds.schema.json`` holds it."""
    schema = FeedsFile.model_json_schema()
    return json.dumps({"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}, indent=2) + "\n"


# The one in C reads a list of thousands of feeds in a tenth of the time; not every installation of PyYAML has it.
_QUICK_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def _compose(path: Path) -> Node:
    try:
        raw = path.read_bytes()
    except FileNotFoundError as error:
        raise ConfigError((f"{path}: there is no such file; name yours with --feeds, or copy the default feeds.yaml",)) from error
    except OSError as error:
        raise ConfigError(
            (f"{path}: cannot be read ({error.strerror}); check that it is a file and readable for this user",)
        ) from error
    if len(raw) > MAX_BYTES:
        raise ConfigError((f"{path}: has {len(raw)} bytes, which is no list of feeds; name yours with --feeds",))
    try:
        node = yaml.compose(raw.decode("utf-8-sig"), Loader=_QUICK_LOADER)
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise ConfigError((f"{path}:{line}: is not UTF-8; save the file in that encoding",)) from error
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        what = getattr(error, "problem", None) or "cannot be read"
        raise ConfigError(
            (f"{path}:{mark.line + 1 if mark else 1}: not YAML: {what}; mend the line or its indentation",)
        ) from error
    if node is None:
        raise ConfigError((f"{path}:1: the file is empty; list at least one feed with id and url under `feeds:`",))
    return node


class _Loader(yaml.SafeLoader):
    """YAML's safe loader; a date that does not exist is left for the checks to name, instead of ending the reading."""

    def construct_yaml_timestamp(self, node: yaml.ScalarNode) -> Any:
        """A date, or bytes, which no setting takes, where it is none."""
        try:
            return super().construct_yaml_timestamp(node)
        except ValueError:
            return node.value.encode()


_Loader.add_constructor("tag:yaml.org,2002:timestamp", _Loader.construct_yaml_timestamp)


def _to_values(path: Path, node: Node) -> Any:
    try:
        return _Loader("").construct_document(node)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        raise ConfigError((f"{path}:{mark.line + 1 if mark else 1}: {error.problem}; write plain values",)) from error


def _find_loop(node: Node, above: tuple[Node, ...]) -> int | None:
    """The line of a node that holds itself; None where there is none."""
    if any(node is one for one in above):
        return above[-1].start_mark.line + 1
    children = [child for pair in node.value for child in pair] if isinstance(node, yaml.MappingNode) else node.value
    if isinstance(node, yaml.ScalarNode):
        return None
    return next((line for child in children if (line := _find_loop(child, (*above, node))) is not None), None)


def _index_lines(node: Node, at: tuple[str | int, ...] = ()) -> dict[tuple[str | int, ...], int]:
    """Line numbers by path: keys for mappings, positions for lists."""
    lines = {at: node.start_mark.line + 1}
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            lines |= _index_lines(value, (*at, key.value))
            lines[(*at, key.value)] = key.start_mark.line + 1
    elif isinstance(node, yaml.SequenceNode):
        for position, value in enumerate(node.value):
            lines |= _index_lines(value, (*at, position))
    return lines


def _line_of(lines: dict[tuple[str | int, ...], int], at: tuple[str | int, ...]) -> int:
    while at not in lines:
        at = at[:-1]
    return lines[at]


def _find_repeated_keys(node: Node) -> list[tuple[int, str]]:
    found = []
    if isinstance(node, yaml.MappingNode):
        counts = Counter(key.value for key, _ in node.value if isinstance(key, yaml.ScalarNode))
        for key, value in node.value:
            if isinstance(key, yaml.ScalarNode) and counts[key.value] > 1:
                found.append((key.start_mark.line + 1, f"`{key.value}` stands here more than once; keep one"))
            found += _find_repeated_keys(value)
    elif isinstance(node, yaml.SequenceNode):
        for value in node.value:
            found += _find_repeated_keys(value)
    return found


def _find_contradictions(values: Any, lines: dict[tuple[str | int, ...], int]) -> list[tuple[int, str]]:
    """Ids and addresses that stand twice; looked for in the raw values, so that other mistakes do not hide them."""
    feeds = values.get("feeds") if isinstance(values, dict) else None
    found: list[tuple[int, str]] = []
    first_of: dict[tuple[str, str], str] = {}
    for position, feed in enumerate(feeds if isinstance(feeds, list) else []):
        for key in ("id", "url"):
            value = feed.get(key) if isinstance(feed, dict) else None
            if not isinstance(value, str):
                continue
            line = _line_of(lines, ("feeds", position, key))
            if (key, value) in first_of:
                found.append((line, f"{key} {value!r} is used twice, first by {first_of[key, value]}; keep one"))
            first_of.setdefault((key, value), f"feed {feed.get('id')!r} in line {line}")
    return found


def _explain(error: Any) -> str:
    at = ".".join(str(part) for part in error["loc"] if not isinstance(part, int)) or "the file"
    kind, given = error["type"], error.get("input")
    if at.startswith(("settings.notify.", "settings.healthcheck")) and kind != "value_error":
        given = "what stands there"  # it may be an address with a password
    messages = {
        "missing": f"`{at}` is missing; every feed needs `id` and `url`" if at != "feeds" else "there is no list `feeds`; add one",
        "extra_forbidden": f"`{at}` is unknown; see the reference for the names, or remove it",
        "string_pattern_mismatch": f"`{at}` is {given!r}; {_pattern_hint(at)}",
        "too_short": "`feeds` is empty; list at least one feed with id and url",
    }
    if kind in messages:
        return messages[kind]
    reason = str(error["msg"]).removeprefix("Value error, ")
    if kind == "value_error":
        return f"`{at}` {reason}"
    return f"`{at}` is {_shorten(given)}: {reason[:1].lower()}{reason[1:]}; mend it or leave it out for the default"


def _pattern_hint(at: str) -> str:
    if at.endswith("language"):
        return "write a language code such as ru, uk or en"
    return "use lower-case letters, digits, dots, dashes and underscores, 64 at most"


def _shorten(value: object) -> str:
    shown = repr(value)
    return shown if len(shown) <= 60 else f"{shown[:57]}..."


def _make_feed(feed: FeedSettings, settings: Settings) -> Feed:
    return Feed(
        id=feed.id,
        url=feed.url,
        outlet=feed.outlet or feed.id,
        language=feed.language,
        kind=feed.kind,
        timezone=feed.timezone or settings.timezone,
        proxy=feed.proxy,
        enabled=feed.enabled,
        headers=tuple(feed.headers.items()),
        full_text=feed.full_text,
    )
