"""The files of a digest."""

from __future__ import annotations

import html
import re
from functools import cache
from typing import TYPE_CHECKING

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape

from monitor.stages.render.page import Picture, make_page
from monitor.stages.render.tables import render_csv, render_jsonl, render_report
from monitor.text import strip_invisible

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from monitor.reports import Digest

_MARKDOWN_MARKS = re.compile(r"[\\`*_{}\[\]#|~!]")
_MARKDOWN_LIST = re.compile(r"^(\d*)([-+.)=])")


def render_digest(
    digest: Digest, name_of: Callable[[str], str], *, priority: Sequence[str] = (), pictures: Sequence[Picture] = ()
) -> dict[str, bytes]:
    """File name → bytes. ``name_of`` gives a narrative's name; those of ``priority`` come first.

    ``run.json`` is there once a run has finished.
    """
    page = make_page(digest, name_of, priority=priority, pictures=pictures)
    files = {
        "digest.md": _environment().get_template("digest.md.j2").render(page=page).encode(),
        "digest.html": _environment().get_template("digest.html.j2").render(page=page).encode(),
        "digest.csv": render_csv(digest),
        "digest.jsonl": render_jsonl(digest),
    }
    for picture in pictures:
        files |= picture.files
    if digest.last_run is not None:
        files["run.json"] = render_report(digest.last_run)
    return files


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("monitor", "templates"),
        autoescape=select_autoescape(enabled_extensions=("html.j2",)),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        finalize=_clean,
    )
    environment.filters["md"] = _escape_markdown
    return environment


def _clean(value: object) -> object:
    """Whatever is put out: without characters that a page must not hold, or that hide or reorder what stands around them."""
    return strip_invisible(value) if type(value) is str else value


def _escape_markdown(text: str) -> str:
    """Text that Markdown shows as it is: on one line, no markup, no HTML, no link, no list."""
    flat = html.escape(" ".join(text.split()), quote=False)
    flat = _MARKDOWN_MARKS.sub(r"\\\g<0>", flat)
    return _MARKDOWN_LIST.sub(r"\g<1>\\\g<2>", flat)
