"""An item: what there is to know of it, and the decisions on it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from monitor.decisions import ANSWERS, Answer, Basis, Conflict, Decision
from monitor.records import STANCES
from monitor.review.calls import redirect
from monitor.review.display import ItemView, choose_visible, make_view, quote_span, read_span
from monitor.review.links import View, read_form_view, read_number, read_view
from monitor.stages.queue import choose_order

if TYPE_CHECKING:
    from starlette.responses import Response

    from monitor.review.calls import Call

MAX_NOTE_CHARS = 2_000


def next_item(call: Call) -> Response:
    """On to the analyst's next item, or to the queue where there is none."""
    return _go_on(call, read_view(call.query))


def _go_on(call: Call, view: View, *, done: int | None = None, but: int | None = None) -> Response:
    account = call.user.account
    orders = choose_order(
        view.order,
        seed=call.parts.seed,
        account_id=account.id,
        answered=call.parts.store.count_answers(account.id),
        selective=view.filters.is_selective,
    )
    found = call.parts.store.claim_next(orders, view.filters, account_id=account.id, now=call.now, but=but)
    return redirect(f"/item/{found}{view.query(done=done)}" if found else f"/queue{view.query(done=done, empty=1)}")


def show_item(call: Call) -> Response:
    """The page of an item."""
    return _render_item(call, call.params["item_id"])


def show_article(call: Call) -> Response:
    """On to the item of an article, or of the one that it is a copy of."""
    found = call.parts.store.find_item(call.params["article_id"][:64])
    return redirect(f"/item/{found}{read_view(call.query).query()}") if found else call.refuse(404, "no_item")


def _render_item(call: Call, item_id: int, *, status: int = 200, **more: Any) -> Response:
    store, account = call.parts.store, call.user.account
    is_mine = store.claim_item(item_id, account_id=account.id, now=call.now)
    item = store.load_item(item_id)
    history = store.load_history(item.article_id) if item else None
    if item is None or history is None:
        return call.refuse(404, "no_item")
    found = store.load_article_decisions(item.article_id)
    visible, has_hidden = choose_visible(found, item, account_id=account.id, is_lead=account.role == "lead")
    spans = [
        one.answer.span
        for one in visible
        if one.answer.span and one.is_live and (one.revision, one.asked) == (item.revision, item.narrative)
    ]
    view = make_view(item, history, thresholds=dict(call.parts.read_bundle().thresholds), marked=spans)
    if view is None:
        return call.refuse(404, "no_item")
    values: dict[str, Any] = {"conflict": None, "problem": None, "given": {}} | more
    return call.render(
        "item.html.j2",
        status=status,
        view=view,
        place=read_view(call.query) if call.method == "GET" else read_form_view(call.form),
        decisions=[(one, _quote(one, view)) for one in visible],
        has_hidden=has_hidden,
        mine=next((one for one in reversed(found) if _is_own(one, view, account.id)), None),
        siblings=[one for one in store.load_siblings(item.article_id) if one.id != item.id],
        is_claimed_by_other=not is_mine,
        done=_find_done(call),
        narratives=call.parts.codebook.narratives,
        stances=STANCES,
        **values,
    )


def _quote(decision: Decision, view: ItemView) -> str:
    revision = next((one for one in view.history.revisions if one.number == decision.revision), None)
    return quote_span(decision.answer.span, revision) if decision.answer.span else ""


def _is_own(decision: Decision, view: ItemView, account_id: int) -> bool:
    item = view.item
    is_same = (decision.asked, decision.revision) == (item.narrative, item.revision)
    return is_same and decision.is_live and decision.account_id == account_id


def _find_done(call: Call) -> Decision | None:
    """The decision that brought the analyst here, to say that it was kept and offer to undo it."""
    number = read_number(call.query.get("done", "")) if call.method == "GET" else None
    found = call.parts.store.load_decision(number) if number is not None else None
    return found if found and found.account_id == call.user.account.id and found.is_live else None


def decide(call: Call) -> Response:
    """Keep a decision and go on to the next item. A page that says so where the item has changed meanwhile."""
    item_id = call.params["item_id"]
    basis = _read_basis(call)
    answer = _read_answer(call, item_id)
    if basis is None or isinstance(answer, str):
        return _render_item(call, item_id, status=422, problem=answer if isinstance(answer, str) else "bad_form", given=call.form)
    store, account = call.parts.store, call.user.account
    kept = store.save_decision(item_id, answer, account_id=account.id, basis=basis, made_at=call.now)
    if isinstance(kept, Conflict):
        return _render_item(call, item_id, status=409, conflict=kept.reason, given=call.form)
    return _go_on(call, read_form_view(call.form), done=kept.decision_id, but=item_id)


def _read_basis(call: Call) -> Basis | None:
    revision, version = read_number(call.form.get("revision", "")), read_number(call.form.get("version", ""))
    return None if revision is None or version is None else Basis(revision, version)


def _read_answer(call: Call, item_id: int) -> Answer | str:
    """The answer that a form gives, or the message that says what is wrong with it."""
    form = call.form
    verdict = next((one for one in ANSWERS if one == form.get("verdict")), None)
    note = form.get("note", "").strip()
    if verdict is None:
        return "bad_form"
    if len(note) > MAX_NOTE_CHARS:
        return "note_long"
    span = _read_marked(call, item_id)
    if verdict != "confirm":
        return Answer(verdict, span=span if verdict == "unsure" else None, note=note)
    narrative = next((one.id for one in call.parts.codebook.narratives if one.id == form.get("narrative")), None)
    stance = next((one for one in STANCES if one == form.get("stance")), None)
    if narrative is None:
        return "choose_narrative"
    if stance is None:
        return "choose_stance"
    return Answer("confirm", narrative, stance, span, note)


def _read_marked(call: Call, item_id: int) -> Any:
    if not (value := call.form.get("span", "")):
        return None
    item = call.parts.store.load_item(item_id)
    history = call.parts.store.load_history(item.article_id) if item else None
    revision = next((one for one in history.revisions if item and one.number == item.revision), None) if history else None
    return read_span(value, revision) if revision else None


def undo(call: Call) -> Response:
    """Take a decision back and show its item again."""
    number = call.params["decision_id"]
    account = call.user.account
    done = call.parts.store.undo_decision(number, account_id=account.id, is_lead=account.role == "lead", made_at=call.now)
    if done is None:
        return call.refuse(409, "not_undone")
    decision = call.parts.store.load_decision(number)
    view = read_form_view(call.form)
    if decision is None or decision.item_id is None:
        return redirect("/decisions")
    return redirect(f"/item/{decision.item_id}{view.query(undone=1)}")
