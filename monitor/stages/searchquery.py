"""What somebody searches for: read from a line of text, written for a full-text index, and found again in a text."""

from __future__ import annotations

import re
from dataclasses import dataclass

from monitor.errors import UsageError
from monitor.text import fold

MAX_QUERY_CHARS = 1_000
MAX_TERMS = 40
SNIPPET_CHARS = 240
_PIECE = re.compile(r"""(-?)(?:"([^"]*)"|([^\s"]+))""")
_WORD = re.compile(r"\w+")


@dataclass(frozen=True, slots=True)
class Term:
    """Words that must stand together in this order. ``is_prefix``: the last one may go on; ``is_excluded``: must not occur."""

    words: tuple[str, ...]
    is_prefix: bool = False
    is_excluded: bool = False


@dataclass(frozen=True, slots=True)
class Snippet:
    """A piece of a text, and where in it (offsets in ``text``) the words are that were searched for."""

    text: str
    marks: tuple[tuple[int, int], ...]


def parse_query(raw: str) -> tuple[Term, ...]:
    """The terms of a query: words, ``"a phrase"``, ``begin*``, ``-without``. Raises `UsageError` where it cannot be read.

    An empty query gives no terms.
    """
    if len(raw) > MAX_QUERY_CHARS:
        raise UsageError(f"the query has {len(raw)} characters; {MAX_QUERY_CHARS} are enough for any: leave some words out")
    if raw.count('"') % 2:
        raise UsageError("a quotation mark in the query is not closed; close it, or leave it out")
    terms = [term for match in _PIECE.finditer(raw) if (term := _read_term(match)) is not None]
    if raw.strip() and not terms:
        raise UsageError(f"{raw.strip()[:60]!r} holds no word to search for; write letters or digits")
    if len(terms) > MAX_TERMS:
        raise UsageError(f"the query has {len(terms)} terms, and {MAX_TERMS} at most are looked for; leave some out")
    if terms and all(term.is_excluded for term in terms):
        raise UsageError("the query only says what to leave out; add a word that must occur")
    return tuple(terms)


def _read_term(match: re.Match[str]) -> Term | None:
    minus, phrase, word = match.groups()
    words = tuple(_WORD.findall(phrase if phrase is not None else word))
    return Term(words, bool(word and word.endswith("*")), bool(minus)) if words else None


def write_fts5(terms: tuple[Term, ...]) -> str:
    """The query for SQLite's FTS5. Words are quoted, so nothing in them is taken for an operator."""
    wanted = " AND ".join(_quote(term) for term in terms if not term.is_excluded)
    unwanted = " OR ".join(_quote(term) for term in terms if term.is_excluded)
    return f"({wanted}) NOT ({unwanted})" if unwanted else wanted


def _quote(term: Term) -> str:
    return f'"{" ".join(term.words)}"{" *" if term.is_prefix else ""}'


def write_tsquery(terms: tuple[Term, ...]) -> str:
    """The query for PostgreSQL's ``to_tsquery``; words are letters, digits and underscores alone."""
    return " & ".join(f"{'!' if term.is_excluded else ''}({_chain(term)})" for term in terms)


def _chain(term: Term) -> str:
    words = [f"'{word}'" for word in term.words]
    return " <-> ".join([*words[:-1], words[-1] + (":*" if term.is_prefix else "")])


def make_snippet(texts: tuple[str, ...], terms: tuple[Term, ...], *, max_chars: int = SNIPPET_CHARS) -> Snippet:
    """A piece of the first of the texts that holds a wanted term, around it; else the beginning of the first that is not empty."""
    wanted = [_to_pattern(term) for term in terms if not term.is_excluded]
    pattern = re.compile("|".join(wanted)) if wanted else None
    for text in texts:
        line = " ".join(text.split())
        if pattern is not None and (found := pattern.search(fold(line))):
            start = _find_start(line, found.start(), max_chars)
            return _mark(line[start : start + max_chars], pattern, is_inner=start > 0, is_cut=start + max_chars < len(line))
    line = next((joined for text in texts if (joined := " ".join(text.split()))), "")
    return Snippet(line[: max_chars - 1] + "…" if len(line) > max_chars else line, ())


def _to_pattern(term: Term) -> str:
    body = r"\W+".join(re.escape(fold(word)) for word in term.words)
    return rf"\b{body}{'' if term.is_prefix else chr(92) + 'b'}"


def _find_start(line: str, at: int, max_chars: int) -> int:
    if at < max_chars // 2:
        return 0
    space = line.rfind(" ", 0, at - max_chars // 4)
    return space + 1


def _mark(piece: str, pattern: re.Pattern[str], *, is_inner: bool, is_cut: bool) -> Snippet:
    shown = f"{'…' if is_inner else ''}{piece}{'…' if is_cut else ''}"
    return Snippet(shown, tuple(match.span() for match in pattern.finditer(fold(shown))))
