"""Bytes of a feed to text, whatever the server and the document say of their encoding."""

from __future__ import annotations

import codecs
import re
from collections import Counter, defaultdict
from dataclasses import dataclass
from email.message import Message
from functools import cache
from itertools import islice, pairwise, product
from typing import TYPE_CHECKING

from monitor.stages.double_encoding import find_traces, may_be_double, mend_double

if TYPE_CHECKING:
    from collections.abc import Callable

_XML_DECLARATION = re.compile(r"^\s*<\?xml[^>]*\?>")
_DECLARED = re.compile(rb"""<\?xml[^>]{0,200}?encoding\s*=\s*["']([^"'>]{1,40})""")
_BOMS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
# UTF-16 and UTF-32 that nothing announces: ASCII and zero bytes take turns.
_WIDE_SHAPES = (
    (re.compile(rb"<\0\0\0"), "utf-32-le"),
    (re.compile(rb"\0\0\0<"), "utf-32-be"),
    (re.compile(rb"(?:\s\0)*<\0[^\0]\0"), "utf-16-le"),
    (re.compile(rb"(?:\0\s)*\0<\0[^\0]"), "utf-16-be"),
)
# Names that feeds of this region use and no registry knows.
_ALIASES = {"win-1251": "cp1251", "cp-1251": "cp1251", "windows1251": "cp1251", "win1251": "cp1251", "koi8": "koi8-r"}
_CYRILLIC_CODECS = frozenset({"cp1251", "koi8-r", "koi8-u", "iso8859-5", "cp866", "mac-cyrillic"})
# KOI8-U is KOI8-R with Ukrainian letters in the place of eight box drawings; Latin-1 on the web is cp1252.
_WIDER = {"koi8-r": "koi8-u", "iso8859-1": "cp1252"}
_GUESSES = ("cp1251", "koi8-u", "cp866", "iso8859-5")
_OTHER_CODECS = re.compile(r"^(cp125\d|cp437|cp85\d|iso8859-\d+|mac-\w+|gb\w+|big5\w*|shift_jis|euc_\w+|utf-(16|32)(-[lb]e)?)$")
_LOWER_CYRILLIC = re.compile("[а-яіїєґё]")
# Pairs of letters that make up a third of Russian and Ukrainian text, and a twentieth of letters in another order.
_COMMON_PAIRS = tuple(re.findall("..", "стнотонаеновниравокоронелипогоералкареоспртаваанорлозалаолетвітикиії"))
_ILLEGAL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
_WITHOUT_ILLEGAL = dict.fromkeys([*range(0x09), 0x0B, 0x0C, *range(0x0E, 0x20), *range(0xD800, 0xE000), 0xFFFE, 0xFFFF])
_ILLEGAL_CHARS = [*(chr(code) for code in range(32) if code not in {9, 10, 13}), "\ufffe", "\uffff"]
_REFERENCE = re.compile(r"&#(x[0-9a-fA-F]{1,16}|[0-9]{1,20});")
_TAG_OR_ILLEGAL = re.compile(rf"<[^<>]*>|&[^;<&\s]{{0,12}};|{_ILLEGAL.pattern}")
_FIRST_ITEM = re.compile(r"<(?:[\w.-]+:)?(?:item|entry)[\s>]", re.IGNORECASE)
# More than any feed has; a document made of short runs would take many times as long to mend as to read.
_MAX_MENDED_RUNS = 100_000
_MAX_MARKED = 100_000
_PIECE_CHARS = 65_536
_BRACKET = re.compile("[<>]")
_ASCII_BYTES = bytes(range(128))
_MAX_SAMPLE_BYTES = 2_000
_PROBE_BYTES = 600
_MIN_SAMPLE_BYTES = 12
# Characters that no document may hold stand where something was mended, until the item that they are in has said so.
CONTROL_MARK = "\ufdd0"
DOUBLE_MARK = "\ufdd1"
MARKS = {CONTROL_MARK: "control_characters", DOUBLE_MARK: "encoding_double"}


@dataclass(frozen=True, slots=True)
class DecodedDocument:
    """The text of a document and the words of what held for all of it.

    Where ``is_marked``, the items of the text hold `MARKS` at the places that were mended.
    """

    text: str
    repairs: tuple[str, ...] = ()
    is_marked: bool = False


def decode_document(body: bytes, content_type: str | None) -> str:
    """The document's text, without an XML declaration, without characters or references that XML does not allow.

    Bytes that are valid UTF-8 are UTF-8, whatever is declared: no Cyrillic text in an eight-bit encoding is that by chance.
    Else a declared Cyrillic encoding is believed unless another makes words where it makes none, then another declared one;
    else the likeliest Cyrillic one is taken.
    """
    text = decode_with_repairs(body, content_type).text
    return text.replace(CONTROL_MARK, "").replace(DOUBLE_MARK, "")


def decode_with_repairs(body: bytes, content_type: str | None) -> DecodedDocument:
    """As `decode_document`, with what was mended; text that was encoded twice is mended too."""
    raw, repairs = _decode(body, content_type)
    text = _XML_DECLARATION.sub("", raw.removeprefix("\ufeff"), count=1)
    text = text.replace(CONTROL_MARK, "").replace(DOUBLE_MARK, "")
    mended = _mark_illegal(_substitute(_REFERENCE, _mend_reference, text, start="&") if "&#" in text else text)
    if may_be_double(mended):
        mended = _mend_runs(mended)
    return DecodedDocument(mended, repairs, CONTROL_MARK in mended or DOUBLE_MARK in mended)


def _mark_illegal(text: str) -> str:
    """The text without characters that XML forbids; inside the text of items a mark stands for each."""
    # To look for one after the other takes a third of the time. No decoder gives surrogates.
    if not any(char in text for char in _ILLEGAL_CHARS):
        return text
    if sum(1 for _ in islice(_ILLEGAL.finditer(text), _MAX_MARKED)) == _MAX_MARKED:
        # Rubble; where in it something was mended says nothing.
        return text.translate(_WITHOUT_ILLEGAL)
    first = _FIRST_ITEM.search(text)
    at, end = (first.start(), text.rfind(">")) if first else (len(text), len(text))
    inner = _substitute(_TAG_OR_ILLEGAL, _mark_or_strip, text[at:end], start="<")
    return _ILLEGAL.sub("", text[:at]) + inner + _ILLEGAL.sub("", text[end:])


def _substitute(pattern: re.Pattern[str], replace: Callable[[re.Match[str]], str], text: str, *, start: str) -> str:
    """As ``pattern.sub``, piece by piece: a million matches are not held at once.

    No match holds the character ``start`` but at its beginning.
    """
    pieces: list[str] = []
    begin = 0
    while (cut := text.find(start, begin + _PIECE_CHARS)) >= 0:
        pieces.append(pattern.sub(replace, text[begin:cut]))
        begin = cut
    pieces.append(pattern.sub(replace, text[begin:]))
    return "".join(pieces)


def _mark_or_strip(match: re.Match[str]) -> str:
    found = match.group()
    return CONTROL_MARK if len(found) == 1 else _ILLEGAL.sub("", found)


def _mend_runs(text: str) -> str:
    """The text with every run between tags that was encoded twice mended. Only runs with a trace of it are looked at."""
    parts: list[str] = []
    done = looked_at = 0
    for at in find_traces(text):
        if at < done:
            continue
        if (looked_at := looked_at + 1) > _MAX_MENDED_RUNS:
            break
        start = max(text.rfind("<", done, at), text.rfind(">", done, at), done - 1) + 1
        bracket = _BRACKET.search(text, at)
        end = bracket.start() if bracket else len(text)
        mended = mend_double(text[start:end])
        if mended is not None:
            parts += (text[done:start], mended, DOUBLE_MARK)
        else:
            parts.append(text[done:end])
        done = end
    return "".join([*parts, text[done:]])


def _decode(body: bytes, content_type: str | None) -> tuple[str, tuple[str, ...]]:
    for bom, encoding in _BOMS:
        if body.startswith(bom):
            return body.decode(encoding, "replace"), ()
    for shape, encoding in _WIDE_SHAPES:
        if shape.match(body):
            return body.decode(encoding, "replace"), ("encoding_label",)
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError as error:
        if error.reason != "unexpected end of data":
            return _decode_broken(body, content_type)
        # Half a letter at the end, where a download was cut.
        text = body[: error.start].decode("utf-8")
    is_wrong = not body.isascii() and any(_contradicts_utf8(name) for name in (_read_declared(body), _read_charset(content_type)))
    return text, ("encoding_label",) if is_wrong else ()


def _decode_broken(body: bytes, content_type: str | None) -> tuple[str, tuple[str, ...]]:
    """The text of bytes that are not, or not all, UTF-8."""
    if _is_mostly_utf8(body):
        return body.decode("utf-8", "replace"), ("encoding_broken",)
    names = [name for name in (_read_declared(body), _read_charset(content_type)) if name]
    declared = [codec for name in names if (codec := _find_codec(name))]
    cyrillic = [codec for codec in declared if codec in _CYRILLIC_CODECS]
    codec = _choose_codec(body, next(iter(cyrillic or declared), None))
    is_right = codec in declared and all(_find_codec(name) == codec for name in names) and not _ALIASES.keys() & set(names)
    return body.decode(codec, "replace"), () if is_right else ("encoding_label",)


def _is_mostly_utf8(body: bytes) -> bool:
    """Whether only some bytes are wrong. Looking at all of them is slow, so first at a few places."""
    places = (body[at : at + _PROBE_BYTES] for at in (0, len(body) // 3, len(body) * 2 // 3, max(0, len(body) - _PROBE_BYTES)))
    return any(map(_reads_as_utf8, places)) and _reads_as_utf8(body)


def _reads_as_utf8(body: bytes) -> bool:
    text = body.decode("utf-8", "replace")
    return text.count("\ufffd") * 20 < len(_LOWER_CYRILLIC.findall(text))


def _choose_codec(body: bytes, declared: str | None) -> str:
    sample = body.translate(None, _ASCII_BYTES)[:_MAX_SAMPLE_BYTES]
    pairs = Counter(pairwise(sample))
    best = max(_GUESSES, key=lambda codec: _score(sample, pairs, codec))
    if declared is None:
        return best
    if declared not in _CYRILLIC_CODECS:
        # Letters that Western texts put between ASCII ones make no Cyrillic words.
        is_cyrillic = len(sample) >= _MIN_SAMPLE_BYTES and _score(sample, pairs, best) > 1.3 * len(sample)
        return best if is_cyrillic else declared
    is_doubtful = len(sample) >= _MIN_SAMPLE_BYTES and _score(sample, pairs, best) > 1.5 * _score(sample, pairs, declared)
    return best if is_doubtful else declared


def _score(sample: bytes, pairs: Counter[tuple[int, int]], codec: str) -> int:
    """How much like Cyrillic text the bytes read: read in a wrong encoding, text is mostly capitals, or in disorder."""
    small, common = _list_letters(codec)
    return len(sample) - len(sample.translate(None, small)) + 3 * sum(pairs[pair] for pair in common)


@cache
def _list_letters(codec: str) -> tuple[bytes, tuple[tuple[int, int], ...]]:
    """The bytes of an eight-bit encoding that are small Cyrillic letters, and the pairs of bytes, of any case, that are common."""
    letters = {byte: bytes([byte]).decode(codec, "replace") for byte in range(128, 256)}
    small = bytes(byte for byte, letter in letters.items() if _LOWER_CYRILLIC.match(letter))
    by_letter: defaultdict[str, list[int]] = defaultdict(list)
    for byte, letter in letters.items():
        by_letter[letter.lower()].append(byte)
    common = tuple(pair for both in _COMMON_PAIRS for pair in product(by_letter[both[0]], by_letter[both[1]]))
    return small, common


def _read_declared(body: bytes) -> str | None:
    match = _DECLARED.search(body[:512])
    return match.group(1).decode("ascii", "replace") if match else None


def _read_charset(content_type: str | None) -> str | None:
    message = Message()
    message["content-type"] = (content_type or "").replace("\0", "").replace("\r", "").replace("\n", "")
    charset = message.get_param("charset")
    return charset if isinstance(charset, str) else None


def _find_codec(name: str | None) -> str | None:
    """Python's name of an eight-bit or wide encoding that may be tried; None for UTF-8 and for what is no encoding of text."""
    if not name:
        return None
    low = name.strip().lower().replace("_", "-")
    try:
        codec = codecs.lookup(_ALIASES.get(low, low)).name
    except (LookupError, ValueError):
        return None
    codec = _WIDER.get(codec, codec)
    return codec if codec in _CYRILLIC_CODECS or _OTHER_CODECS.match(codec) else None


def _contradicts_utf8(name: str | None) -> bool:
    """Whether a label says something else than UTF-8 of bytes that are UTF-8; an unknown label does."""
    try:
        return bool(name) and codecs.lookup(str(name).strip()).name not in {"utf-8", "utf-8-sig"}
    except (LookupError, ValueError):
        return True


def _mend_reference(match: re.Match[str]) -> str:
    digits = match.group(1)
    number = int(digits[1:], 16) if digits[0] == "x" else int(digits)
    is_allowed = number in {9, 10, 13} or 0x20 <= number < 0xD800 or 0xE000 <= number < 0xFFFE or 0x10000 <= number < 0x110000
    return match.group() if is_allowed else "\x00"
