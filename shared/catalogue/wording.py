"""Schema problems, in words for authors of catalogues rather than Python programmers."""

from __future__ import annotations

from collections.abc import Iterator

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from shared.catalogue.document import Document, Place
from shared.catalogue.problem import Problem
from shared.catalogue.schema import CatalogueForm

_WORDS = {
    "bool_type": "must be true or false",
    "enum": "must be {expected}",
    "extra_forbidden": "is not a known key",
    "greater_than_equal": "must be at least {ge}",
    "int_type": "must be a whole number",
    "less_than_equal": "must be at most {le}",
    "list_type": "must be a list",
    "missing": "is required",
    "model_type": "must be a mapping",
    "string_type": "must be text",
    "too_long": "must have at most {max_length} entries",
    "too_short": "must have at least {min_length} entry",
}
"""Texts by pydantic's error type. Types that are not listed are our own and carry their text."""


def examine(document: Document) -> CatalogueForm | list[Problem]:
    """Return the validated document, or all the places where it does not match the schema."""
    try:
        return CatalogueForm.model_validate(document.value)
    except ValidationError as error:
        return list(_problems(document, error))


def _problems(document: Document, error: ValidationError) -> Iterator[Problem]:
    for found in error.errors(include_url=False):
        yield Place(document, found["loc"]).problem(_words(found))


def _words(found: ErrorDetails) -> str:
    if found["type"] == "string_type" and isinstance(found["input"], bool | int | float):
        return "must be text: put it in quotes"
    words = _WORDS.get(found["type"])
    return words.format_map(found.get("ctx", {})) if words is not None else found["msg"]
