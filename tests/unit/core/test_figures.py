"""What processes count: declared as Prometheus wants it."""

from __future__ import annotations

import re

import pytest
from prometheus_client.metrics_core import Metric

from core.figures import DATABASE_ERRORS, REGISTRY

FAMILIES = list(REGISTRY.collect())


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.name)
def test_names_say_their_unit_and_texts_what_is_measured(family: Metric) -> None:
    assert re.fullmatch(r"camrec_[a-z_]+(_seconds|_frames|_errors|_bytes)", family.name)
    assert len(family.documentation) > 12
    assert not family.documentation.endswith(".")


def test_errors_of_the_database_are_told_of_before_the_first() -> None:
    (family,) = DATABASE_ERRORS.collect()
    assert {sample.labels["operation"] for sample in family.samples} == {"read", "write"}
