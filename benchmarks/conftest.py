"""Benchmarks run as the workflow's jobs do; an option takes one of their habits away, to see what it is worth."""

from __future__ import annotations

import pytest

from concord3d.workflow.memory import keep_freed_memory


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--return-memory", action="store_true", help="give freed memory back to the system, as by default")


def pytest_configure(config: pytest.Config) -> None:
    if not config.getoption("--return-memory"):
        keep_freed_memory()
