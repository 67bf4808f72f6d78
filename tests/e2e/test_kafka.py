"""millrace run connector.json --to kafka, judged by Confluent's client and Java's own formulas."""
import json

from support import javamap, kafka, waiting
from support.case import ServerCase
from support.kafka import Broker

TABLE = """create table article(id int primary key, name text);
insert into article select g, 'article ' || g from generate_series(1, 200) g;"""


class Kafka(ServerCase):
    needs_kafka = True

    def setUp(self):
        super().setUp()
        self.prefix = f"k{self.cluster.port}_{self.name}"  # topics of the shared broker are this test's own
        self.topic = f"{self.prefix}.public.article"

    def config(self, **more):
        return self.connector(**{"topic.prefix": self.prefix, "table.include.list": "public.article", "key.converter.schemas.enable": "false",
                                 "value.converter.schemas.enable": "false", **more})

    def to_kafka(self, config, *args, address=None):
        return self.start("run", config, "--to", "kafka", "--set", f"bootstrap.servers={address or self.kafka}", *args)

    def wait_count(self, child, count, topic=None, limit=60):
        child.until(f"{count} records", lambda: kafka.count(self.kafka, topic or self.topic) >= count, limit)
        return kafka.read(self.kafka, topic or self.topic)

    def values(self, records):
        return [None if r.value() is None else json.loads(r.value()) for r in records]

    def test_keys_go_where_javas_murmur2_puts_them(self):
        self.sql(TABLE)
        kafka.create_topic(self.kafka, self.topic, 6)
        with self.to_kafka(self.config()) as child:
            records = self.wait_count(child, 200)
        self.assertEqual(len(records), 200)
        self.assertEqual(sorted(json.loads(r.key())["id"] for r in records), list(range(1, 201)))
        self.assertGreater(len({r.partition() for r in records}), 3)
        for record in records:
            self.assertEqual(record.partition(), kafka.partition_of(record.key(), 6), record.key())

    def test_events_are_those_of_stdout(self):
        self.sql("create table article(id int primary key, name text); insert into article values (1, 'a')")
        for schemas in ("false", "true"):
            with self.subTest(schemas=schemas):
                options = ["--set", f"key.converter.schemas.enable={schemas}", "--set", f"value.converter.schemas.enable={schemas}"]
                prefix = f"{self.prefix}_{schemas}"
                own = {"topic.prefix": prefix, "snapshot.mode": "initial_only"}
                one = self.config(**own, **{"slot.name": "one_" + schemas, "offset.storage.file.filename": str(self.folder / ("1" + schemas))})
                with self.to_stdout(one, *options) as child:
                    self.assertEqual(child.wait(60), 0, child.stderr())
                    shown = child.records()
                two = self.config(**own, **{"slot.name": "two_" + schemas, "offset.storage.file.filename": str(self.folder / ("2" + schemas))})
                with self.to_kafka(two, *options) as child:
                    self.assertEqual(child.wait(60), 0, child.stderr())
                written = kafka.read(self.kafka, f"{prefix}.public.article")
                self.assertEqual([stable(json.loads(r.value())) for r in written], [stable(r["value"]) for r in shown])
                self.assertEqual([json.loads(r.key()) for r in written], [r["key"] for r in shown])
                self.assertEqual([[name for name, _ in r.headers() or []] for r in written], [[h["key"] for h in r["headers"]] for r in shown])

    def test_delete_is_followed_by_a_tombstone_in_the_same_partition(self):
        self.sql(TABLE)
        kafka.create_topic(self.kafka, self.topic, 6)
        with self.streaming(self.to_kafka(self.config())) as child:
            self.sql("delete from article where id = 5")
            records = [r for r in self.wait_count(child, 202) if json.loads(r.key())["id"] == 5]
        self.assertEqual([v and v["op"] for v in self.values(records)], ["r", "d", None])
        self.assertEqual(len({r.partition() for r in records}), 1)

    def test_changes_of_one_key_stay_in_order(self):
        self.sql(TABLE)
        kafka.create_topic(self.kafka, self.topic, 6)
        with self.streaming(self.to_kafka(self.config())) as child:
            for number in range(1, 51):
                self.sql("update article set name = %s where id <= 20", f"v{number}")
            records = self.wait_count(child, 200 + 50 * 20)
        seen = {}
        for record in records:
            seen.setdefault(record.key(), []).append(json.loads(record.value())["after"]["name"])
        for key, names in seen.items():
            if json.loads(key)["id"] <= 20:
                self.assertEqual(names[1:], [f"v{n}" for n in range(1, 51)])

    def test_records_without_a_key_share_one_partition(self):
        self.sql("create table article(id int, name text); alter table article replica identity full")
        kafka.create_topic(self.kafka, self.topic, 6)
        with self.streaming(self.to_kafka(self.config())) as child:
            self.sql("insert into article select g, 'x' from generate_series(1, 50) g")
            records = self.wait_count(child, 50)
        self.assertEqual({r.key() for r in records}, {None})
        self.assertEqual({r.partition() for r in records}, {kafka.partition_of(self.topic.encode(), 6)})

    def test_offsets_file_is_what_connect_writes(self):
        self.sql(TABLE)
        path = self.folder / "offsets"
        with self.streaming(self.to_kafka(self.config())) as child:
            self.sql("insert into article values (1000, 'x')")
            self.wait_count(child, 201)
            self.assertEqual(child.stop(), 0, child.stderr())
        stored = javamap.read_map(path.read_bytes())
        key = f'["{self.name}",{{"server":"{self.prefix}"}}]'.encode()
        self.assertEqual(list(stored), [key])
        offset = json.loads(stored[key])
        for member in ("lsn", "txId", "ts_usec", "lsn_proc"):
            self.assertIn(member, offset)
        self.assertNotIn("snapshot", offset)
        confirmed = self.cluster.value("select confirmed_flush_lsn - '0/0'::pg_lsn from pg_replication_slots where slot_name = %s", self.slot)
        self.assertLessEqual(offset["lsn"], confirmed)
        self.assertEqual({p.name for p in self.folder.iterdir() if p.name.startswith("offsets")}, {"offsets", "offsets.lock"}, "left over from replacing the file")

    def test_restart_with_the_offsets_file_doubles_nothing(self):
        self.sql(TABLE)
        self.restart_doubles_nothing()

    def test_restart_with_the_offsets_topic_doubles_nothing(self):
        self.sql(TABLE)
        offsets = self.prefix + "_offsets"
        self.restart_doubles_nothing(**{"offset.storage.topic": offsets, "offset.storage.replication.factor": "1", "offset.storage.file.filename": None})
        key = f'["{self.name}",{{"server":"{self.prefix}"}}]'.encode()
        records = kafka.read(self.kafka, offsets)
        self.assertEqual({r.key() for r in records}, {key})
        self.assertIn("lsn", json.loads(records[-1].value()))
        self.assertFalse((self.folder / "offsets").exists())

    def restart_doubles_nothing(self, **more):
        config, total = self.config(**more), 200
        for _ in range(3):
            with self.streaming(self.to_kafka(config)) as child:
                total += 1
                self.sql("insert into article values (%s, 'on')", total)
                self.wait_count(child, total)
                self.assertEqual(child.stop(), 0, child.stderr())
            total += 1
            self.sql("insert into article values (%s, 'off')", total)
        with self.streaming(self.to_kafka(config)) as child:
            self.wait_count(child, total)
            self.wait_confirmed(child)
        records = kafka.read(self.kafka, self.topic)
        self.assertEqual(sorted(json.loads(r.key())["id"] for r in records), list(range(1, total + 1)))

    def test_capture_waits_while_the_broker_is_away(self):
        self.sql("create table article(id int primary key, name text)")
        with Broker() as broker:
            child = self.streaming(self.to_kafka(self.config(), address=broker.address))
            self.sql("insert into article values (1, 'before')")
            child.until("the first", lambda: kafka.count(broker.address, self.topic) >= 1)
            broker.stop()
            self.sql("insert into article values (2, 'while away')")
            waiting.time.sleep(3)
            target = self.cluster.value("select pg_current_wal_insert_lsn()")
            self.assertFalse(self.cluster.value("select confirmed_flush_lsn >= %s::pg_lsn from pg_replication_slots where slot_name = %s", target, self.slot))
            broker.start()
            child.until("the second", lambda: kafka.count(broker.address, self.topic) >= 2, limit=90)
            self.assertEqual([v["after"]["id"] for v in self.values(kafka.read(broker.address, self.topic))], [1, 2])
            self.assertEqual(child.stop(), 0, child.stderr())

    def test_not_drained_exits_3_and_names_the_branch(self):
        self.sql("create table article(id int primary key, name text)")
        with Broker() as broker:
            child = self.streaming(self.to_kafka(self.config(), "--set", "shutdown.timeout.ms=1500", address=broker.address))
            self.sql("insert into article values (1, 'before')")
            child.until("the first", lambda: kafka.count(broker.address, self.topic) >= 1)
            broker.kill()
            self.sql("insert into article values (2, 'nowhere to go')")
            waiting.time.sleep(1)
            self.assertEqual(child.stop(), 3, child.stderr())
            self.assertRegex(child.stderr(), f"level=error.*deliver.*{self.name}")
            broker.start()  # nothing is lost
            child = self.streaming(self.to_kafka(self.config(), address=broker.address))
            child.until("the second", lambda: kafka.count(broker.address, self.topic) >= 2)
            self.assertEqual(child.stop(), 0, child.stderr())

    def test_new_topics_are_made_together_as_the_rules_say(self):
        names = [f"t{n}" for n in range(30)]
        self.sql("".join(f"create table {t}(id int primary key); insert into {t} values (1);" for t in names))
        kafka.create_topic(self.kafka, f"{self.prefix}.public.t0", 2)
        rules = {"default.partitions": "3", "default.replication.factor": "1", "groups": "kept",
                 "kept.include": ".*t7", "kept.partitions": "5", "kept.cleanup.policy": "compact"}
        with self.to_kafka(self.config(**{"table.include.list": "public.t.*", "snapshot.mode": "initial_only"},
                                       **{f"topic.creation.{key}": value for key, value in rules.items()})) as child:
            self.assertEqual(child.wait(60), 0, child.stderr())
        topics = {t: f"{self.prefix}.public.{t}" for t in names}
        partitions = {t: len(kafka.ends(self.kafka, topic)) for t, topic in topics.items()}
        self.assertEqual(partitions, {t: 3 for t in names} | {"t0": 2, "t7": 5})
        self.assertEqual({t: kafka.count(self.kafka, topic) for t, topic in topics.items()}, {t: 1 for t in names})
        self.assertEqual([kafka.topic_setting(self.kafka, topics[t], "cleanup.policy") for t in ("t7", "t8")], ["compact", "delete"])

    def test_without_bootstrap_servers_it_says_so(self):
        self.sql(TABLE)
        child = self.start("run", self.config(), "--to", "kafka")
        self.assertEqual(child.wait(), 1)
        self.assertIn("bootstrap.servers", child.stderr())

    def test_transactions_and_snapshot_markers(self):
        self.sql(TABLE)
        with self.to_kafka(self.config(**{"snapshot.mode": "initial_only"})) as child:
            self.assertEqual(child.wait(60), 0, child.stderr())
        marks = [v["source"]["snapshot"] for v in self.values(kafka.read(self.kafka, self.topic))]
        self.assertEqual((marks[0], marks[-1], len(marks)), ("first", "last", 200))
        self.assertEqual(set(marks[1:-1]), {"true"})


def stable(value):
    """Without what differs from run to run: the clock and the positions."""
    text = json.loads(json.dumps(value))
    event = text.get("payload", text) if isinstance(text, dict) else text
    if isinstance(event, dict):
        for name in ("ts_ms", "ts_us", "ts_ns"):
            event.pop(name, None)
            event.get("source", {}).pop(name, None)
        for name in ("lsn", "txId", "sequence"):
            event.get("source", {}).pop(name, None)
    return text


