"""Fields of catalogue documents: ids, texts and amounts."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field
from pydantic_core import PydanticCustomError

from shared.domain.acceptance import ID_LENGTH_MAX, id_problem
from shared.domain.goal import AMOUNT_MAX

NAME_LENGTH_MAX = 256
DESCRIPTION_LENGTH_MAX = 2_000
META_ENTRIES_MAX = 16
META_KEY_LENGTH_MAX = 64
META_VALUE_LENGTH_MAX = 256

_LAYOUT = str.maketrans("\n\t", "  ")
"""Control characters that a description may contain."""
_SURROGATE = re.compile("[\ud800-\udfff]")
"""Lone surrogates: JSON can contain them, but protobuf and Postgres cannot."""


def _id(text: str) -> str:
    return _checked(text, _line_problem(text, ID_LENGTH_MAX))


def _name(text: str) -> str:
    return _checked(text, _line_problem(text, NAME_LENGTH_MAX))


def _meta_key(text: str) -> str:
    return _checked(text, _line_problem(text, META_KEY_LENGTH_MAX))


def _meta_value(text: str) -> str:
    return _checked(text, id_problem(text.translate(_LAYOUT), META_VALUE_LENGTH_MAX) if text else None)


def _line_problem(text: str, length_max: int) -> str | None:
    stripped = text.strip("\n")
    if stripped != text and id_problem(stripped, length_max) is None:
        return "begins or ends with a line break: write it on one line, or with >- or |- instead of > or |"
    return id_problem(text, length_max)


def _description(text: str) -> str:
    return _checked(text, id_problem(text.translate(_LAYOUT), DESCRIPTION_LENGTH_MAX) if text else None)


def _checked(text: str, problem: str | None) -> str:
    if _SURROGATE.search(text):
        problem = "is not valid Unicode: half of a surrogate pair"
    if problem is not None:
        raise PydanticCustomError("text", "{problem}", {"problem": problem})
    return text


Id = Annotated[str, AfterValidator(_id)]
Name = Annotated[str, AfterValidator(_name)]
Description = Annotated[str, AfterValidator(_description)]
Meta = Annotated[
    dict[Annotated[str, AfterValidator(_meta_key)], Annotated[str, AfterValidator(_meta_value)]],
    Field(max_length=META_ENTRIES_MAX),
]
Amount = Annotated[int, Field(ge=1, le=AMOUNT_MAX)]


class Form(BaseModel):
    """A mapping with exactly these keys."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)
