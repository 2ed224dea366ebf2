"""Every method of the contract says who may call it, and the table of the documents agrees."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from challenge.v1 import (
    access_pb2,
    challenge_service_pb2,
    event_service_pb2,
    leaderboard_service_pb2,
    statistics_service_pb2,
)
from google.protobuf.descriptor import Descriptor, FieldDescriptor, MethodDescriptor

from docsite.access_table import PAGE, with_current_table
from shared.domain.access import PLAYER_ROLES, Role
from shared.rpc.method_access import ROLES, access_of
from tests.architecture.imports import ROOT

FILES = (challenge_service_pb2, event_service_pb2, leaderboard_service_pb2, statistics_service_pb2)
METHODS = [
    method for file in FILES for service in file.DESCRIPTOR.services_by_name.values() for method in service.methods
]
every_method = pytest.mark.parametrize("method", METHODS, ids=lambda method: method.full_name)

PUBLIC = {"ListLeaderboard.user_ids"}
"""Fields with players for whom the call does not speak: leaderboards are for everybody to see."""


def fields(message: Descriptor, seen: tuple[Descriptor, ...] = ()) -> Iterator[FieldDescriptor]:
    for field in message.fields:
        yield field
        if field.message_type is not None and field.message_type not in seen:
            yield from fields(field.message_type, (*seen, message))


def test_no_service_is_left_out() -> None:
    named = {f"{file.DESCRIPTOR.name}" for file in FILES}
    assert named == {f"challenge/v1/{path.name}" for path in (ROOT / "protos/challenge/v1").glob("*_service.proto")}


def test_the_roles_of_the_contract_and_of_the_code_agree() -> None:
    assert set(ROLES.values()) == set(Role)
    assert len(ROLES) == len(access_pb2.Role.values()) - 1


@every_method
def test_a_method_needs_a_role(method: MethodDescriptor) -> None:
    assert access_of(method).needs is not None


@every_method
def test_a_request_that_names_a_player_speaks_for_it_or_needs_a_role_that_no_player_has(
    method: MethodDescriptor,
) -> None:
    access = access_of(method)
    named = [field.name for field in fields(method.input_type) if field.name in ("user_id", "user_ids")]
    if access.needs in PLAYER_ROLES:
        unmarked = [name for name in named if name != access.speaks_for and f"{method.name}.{name}" not in PUBLIC]
        assert unmarked == []
    else:
        assert access.speaks_for is None


def test_no_player_reaches_the_events() -> None:
    needed = {access_of(method).needs for method in METHODS if method.containing_service.name == "EventService"}
    assert needed == {Role.EVENTS_WRITE}
    assert not needed & PLAYER_ROLES


def test_the_table_of_the_documents_is_current() -> None:
    page = PAGE.read_text("utf-8")
    assert page == with_current_table(page), "run make settings"
