"""Exactly once to Kafka: transactions that hold the records and the offset, read by Confluent's client with isolation.level=read_committed."""
import json
import threading
import time

from confluent_kafka import Producer

from support import kafka
from support.case import ServerCase
from support.kafka import Broker

TABLE = "create table article(id int primary key, name text)"


BRANCHES = """
[branch.kafka]
[branch.kafka.sink]
type = "kafka"
bootstrap.servers = "{kafka}"
exactly.once.support = "required"
transaction.boundary = "interval"
"transaction.boundary.interval.ms" = {interval}
transaction.timeout.ms = {timeout}
offset.storage.topic = "{offsets}"
offset.storage.partitions = 1
offset.storage.replication.factor = 1
key.converter.schemas.enable = false
value.converter.schemas.enable = false
{more}[branch.lines]
[branch.lines.sink]
type = "file"
file.path = "$FOLDER/lines.jsonl"
file.format = "value"
"""


class Load(threading.Thread):
    """Rows with rising numbers, 250 in a transaction."""

    def __init__(self, case):
        super().__init__(daemon=True)
        self.connection, self.ended, self.total = case.cluster.connect(case.database), threading.Event(), 0

    def run(self):
        with self.connection.cursor() as cursor:
            while not self.ended.wait(0.05):
                cursor.execute("insert into article select g, repeat('x', 100) from generate_series(%s, %s) g", (self.total + 1, self.total + 250))
                self.total += 250

    def stop(self):
        self.ended.set()
        self.join(30)
        self.connection.close()


class ExactlyOnce(ServerCase):
    needs_kafka = True

    def setUp(self):
        super().setUp()
        self.sql(TABLE)
        self.prefix = f"once{self.cluster.port}_{self.name}"
        self.topic, self.offsets = f"{self.prefix}.public.article", f"{self.prefix}_offsets"

    def config(self, **more):
        return self.connector(**{"topic.prefix": self.prefix, "table.include.list": "public.article", "exactly.once.support": "required",
                                 "group.id": "workers", "offset.storage.file.filename": None, "offset.storage.topic": self.offsets,
                                 "offset.storage.partitions": "3", "offset.storage.replication.factor": "1",
                                 "key.converter.schemas.enable": "false", "value.converter.schemas.enable": "false", **more})

    def two_branches(self, branches):
        config = self.pipeline(branches, 'memory.max = "8 MiB"', 'table.include.list = "public.article"')
        config.write_text(config.read_text().replace('topic.prefix = "shop"', f'topic.prefix = "{self.prefix}"'))
        return config

    def begin(self, config, *args, address=None):
        return self.start("run", config, "--to", "kafka", "--set", f"bootstrap.servers={address or self.kafka}", *args)

    def ids(self, address=None, whole=False):
        records = kafka.read(address or self.kafka, self.topic, whole=whole)
        return [json.loads(r.key())["id"] for r in records if r.value() is not None]

    def wait_ids(self, child, expected, address=None, limit=90):
        child.until(f"records {expected}", lambda: self.ids(address)[-1:] == expected[-1:], limit)
        self.assertEqual(self.ids(address), expected)

    def test_records_and_offset_are_committed_together(self):
        config = self.config()
        with self.streaming(self.begin(config)) as child:
            self.sql("insert into article select g, 'x' from generate_series(1, 500) g")
            self.wait_ids(child, list(range(1, 501)))
            self.wait_confirmed(child)
            self.assertEqual(child.stop(), 0, child.stderr())
        stored = kafka.read(self.kafka, self.offsets)
        self.assertEqual({r.key() for r in stored}, {f'["{self.name}",{{"server":"{self.prefix}"}}]'.encode()})
        self.assertIn("lsn", json.loads(stored[-1].value()))
        # Each transaction has its end, as a record that consumers do not see.
        self.assertGreater(kafka.count(self.kafka, self.topic), len(self.ids()))
        self.sql("insert into article values (501, 'while off')")
        with self.streaming(self.begin(config)) as child:
            self.wait_ids(child, list(range(1, 502)))
            self.assertEqual(child.stop(), 0, child.stderr())

    def test_the_workers_setting_turns_it_on_and_requested_alone_does_not(self):
        for more, once in (({"exactly.once.support": "requested"}, False),
                           ({"exactly.once.support": "requested", "exactly.once.source.support": "enabled"}, True)):
            with self.subTest(**more), self.streaming(self.begin(self.config(**more))) as child:
                before, ends = len(self.ids(whole=True)) if once else 0, sum(kafka.ends(self.kafka, self.topic).values()) if once else 0
                self.sql("insert into article values (%s, 'x')", 2 if once else 1)
                child.until("the record", lambda: len(self.ids(whole=True)) > before)
                self.wait_confirmed(child)
                self.assertEqual(sum(kafka.ends(self.kafka, self.topic).values()) - ends > 1, once)
                self.assertEqual(child.stop(), 0, child.stderr())

    def test_offsets_in_a_file_cannot_take_part(self):
        child = self.begin(self.config(**{"offset.storage.topic": None, "offset.storage.file.filename": str(self.folder / "offsets")}))
        self.assertEqual(child.wait(), 1)
        self.assertRegex(child.stderr(), "offset.storage.topic.*is missing")

    def test_a_newer_instance_shuts_the_older_one_out(self):
        with self.streaming(self.begin(self.config())) as child:
            self.sql("insert into article values (1, 'a')")
            self.wait_ids(child, [1])
            self.wait_confirmed(child)
            newer = Producer({"bootstrap.servers": self.kafka, "transactional.id": f"workers-{self.name}-0", "log_level": 0})
            newer.init_transactions(30)
            self.sql("insert into article values (2, 'b')")
            self.assertEqual(child.wait(60), 4, child.stderr())
            self.assertIn("another instance with the same transactional.id has taken over", child.stderr())
        self.assertEqual(self.ids(whole=True), [1])
        with self.streaming(self.begin(self.config())) as child:  # and we shut the newer one out
            self.wait_ids(child, [1, 2])
            self.assertEqual(child.stop(), 0, child.stderr())
        newer.begin_transaction()
        newer.produce(self.topic, b"{}", b"{}")
        with self.assertRaisesRegex(Exception, "(?i)fenced|epoch|newer"):
            newer.commit_transaction(30)

    def test_a_transaction_that_a_dead_one_left_open_is_ended(self):
        left = Producer({"bootstrap.servers": self.kafka, "transactional.id": f"workers-{self.name}-0", "transaction.timeout.ms": 600000})
        left.init_transactions(30)
        left.begin_transaction()
        left.produce(self.topic, b'{"op":"c"}', b'{"id":77}')
        left.flush(30)
        with self.streaming(self.begin(self.config())) as child:
            self.sql("insert into article values (1, 'a')")
            self.wait_ids(child, [1])
            self.assertEqual(child.stop(), 0, child.stderr())

    def test_the_broker_restarts_in_the_middle(self):
        with Broker() as broker:
            child = self.streaming(self.begin(self.config(), address=broker.address))
            total = 0
            for crash in (False, True):
                for _ in range(30):
                    self.sql("insert into article select g, 'x' from generate_series(%s, %s) g", total + 1, total + 100)
                    total += 100
                broker.kill() if crash else broker.stop()
                self.sql("insert into article select g, 'x' from generate_series(%s, %s) g", total + 1, total + 100)
                total += 100
                broker.start()
                child.until("all of it", lambda: self.ids(broker.address)[-1:] == [total], 120)
            self.assertEqual(self.ids(broker.address), list(range(1, total + 1)))
            self.assertEqual(child.stop(), 0, child.stderr())

    def test_refused_records_are_dead_letters_and_the_others_are_there_once(self):
        kafka.create_topic(self.kafka, self.topic, 2, **{"max.message.bytes": "20000"})
        with self.streaming(self.begin(self.config(**{"max.request.size": "1000000"}))) as child:
            self.sql("insert into article select g, case when g in (30, 90) then repeat('y', 30000) else 'x' end from generate_series(1, 120) g")
            self.sql("insert into article values (121, 'z')")
            child.until("the others", lambda: len(self.ids()) == 119)
            self.wait_confirmed(child)
            self.assertEqual(child.stop(), 0, child.stderr())
        self.assertEqual(sorted(self.ids(whole=True)), [n for n in range(1, 122) if n not in (30, 90)])
        letters = [json.loads(line) for line in next(self.folder.glob("**/*.dead-letters.jsonl")).read_text().splitlines()]
        self.assertEqual(len([letter for letter in letters if "too large" in json.dumps(letter)]), 2, letters)

    def test_what_a_refused_transaction_has_let_go_is_read_again(self):
        kafka.create_topic(self.kafka, self.topic, 2, **{"max.message.bytes": "200000"})
        config = self.config(**{"max.request.size": "1000000", "batch.size": "100000",
                                "transaction.boundary": "interval", "transaction.boundary.interval.ms": "10000"})
        with self.streaming(self.begin(config)) as child:
            self.sql("insert into article values (1, 'x')")
            self.wait_ids(child, [1])  # what the snapshot had is committed
            self.sql("insert into article select g, 'x' from generate_series(2, 5000) g")
            child.until("5,000 records", lambda: sum(kafka.ends(self.kafka, self.topic, "read_uncommitted").values()) >= 5000)
            self.assertEqual(self.ids(), [1], "committed already")
            self.sql("insert into article select g, case when g = 5500 then repeat('y', 250000) else 'x' end from generate_series(5001, 6000) g")
            child.until("the others", lambda: len(self.ids()) == 5999, 90)
            self.wait_confirmed(child)
            self.assertIn("what was in it is read again", child.stderr())
            self.assertEqual(child.stop(), 0, child.stderr())
        self.assertEqual(sorted(self.ids(whole=True)), [n for n in range(1, 6001) if n != 5500])
        letters = next(self.folder.glob("**/*.dead-letters.jsonl")).read_text().splitlines()
        self.assertEqual(len([letter for letter in letters if "too large" in letter]), 1, letters)

    def test_transactions_that_are_lost_under_load_and_another_branch(self):
        with Broker() as broker:
            branches = BRANCHES.format(kafka=broker.address, offsets=self.offsets, interval=2000, timeout=4000, more="")
            child = self.streaming(self.start("run", self.two_branches(branches)))
            load = Load(self)
            load.start()
            for _ in range(2):
                child.until("some", lambda: len(self.ids(broker.address)) > 0)
                time.sleep(2)
                broker.kill()
                time.sleep(5)  # longer than transaction.timeout.ms
                broker.start()
            load.stop()
            expected = list(range(1, load.total + 1))
            child.until("all of it", lambda: self.ids(broker.address)[-1:] == expected[-1:], 120)
            self.assertEqual(self.ids(broker.address), expected)
            self.assertEqual(child.stop(), 0, child.stderr())
            self.assertEqual([json.loads(line)["after"]["id"] for line in (self.folder / "lines.jsonl").read_text().splitlines()], expected)
            self.assertIn("what was in it is read again", child.stderr())

    def test_a_transaction_that_is_lost_after_a_reconnect_beside_another_branch(self):
        kafka.create_topic(self.kafka, self.topic, 2, **{"max.message.bytes": "200000"})
        more = 'max.request.size = 1000000\nbatch.size = 100000\n'
        branches = BRANCHES.format(kafka=self.kafka, offsets=self.offsets, interval=20000, timeout=60000, more=more)
        with self.streaming(self.start("run", self.two_branches(branches))) as child:
            self.sql("insert into article values (1, 'x')")
            self.wait_ids(child, [1])
            self.sql("insert into article select g, repeat('x', 100) from generate_series(2, 40000) g")
            child.until("40,000 records", lambda: sum(kafka.ends(self.kafka, self.topic, "read_uncommitted").values()) >= 40000)
            self.assertEqual(self.ids(), [1], "committed already")
            active = "select active_pid from pg_replication_slots where slot_name = %s"
            before = self.sql(active, self.slot)[0][0]
            self.sql("select pg_terminate_backend(%s)", before)
            child.until("the next connection", lambda: self.sql(active, self.slot)[0][0] not in (None, before))
            self.sql("insert into article select g, case when g = 40001 then repeat('y', 250000) else 'x' end from generate_series(40001, 41000) g")
            child.until("the others", lambda: len(self.ids()) == 40999, 60)
            self.assertIn("it catches up on a copy of the slot", child.stderr())
            self.assertEqual(child.stop(), 0, child.stderr())
        self.assertEqual(sorted(self.ids(whole=True)), [n for n in range(1, 41001) if n != 40001])

    def test_every_interval(self):
        with self.streaming(self.begin(self.config(**{"transaction.boundary": "interval", "transaction.boundary.interval.ms": "3000"}))) as child:
            for number in range(1, 41):
                self.sql("insert into article values (%s, 'x')", number)
            self.wait_ids(child, list(range(1, 41)))
            ends = kafka.count(self.kafka, self.topic) - 40
            self.assertLessEqual(ends, 3)
            self.assertEqual(child.stop(), 0, child.stderr())
