"""An embedded Kafka of one node, in KRaft mode, for those who have its jars: no wheel contains them."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from devstack.errors import StartFailed
from devstack.ports import LOOPBACK, free_port
from devstack.process import Child
from devstack.server import ENVIRONMENT, EmbeddedServer

SETTING = "TEST_KAFKA_JARS"
"""Variable with a folder that has Kafka and all that it needs at run time."""
STOP_S = 30
PROBE_S = 1.0
CLUSTER_ID = "MkU3OEVBNTcwNTJENDM2Qk"


def missing() -> str | None:
    """Return why Kafka cannot be started; None if it can."""
    folder = os.environ.get(SETTING)
    if not folder:
        return f"{SETTING} names no folder with the jars of Kafka"
    if not any(Path(folder).glob("kafka_2*.jar")):
        return f"{folder} has no kafka_2*.jar"
    return None if shutil.which("java") else "there is no java"


class EmbeddedKafka(EmbeddedServer):
    """A server whose topics survive a restart, in `directory`."""

    name = "kafka"
    start_s = 90

    def __init__(self, directory: Path, *, port: int = 0, makes_topics: bool = False) -> None:
        """With `makes_topics`, as by default of Kafka, a topic is made when a client names it first."""
        super().__init__(directory, port)
        self._makes_topics = makes_topics
        self._controller_port = free_port()
        problem = missing()
        java = shutil.which("java")
        if problem is not None or java is None:
            raise StartFailed(problem)
        self._java = [java, "-Xmx256m", "-XX:TieredStopAtLevel=1", "-cp", f"{os.environ[SETTING]}/*"]

    def _child_on(self, port: int) -> Child:
        properties = self.directory.resolve() / "server.properties"
        properties.write_text(
            f"""\
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@{LOOPBACK}:{self._controller_port}
listeners=PLAINTEXT://{LOOPBACK}:{port},CONTROLLER://{LOOPBACK}:{self._controller_port}
advertised.listeners=PLAINTEXT://{LOOPBACK}:{port}
controller.listener.names=CONTROLLER
log.dirs={self.directory.resolve()}/log
offsets.topic.replication.factor=1
offsets.topic.num.partitions=2
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=1
group.initial.rebalance.delay.ms=0
group.min.session.timeout.ms=500
auto.create.topics.enable={str(self._makes_topics).lower()}
log.cleaner.dedupe.buffer.size=10485760
""",
            encoding="utf-8",
        )
        if not (self.directory / "log").exists():
            arguments = ["kafka.tools.StorageTool", "format", "-t", CLUSTER_ID, "-c", str(properties)]
            subprocess.run([*self._java, *arguments], check=True, capture_output=True, env=ENVIRONMENT)
        command = [*self._java, "kafka.Kafka", str(properties)]
        return Child(self.name, command, output=self._log, env=ENVIRONMENT, grace_s=STOP_S)

    def _is_ready(self, child: Child, port: int) -> bool:  # noqa: ARG002 - the port is ours
        client = AdminClient({"bootstrap.servers": f"{LOOPBACK}:{port}", "log_level": 0})
        try:
            return bool(client.list_topics(timeout=PROBE_S).brokers)
        except KafkaException:
            return False

    @property
    def url(self) -> str:
        return f"{LOOPBACK}:{self._port}"
