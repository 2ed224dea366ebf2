"""The options of the contract that say who may call a method."""

from __future__ import annotations

from challenge.v1 import access_pb2
from google.protobuf.descriptor import Descriptor, MethodDescriptor

from shared.domain.access import Access, Role

ROLES = {access_pb2.Role.Value(f"ROLE_{role.name}"): role for role in Role}


def access_of(method: MethodDescriptor) -> Access:
    """Return what a method asks of its callers."""
    return Access(ROLES.get(method.GetOptions().Extensions[access_pb2.needs]), player_field(method.input_type))


def player_field(request: Descriptor) -> str | None:
    """Return the field of a request that names the player for whom the call speaks. Raise TypeError if two do."""
    marked = [field.name for field in request.fields if field.GetOptions().Extensions[access_pb2.speaks_for]]
    if len(marked) > 1:
        raise TypeError(f"{request.full_name} speaks for more than one player")
    return marked[0] if marked else None
