"""Servers and networks that fail and come back: millrace goes on by itself, says meanwhile what it waits for, neither spins
nor leaks, and afterwards everything is there. A standby that takes over: test_failover.py.
"""
import collections
import contextlib
import json
import os
import re
import signal
import time

import psycopg2

from support.audited import DUCK, SETUP, Load
from support.judges import judge_history, judge_kafka
from support import kafka, program, vitals, waiting, warehouse
from support.case import ServerCase, slow
from support.kafka import Broker
from support.smtp import Mailbox
from support.tcp_proxy import Proxy

MEGABYTE = 1 << 20
AUDIT = "select op, old_id, new_id, v from audit order by seq"
# What the sanitizer keeps of freed memory is no leak.
ENVIRONMENT = {"ASAN_OPTIONS": os.environ.get("ASAN_OPTIONS", "") + ":quarantine_size_mb=1:thread_local_quarantine_size_kb=64"}


class Stubborn(Load):
    """A load that connects again when its server comes back. What was not acknowledged, the audit table knows."""

    def __init__(self, case, number, seed):
        super().__init__(case, number, seed)
        self.case = case

    def run(self):
        while not self.ended.is_set():
            super().run()
            if not isinstance(self.error, psycopg2.Error):
                return
            self.error = None
            while not self.ended.is_set() and self.connection.closed:
                with contextlib.suppress(psycopg2.Error):
                    self.connection = self.case.cluster.connect(self.case.database, autocommit=False)
                self.ended.wait(0.1)


class FailingCase(ServerCase):
    settings = {"wal_sender_timeout": "10s"}

    def setUp(self):
        super().setUp()
        self.sql(SETUP)
        self.http = waiting.free_port()

    def started(self, *args):
        """Running, its snapshot durable, its threads and connections made."""
        child = self.streaming(self.start(*args, "--set", f"http.listen=127.0.0.1:{self.http}", env=ENVIRONMENT))
        self.sql("update stock set v = nextval('vs') where id = 1")
        self.wait_confirmed(child)
        return child

    @contextlib.contextmanager
    def load(self, writers=2):
        load = [Stubborn(self, number, 11) for number in range(writers)]
        for writer in load:
            writer.start()
        try:
            yield
        finally:
            for writer in load:
                writer.stop()

    def status(self):
        code, text = program.http_get(self.http, "/status")
        return json.loads(text) if code == 200 else {}

    def waits(self, child, pattern, branch=None, limit=60):
        """Until /status says so; /health is not well then, and the log has it too."""
        def says():
            status = self.status()
            parts = [b for b in status["branches"] if b["name"] == branch] if branch else [status["source"]] if status else []
            return any(re.search(pattern, part["error"]) for part in parts)
        child.until(f"a word: {pattern}", says, limit)
        self.assertEqual(program.http_get(self.http, "/health")[0], 503)
        self.assertRegex(child.stderr(), pattern)

    def well(self, child, limit=90):
        child.until("all well", lambda: self.status().get("healthy"), limit)

    def idles(self, child, seconds):
        """It does next to nothing for so long: it waits and does not spin."""
        before = vitals.of(child.process.pid)
        time.sleep(seconds)
        used = vitals.of(child.process.pid).cpu - before.cpu
        self.assertLess(used, 0.3 * seconds, f"{used:.1f} s of processor time in an outage of {seconds} s")

    @contextlib.contextmanager
    def leaks_nothing(self, child, megabytes=64):
        self.well(child)
        before = vitals.of(child.process.pid)
        yield
        self.well(child)
        self.wait_confirmed(child, limit=120)
        after = vitals.of(child.process.pid)
        self.assertLessEqual(after.descriptors, before.descriptors + 2)
        self.assertLessEqual(after.threads, before.threads + 1)
        self.assertLess(after.resident, before.resident + megabytes * MEGABYTE)

    def stop_well(self, child):
        self.wait_confirmed(child, limit=120)
        self.assertEqual(child.stop(60), 0, child.stderr())


class Database(FailingCase):
    """The server and the network to it, judged by the history and the mirror in DuckDB."""

    def to_duckdb(self, port=None, more=""):
        config = self.pipeline(DUCK, source='table.include.list = ["public.stock", "public.loose"]\n' + more)
        if port:
            config.write_text(re.sub(r"(?m)^database.port = .*$", f"database.port = {port}", config.read_text()))
        return self.started("run", config)

    def judge(self, child):
        self.stop_well(child)
        path = self.folder / "w.duckdb"
        rows = warehouse.rows(path, "select lsn, seq, op, old_id, new_id, v from stock_history where op <> 'r'")
        audit = self.sql(AUDIT)
        self.assertGreater(len(audit), 300, "hardly any load")
        self.assertEqual(judge_history(rows, audit), [])
        for table, columns in (("stock", "id, v, body"), ("loose", "v, body")):
            query = f"select {columns} from {table}"
            self.assertEqual(sorted(warehouse.rows(path, query)), sorted(self.sql(query)), table)

    def test_restarts_and_a_crash_under_load(self):
        child = self.to_duckdb()
        with self.load(), self.leaks_nothing(child):
            for stop in (lambda: self.cluster.stop("fast"), lambda: self.cluster.stop("immediate"), self.cluster.kill):
                time.sleep(1)
                stop()
                self.waits(child, "onnection|stream")
                self.idles(child, 1.5)
                self.cluster.start()
                self.well(child)
        self.judge(child)

    def test_a_network_that_is_cut_again_and_again(self):
        with Proxy(self.cluster.port) as proxy:
            child = self.to_duckdb(proxy.port)
            with self.load(), self.leaks_nothing(child):
                for _ in range(10):
                    time.sleep(0.5)
                    proxy.cut()
                    child.until("connected again", lambda: self.status()["source"]["phase"] == "streaming")
                proxy.refuse()
                proxy.cut()
                self.waits(child, "onnection|stream")
                self.idles(child, 3)
                proxy.refuse(False)
            self.judge(child)

    @slow
    def test_a_network_that_is_gone_without_a_word(self):
        with Proxy(self.cluster.port) as proxy:
            child = self.to_duckdb(proxy.port)
            with self.load(), self.leaks_nothing(child):
                time.sleep(2)
                proxy.stall()
                self.waits(child, "has not answered for 10000 ms", limit=30)
                self.waits(child, "no connection to 127.0.0.1 within", limit=30)
                self.idles(child, 5)
                proxy.resume()
            self.judge(child)

    @slow
    def test_a_slow_network(self):
        with Proxy(self.cluster.port) as proxy:
            child = self.to_duckdb(proxy.port)
            with self.load(), self.leaks_nothing(child):
                proxy.delay = 0.2
                time.sleep(10)
                proxy.delay, proxy.rate = 0, 20_000
                time.sleep(20)
                self.assertEqual(self.status()["source"]["error"], "")
                proxy.rate = 0
            self.judge(child)

    @slow
    def test_a_long_outage(self):
        child = self.to_duckdb()
        with self.load(), self.leaks_nothing(child):
            self.cluster.stop("immediate")
            self.waits(child, "onnection")
            self.idles(child, 60)
            self.cluster.start()
        self.judge(child)


class Brokers(FailingCase):
    """Brokers of our own, judged by what Confluent's client reads from them."""

    def setUp(self):
        super().setUp()
        self.broker = Broker()
        self.addCleanup(self.broker.remove)
        self.topic = f"{self.name}.public.stock"

    def to_kafka(self):
        config = self.connector(**{"topic.prefix": self.name, "table.include.list": "public.stock", "key.converter.schemas.enable": "false",
                                   "value.converter.schemas.enable": "false"})
        return self.started("run", config, "--to", "kafka", "--set", f"bootstrap.servers={self.broker.address}")

    def judge(self, child):
        self.stop_well(child)
        audit = self.sql(AUDIT)
        self.assertGreater(len(audit), 300, "hardly any load")
        records = []
        for message in kafka.read(self.broker.address, self.topic):
            key, value = json.loads(message.key())["id"], json.loads(message.value()) if message.value() is not None else None
            if value is None:
                records.append((key, None, None, None))
            elif value["op"] != "r":
                records.append((key, value["source"]["lsn"], value["op"], (value["after"] or value["before"])["v"]))
        self.assertEqual(judge_kafka(records, audit), [])

    def outage(self, seconds):
        kafka.create_topic(self.broker.start().address, self.topic, 3)
        child = self.to_kafka()
        with self.load(), self.leaks_nothing(child):
            time.sleep(1)
            self.broker.stop()
            self.waits(child, "kafka at .* does not answer", branch=self.name)
            self.idles(child, seconds)
            self.broker.start()
        self.judge(child)

    def test_a_broker_that_is_away(self):
        self.outage(3)

    @slow
    def test_a_broker_that_is_away_for_a_minute(self):
        self.outage(60)

    @slow
    def test_a_broker_that_hangs(self):
        kafka.create_topic(self.broker.start().address, self.topic, 3)
        child = self.to_kafka()
        with self.load(), self.leaks_nothing(child):
            self.broker.process.send_signal(signal.SIGSTOP)
            self.waits(child, "kafka at .* does not answer", branch=self.name)
            self.idles(child, 5)
            self.broker.process.send_signal(signal.SIGCONT)
        self.judge(child)

    @slow
    def test_too_few_replicas_in_sync(self):
        second = Broker(first=self.broker.start())
        self.addCleanup(second.remove)
        kafka.create_topic(second.start().address, self.topic, 3, replicas=2, **{"min.insync.replicas": "2"})
        child = self.to_kafka()
        with self.load(), self.leaks_nothing(child):
            second.stop()
            self.waits(child, "min.insync.replicas", branch=self.name)
            self.idles(child, 5)
            second.start()
        self.judge(child)

    @slow
    def test_a_broker_that_is_far_away(self):
        with Proxy(self.broker.port) as proxy:
            self.broker.advertised = proxy.port
            kafka.create_topic(self.broker.start().address, self.topic, 3)
            proxy.delay = 0.3  # one way
            child = self.to_kafka()
            with self.load():
                time.sleep(5)
            self.wait_confirmed(child)
            proxy.delay = 0
            self.judge(child)


MAIL = """
[branch.mail]
tables = ["public.parcel"]
sql = "SELECT lsn, seq, after.email AS email, after.id AS id FROM changes WHERE op = 'c'"
[branch.mail.sink]
type = "email"
host = "127.0.0.1"
port = $PORT
mail.tls = "none"
mail.timeout.ms = 2000
mail.from = "shop@example.com"
mail.subject = "parcel ${id}"
mail.text = "on its way"
"""


class MailServer(FailingCase):
    """Every parcel is a mail: once, but where the server left open whether it took it (delivery.md)."""

    def setUp(self):
        super().setUp()
        self.sql("create table parcel(id int primary key, email text)")
        self.mailbox = Mailbox().start()
        self.addCleanup(self.mailbox.stop)
        config = self.pipeline(MAIL.replace("$PORT", str(self.mailbox.port)), source='table.include.list = ["public.parcel", "public.stock"]')
        self.child = self.started("run", config)
        self.parcels = 0

    def send(self, count):
        self.sql("insert into parcel select g, 'a' || g || '@example.com' from generate_series(%s, %s) g", self.parcels + 1, self.parcels + count)
        self.parcels += count

    def judge(self, refused=(), in_doubt=()):
        """refused, in_doubt: numbers of parcels."""
        self.stop_well(self.child)
        got = collections.Counter(int(mail.recipients[0][1:].split("@")[0]) for mail in self.mailbox.seen())
        self.assertEqual(sorted(got), [n for n in range(1, self.parcels + 1) if n not in refused])
        self.assertEqual({n for n, times in got.items() if times > 1}, set(in_doubt))
        letters = self.folder / f"state/{self.name}.mail.dead-letters.jsonl"
        told = [json.loads(line) for line in letters.read_text().splitlines()] if letters.exists() else []
        self.assertEqual(len(told), len(refused), told)

    def test_replies_that_put_off_refuse_break_and_hang(self):
        with self.leaks_nothing(self.child):
            self.mailbox.data_replies = ["451 4.3.0 later", "550 5.7.1 never", "close", "take+close", "hang", "take+hang", "421 4.3.2 going down"]
            self.send(8)
            self.waits(self.child, "451|421|time|SMTP|mail server", branch="mail")
            self.child.until("every fault met", lambda: not self.mailbox.data_replies, 60)
        doubtful = [n for n, times in collections.Counter(m.recipients[0] for m in self.mailbox.seen()).items() if times > 1]
        self.assertLessEqual(len(doubtful), 2)
        self.judge(refused=[2], in_doubt=[int(address[1:].split("@")[0]) for address in doubtful])

    def test_a_mail_server_that_is_away(self):
        with self.leaks_nothing(self.child):
            self.send(3)
            self.child.until("three mails", lambda: len(self.mailbox.seen()) == 3)
            self.mailbox.stop()
            self.send(3)
            self.waits(self.child, "127.0.0.1", branch="mail")
            self.idles(self.child, 3)
            self.mailbox.restart()
            self.send(3)
        self.judge()
