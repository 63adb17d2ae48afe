"""What the pages say and do, asked over HTTP."""

from __future__ import annotations

import re

import pytest

from monitor.decisions import Answer, Basis
from tests.functional.review_server import PASSWORD, TEXT, make_flag, serve_review


@pytest.fixture
def server(tmp_path):
    with serve_review(tmp_path, articles=6) as running:
        running.pipeline.index_text()
        yield running


def decide(server, item, *, who="anna", answer=None, scheme_orders=None):
    store = server.parts.store
    account = next(one for one in store.load_accounts() if one.name == who)
    found = store.load_item(item)
    return store.save_decision(
        item,
        answer or Answer("confirm", "fake_loyalty", "promotes"),
        account_id=account.id,
        basis=Basis(found.revision, found.version),
        made_at=server.clock.now,
    )


def fields(page, **changes):
    shown = {name: re.search(rf'name="{name}" value="(\d+)"', page).group(1) for name in ("revision", "version")}
    return {**shown, "verdict": "confirm", "narrative": "fake_loyalty", "stance": "promotes", **changes}


def test_an_item_tells_all_that_there_is(server):
    server.clock.advance(hours=2)
    server.put("e0", make_flag(0), title="Собрание номер 0 приняло новое обращение", text=TEXT.format(n=0))
    client = server.client("anna")
    page = client.get(client.get(f"/article/{server.articles[0]}").location).body
    assert "<mark>Жители посёлка 0 единогласно поддержали решение.</mark>" in page
    assert "Local people freely back Russia" in page
    assert "revision 2" in page
    assert "<ins>новое</ins>" in page
    assert "words that weighed most: единогласно" in page
    assert "not in the archive" in page
    assert 'href="https://agency.example/e0"' in page


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        pytest.param({"narrative": ""}, "Choose a narrative", id="no-narrative"),
        pytest.param({"narrative": "invented"}, "Choose a narrative", id="unknown-narrative"),
        pytest.param({"stance": "likes"}, "Choose what the text does", id="unknown-stance"),
        pytest.param({"note": "x" * 2001}, "The note is too long", id="long-note"),
        pytest.param({"verdict": "undo"}, "came incomplete", id="verdict"),
        pytest.param({"revision": "x"}, "came incomplete", id="revision"),
    ],
)
def test_an_answer_that_is_none_is_shown_again_with_what_is_wrong(server, changes, says):
    client = server.client("anna")
    page = client.get("/item/1").body
    reply = client.post("/item/1/decide", **fields(page, **changes))
    assert reply.status == 422
    assert says in reply.body
    assert server.parts.store.load_decisions(limit=9) == ()


def test_a_passage_that_is_not_of_the_text_is_left_out(server):
    client = server.client("anna")
    page = client.get("/item/1").body
    assert client.post("/item/1/decide", **fields(page, span="text:5:99999")).status == 303
    [decision] = server.parts.store.load_decisions(limit=9)
    assert decision.answer.span is None


def test_two_who_decide_at_once_meet_at_a_409(server):
    first, second = server.client("anna"), server.client("bohdan")
    mine, theirs = first.get("/item/1").body, second.get("/item/1").body
    assert "Somebody else has this item open" in theirs
    assert first.post("/item/1/decide", **fields(mine)).status == 303
    reply = second.post("/item/1/decide", **fields(theirs, verdict="reject", note="I differ"))
    assert reply.status == 409
    assert "Somebody decided this item meanwhile" in reply.body
    assert "I differ" in reply.body
    assert len(server.parts.store.load_decisions(limit=9)) == 1
    again = second.post("/item/1/decide", **fields(reply.body, verdict="reject", note="I differ"))
    assert again.status == 303
    assert len(server.parts.store.load_decisions(limit=9)) == 2


def test_filters_survive_a_decision(server):
    client = server.client("anna")
    place = client.get("/next?order=uncertain&narrative=fake_loyalty&flagged=1").location
    assert "order=uncertain&narrative=fake_loyalty&flagged=1" in place
    page = client.get(place).body
    answer = fields(page, order="uncertain", filter_narrative="fake_loyalty", flagged="1", narrative="maidan_coup")
    reply = client.post(f"{place.partition('?')[0]}/decide", **answer)
    assert "order=uncertain&narrative=fake_loyalty&flagged=1" in reply.location


def test_an_empty_queue_says_so(server):
    client = server.client("anna")
    assert client.get("/next?language=en").location == "/queue?language=en&empty=1"
    assert "Done: there is nothing more for you" in client.get("/queue?language=en&empty=1").body


def test_analysts_see_their_own_decisions_and_leads_all(server):
    decide(server, 1)
    decide(server, 2, who="bohdan", answer=Answer("reject", note="чужа думка"))
    assert "чужа думка" not in server.client("anna").get("/decisions").body
    everything = server.client("lesia").get("/decisions").body
    assert "чужа думка" in everything
    assert "anna" in everything


def test_only_a_lead_undoes_what_others_decided(server):
    kept = decide(server, 1).decision_id
    assert server.client("bohdan").post(f"/decisions/{kept}/undo").status == 409
    assert server.client("lesia").post(f"/decisions/{kept}/undo").location == "/item/1?undone=1"


def test_who_gives_a_second_opinion_does_not_see_the_first(server):
    decide(server, 1, answer=Answer("unsure", note="таємна примітка"))
    second = server.client("bohdan")
    page = second.get("/item/1").body
    assert "таємна примітка" not in page
    assert "you see their answers after yours" in page
    assert second.post("/item/1/decide", **fields(page)).status == 303
    assert "таємна примітка" in second.get("/item/1").body


def test_trends_count_and_estimate(server):
    for item in (1, 2, 3):
        decide(server, item, answer=Answer("unsure") if item == 3 else None)
    decide(server, 3, who="bohdan")
    page = server.client("anna").get("/trends").body
    numbers = re.findall(r'<td class="n">(\d+)</td>', page)
    assert numbers[:3] == ["6", "3", "3"]
    assert "(0/1)" in page, "one pair of answers, which differ"
    assert "no data yet" in page


def test_accounts_can_be_made_on_the_page(server):
    lead = server.client("lesia")
    for changes, status in (
        ({"name": "x"}, 422),
        ({"role": "boss"}, 422),
        ({"password": "short"}, 422),
        ({"name": "anna"}, 409),
        ({}, 303),
    ):
        assert lead.post("/users", **{"name": "new.one", "role": "analyst", "password": PASSWORD, **changes}).status == status
    assert server.client().log_in("new.one").status == 303
    assert lead.post("/users/switch", name="nobody", action="disable").status == 404


def test_the_language_can_be_chosen_and_stays(server):
    client = server.client("anna")
    assert client.post("/language", language="xx").status == 422
    assert client.post("/language", language="uk").status == 303
    assert '<html lang="uk">' in client.get("/queue").body
    assert client.get("/bundle").body.count("<script>") == 0
