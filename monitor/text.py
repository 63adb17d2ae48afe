"""Plain text: what a character, a word and a sentence are for this project."""

from __future__ import annotations

import hashlib
import re
import unicodedata

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
# What print calls typographic and a model should not care about.
_FOLD = str.maketrans({"’": "'", "ʼ": "'", "`": "'", "´": "'", "ё": "е", "–": "-", "—": "-", "‑": "-", "…": "."})


def clean_line(raw: str) -> str:
    """One line of plain text: NFC, no control or hidden characters, single spaces, trimmed."""
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


def truncate(text: str, max_chars: int) -> str:
    """At most ``max_chars`` characters, cut at a word and ended with an ellipsis where something was left out."""
    if len(text) <= max_chars:
        return text
    head, space, _ = text[: max_chars - 1].rpartition(" ")
    return (head if space else text[: max_chars - 1]) + "…"


def hash_texts(*parts: str) -> str:
    """Hex SHA-256 over several strings; where one ends and the next begins matters."""
    digest = hashlib.sha256()
    for part in parts:
        encoded = part.encode("utf-8")
        digest.update(len(encoded).to_bytes(8, "big"))
        digest.update(encoded)
    return digest.hexdigest()
