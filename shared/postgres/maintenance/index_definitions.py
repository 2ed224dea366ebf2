"""The indexes that the migrations define, read from their text, and those that a database has.

Definitions are compared as text, so both sides are brought into one form. A test holds that what is read here is what a
freshly migrated database has.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping

from shared.domain.maintenance import Index
from shared.postgres.connection import Connection
from shared.postgres.migrations import migration_files
from shared.postgres.statements import Statement, statement

_LIST = statement("list_indexes")

_COMMENT = re.compile(r"--[^\n]*")
_CREATE_INDEX = re.compile(r"CREATE (?:UNIQUE )?INDEX (?:CONCURRENTLY )?(\w+) ON (\w+) ")
_TABLE = re.compile(r"(?:CREATE|ALTER) TABLE (\w+) ")
_PARTITIONED_TABLE = re.compile(r"CREATE TABLE (\w+) \(.*\) PARTITION BY ")
_UNIQUE_CONSTRAINT = re.compile(r"CONSTRAINT (\w+) (?:PRIMARY KEY|UNIQUE) (\([^)]+\))")
_UNIQUE_BY_INDEX = re.compile(r"CONSTRAINT (\w+) (?:PRIMARY KEY|UNIQUE) USING INDEX (\w+)")
_DROPPED_COLUMN = re.compile(r"DROP COLUMN (\w+)")
_DROPPED_CONSTRAINT = re.compile(r"DROP CONSTRAINT (\w+)")
_DROPPED_INDEX = re.compile(r"DROP INDEX (?:CONCURRENTLY )?(?:IF EXISTS )?(\w+)")
_RENAMED = re.compile(r"ALTER (TABLE|INDEX) (\w+) RENAME TO (\w+)")
_DROPPED_RELATION = re.compile(r"DROP (?:TABLE|MATERIALIZED VIEW) (\w+)")


def wanted_indexes() -> list[Index]:
    """Return the indexes of a database that all migrations have been applied to, by table and name."""
    indexes: dict[str, Index] = {}
    for text in _migration_statements():
        created = list(_created(text, indexes))
        for name in list(_dropped(text, indexes)):
            del indexes[name]
        indexes.update((index.name, index) for index in created)
        if renamed := _RENAMED.match(text):
            indexes = {index.name: index for index in _with_name(indexes.values(), *renamed.groups())}
    return sorted(indexes.values(), key=lambda index: (index.table, index.name))


def present_indexes(connection: Connection) -> list[Index]:
    """Return the indexes of this database, by table and name."""
    return [
        Index(name, table, _normalized(definition), *rest) for name, table, definition, *rest in _LIST.rows(connection)
    ]


def create_index(connection: Connection, name: str) -> None:
    """Create the index of this name as the migrations define it: concurrently, but for one of a partitioned table.

    That one blocks writers. The connection must not be in a transaction. `name` has to be among `wanted_indexes`.
    """
    (wanted,) = (index for index in wanted_indexes() if index.name == name)
    partitioned = {made[1] for text in _migration_statements() if (made := _PARTITIONED_TABLE.match(text))}
    beside_writers = " INDEX " if wanted.table in partitioned else " INDEX CONCURRENTLY "
    creation = Statement(name, wanted.definition.replace(" INDEX ", beside_writers, 1))
    connection.execute(creation.text)


def _migration_statements() -> Iterator[str]:
    """Yield the statements of all migrations in order, without comments and line breaks."""
    for path in migration_files():
        for text in _COMMENT.sub("", path.read_text(encoding="utf-8")).split(";"):
            yield " ".join(text.split())


def _created(text: str, indexes: Mapping[str, Index]) -> Iterator[Index]:
    """Yield the indexes that a statement of a migration creates, also through unique constraints.

    A constraint that takes over an index gives it its own name.
    """
    if created := _CREATE_INDEX.match(text):
        name, table = created.groups()
        yield Index(name, table, _normalized(text), of_constraint=False, valid=True)
    elif changed := _TABLE.match(text):
        table = changed[1]
        for name, columns in _UNIQUE_CONSTRAINT.findall(text):
            definition = f"CREATE UNIQUE INDEX {name} ON {table} {columns}"
            yield Index(name, table, definition, of_constraint=True, valid=True)
        for name, taken in _UNIQUE_BY_INDEX.findall(text):
            definition = indexes[taken].definition.replace(f" INDEX {taken} ", f" INDEX {name} ")
            yield Index(name, table, definition, of_constraint=True, valid=True)


def _with_name(indexes: Iterable[Index], kind: str, before: str, name: str) -> Iterator[Index]:
    """Yield indexes after one of them, or their table, has got another name."""
    for index in indexes:
        if kind == "TABLE" and index.table == before:
            yield index._replace(table=name, definition=index.definition.replace(f" ON {before} ", f" ON {name} "))
        elif kind == "INDEX" and index.name == before:
            yield index._replace(name=name, definition=index.definition.replace(f" INDEX {before} ", f" INDEX {name} "))
        else:
            yield index


def _dropped(text: str, indexes: Mapping[str, Index]) -> Iterator[str]:
    """Yield the names of the indexes that a statement drops, alone or with their table or column."""
    relation = _DROPPED_RELATION.match(text)
    index = _DROPPED_INDEX.match(text)
    changed = _TABLE.match(text)
    for name, known in indexes.items():
        if (
            (index and name == index[1])
            or (relation and known.table == relation[1])
            or (changed and known.table == changed[1] and _is_dropped_by_change(text, known))
        ):
            yield name


def _is_dropped_by_change(text: str, index: Index) -> bool:
    columns = _DROPPED_COLUMN.findall(text)
    names = [*_DROPPED_CONSTRAINT.findall(text), *(taken for _, taken in _UNIQUE_BY_INDEX.findall(text))]
    return index.name in names or any(
        re.search(rf"\b{column}\b", index.definition.partition("(")[2]) for column in columns
    )


def _normalized(definition: str) -> str:
    """Return a definition without what Postgres adds when it prints one."""
    return (
        definition.replace(" ON ONLY ", " ON ")
        .replace(" INDEX CONCURRENTLY ", " INDEX ")
        .replace("timestamptz 'epoch'", "'1970-01-01 00:00:00+00'::timestamp with time zone")
        .replace(" USING btree", "")
        .replace("::text", "")
        .replace("( ", "(")
        .replace(" )", ")")
    )
