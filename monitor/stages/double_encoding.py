"""Cyrillic text that was encoded twice: UTF-8 that somebody read as cp1251 (``РљСЂС‹Рј``) or as Latin-1 (``ÐšÑ€Ñ‹Ð¼``)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

# The second halves of the commonest Russian vowels read as cp1251, and the first half of most letters read as Latin-1: single
# characters are found ten times as quickly as pairs.
_TRACES = ("ѕ", "°", "µ", "Ð")
_TRACE = re.compile(f"[{''.join(_TRACES)}]")
_MIN_LETTERS = 4
_CYRILLIC = re.compile("[А-Яа-яЁёІіЇїЄєҐґ]")
_COMMON = re.compile("[оаеитнсрвіОАЕИТНСРВІ]")
_CONTROLS = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ufffd]")


class _Misreading(NamedTuple):
    """``to_byte`` gives the byte (as a Latin-1 character) that each character stood for."""

    to_byte: dict[int, str]


def _list_misreadings() -> tuple[_Misreading, ...]:
    found = []
    for codec in ("cp1251", "cp1252"):
        to_byte = {}
        for number in range(0x80, 0x100):
            # Bytes that the encoding leaves free are passed on as they are.
            char = bytes([number]).decode(codec, "ignore") or chr(number)
            to_byte[ord(char)] = chr(number)
        if codec == "cp1252":
            # Latin-1 proper differs in 0x80..0x9f alone, and both are met in one text.
            to_byte |= {number: chr(number) for number in range(0x80, 0xA0)}
        found.append(_Misreading(to_byte))
    return tuple(found)


_MISREADINGS = _list_misreadings()


def may_be_double(text: str) -> bool:
    """Whether a text holds a trace of double encoding; a quick look that is wrong now and then in one direction only."""
    return any(trace in text for trace in _TRACES)


def find_traces(text: str) -> Iterator[int]:
    """Where a text holds traces of double encoding."""
    return (match.start() for match in _TRACE.finditer(text))


def mend_double(text: str) -> str | None:
    """The text as it was before the second encoding; None where it is not certain that there was one.

    All of it must read as UTF-8, and give Cyrillic words: every letter of a sound Russian or Ukrainian text would have
    to be one of two capitals and each followed by a sign, to be taken for one.
    """
    if not may_be_double(text):
        return None
    return next((mended for reading in _MISREADINGS if (mended := _undo(text, reading))), None)


def _undo(text: str, reading: _Misreading) -> str | None:
    if any(ord(char) >= 0x80 and ord(char) not in reading.to_byte for char in text):
        return None
    try:
        mended = text.translate(reading.to_byte).encode("latin-1").decode("utf-8")
    except UnicodeError:
        return None
    letters = _CYRILLIC.findall(mended)
    is_plausible = len(letters) >= _MIN_LETTERS and len(_COMMON.findall(mended)) * 4 >= len(letters)
    return mended if is_plausible and not _CONTROLS.search(mended) else None
