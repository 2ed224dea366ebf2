"""The report: what was measured on what, and all its tables."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from bench.figures import Table


@dataclass
class Report:
    """Facts about the run, and its tables."""

    facts: Mapping[str, str]
    tables: list[Table] = field(default_factory=list)

    @property
    def is_correct(self) -> bool:
        """Whether nothing was lost, wrong or failed; says nothing about speed."""
        return all(figure.met for table in self.tables for figure in table.figures if figure.decisive)

    def to_dict(self) -> dict[str, Any]:
        """For machines."""
        return {"facts": dict(self.facts), "tables": [table.to_dict() for table in self.tables]}
