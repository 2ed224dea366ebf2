"""Settings: frozen dataclasses whose fields name the environment variable that they are read from.

    @dataclass(frozen=True, kw_only=True)
    class DatabaseSettings:
        url: SecretAddress = setting("DATABASE_URL", help="PostgreSQL to use.")
        pool_size: int = setting("DATABASE_POOL_SIZE", default=8, unit="connections", minimum=1, help="…")

    @dataclass(frozen=True, kw_only=True)
    class EventSettings:
        database: DatabaseSettings
        server: ServerSettings = prefixed("EVENT_", port=50052)

`load` reads them once, in `main`; nothing else in a process reads the environment.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, TypeVar, Union, cast, get_args, get_origin, get_type_hints

from shared.runtime.secret import Secret
from shared.runtime.secret_files import secret_text
from shared.runtime.start_refused import SettingsInvalid

S = TypeVar("S")

_DECLARATION = "setting"
_PREFIX = "prefix"
_DEFAULTS = "defaults"
_TRUE = frozenset({"1", "true", "yes", "on"})
_FALSE = frozenset({"0", "false", "no", "off"})
_SERVICE_LINK_HINT = (
    "; Kubernetes sets such a variable for a Service of this name: set enableServiceLinks to false in the pod's "
    "specification, or rename the Service"
)


@dataclass(frozen=True)
class Declaration:
    """The arguments of `setting` for one field."""

    env: str
    help: str
    unit: str
    minimum: float | None
    maximum: float | None
    choices: tuple[str, ...]
    check: Callable[[str], object] | None


@dataclass(frozen=True)
class Variable:
    """One environment variable of a settings class: `path` is its place in the class, such as `server.port`."""

    path: str
    name: str
    declared: Declaration
    kind: type
    optional: bool
    default: object
    """`dataclasses.MISSING` when the variable is required."""


def setting(
    env: str,
    *,
    help: str,  # noqa: A002 - reads as the word that `--settings` prints
    default: object = dataclasses.MISSING,
    unit: str = "",
    minimum: float | None = None,
    maximum: float | None = None,
    choices: Sequence[str] = (),
    check: Callable[[str], object] | None = None,
) -> Any:
    """Declare a field that is read from the environment variable `env`.

    Its type is str, int, float, bool, Path, `Secret`, `SecretAddress`, or one of these `| None`. Without `default` the
    variable is required, unless the type is optional. Bounds are inclusive. An empty variable counts as not set, so
    that compose files can pass variables through. `check` raises ValueError for a text that cannot be used, with the
    end of a sentence that begins with the variable's name.
    """
    declaration = Declaration(env, help, unit, minimum, maximum, tuple(choices), check)
    return dataclasses.field(default=default, metadata={_DECLARATION: declaration})


def prefixed(prefix: str, **defaults: object) -> Any:
    """Nest a settings class: its variables get a prefix, and `defaults` by field name replace its own."""
    return dataclasses.field(metadata={_PREFIX: prefix, _DEFAULTS: defaults})


def load(cls: type[S], environ: Mapping[str, str]) -> S:
    """Return the settings in the environment; raise `SettingsInvalid` with all problems at once."""
    values: dict[str, object] = {}
    problems: list[str] = []
    for variable in variables(cls):
        try:
            values[variable.path] = _value(variable, _text(variable, environ))
        except ValueError as error:
            problems.append(f"{variable.name} {error}")
    if problems:
        raise SettingsInvalid(problems)
    return _build(cls, values, "")


def variables(
    cls: type, *, path: str = "", prefix: str = "", defaults: Mapping[str, object] = {}
) -> Iterator[Variable]:
    """Yield every variable of a settings class and of the classes nested in it, in the order of declaration."""
    hints = get_type_hints(cls)
    if unknown := defaults.keys() - hints.keys():
        raise TypeError(f"{cls.__name__} has no {', '.join(sorted(unknown))}")
    for field in dataclasses.fields(cls):
        hint = hints[field.name]
        if dataclasses.is_dataclass(hint):
            yield from variables(
                cast(type, hint),
                path=f"{path}{field.name}.",
                prefix=prefix + field.metadata.get(_PREFIX, ""),
                defaults=field.metadata.get(_DEFAULTS, {}),
            )
        else:
            kind, optional = _kind(hint)
            declared: Declaration = field.metadata[_DECLARATION]
            default = defaults.get(field.name, field.default)
            if optional and default is dataclasses.MISSING:
                default = None
            yield Variable(f"{path}{field.name}", prefix + declared.env, declared, kind, optional, default)


def variable_name(cls: type, path: str) -> str:
    """Return the environment variable of a field, such as `server.port`, for messages that say what to set."""
    return next(variable.name for variable in variables(cls) if variable.path == path)


def _kind(hint: object) -> tuple[type, bool]:
    if get_origin(hint) in (Union, UnionType):
        kinds = [kind for kind in get_args(hint) if kind is not NoneType]
        return kinds[0], True
    return cast(type, hint), False


def _build(cls: type[S], values: Mapping[str, object], path: str) -> S:
    hints = get_type_hints(cls)
    arguments: dict[str, object] = {}
    for field in dataclasses.fields(cls):  # type: ignore[arg-type]
        here = f"{path}{field.name}"
        nested = hints[field.name]
        if dataclasses.is_dataclass(nested):
            arguments[field.name] = _build(cast(type, nested), values, f"{here}.")
        else:
            arguments[field.name] = values[here]
    return cls(**arguments)


def _text(variable: Variable, environ: Mapping[str, str]) -> str:
    """Return the text of a variable. A secret may stand in a file instead. Raise ValueError if it cannot be read."""
    if issubclass(variable.kind, Secret):
        return secret_text(variable.name, environ)
    return environ.get(variable.name, "").strip()


def _value(variable: Variable, text: str) -> object:
    """Return the variable's value; raise ValueError with the end of a sentence that begins with the variable's name."""
    declared = variable.declared
    if not text:
        if variable.default is dataclasses.MISSING:
            raise ValueError(f"is not set: {declared.help}")
        return variable.default
    if declared.check is not None:
        declared.check(text)
    value = _parsed(variable.kind, text)
    if declared.choices and value not in declared.choices:
        raise ValueError(f"is {text!r}, must be one of {', '.join(declared.choices)}")
    if isinstance(value, int | float):
        if declared.minimum is not None and value < declared.minimum:
            raise ValueError(f"is {text}, must be at least {declared.minimum:,}")
        if declared.maximum is not None and value > declared.maximum:
            raise ValueError(f"is {text}, must be at most {declared.maximum:,}")
    return value


def _parsed(kind: type, text: str) -> object:
    if kind is bool:
        if text.lower() in _TRUE | _FALSE:
            return text.lower() in _TRUE
        raise ValueError(f"is {text!r}, must be true or false")
    if issubclass(kind, str | Path | Secret):
        return kind(text)
    try:
        value: int | float = int(text) if kind is int else float(text)
    except ValueError:
        hint = _SERVICE_LINK_HINT if text.startswith(("tcp://", "udp://")) else ""
        raise ValueError(f"is {text!r}, must be {'a whole number' if kind is int else 'a number'}{hint}") from None
    if not math.isfinite(value):
        raise ValueError(f"is {text!r}, must be a finite number")
    return value
