"""Log-in, log-out, one's own account, and the accounts of all (for leads)."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING

from monitor.decisions import ROLES
from monitor.review.calls import VISIT_COOKIE, drop_cookie, redirect, session_cookie, set_cookie
from monitor.review.gate import Refused
from monitor.review.messages import LANGUAGES
from monitor.review.passwords import MAX_CHARS, find_weakness, hash_password

if TYPE_CHECKING:
    from starlette.responses import Response

    from monitor.review.calls import Call

_NAME = re.compile(r"^[\w.@-]{2,40}$")


def is_account_name(name: str) -> bool:
    """Whether an account may have this name: letters, digits, ``_ . @ -``, 2 to 40 of them."""
    return bool(_NAME.match(name))


def show_login(call: Call) -> Response:
    """The log-in form; who is logged in goes on to the queue."""
    return redirect("/queue") if call.session else call.render("login.html.j2", problem=None, minutes=0, name="")


def log_in(call: Call) -> Response:
    """Open a session, or say that name or password are wrong, without saying which."""
    name, password = call.form.get("name", "").strip()[:MAX_CHARS], call.form.get("password", "")
    outcome = call.parts.gate.log_in(name, password, address=call.address, language=call.language, now=call.now)
    if isinstance(outcome, Refused):
        minutes = math.ceil(outcome.wait.total_seconds() / 60) if outcome.wait else 0
        problem, status = ("locked_out", 429) if outcome.wait else ("wrong_login", 401)
        response = call.render("login.html.j2", status=status, problem=problem, minutes=minutes, name=name)
        if outcome.wait:
            response.headers["Retry-After"] = str(math.ceil(outcome.wait.total_seconds()))
        return response
    response = redirect("/queue")
    set_cookie(call.parts, response, session_cookie(call.parts), outcome.token)
    drop_cookie(call.parts, response, VISIT_COOKIE)
    return response


def log_out(call: Call) -> Response:
    """End the session; the browser forgets what it showed."""
    call.parts.gate.log_out(call.token)
    response = redirect("/login")
    drop_cookie(call.parts, response, session_cookie(call.parts))
    response.headers["Clear-Site-Data"] = '"cache", "storage"'
    return response


def choose_language(call: Call) -> Response:
    """Show the pages in another language from now on."""
    wished = call.form.get("language", "")
    if wished not in LANGUAGES:
        return call.refuse(422, "bad_form")
    call.parts.gate.set_language(call.token, wished)
    return redirect("/account")


def show_account(call: Call) -> Response:
    """One's own account."""
    return _render_account(call, "changed" in call.query)


def _render_account(call: Call, is_changed: bool, *, status: int = 200, problem: str | None = None) -> Response:  # noqa: FBT001
    return call.render("account.html.j2", status=status, problem=problem, is_changed=is_changed, languages=LANGUAGES)


def change_password(call: Call) -> Response:
    """Set a new password, with the old one as proof. All other sessions of the account end."""
    name = call.user.account.name
    outcome = call.parts.gate.log_in(
        name, call.form.get("password", ""), address=call.address, language=call.language, now=call.now
    )
    if isinstance(outcome, Refused):
        return _render_account(call, is_changed=False, status=403, problem="locked_out_now" if outcome.wait else "wrong_password")
    new = call.form.get("new", "")
    problem = find_weakness(new, name) or ("password_differs" if new != call.form.get("again", "") else None)
    if problem:
        return _render_account(call, is_changed=False, status=422, problem=problem)
    call.parts.gate.set_password(name, hash_password(new), token=call.token)
    return redirect("/account?changed=1")


def show_users(call: Call) -> Response:
    """All accounts."""
    return _render_users(call)


def _render_users(call: Call, *, status: int = 200, problem: str | None = None) -> Response:
    return call.render("users.html.j2", status=status, problem=problem, accounts=call.parts.store.load_accounts(), roles=ROLES)


def add_user(call: Call) -> Response:
    """Make an account."""
    name, password = call.form.get("name", "").strip(), call.form.get("password", "")
    role = next((one for one in ROLES if one == call.form.get("role")), None)
    if role is None:
        return _render_users(call, status=422, problem="bad_form")
    if not is_account_name(name):
        return _render_users(call, status=422, problem="bad_name")
    if weakness := find_weakness(password, name):
        return _render_users(call, status=422, problem=weakness)
    made = call.parts.store.add_account(name, role=role, password_hash=hash_password(password), created_at=call.now)
    return redirect("/users") if made else _render_users(call, status=409, problem="name_taken")


def switch_user(call: Call) -> Response:
    """Disable an account, which ends its sessions, or enable it again. Nobody can lock themselves out."""
    name = call.form.get("name", "")
    disables = call.form.get("action") == "disable"
    if disables and name == call.user.account.name:
        return _render_users(call, status=422, problem="not_yourself")
    is_done = call.parts.store.set_disabled(name, call.now if disables else None)
    return redirect("/users") if is_done else _render_users(call, status=404, problem="no_account")
