"""The documentation site shows every page and the whole contract."""

from __future__ import annotations

from pathlib import PurePosixPath

import pytest
from google.protobuf.descriptor_pb2 import FileDescriptorSet

from docsite.__main__ import assembled, descriptors, navigation, with_links_of_the_site
from docsite.reference import reference_pages
from tests.support.prose import documents


@pytest.fixture(scope="module")
def contract() -> FileDescriptorSet:
    return descriptors()


@pytest.fixture(scope="module")
def reference(contract: FileDescriptorSet) -> str:
    return "\n".join(reference_pages(contract).values())


def test_every_message_method_and_enum_has_a_heading(contract: FileDescriptorSet, reference: str) -> None:
    ours = [file for file in contract.file if not file.package.startswith("google.")]
    names = {service.name for file in ours for service in file.service}
    names |= {method.name for file in ours for service in file.service for method in service.method}
    names |= {message.name for file in ours for message in file.message_type}
    names |= {enum.name for file in ours for enum in file.enum_type}
    headings = {line.lstrip("#").strip() for line in reference.splitlines() if line.startswith("#")}
    assert names <= headings


def test_comments_of_the_contract_are_in_the_reference(reference: str) -> None:
    assert "string event_id = 1" in reference
    assert "Reports one event." in reference
    assert "```text\nINVALID_ARGUMENT  INVALID_REQUEST" in reference


def test_every_page_is_in_the_table_of_contents(contract: FileDescriptorSet) -> None:
    pages = assembled() | reference_pages(contract)
    contents = navigation(pages)
    assert [str(page) for page in pages if f'"{page}"' not in contents] == []


def test_every_document_is_a_page() -> None:
    sources = [path for path in documents() if not path.startswith(".github/")]
    assert len(assembled()) == len(sources)


def test_links_lead_to_pages_and_those_to_source_code_become_text() -> None:
    where = {
        "README.md": PurePosixPath("index.md"),
        "docs/decisions/queue.md": PurePosixPath("decisions/queue.md"),
        "docs/rewards.md": PurePosixPath("rewards.md"),
    }
    assert with_links_of_the_site("[r](docs/rewards.md#who)", "README.md", where) == "[r](rewards.md#who)"
    assert with_links_of_the_site("[r](../../README.md)", "docs/decisions/queue.md", where) == "[r](../index.md)"
    assert with_links_of_the_site("[shared/](shared)", "README.md", where) == "`shared/`"
    assert with_links_of_the_site("[here](#below)", "README.md", where) == "[here](#below)"
    assert (
        with_links_of_the_site("```\n[r](docs/rewards.md)\n```", "README.md", where) == "```\n[r](docs/rewards.md)\n```"
    )
