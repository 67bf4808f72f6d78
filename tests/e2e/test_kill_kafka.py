"""SIGKILL under load, Kafka: each key has its changes in order and none is lost, once the repeats (same lsn, op and key) are dropped. Where
transactions hold records and offsets: each change is there once, for consumers with isolation.level=read_committed."""
import json

from support import kafka
from support.case import slow
from support.judges import Events, judge_events
from support.killer import AUDITED, LONG, SHORT, Held, KillCase


class KillKafka(KillCase):
    needs_kafka = True
    more, once = {}, False

    def setUp(self):
        super().setUp()
        self.prefix = f"kill{self.cluster.port}_{self.name}"
        for table in AUDITED:
            kafka.create_topic(self.kafka, self.topic(table), 4)
        self.config = self.connector(**{"topic.prefix": self.prefix, "table.include.list": "public.stock,public.freight,public.bulk.*",
                                        "table.refresh.interval.ms": "200", "snapshot.chunk.bytes": "262144", "snapshot.max.threads": "3", "http.listen": f"127.0.0.1:{self.http}",
                                        "key.converter.schemas.enable": "false", "value.converter.schemas.enable": "false", **self.more})
        self.offsets = self.folder / "offsets"

    def topic(self, table):
        return f"{self.prefix}.public.{table}"

    def start_it(self):
        return self.start("run", self.config, "--to", "kafka", "--set", f"bootstrap.servers={self.kafka}")

    def may_be_killed(self):
        """Once an offset is stored: before that, a topic may keep the row of an attempt at the snapshot that is void."""
        return self.once or self.offsets.exists()

    def large_begins(self):
        self.before = kafka.ends(self.kafka, self.topic("freight"))

    def freight_beyond(self, v):
        found = []
        for message in kafka.read(self.kafka, self.topic("freight"), self.before):
            value = json.loads(message.value()) if message.value() is not None else None
            if value and value["op"] in "cu" and value["after"]["v"] > v:
                found.append(value["after"]["v"])
        return Held(len(set(found)), len(found), len(found))

    def records(self, table):
        partition_of = {}
        for message in kafka.read(self.kafka, self.topic(table), whole=True):
            key = json.loads(message.key())["id"]
            self.assertEqual(partition_of.setdefault(key, message.partition()), message.partition(), "a key in two partitions")
            yield key, json.loads(message.value()) if message.value() is not None else None

    def run_kills(self, kills):
        audits, repeated = self.kill_under_load(kills), 0
        for table, audit in audits.items():
            events = Events(self.records(table))
            self.assertEqual(judge_events(events, audit, self.first[table], once=False)[:3], [], table)
            if self.once:
                self.assertEqual((events.repeated, events.read_again), (0, 0), f"{table}: doubled changes, rows doubled in one snapshot")
            repeated += events.repeated
        for number in range(self.bulks):
            self.assertEqual({key for key, _ in self.records(f"bulk{number}")}, set(range(1, self.bulk_rows + 1)), f"bulk{number}")
        if self.once:
            self.tell(audits, doubled=repeated)
        else:
            self.tell(audits, repeated=repeated)

    def test_kafka(self):
        self.run_kills(SHORT)

    @slow
    def test_kafka_long(self):
        self.run_kills(LONG)


class KillKafkaExactlyOnce(KillKafka):
    once = True

    def setUp(self):
        self.more = {"exactly.once.support": "required", "offset.storage.file.filename": None, "offset.storage.partitions": "3",
                     "offset.storage.replication.factor": "1", "offset.storage.topic": "kill_offsets_" + self._testMethodName}
        super().setUp()
