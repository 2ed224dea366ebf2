"""Addresses in settings are checked before a process starts, and refused with an example."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from shared.runtime.address_checks import check_collector, check_database, check_redis, check_target, check_webhook

Check = Callable[[str], None]

WRONG = [
    (check_database, "postgresql+psycopg://app:s3cretpw@host/game", "has the scheme 'postgresql+psycopg'"),
    (check_database, '"postgresql://app:s3cretpw@host/game"', "begins with a quote"),
    (check_database, "postgresql://app:pass@s3cretpw@host/game", "has a host with @ in it"),
    (check_database, "postgresql://app:12/s3cretpw@host/game", "has @ only after a /"),
    (check_redis, "redis://:p#s3cretpw@host", "contains #"),
    (check_redis, "redis://:s3cretpw/x@host:6379", "has @ only after a /"),
    (check_redis, "redis://:12/s3cretpw@host:6379", "has @ only after a /"),
    (check_redis, "redis://user:12/3@host:6379/0", "has @ only after a /"),
    (check_redis, "redis://user:12?s3cretpw@host:6379/0", "has @ only after a /"),
    (check_redis, "redis://user:12?db=s3cretpw@host", "has @ only after a /"),
    (check_redis, "host:6379", "has no scheme, must begin with redis://"),
    (check_redis, "/99", "has no scheme, must begin with redis://"),
    (check_redis, "redis://host/s3cretpw", "has a database that is no number"),
    (check_redis, "redis://host?nonsense=1", "has the unknown parameter 'nonsense'"),
    (check_redis, "redis+cluster://:s3cretpw@a:7000,b:7001/1", "names a database, of which a cluster has only 0"),
    (check_redis, "redis+cluster://:s3cretpw@a:70000", "lists a host or port that cannot be read"),
    (check_redis, "redis+cluster://:s3cretpw@a,,b", "lists a host or port that cannot be read"),
    (check_redis, "redis+cluster://:s3cretpw/x@a", "has @ only after a /"),
    (check_redis, "redis+cluster://a,b?nonsense=1", "has the unknown parameter 'nonsense'"),
    (check_redis, "redis+sentinel://:s3cretpw@a,b", "names no service after the Sentinels"),
    (check_redis, "redis+sentinel://:s3cretpw@a,b/boards/x", "has a database that is no number"),
    (check_redis, "unix+cluster://a", "has the scheme 'unix+cluster'"),
    (check_redis, "redis://host:70000/0", "has a host or port that cannot be read"),
    (check_redis, "redis:///0", "has no host"),
    (check_redis, "http://host", "has the scheme 'http', must be 'redis' or 'rediss' or 'unix'"),
    (check_redis, "'redis://:s3cretpw@host'", "begins with a quote"),
    (check_webhook, "game.example/x", "has no scheme, must begin with http://"),
    (check_webhook, "https://game.example/a b", "contains a space"),
    (check_webhook, "https:///x", "has no host"),
    (check_webhook, "ftp://game.example/x", "has the scheme 'ftp'"),
    (check_webhook, "https://game.example:x/", "has a host or port that cannot be read"),
    (check_target, "http://game.example:50060", "has the scheme 'http', must be a host and a port"),
    (check_target, "game.example", "must be a host and a port"),
    (check_target, "game.example:0", "must be a host and a port"),
    (check_target, "game.example:port", "must be a host and a port"),
    (check_target, "::1:50060", "must be a host and a port"),
    (check_target, "a.example:1,b.example:2", "must be a host and a port"),
    (check_target, "ipv4:10.0.0.1:50060,10.0.0.2", "must be a host and a port"),
    (check_target, "ipv4:10.0.0.1:50060,unix:/run/provider.sock", "must be a host and a port"),
    (check_target, "ipv6:dns:game.example:50060", "must be a host and a port"),
    (check_collector, "localhost:4317", "has no scheme, must begin with http://"),
]
RIGHT = [
    (check_database, "postgresql://app:s3cret%2Fpw@a:1,b:2/game?sslmode=require"),
    (check_database, "host=@abstract dbname=game"),
    (check_database, "postgresql://app:12?s3cretpw@host/game"),
    (check_database, "postgresql://host/g%40me?application_name=a@b"),
    (check_database, "postgresql://app@host/g@me"),
    (check_redis, "redis://host"),
    (check_redis, "rediss://user:s3cret%23pw@[::1]:6379/15?ssl_cert_reqs=none"),
    (check_redis, "unix:///run/valkey.sock?db=1"),
    (check_redis, "redis+cluster://:s3cret%2Fpw@a:7000,[::1]:7001,c"),
    (check_redis, "rediss+cluster://user:s3cretpw@a/0?ssl_ca_certs=/ca.pem"),
    (check_redis, "redis+sentinel://:s3cretpw@a,b:1/boards/3?sentinel_password=other&protocol=2"),
    (check_webhook, "http://[::1]:8080/grants?key=1"),
    (check_webhook, "https://game.example"),
    (check_target, "game.example:50060"),
    (check_target, "[::1]:50060"),
    (check_target, "ipv4:10.0.0.1:50060,10.0.0.2:50061"),
    (check_target, "ipv6:[::1]:50060,[::2]:50060"),
    (check_target, "dns:///game.example:443"),
    (check_target, "unix:/run/game.sock"),
    (check_collector, "http://localhost:4317"),
]


@pytest.mark.parametrize(("check", "address", "problem"), WRONG, ids=[case[1] for case in WRONG])
def test_an_invalid_address_is_refused_with_an_example(check: Check, address: str, problem: str) -> None:
    with pytest.raises(ValueError, match="correct is for example ") as refused:
        check(address)
    assert problem in str(refused.value)
    assert "s3cretpw" not in str(refused.value)
    check(str(refused.value).rpartition("correct is for example ")[2])


@pytest.mark.parametrize(("check", "address"), RIGHT, ids=[case[1] for case in RIGHT])
def test_a_valid_address_is_accepted(check: Check, address: str) -> None:
    check(address)
