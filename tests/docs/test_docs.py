"""Documentation that would lag behind the code fails here."""

from __future__ import annotations

import json
import re
from pathlib import Path

import click
import jsonschema
import pytest
import yaml

from monitor import __version__, errors
from monitor.cli import cli
from monitor.config import FeedSettings, FetchSettings, Settings, load_config, render_schema
from monitor.stages.rows import CSV_COLUMNS
from monitor.storage.reviewschema import metadata

REPOSITORY = Path(__file__).resolve().parents[2]
REFERENCE = (REPOSITORY / "docs/reference.md").read_text(encoding="utf-8")
PAGES = sorted((REPOSITORY / "docs").rglob("*.md"))


def iterate_commands(group: click.Group, prefix: str = "monitor") -> list[tuple[str, click.Command]]:
    found = []
    for name, command in group.commands.items():
        if isinstance(command, click.Group):
            found += iterate_commands(command, f"{prefix} {name}")
        else:
            found.append((f"{prefix} {name}", command))
    return found


@pytest.mark.parametrize(("name", "command"), [pytest.param(n, c, id=n) for n, c in iterate_commands(cli)])
def test_every_command_and_option_is_in_the_reference(name: str, command: click.Command) -> None:
    assert name in REFERENCE
    for parameter in command.params:
        for option in parameter.opts if isinstance(parameter, click.Option) else []:
            assert option in REFERENCE, option


def test_every_setting_is_in_the_reference() -> None:
    for model in (Settings, FetchSettings, FeedSettings):
        for name in model.model_fields:
            assert f"`{name}`" in REFERENCE, name


def test_every_exit_code_column_and_table_is_in_the_reference() -> None:
    codes = {
        error.exit_code for error in vars(errors).values() if isinstance(error, type) and issubclass(error, errors.MonitorError)
    }
    for code in codes | {errors.EXIT_DONE, errors.EXIT_PARTIAL}:
        assert re.search(rf"\|\s*`?{code}`?\s*\|", REFERENCE), code
    for name in (*CSV_COLUMNS, *metadata.tables):
        assert f"`{name}`" in REFERENCE, name


def test_the_schema_for_editors_is_that_of_the_code() -> None:
    assert (REPOSITORY / "docs/feeds.schema.json").read_text(encoding="utf-8") == render_schema()


def test_the_shipped_feeds_satisfy_the_schema_and_the_checker() -> None:
    config = load_config(REPOSITORY / "feeds.yaml")
    jsonschema.validate(yaml.safe_load((REPOSITORY / "feeds.yaml").read_text("utf-8")), json.loads(render_schema()))
    assert len(config.feeds) >= 35
    assert 4 <= sum(feed.kind == "contrast" for feed in config.feeds) <= 5
    assert config.feeds[0].kind == "occupation"


@pytest.mark.parametrize("page", [REPOSITORY / "README.md", *PAGES], ids=lambda p: p.name)
def test_links_between_pages_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\((?!https?:|mailto:|#)([^)#]+)", page.read_text(encoding="utf-8")):
        assert (page.parent / target).exists(), target


def test_the_readme_fits_one_screen_and_has_the_two_commands() -> None:
    readme = (REPOSITORY / "README.md").read_text(encoding="utf-8")
    assert readme.count("\n") <= 80
    assert ".venv/bin/monitor demo" in readme
    assert ".venv/bin/python -m pytest" in readme


def test_the_changelog_knows_this_version() -> None:
    assert f"## {__version__}" in (REPOSITORY / "CHANGELOG.md").read_text(encoding="utf-8")
