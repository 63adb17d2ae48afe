"""The tools that keep the house in order, run as tests so that one command checks everything."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize(
    "arguments",
    [
        pytest.param(("ruff", "check", "."), id="ruff-check"),
        pytest.param(("ruff", "format", "--check", "."), id="ruff-format"),
        pytest.param(("mypy",), id="mypy-strict"),
        pytest.param(("importlinter.cli", "lint-imports"), id="import-contracts"),
    ],
)
def test_tool_finds_nothing(arguments: tuple[str, ...]) -> None:
    if arguments[0] == "importlinter.cli":
        command = [sys.executable, "-c", "from importlinter.cli import lint_imports_command; lint_imports_command()"]
    else:
        command = [sys.executable, "-m", *arguments]
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_functions_stay_short() -> None:
    """No function over 60 lines, no module over 450."""
    too_long = []
    for path in sorted((REPOSITORY / "monitor").rglob("*.py")):
        source = path.read_text(encoding="utf-8")
        if source.count("\n") > 450:
            too_long.append(f"{path.name}: {source.count(chr(10))} lines")
        functions = [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
        too_long += [f"{path.name}: {f.name}" for f in functions if (f.end_lineno or 0) - f.lineno > 60]
    assert too_long == []
