"""`python -m devstack.publish URL SUBJECT JSON`: publishes one message to a stream of NATS."""

from __future__ import annotations

import argparse
import asyncio
import sys

import nats
from nats.errors import Error as NatsError

TIMEOUT_S = 5.0


def main() -> int:
    """Publish; print where the message was stored and return 0, or print why it was not and return 1."""
    parser = argparse.ArgumentParser(prog="python -m devstack.publish", description=__doc__)
    for name in ("url", "subject", "payload"):
        parser.add_argument(name)
    arguments = parser.parse_args()
    try:
        print(asyncio.run(_publish(arguments.url, arguments.subject, arguments.payload.encode())))
    except (NatsError, OSError, TimeoutError) as error:
        print(f"not published: {error or type(error).__name__}", file=sys.stderr)
        return 1
    return 0


async def _publish(url: str, subject: str, payload: bytes) -> str:
    client = await nats.connect(url, allow_reconnect=False, connect_timeout=int(TIMEOUT_S))
    try:
        stored = await client.jetstream(timeout=TIMEOUT_S).publish(subject, payload)
    finally:
        await client.close()
    return f"stored at {stored.stream}:{stored.seq}"


if __name__ == "__main__":
    sys.exit(main())
