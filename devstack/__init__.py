"""A developer's stack: embedded Postgres and Valkey, and the supervisor that runs both services on them."""
