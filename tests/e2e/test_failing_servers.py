"""Servers and networks that fail and come back: millrace goes on by itself, says meanwhile what it waits for, neither spins
nor leaks, and afterwards everything is there. A standby that takes over: test_failover.py;
mail servers: test_failing_mail_server.py.
"""
import contextlib
import json
import re
import signal
import time

import psycopg2

from support.audited import DUCK, SETUP, Load
from support.judges import judge_history, judge_kafka
from support import kafka, program, vitals, waiting, warehouse
from support.case import ServerCase, slow
from support.disk import SmallDisk
from support.kafka import Broker
from support.tcp_proxy import Proxy

AUDIT = "select op, old_id, new_id, v from audit order by seq"


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


class FailingCase(ServerCase, vitals.Watching):
    settings = {"wal_sender_timeout": "10s"}

    def setUp(self):
        super().setUp()
        self.sql(SETUP)
        self.http = waiting.free_port()

    def started(self, *args):
        """Running, its snapshot durable, its threads and connections made."""
        child = self.streaming(self.start(*args, "--set", f"http.listen=127.0.0.1:{self.http}", env=vitals.ENVIRONMENT))
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

    def waits(self, child, pattern, branch=None, limit=60):
        """Until /status says so; /health is not well then, and the log has it too."""
        def says():
            status = self.status()
            parts = [b for b in status["branches"] if b["name"] == branch] if branch else [status["source"]] if status else []
            return any(re.search(pattern, part["error"]) for part in parts)
        child.until(f"a word: {pattern}", says, limit)
        self.assertEqual(program.http_get(self.http, "/health")[0], 503)
        self.assertRegex(child.stderr(), pattern)

    def stop_well(self, child):
        self.wait_confirmed(child, limit=120)
        self.assertEqual(child.stop(60), 0, child.stderr())


class Database(FailingCase):
    """The server and the network to it, judged by the history and the mirror in DuckDB."""

    def config(self, port=None, more=""):
        config = self.pipeline(DUCK, source='table.include.list = ["public.stock", "public.loose"]\n' + more)
        if port:
            config.write_text(re.sub(r"(?m)^database.port = .*$", f"database.port = {port}", config.read_text()))
        return config

    def to_duckdb(self, port=None, more=""):
        return self.started("run", self.config(port, more))

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

    def goes_without_a_word(self, pattern, more=""):
        with Proxy(self.cluster.port) as proxy:
            child = self.to_duckdb(proxy.port, more)
            with self.load(), self.leaks_nothing(child):
                time.sleep(2)
                proxy.stall()
                self.waits(child, pattern, limit=30)
                self.waits(child, "no connection to 127.0.0.1 within", limit=30)
                self.idles(child, 5)
                proxy.resume()
            self.judge(child)

    @slow
    def test_a_network_that_is_gone_without_a_word(self):
        self.goes_without_a_word("has not answered for 10000 ms")

    @slow
    def test_a_question_beside_the_stream_that_is_never_answered(self):
        """The reader asks so often for new tables that the silence meets a question before the stream notices it."""
        silence = "has not answered a query for 10000 ms|no connection to 127.0.0.1 within 10000 ms"  # the question, or its connection
        self.goes_without_a_word(silence, more="table.refresh.interval.ms = 20\n")

    @slow
    def test_connections_that_are_half_open(self):
        """The server is told nothing either: it keeps the slot for the dead reader until its own time is over. That is the
        reader's too (wal_sender_timeout), so what was missed comes at once then, and only the time before is idle."""
        with Proxy(self.cluster.port) as proxy:
            child = self.to_duckdb(proxy.port)
            with self.load(), self.leaks_nothing(child):
                time.sleep(1)
                proxy.forget()
                self.idles(child, 5)
                child.until("it gives up", lambda: "has not answered" in child.stderr(), 30)  # it is connected again in no time
            self.judge(child)

    def in_the_snapshot(self, fail, mend, says):
        """The network fails while rows come, which COPY itself would never tell."""
        self.sql("insert into loose(body) select repeat('x', 200) from generate_series(1, 20000) g")
        with Proxy(self.cluster.port) as proxy:
            proxy.rate = 300_000
            child = self.start("run", self.config(proxy.port), "--set", f"http.listen=127.0.0.1:{self.http}", env=vitals.ENVIRONMENT)
            child.until("rows", lambda: self.status() and self.status()["source"]["snapshot_rows"] > 1000)
            fail(proxy)
            self.waits(child, says)
            self.idles(child, 2)
            proxy.rate = 0
            mend(proxy)
            self.streaming(child, 90)
            with self.load():
                child.until("changes", lambda: self.sql("select count(*) > 400 from audit")[0][0])
            self.judge(child)

    @slow
    def test_a_snapshot_whose_network_is_gone_without_a_word(self):
        self.in_the_snapshot(Proxy.stall, Proxy.resume, "no connection to 127.0.0.1 within|has not answered")

    @slow
    def test_a_snapshot_whose_connection_is_half_open(self):
        self.in_the_snapshot(Proxy.forget, lambda proxy: None, "nothing has come for 10000 ms: the connection is half-open")

    @slow
    def test_a_snapshot_that_waits_for_a_lock_waits(self):
        """Longer than a silent network is waited for."""
        lock = self.cluster.connect(self.database, autocommit=False)
        self.addCleanup(lock.close)
        lock.cursor().execute("lock table loose in access exclusive mode")
        config = self.config(more='database.query.timeout.ms = 0\nsnapshot.lock.timeout.ms = 60000\n')
        child = self.start("run", config, "--set", f"http.listen=127.0.0.1:{self.http}", env=vitals.ENVIRONMENT)
        child.until("a wait for the lock", lambda: self.cluster.value("select count(*) from pg_locks where not granted"))
        time.sleep(22)
        self.assertEqual(self.status()["source"]["error"], "")
        self.assertEqual(self.status()["reconnects"], 0)
        lock.rollback()
        self.streaming(child)
        self.stop_well(child)

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

    def to_kafka(self, port=None):
        config = self.connector(**{"topic.prefix": self.name, "table.include.list": "public.stock", "key.converter.schemas.enable": "false",
                                   "value.converter.schemas.enable": "false"})
        return self.started("run", config, "--to", "kafka", "--set", f"bootstrap.servers=127.0.0.1:{port or self.broker.port}")

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
            with self.load(), self.leaks_nothing(child):
                time.sleep(5)
            proxy.delay = 0
            self.judge(child)

    @contextlib.contextmanager
    def behind_a_proxy(self):
        """Millrace's way to the broker; the others go straight."""
        self.broker = Broker(gated=True)
        self.addCleanup(self.broker.remove)
        kafka.create_topic(self.broker.start().address, self.topic, 3)
        with Proxy(self.broker.behind, self.broker.gate) as proxy:
            child = self.to_kafka(proxy.port)
            with self.load(), self.leaks_nothing(child):
                time.sleep(1)
                yield proxy, child
            self.judge(child)

    @slow
    def test_a_network_that_is_cut_again_and_again(self):
        with self.behind_a_proxy() as (proxy, child):
            for _ in range(10):
                time.sleep(0.5)
                proxy.cut()
                child.until("connected again", proxy.connections)
            proxy.refuse()
            proxy.cut()
            self.waits(child, "kafka at .* does not answer", branch=self.name)
            self.idles(child, 3)
            proxy.refuse(False)

    @slow
    def test_a_network_that_is_gone_without_a_word(self):
        with self.behind_a_proxy() as (proxy, child):
            proxy.stall()
            self.waits(child, "kafka at .* does not answer", branch=self.name)
            self.idles(child, 5)
            proxy.resume()

    @slow
    def test_connections_that_are_half_open(self):
        with self.behind_a_proxy() as (proxy, child):
            proxy.forget()
            self.waits(child, "kafka at .* does not answer", branch=self.name)
            self.idles(child, 5)

    @slow
    def test_a_slow_network(self):
        with self.behind_a_proxy() as (proxy, child):
            proxy.rate = 50_000  # less than the load
            time.sleep(10)
            arrived = kafka.count(self.broker.address, self.topic)
            child.until("more records", lambda: kafka.count(self.broker.address, self.topic) > arrived + 100)
            proxy.rate = 0

    def without_room(self, says, halved):
        place = self.folder / "small"
        place.mkdir()
        with SmallDisk(place, 80) as disk:
            self.broker = Broker(disk=disk, halved=halved)
            self.addCleanup(self.broker.remove)
            kafka.create_topic(self.broker.start().address, self.topic, 3)
            child = self.to_kafka()
            with self.load(), self.leaks_nothing(child):
                time.sleep(1)
                disk.fill()
                self.waits(child, says, branch=self.name, limit=120)
                self.idles(child, 5)
                self.assertEqual(self.broker.process.poll() is None, halved, "whether the broker runs")
                disk.free()
                self.broker.stop()
                self.broker.start()
            self.judge(child)

    @slow
    def test_a_broker_whose_disk_is_full(self):
        """It ends, for it has no other."""
        self.without_room("kafka at .* does not answer", halved=False)

    @slow
    def test_a_broker_one_of_whose_disks_is_full(self):
        """It takes one partition out of service and goes on with the others."""
        self.without_room("do the brokers have room", halved=True)
