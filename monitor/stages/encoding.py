"""Bytes of a feed to text, whatever the server and the document say of their encoding."""

from __future__ import annotations

import codecs
import re
from email.message import Message

_XML_DECLARATION = re.compile(r"^\s*<\?xml[^>]*\?>")
_DECLARED = re.compile(rb"""<\?xml[^>]{0,200}?encoding\s*=\s*["']([^"'>]{1,40})""")
_BOMS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
# Names that feeds of this region use and no registry knows.
_ALIASES = {"win-1251": "cp1251", "cp-1251": "cp1251", "windows1251": "cp1251", "win1251": "cp1251", "koi8": "koi8-r"}
_CYRILLIC_CODECS = frozenset({"cp1251", "koi8-r", "koi8-u", "iso8859-5", "cp866", "mac-cyrillic"})
_OTHER_CODECS = re.compile(r"^(cp125\d|cp437|cp85\d|iso8859-\d+|mac-\w+|gb\w+|big5\w*|shift_jis|euc_\w+|utf-(16|32)(-[lb]e)?)$")
_LOWER_CYRILLIC = re.compile("[а-яіїєґё]")
_ILLEGAL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
_REFERENCE = re.compile(r"&#(x[0-9a-fA-F]{1,16}|[0-9]{1,20});")


def decode_document(body: bytes, content_type: str | None) -> str:
    """The document's text, without an XML declaration, without characters or references that XML does not allow.

    Bytes that are valid UTF-8 are UTF-8, whatever is declared: no Cyrillic text in an eight-bit encoding is that by chance.
    Else a declared Cyrillic encoding is believed, then another declared one; else the likeliest Cyrillic one is taken.
    """
    text = _decode(body, content_type).removeprefix("\ufeff")
    text = _XML_DECLARATION.sub("", text, count=1)
    return _REFERENCE.sub(_mend_reference, _ILLEGAL.sub("", text))


def _decode(body: bytes, content_type: str | None) -> str:
    for bom, encoding in _BOMS:
        if body.startswith(bom):
            return body.decode(encoding, "replace")
    try:
        return _drop_torn_letter(body).decode("utf-8")
    except UnicodeDecodeError:
        pass
    declared = [codec for name in (_read_declared(body), _read_charset(content_type)) if (codec := _find_codec(name))]
    if cyrillic := [codec for codec in declared if codec in _CYRILLIC_CODECS]:
        return body.decode(cyrillic[0], "replace")
    as_utf8 = body.decode("utf-8", "replace")
    if as_utf8.count("\ufffd") * 20 < len(_LOWER_CYRILLIC.findall(as_utf8)):
        return as_utf8
    if declared:
        return body.decode(declared[0], "replace")
    # Read in the wrong one of the two, text is mostly capitals.
    return max((body.decode(codec, "replace") for codec in ("cp1251", "koi8-r")), key=lambda t: len(_LOWER_CYRILLIC.findall(t)))


def _drop_torn_letter(body: bytes) -> bytes:
    """The body without half a letter at its end, where a download was cut."""
    try:
        body.decode("utf-8")
    except UnicodeDecodeError as error:
        return body[: error.start] if error.reason == "unexpected end of data" else body
    return body


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
    return codec if codec in _CYRILLIC_CODECS or _OTHER_CODECS.match(codec) else None


def _mend_reference(match: re.Match[str]) -> str:
    digits = match.group(1)
    number = int(digits[1:], 16) if digits[0] == "x" else int(digits)
    is_allowed = number in {9, 10, 13} or 0x20 <= number < 0xD800 or 0xE000 <= number < 0xFFFE or 0x10000 <= number < 0x110000
    return match.group() if is_allowed else ""
