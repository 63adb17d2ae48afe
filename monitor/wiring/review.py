"""What `monitor review`, `monitor users` and `monitor import` do, put together from concrete parts."""

from __future__ import annotations

import ipaddress
import socket
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from monitor.decisions import ImportedAnswers
from monitor.errors import UsageError
from monitor.wiring.parts import open_codebook, open_config, read_answers

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from monitor.decisions import Account, Role
    from monitor.pipeline.parts import Progress
    from monitor.review.parts import BundleFacts, Parts
    from monitor.storage.reviewstore import ReviewStore
    from monitor.wiring.parts import Clock, Places

DEFAULT_SEED = "narrative-monitor"
BUNDLE_HOLDS_S = 20.0


def open_review_store(places: Places) -> ReviewStore:
    """The analysts' side of the store in use."""
    from monitor.storage.reviewstore import ReviewStore  # noqa: PLC0415

    return ReviewStore(places.db_url)


def check_listening(host: str, public_url: str | None) -> None:
    """Raise `UsageError` where passwords would cross a network in the open, or the public address cannot be one."""
    if public_url is not None:
        parts = urlsplit(public_url)
        if parts.scheme != "https" or not parts.netloc or parts.path not in {"", "/"} or "@" in parts.netloc:
            raise UsageError(f"--public-url {public_url}: is not the address of a proxy with TLS; write https://HOST")
        return
    if not _is_loopback(host):
        raise UsageError(
            f"--host {host}: passwords would cross the network unencrypted; put a proxy with TLS before it and name its address "
            "with --public-url https://HOST (see the how-to), or leave --host out"
        )


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def make_parts(places: Places, clock: Clock, store: ReviewStore, *, port: int, host: str, public_url: str | None) -> Parts:
    """The parts of the analysts' page over an open store."""
    from monitor.review.gate import Gate  # noqa: PLC0415
    from monitor.review.guard import make_address  # noqa: PLC0415
    from monitor.review.parts import Parts, make_environment  # noqa: PLC0415

    return Parts(
        store=store,
        gate=Gate(store),
        codebook=open_codebook(places),
        templates=make_environment(),
        address=make_address(host, port, public_url),
        seed=DEFAULT_SEED,
        timezone=open_config(places).settings.timezone,
        read_clock=clock.read,
        read_bundle=_make_bundle_reader(places, clock.timer),
    )


def _make_bundle_reader(places: Places, timer: Callable[[], float]) -> Callable[[], BundleFacts]:
    """Finds the bundle in use, which may be another one every `BUNDLE_HOLDS_S` seconds, and reads it when it is."""
    from monitor.bundle import resolve_bundle, verify_bundle  # noqa: PLC0415
    from monitor.review.parts import BundleFacts  # noqa: PLC0415

    def load() -> BundleFacts:
        bundle_id, answers = read_answers(places)
        card = verify_bundle(resolve_bundle(places.bundle, places.models))["CARD.md"].decode("utf-8", "replace")
        return BundleFacts(bundle_id, answers.thresholds, card)

    known, looked_at_s = load(), timer()

    def read() -> BundleFacts:
        nonlocal known, looked_at_s
        if timer() - looked_at_s > BUNDLE_HOLDS_S:
            looked_at_s = timer()
            if read_answers(places)[0] != known.id:
                known = load()
        return known

    return read


def serve_review(
    places: Places, clock: Clock, *, host: str, port: int, public_url: str | None, announce: Callable[[str], None]
) -> None:
    """Serve the analysts' page until interrupted. ``announce`` is told its address once it is there."""
    from monitor.review.app import make_app  # noqa: PLC0415
    from monitor.review.server import make_server  # noqa: PLC0415

    check_listening(host, public_url)
    with open_review_store(places) as store:
        listener = _listen(host, port)
        with listener:
            bound = int(listener.getsockname()[1])
            app = make_app(make_parts(places, clock, store, port=bound, host=host, public_url=public_url))
            if not store.load_accounts():
                announce("no account yet: make one with `monitor users add NAME --role lead`")
            shown = f"[{host}]" if ":" in host else host
            announce(public_url or f"http://{shown}:{bound}/")
            make_server(app).run(sockets=[listener])


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # With the protocol named: only then are answers sent at once instead of after the other side's delayed acknowledgement.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(256)
    except OSError as error:
        listener.close()
        reason = error.strerror or str(error)
        raise UsageError(f"--host {host} --port {port}: cannot be listened on ({reason}); choose another port") from error
    return listener


def add_user(places: Places, clock: Clock, name: str, *, role: Role, password: str) -> Account:
    """Make an account. Raises `UsageError` where the name or the password cannot be taken."""
    from monitor.review.accountpages import is_account_name  # noqa: PLC0415
    from monitor.review.passwords import hash_password  # noqa: PLC0415

    if not is_account_name(name):
        raise UsageError(f"{name!r}: is no account's name; use 2 to 40 letters, digits or _ . @ -")
    _check_password(password, name)
    with open_review_store(places) as store:
        made = store.add_account(name, role=role, password_hash=hash_password(password), created_at=clock.read())
    if made is None:
        raise UsageError(f"{name}: there is an account of this name; `monitor users password {name}` sets its password")
    return made


def _check_password(password: str, name: str) -> None:
    from monitor.review.messages import make_translator  # noqa: PLC0415
    from monitor.review.passwords import find_weakness  # noqa: PLC0415

    if weakness := find_weakness(password, name):
        raise UsageError(f"{make_translator('en')(weakness)} Choose another.")


def list_users(places: Places) -> tuple[Account, ...]:
    """All accounts."""
    with open_review_store(places) as store:
        return store.load_accounts()


def set_user_password(places: Places, name: str, password: str) -> None:
    """Set an account's password; its sessions end. Raises `UsageError` where there is no such account."""
    from monitor.review.passwords import hash_password  # noqa: PLC0415

    _check_password(password, name)
    with open_review_store(places) as store:
        if not store.set_password(name, hash_password(password)):
            raise _no_account(name)


def switch_user(places: Places, clock: Clock, name: str, *, enabled: bool) -> None:
    """Enable an account, or disable it, which ends its sessions. Raises `UsageError` where there is no such account."""
    with open_review_store(places) as store:
        if not store.set_disabled(name, None if enabled else clock.read()):
            raise _no_account(name)


@dataclass(frozen=True, slots=True)
class Imported:
    """What became of a file of annotations: how many of each outcome, and a line on each that was not taken."""

    tasks: int
    counts: dict[str, int]
    problems: tuple[str, ...]


def import_annotations(
    places: Places,
    file: Path,
    authors: Sequence[str],
    *,
    report_progress: Callable[[Progress], None] = lambda _: None,
) -> Imported:
    """Record the decisions in a Label Studio export. ``authors`` are ``NAME``, for all, or ``WHO=NAME`` for one person there.

    Raises `UsageError` where the file cannot be read, or nobody's name is given for an author; then nothing is recorded.
    """
    from monitor.export.annotations import Unanswered, Unreadable, read_annotations  # noqa: PLC0415
    from monitor.pipeline.parts import Progress  # noqa: PLC0415

    try:
        content = file.read_bytes()
    except OSError as error:
        raise UsageError(f"{file}: cannot be read ({error.strerror}); give the JSON file that Label Studio exported") from error
    found = read_annotations(content, narratives=open_codebook(places).ids)
    counts = dict.fromkeys(("decided", "known", "unknown", "changed", "unanswered", "unreadable"), 0)
    problems: list[str] = []
    with open_review_store(places) as store:
        account_of = _match_authors(store, authors, [one.author for one in found if isinstance(one, ImportedAnswers)])
        for n, one in enumerate(found):
            report_progress(Progress("import", n, len(found)))
            if isinstance(one, Unanswered):
                counts["unanswered"] += 1
            elif isinstance(one, Unreadable):
                counts["unreadable"] += 1
                problems.append(f"{one.where}: {one.reason}")
            else:
                outcome = store.import_annotation(one, account_id=account_of[one.author])
                counts[outcome] += 1
                if outcome in _IMPORT_PROBLEMS:
                    problems.append(f"{one.where}: {_IMPORT_PROBLEMS[outcome].format(one)}")
    return Imported(len({one.where.partition(",")[0] for one in found}), counts, tuple(problems))


_IMPORT_PROBLEMS = {
    "unknown": "article {0.article_id}, revision {0.revision}, is not in this store",
    "changed": "the text of article {0.article_id}, revision {0.revision}, is another one in this store",
}


def _match_authors(store: ReviewStore, given: Sequence[str], found: Sequence[str]) -> dict[str, int]:
    """The account of each author of annotations. Raises `UsageError` naming all that have none."""
    accounts = {account.name: account.id for account in store.load_accounts()}
    named = dict(one.split("=", 1) for one in given if "=" in one)
    everybody = next((one for one in given if "=" not in one), None)
    for name in (*named.values(), *([everybody] if everybody else [])):
        if name not in accounts:
            raise UsageError(f"--as {name}: there is no such account; make it with `monitor users add {name}`")
    matched = {author: named.get(author, everybody or (author if author in accounts else None)) for author in found}
    if missing := sorted(author for author, name in matched.items() if name is None):
        raise UsageError(
            f"whose answers are those of {', '.join(missing)} in Label Studio? Say --as NAME for all, or --as {missing[0]}=NAME"
        )
    return {author: accounts[name] for author, name in matched.items() if name is not None}


def _no_account(name: str) -> UsageError:
    return UsageError(f"{name}: there is no such account; `monitor users list` shows them")
