from __future__ import annotations

import io
from typing import Any

import feedparser
import pytest

from monitor.stages.fastfeed import MAX_ATTRIBUTES, MAX_ITEMS, MAX_TAGS, read_fast
from monitor.stages.rawfeed import RawFeed, RawItem

NAMESPACES = " ".join(
    [
        'xmlns:content="http://purl.org/rss/1.0/modules/content/"',
        'xmlns:dc="http://purl.org/dc/elements/1.1/"',
        'xmlns:dcterms="http://purl.org/dc/terms/"',
        'xmlns:media="http://search.yahoo.com/mrss/"',
        'xmlns:itunes="http://www.itunes.com/dtds/podcast-1.0.dtd"',
        'xmlns:yandex="http://news.yandex.ru"',
        'xmlns:atom="http://www.w3.org/2005/Atom"',
        'xmlns:sy="http://purl.org/rss/1.0/modules/syndication/"',
        'xmlns:feedburner="http://rssnamespace.org/feedburner/ext/1.0"',
        'xmlns:georss="http://www.georss.org/georss"',
        'xmlns:thr="http://purl.org/syndication/thread/1.0"',
    ]
)
LINK = "<link>https://bereg.example/1</link>"


def write_rss(items: str, *, channel: str = "") -> str:
    return f'<rss version="2.0" {NAMESPACES}><channel><title>Берег</title>{channel}{items}</channel></rss>'


def write_atom(entries: str) -> str:
    return f'<feed xmlns="http://www.w3.org/2005/Atom" {NAMESPACES}><title>Берег</title>{entries}</feed>'


def write_rdf(items: str) -> str:
    head = '<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#" xmlns="http://purl.org/rss/1.0/" '
    channel = (
        '<channel rdf:about="https://bereg.example/"><title>Берег</title><items><rdf:Seq><rdf:li/></rdf:Seq></items></channel>'
    )
    return f"{head}{NAMESPACES}>{channel}<image><title>t</title><url>u</url></image>{items}</rdf:RDF>"


def write_item(*elements: str) -> str:
    return write_rss(f"<item>{''.join(elements)}</item>")


def write_entry(*elements: str) -> str:
    return write_atom(f"<entry>{''.join(elements)}</entry>")


def read_reference(text: str) -> RawFeed:
    """What feedparser gives of the same document."""
    headers = {"content-type": "application/xml; charset=utf-8"}
    parsed: Any = feedparser.parse(
        io.BytesIO(text.encode()), response_headers=headers, sanitize_html=False, resolve_relative_uris=False
    )
    hint = parsed.feed.get
    return RawFeed(
        items=tuple(_read_entry(entry) for entry in parsed.entries[:MAX_ITEMS]),
        version=parsed.get("version") or "",
        clipped=max(0, len(parsed.entries) - MAX_ITEMS),
        ttl_minutes=hint("ttl") or None,
        update_period=hint("sy_updateperiod") or None,
        update_frequency=hint("sy_updatefrequency") or None,
    )


def _read_entry(entry: Any) -> RawItem:
    contents = [entry.get("yandex_full-text") or "", *(content.get("value") or "" for content in entry.get("content") or ())]
    return RawItem(
        title=entry.get("title") or "",
        link=entry.get("link") or "",
        guid=entry.get("id") or "",
        date=dict.get(entry, "published") or dict.get(entry, "created") or dict.get(entry, "updated") or "",
        summary=entry.get("summary") or "",
        contents=tuple(content for content in contents if content),
    )


# Feeds as they are found, awkward but sound: all of them are read quickly.
SOUND = {
    "plain RSS": write_item("<title>Мост</title>", LINK, "<guid>g1</guid><description>Открыт</description><pubDate>p</pubDate>"),
    "RSS without texts": write_rss(f"<item><title>Раз</title>{LINK}</item><item><title>Два</title><link>/2</link></item>"),
    "RSS without items": write_rss("", channel="<ttl>60</ttl>"),
    "hints": write_rss(
        "", channel="<sy:updatePeriod> hourly </sy:updatePeriod><sy:updateFrequency>2</sy:updateFrequency><ttl></ttl>"
    ),
    "whole article of Yandex": write_item(
        "<title>Мост</title>", LINK, "<description>к</description><yandex:full-text>Весь текст</yandex:full-text>"
    ),
    "content:encoded before description": write_item(
        LINK, "<content:encoded><![CDATA[<p>Весь</p>]]></content:encoded><description>Кратко</description>"
    ),
    "content:encoded after description": write_item(
        LINK, "<description>Кратко</description><content:encoded>&lt;p>Весь</content:encoded>"
    ),
    "two descriptions": write_item(LINK, "<description>один</description><description>два</description>"),
    "summaries of three kinds": write_item(
        LINK, "<itunes:summary>один</itunes:summary><media:description>два</media:description><description>три</description>"
    ),
    "a podcast channel": write_rss(
        f"<item>{LINK}<description>один</description><itunes:summary>два</itunes:summary></item>"
        f"<item>{LINK}<description>один</description><itunes:summary>два</itunes:summary></item>",
        channel="<itunes:summary>о нас</itunes:summary><description>о нас</description>"
        "<itunes:owner><itunes:name>Б</itunes:name></itunes:owner>",
    ),
    "link in CDATA and white space": write_item("<link>\n <![CDATA[https://bereg.example/1?a=1&b=2]]>\n</link>"),
    "link with a doubly escaped query": write_item("<link>https://bereg.example/1?a=1&amp;amp;b=2&amp;c;=3</link>"),
    "permanent guid": write_item("<guid>https://bereg.example/7</guid><title>Без ссылки</title>"),
    "guid that is no link": write_item('<guid isPermaLink="false">7</guid><title>Без ссылки</title>'),
    "guid before link": write_item("<guid>https://bereg.example/7</guid>", LINK),
    "empty link before guid": write_item("<link/><guid>https://bereg.example/7</guid>"),
    "two links and guids": write_item("<link>a</link><guid>1</guid><link>b</link><guid>2</guid>"),
    "links of Atom in RSS": write_item(
        '<atom:link rel="self" href="https://bereg.example/self"/>',
        '<atom:link href="https://bereg.example/2"/><atom:link rel="alternate" type="text/html" href="https://bereg.example/3"/>',
        '<atom:link rel="alternate" type="application/json" href="https://bereg.example/4"/><guid>g</guid>',
    ),
    "feedburner": write_item(LINK, "<feedburner:origLink>https://orig.example/1</feedburner:origLink>"),
    "dates of all kinds": write_item(
        LINK, "<dc:date>d</dc:date><dcterms:created>c</dcterms:created><pubDate>p</pubDate><atom:updated>u</atom:updated>"
    ),
    "two dates": write_item(LINK, "<pubDate>p</pubDate><pubDate/><dcterms:modified>m</dcterms:modified><dc:date>d</dc:date>"),
    "titles of three kinds": write_item(
        LINK,
        "<media:title>м</media:title><title>т</title><dc:title>д</dc:title><source url='x'>С</source><media:title>н</media:title>",
    ),
    "an empty title after another": write_item(LINK, "<media:title>м</media:title><title/>"),
    "media group": write_item(
        LINK,
        "<media:group><media:title>г</media:title><media:description>о</media:description><media:content url='u'>"
        "<media:thumbnail url='x'/></media:content><guid>g</guid></media:group>",
        "<title>т</title><media:group><guid>h</guid></media:group>",
    ),
    "an image in an item": write_item(
        LINK, "<title>т</title><image>https://bereg.example/i.jpg</image><media:title>м</media:title>"
    ),
    "comments and instructions": "<?xml-stylesheet href='x'?><!-- а -->"
    + write_item(LINK, "<title>Мо<!-- c -->ст<?php echo?><![CDATA[ <b>&]]></title>"),
    "references": write_item(LINK, "<title>&#1055;&lt;&amp;laquo;&#x2014;</title>"),
    "misread text": write_item(LINK, "<title>Ð\xa0Ñ\xa0Ð°</title><description>déjà</description>"),
    "capitals": write_item(LINK, "<Title>т</Title><PUBDATE>p</PUBDATE><GUID ispermalink='true'>g</GUID>"),
    "elements of nobody's": write_item(LINK, "<fulltext>x</fulltext><priority a='1'>2</priority><georss:point>1 2</georss:point>"),
    "foreign namespaces": write_item(LINK, "<z:full xmlns:z='urn:z'><z:a/></z:full><category domain='x'>Спорт</category>"),
    "markup with a namespace in text": write_item(
        LINK, "<description><![CDATA[<svg xmlns='http://www.w3.org/2000/svg'/>]]></description>"
    ),
    "RSS 0.91": f'<rss version="0.91"><channel><item>{LINK}</item></channel></rss>',
    "RSS without a version": f"<rss><channel><item>{LINK}</item></channel><item>{LINK}</item>"
    "<textinput><name>q</name></textinput></rss>",
    "RSS of Userland": f'<rss version="2.0" xmlns="http://backend.userland.com/rss2"><channel><item>{LINK}</item></channel></rss>',
    "RSS with elements of RSS 1.0": f'<rss version="2.0" xmlns:r="http://purl.org/rss/1.0/"><channel><item>{LINK}</item></channel></rss>',
    "RDF": write_rdf(f'<item rdf:about="https://bereg.example/9"><title>т</title>{LINK}<dc:date>d</dc:date></item>'),
    "RDF with a guid": write_rdf('<item rdf:about="https://bereg.example/9"><guid isPermaLink="false">g</guid></item>'),
    "RSS 0.90": '<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#" xmlns="http://my.netscape.com/rdf/simple/0.9/">'
    f"<channel><title>т</title></channel><item>{LINK}</item></rdf:RDF>",
    "Atom": write_entry(
        '<id>tag:b,1</id><title type="html">&lt;b>М&lt;/b></title><link href="https://bereg.example/1"/>',
        "<published>p</published><updated>u</updated><summary>к</summary><content type='html' xml:lang='ru'>&lt;p>Весь</content>",
        "<author><name>А</name><uri>u</uri></author><link rel='replies' href='r' thr:count='0' xmlns:thr='http://purl.org/syndication/thread/1.0'/>",
    ),
    "Atom with content first": write_entry("<id>i</id><content>Весь</content><summary>Кратко</summary>"),
    "Atom of a video site": write_entry(
        "<id>i</id><media:group><media:title>т</media:title><media:description>о</media:description></media:group>"
    ),
}
# What the reference reader must judge.
DOUBTFUL = {
    "empty": "",
    "a page": "<html><body/></html>",
    "not well-formed": "<rss><channel><item>",
    "an entity of HTML": write_item(LINK, "<title>&nbsp;</title>"),
    "a prefix that is not bound": "<rss><channel><media:x/></channel></rss>",
    "a lone surrogate": write_item(LINK, "<title>\ud800</title>"),
    "a document type": "<!DOCTYPE rss>" + write_item(LINK),
    "entities": '<!DOCTYPE rss [<!ENTITY a "b">]>' + write_item(LINK, "<title>&a;</title>"),
    "letters that were lost": write_item(LINK, "<title>\ufffd</title>"),
    "a control character": write_item(LINK, "<title>\x97</title>"),
    "a reference to a control character": write_item(LINK, "<title>&#0150;&#x96;</title>"),
    "a base address": write_entry("<id>i</id><link xml:base='https://x.example/' href='1'/>"),
    "a base address of the document": '<rss base="https://x.example/"><channel/></rss>',
    "a base address of an item": write_rss(f"<item xml:base='https://x.example/'>{LINK}</item>"),
    "neither link nor guid": write_item("<title>т</title>"),
    "markup as elements": write_item(LINK, "<description><p>x</p></description>"),
    "XHTML": write_entry("<id>i</id><content type='xhtml'><div xmlns='http://www.w3.org/1999/xhtml'>x</div></content>"),
    "XHTML without elements": write_entry("<id>i</id><content type='xhtml'>x</content>"),
    "base64": write_entry("<id>i</id><content type='image/png'>eA==</content>"),
    "base64 by mode": write_entry("<id>i</id><content mode='base64'>eA==</content>"),
    "content elsewhere": write_entry("<id>i</id><content src='https://x.example/'/>"),
    "a body": write_item(LINK, "<body>x</body>"),
    "rights with elements": write_item(LINK, "<rights><div>x</div></rights>"),
    "elements that mean something in others": write_item(LINK, "<x><title>t</title></x>"),
    "an item in an item": write_item(LINK, f"<item>{LINK}</item>"),
    "an item in a foreign element": write_rss(f"<x><item>{LINK}</item></x>"),
    "a link with elements": write_item("<link><b/></link>"),
    "a link with an address of its own kind": write_item("<link url='https://x.example/'/>"),
    "a link with too many slashes": write_item("<link>https:///x.example/</link>"),
    "an attribute twice": write_item("<link href='a' HREF='b'/>"),
    "an attribute of a foreign namespace": write_item("<link xmlns:q='urn:q' q:href='a'/>"),
    "a full text with attributes": write_item(LINK, "<yandex:full-text a='1'>x</yandex:full-text>"),
    "a ttl with attributes": write_rss("", channel="<ttl a='1'>60</ttl>"),
    "a source with elements": write_entry("<id>i</id><source><id>j</id></source>"),
    "chapters": write_item(LINK, "<p:chapters xmlns:p='http://podlove.org/simple-chapters'/>"),
    "groups in groups": write_item(LINK, "<media:group>" * 8 + "</media:group>" * 8),
    "content of a channel": write_rss("", channel="<content:encoded>x</content:encoded>"),
    "a channel's description with elements": write_rss("", channel="<description><b/></description>"),
    "a channel's title with elements": write_rss("", channel="<title><b/></title>"),
    "an image with odd parts": write_rss("", channel="<image><x/></image>"),
    "an image with deep parts": write_rss("", channel="<image><title><b/></title></image>"),
    "CDF": "<rss><channel href='x'/></rss>",
    "an item of CDF": write_rss("<item lastmod='x'/>"),
    "something beside the channel": "<rss><title>t</title></rss>",
    "Atom 0.3": '<feed version="0.3" xmlns="http://purl.org/atom/ns#"><entry><id>i</id></entry></feed>',
    "a draft under a prefix": f'<rss xmlns:a="http://purl.org/atom/ns#"><channel><item>{LINK}</item></channel></rss>',
    "Atom without a namespace": "<feed><entry><id>i</id></entry></feed>",
    "an unknown default namespace": "<rss xmlns='urn:x'/>",
    "a prefix that belongs to another": "<rss xmlns:dc='urn:x'/>",
    "a prefix bound twice": "<rss xmlns:x='urn:x'><channel xmlns:x='urn:y'/></rss>",
    "a namespace with two prefixes": "<rss xmlns:x='urn:x' xmlns:y='urn:x'><channel><x:a/></channel></rss>",
    "a namespace with a blank": "<rss xmlns:x='urn x'><channel/></rss>",
    "too many elements": f"<rss><channel>{'<a/>' * MAX_TAGS}</channel></rss>",
    "too many attributes": "<rss>" + "<a b=''/>" * MAX_ATTRIBUTES + "<a b=''/></rss>",
}


@pytest.mark.parametrize("text", SOUND.values(), ids=SOUND.keys())
def test_a_sound_document_gives_what_the_reference_reader_gives(text: str) -> None:
    assert read_fast(text) == read_reference(text)


@pytest.mark.parametrize("text", DOUBTFUL.values(), ids=DOUBTFUL.keys())
def test_a_doubtful_document_is_left_to_the_reference_reader(text: str) -> None:
    assert read_fast(text) is None


def test_the_values_of_an_item_are_those_of_the_document() -> None:
    text = write_item(
        "<title>Мост &amp;amp; порт</title>",
        LINK,
        '<guid isPermaLink="false">g</guid><pubDate>Mon, 1 Jan 2024</pubDate><description>&lt;p&gt;Открыт</description>',
        "<yandex:full-text>Весь</yandex:full-text><content:encoded>Целиком</content:encoded>",
    )

    assert read_fast(text) == RawFeed(
        items=(RawItem("Мост &amp; порт", "https://bereg.example/1", "g", "Mon, 1 Jan 2024", "<p>Открыт", ("Весь", "Целиком")),),
        version="rss20",
    )


def test_items_beyond_the_cap_are_counted_not_read() -> None:
    read = read_fast(write_rss(f"<item>{LINK}</item>" * MAX_ITEMS + "<item><title>ни ссылки</title></item>" * 3))

    assert read is not None
    assert len(read.items) == MAX_ITEMS
    assert read.clipped == 3


def test_a_long_document_is_left_to_the_reference_reader() -> None:
    assert read_fast(write_item(LINK, f"<title>{'x' * 16_000_000}</title>")) is None
