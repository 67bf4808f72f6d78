"""One Kafka broker (KRaft) from the jars in .deps/kafka: free ports, small heap, own folder; and what reads it.

The readers use the confluent client, so that no code of millrace judges what millrace wrote.
"""
import os
import pathlib
import shutil
import subprocess
import tempfile
import time

from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient, ConfigResource, NewTopic

from support import waiting

ROOT = pathlib.Path(__file__).resolve().parents[2]
LIBS = str(ROOT / ".deps/kafka/libs/*")
JAVA = ["java", "-Xms64m", "-Xmx384m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1",
        f"-Dlog4j2.configurationFile={ROOT}/tests/support/kafka_jars/log4j2.properties", "-cp", LIBS]
CONF = """
node.id={node}
controller.quorum.voters=1@127.0.0.1:{controller}
advertised.listeners=PLAINTEXT://127.0.0.1:{advertised}
controller.listener.names=CONTROLLER
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT
log.dirs={data}
num.partitions=1
auto.create.topics.enable=true
offsets.topic.replication.factor=1
offsets.topic.num.partitions=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=1
group.initial.rebalance.delay.ms=0
"""


FIRST = """process.roles=broker,controller
listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller}
"""
SECOND = """process.roles=broker
listeners=PLAINTEXT://127.0.0.1:{port}
"""
# A second listener, which tells its clients to come through a gate.
GATE = """
listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller},GATED://127.0.0.1:{behind}
advertised.listeners=PLAINTEXT://127.0.0.1:{port},GATED://127.0.0.1:{gate}
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,GATED:PLAINTEXT
"""
# A broker that has answered, but has not yet taken up this partition after a restart.
STARTING = {KafkaError.LEADER_NOT_AVAILABLE, KafkaError.NOT_LEADER_FOR_PARTITION, KafkaError.OFFSET_NOT_AVAILABLE}


class Broker:
    """first: another broker, whose cluster this one joins. advertised: the port that clients are sent to (a proxy's).
    gated: also at port `behind`, for clients that come through a proxy at port `gate`. disk: a SmallDisk that has its logs,
    or (halved) every other one."""

    def __init__(self, folder=None, first=None, gated=False, disk=None, halved=False):
        self.own_folder = folder is None
        self.folder = pathlib.Path(folder or tempfile.mkdtemp(prefix="millrace-kafka-"))
        self.port, self.controller, self.gate, self.behind = waiting.free_ports(4)
        self.first, self.advertised, self.gated = first, self.port, gated
        self.java = [*(disk.prefix if disk else ()), *JAVA]
        folders = ([self.folder] if halved or not disk else []) + ([disk.folder] if disk else [])
        self.data, self.is_formatted = ",".join(f"{f}/data" for f in folders), (self.folder / "data/meta.properties").exists()
        self.process = None

    @property
    def address(self):
        return f"127.0.0.1:{self.port}"

    def start(self):
        conf, log = self.folder / "kafka.properties", self.folder / "kafka.log"
        self.folder.mkdir(parents=True, exist_ok=True)
        conf.write_text(((SECOND if self.first else FIRST) + CONF + (GATE if self.gated else "")).format(
            port=self.port, controller=self.first.controller if self.first else self.controller, node=2 if self.first else 1,
            advertised=self.advertised, gate=self.gate, behind=self.behind, data=self.data))
        with open(log, "ab") as out:
            if not self.is_formatted:
                subprocess.run(self.java + ["kafka.tools.StorageTool", "format", "-t", "bWlsbHJhY2UtdGVzdHMtMQ", "-c", str(conf)],
                               stdin=subprocess.DEVNULL, stdout=out, stderr=out, check=True)
                self.is_formatted = True
            self.process = subprocess.Popen(self.java + ["kafka.Kafka", str(conf)],
                                            stdin=subprocess.DEVNULL, stdout=out, stderr=out, start_new_session=True)
        waiting.until("the Kafka broker", self._answers, limit=90, step=0.2, alive=self._ended)
        return self

    def _answers(self):
        try:
            return admin(self.address).list_topics(timeout=2)
        except KafkaException:
            return None

    def _ended(self):
        if self.process.poll() is not None:
            return "it ended: " + (self.folder / "kafka.log").read_text(errors="replace")[-2000:]
        return None

    def stop(self):
        if self.process and self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(20)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()

    def kill(self):
        self.process.kill()
        self.process.wait()

    def remove(self):
        if self.process and self.process.poll() is None:
            self.kill()
        if self.own_folder:
            shutil.rmtree(self.folder, ignore_errors=True)

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        self.remove()


class Shared:
    """The broker that the runner has started for all tests (MILLRACE_TEST_KAFKA), or one of our own."""

    def __init__(self):
        self.own = None
        self.address = os.environ.get("MILLRACE_TEST_KAFKA")
        if not self.address:
            self.own = Broker().start()
            self.address = self.own.address

    def remove(self):
        if self.own:
            self.own.remove()


def admin(address):
    return AdminClient({"bootstrap.servers": address, "log_level": 0})


def create_topic(address, name, partitions=1, replicas=1, **config):
    client = admin(address)  # must live until the result is there
    client.create_topics([NewTopic(name, partitions, replicas, config=config)])[name].result(30)


def topics(address, prefix=""):
    return sorted(t for t in admin(address).list_topics(timeout=10).topics if t.startswith(prefix))


def topic_setting(address, topic, key):
    resource, client = ConfigResource(ConfigResource.Type.TOPIC, topic), admin(address)
    return client.describe_configs([resource])[resource].result(30)[key].value


def _consumer(address, isolation="read_committed"):
    return Consumer({"bootstrap.servers": address, "group.id": "judge", "enable.auto.commit": False, "log_level": 0,
                     "auto.offset.reset": "earliest", "enable.partition.eof": True, "isolation.level": isolation})


def _ends(consumer, topic):
    """By partition (first offset, the one after the last)."""
    def told():
        try:
            parts = consumer.list_topics(topic, timeout=10).topics[topic].partitions
            return [{p: consumer.get_watermark_offsets(TopicPartition(topic, p), timeout=10) for p in parts}]
        except KafkaException as error:
            if error.args[0].code() not in STARTING:
                raise
            return None

    return waiting.until(f"the partitions of {topic} to have their leaders", told, limit=20, step=0.2)[0]


def ends(address, topic, isolation="read_committed"):
    """By partition the offset that the next record gets."""
    consumer = _consumer(address, isolation)
    try:
        return {p: high for p, (_, high) in _ends(consumer, topic).items()}
    finally:
        consumer.close()


def read(address, topic, since=None, whole=False):
    """All records that the topic has now, as confluent messages, ordered by partition and offset; of transactions, what is committed. since: what
    ends() gave, to leave out what was before. whole: waits for the end of transactions that are open."""
    consumer, judge = _consumer(address), _consumer(address, "read_uncommitted" if whole else "read_committed")
    try:
        ends = {p: (max(low, (since or {}).get(p, 0)), high) for p, (low, high) in _ends(judge, topic).items()}
        left = {p for p, (low, high) in ends.items() if high > low}
        consumer.assign([TopicPartition(topic, p, ends[p][0]) for p in left])
        out, patience = [], time.monotonic() + 20
        while left:
            batch = consumer.consume(10000, 0.2)  # waits so long unless so many are there
            if not batch and time.monotonic() > patience:
                raise AssertionError(f"{topic}: partitions {left} gave nothing for 20 s")
            if batch:
                patience = time.monotonic() + 20
            for message in batch:
                is_end = message.error() and message.error().code() == KafkaError._PARTITION_EOF
                if message.error() and not is_end:
                    raise KafkaException(message.error())
                if not is_end and message.offset() < ends[message.partition()][1]:
                    out.append(message)
                if message.offset() + (not is_end) >= ends[message.partition()][1]:  # the last one may be a transaction's end
                    left.discard(message.partition())
        return sorted(out, key=lambda m: (m.partition(), m.offset()))
    finally:
        consumer.close()
        judge.close()


def count(address, topic):
    """How many records the topic holds now (ends of transactions too); 0 when there is no such topic."""
    consumer = _consumer(address)
    try:
        found = consumer.list_topics(topic, timeout=10).topics.get(topic)
        if not found or found.error:
            return 0
        ends = [consumer.get_watermark_offsets(TopicPartition(topic, p), timeout=10) for p in found.partitions]
        return sum(high - low for low, high in ends)
    except KafkaException:  # no leader yet: the topic has just been made
        return 0
    finally:
        consumer.close()


def murmur2(data):
    """Java's org.apache.kafka.common.utils.Utils.murmur2, from its published algorithm."""
    mask, m, length = 0xFFFFFFFF, 0x5BD1E995, len(data)
    h = (0x9747B28C ^ length) & mask
    whole = length // 4 * 4
    for i in range(0, whole, 4):
        k = int.from_bytes(data[i:i + 4], "little") * m & mask
        k = (k ^ k >> 24) * m & mask
        h = (h * m & mask) ^ k
    rest = data[whole:]
    if rest:
        h = (h ^ int.from_bytes(rest, "little")) * m & mask
    h = (h ^ h >> 13) * m & mask
    return h ^ h >> 15


def partition_of(key, partitions):
    return (murmur2(key) & 0x7FFFFFFF) % partitions
