"""``monitor review`` and ``monitor users …``: the analysts' page, and who may use it."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from monitor.console import Options, common_options, print_json, print_table
from monitor.decisions import ROLES
from monitor.errors import EXIT_DONE, UsageError

if TYPE_CHECKING:
    from monitor.decisions import Role

_password_stdin = click.option("--password-stdin", is_flag=True, help="Read the password from stdin instead of asking for it.")


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on; other machines only behind a proxy.")
@click.option("--port", type=click.IntRange(0, 65535), default=8080, show_default=True, help="Port to listen on; 0 finds one.")
@click.option(
    "--public-url", metavar="https://HOST", help="Address of the proxy with TLS before it; then cookies are for TLS only."
)
@common_options
def review(options: Options, host: str, port: int, public_url: str | None) -> int:
    """Serve the analysts' page until interrupted. Log in with an account of `monitor users add`."""
    from monitor.wiring.review import serve_review  # noqa: PLC0415

    def announce(what: str) -> None:
        print(what, flush=True)

    serve_review(options.places, options.clock, host=host, port=port, public_url=public_url, announce=announce)
    return EXIT_DONE


@click.group()
def users() -> None:
    """Say who may use the analysts' page."""


@users.command("add")
@click.argument("name")
@click.option("--role", type=click.Choice(ROLES), default="analyst", show_default=True, help="Leads also manage accounts.")
@_password_stdin
@common_options
def users_add(options: Options, name: str, role: Role, *, password_stdin: bool) -> int:
    """Make an account; asks for its password."""
    from monitor.wiring.review import add_user  # noqa: PLC0415

    account = add_user(options.places, options.clock, name, role=role, password=_read_password(password_stdin))
    if options.as_json:
        print_json({"name": account.name, "role": account.role})
    else:
        print(f"{account.name} may log in as {account.role}")
    return EXIT_DONE


@users.command("list")
@common_options
def users_list(options: Options) -> int:
    """Show all accounts."""
    from monitor.wiring.review import list_users  # noqa: PLC0415

    found = list_users(options.places)
    if options.as_json:
        rows = [{"name": a.name, "role": a.role, "created_at": a.created_at, "disabled_at": a.disabled_at} for a in found]
        print_json(rows)
        return EXIT_DONE
    cells = [
        (a.name, a.role, f"{a.created_at:%Y-%m-%d}", f"disabled {a.disabled_at:%Y-%m-%d}" if a.disabled_at else "") for a in found
    ]
    print_table(("name", "role", "created", ""), cells)
    return EXIT_DONE


@users.command("password")
@click.argument("name")
@_password_stdin
@common_options
def users_password(options: Options, name: str, *, password_stdin: bool) -> int:
    """Set an account's password; its sessions end."""
    from monitor.wiring.review import set_user_password  # noqa: PLC0415

    set_user_password(options.places, name, _read_password(password_stdin))
    return _say(options, name, "has a new password; its sessions have ended")


@users.command("disable")
@click.argument("name")
@common_options
def users_disable(options: Options, name: str) -> int:
    """Let an account log in no more; its sessions end, its decisions stay."""
    from monitor.wiring.review import switch_user  # noqa: PLC0415

    switch_user(options.places, options.clock, name, enabled=False)
    return _say(options, name, "may no longer log in")


@users.command("enable")
@click.argument("name")
@common_options
def users_enable(options: Options, name: str) -> int:
    """Let a disabled account log in again."""
    from monitor.wiring.review import switch_user  # noqa: PLC0415

    switch_user(options.places, options.clock, name, enabled=True)
    return _say(options, name, "may log in again")


def _say(options: Options, name: str, what: str) -> int:
    if options.as_json:
        print_json({"name": name})
    else:
        print(f"{name} {what}")
    return EXIT_DONE


def _read_password(from_stdin: bool) -> str:  # noqa: FBT001
    """The password, without the line end. It is never an argument: other users of the machine could read it there."""
    if from_stdin:
        return sys.stdin.readline().rstrip("\r\n")
    if not sys.stdin.isatty():
        raise UsageError("there is no terminal to ask for the password at; use --password-stdin")
    return str(click.prompt("password", hide_input=True, confirmation_prompt=True))
