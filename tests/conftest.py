"""Fixtures for all tests."""

from __future__ import annotations

from pathlib import Path

import pytest

SHARED_DATA = Path(__file__).resolve().parents[2] / "shared" / "data"


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Real models and footage, beside the checkout."""
    if not SHARED_DATA.is_dir():
        pytest.skip(f"no footage and models at {SHARED_DATA}")
    return SHARED_DATA
