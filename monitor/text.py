"""Plain text: what a character, a word and a sentence are for this project."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from itertools import islice

# What may stand inside a word besides letters: stress marks and other combining characters, joiners, soft hyphens, selectors.
_INNER = "\u0300-\u036f\u200b-\u200f\u2060-\u2064\u061c\u180e\ufe00-\ufe0f\xad"
WORD = re.compile(rf"\w[\w{_INNER}]*(?:['’ʼ-]\w[\w{_INNER}]*)*")
# The same without looking at where a dash or apostrophe stands: half the time, for those who can do without.
_TOKEN = re.compile(rf"[\w'’ʼ{_INNER}-]+")
_SPACE = re.compile(r"[^\S\n]+")
_LINE_BREAKS = re.compile(r" ?\n[ \n]*")
# Controls, what no document may hold, and the characters that hide or reorder text (zero-width, bidirectional, soft hyphen, BOM).
_INVISIBLE = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\xad\u200b\u200e\u200f\u202a-\u202e\u2060-\u2064\u2066-\u206f\ufeff\ufffe\uffff]"
)
# What XML 1.0 cannot hold (or most of its readers do not): controls, surrogates that stand alone, two that are no characters.
_UNWRITABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")
# What print calls typographic and a model should not care about.
_FOLD = str.maketrans({"’": "'", "ʼ": "'", "`": "'", "´": "'", "ё": "е", "–": "-", "—": "-", "‑": "-", "…": "."})


def clean_line(raw: str) -> str:
    """One line of plain text: NFC, no control or hidden characters, single spaces, trimmed."""
    if raw.isprintable():  # nothing hidden, as in nearly all lines
        return " ".join((raw if raw.isascii() else unicodedata.normalize("NFC", raw)).split())
    return " ".join(strip_invisible(raw).split())


def clean_block(raw: str) -> str:
    """Plain text of several paragraphs, parted by one line break each; otherwise as `clean_line`."""
    spaced = _SPACE.sub(" ", strip_invisible(raw.replace("\r\n", "\n").replace("\r", "\n")))
    return _LINE_BREAKS.sub("\n", spaced).strip()


def strip_invisible(raw: str) -> str:
    """Text in NFC without control characters and those that hide or reorder text; spaces and line breaks stay."""
    # Lone surrogates cannot be written as UTF-8; a feed that holds one keeps the rest of its text.
    encodable = raw.encode("utf-8", "replace").decode("utf-8")
    return unicodedata.normalize("NFC", _INVISIBLE.sub("", encodable))


def fold(text: str) -> str:
    """Lower case without typographic variants, of the same length as ``text``, so that offsets hold in both."""
    low = text.lower()
    if len(low) != len(text):
        low = "".join(lowered if len(lowered := char.lower()) == 1 else char for char in text)
    return low.translate(_FOLD)


def find_tokens(text: str) -> list[str]:
    """The words of a text as they stand there; a dash or apostrophe that stands alone passes for one."""
    return _TOKEN.findall(text)


def count_words(text: str) -> int:
    """Number of words."""
    return sum(1 for _ in WORD.finditer(text))


def has_words(text: str, *, at_least: int) -> bool:
    """Whether there are so many words or more."""
    return sum(1 for _ in islice(WORD.finditer(text), at_least)) == at_least


def truncate(text: str, max_chars: int) -> str:
    """At most ``max_chars`` characters, cut at a word and ended with an ellipsis where something was left out."""
    if len(text) <= max_chars:
        return text
    head, space, _ = text[: max_chars - 1].rpartition(" ")
    return (head if space else text[: max_chars - 1]) + "…"


def hash_texts(*parts: str) -> str:
    """Hex SHA-256 over several strings; where one ends and the next begins matters."""
    encoded = [part.encode("utf-8") for part in parts]
    return hashlib.sha256(b"".join(piece for one in encoded for piece in (len(one).to_bytes(8, "big"), one))).hexdigest()


def show_controls(text: str) -> str:
    """Text that XML and spreadsheets can hold: control characters become their pictures (␀), what is no character becomes �.

    Tabs and line breaks stay. The length stays, so that offsets hold in both.
    """
    return _UNWRITABLE.sub(_show_control, text)


def _show_control(match: re.Match[str]) -> str:
    code = ord(match.group())
    return chr(0x2400 + code) if code < 0x20 else "␡" if code == 0x7F else "\ufffd"
