"""A standby that is promoted: millrace goes on there by itself where the slot came with it (failover slots, PostgreSQL 17),
costs next to nothing while it waits, leaks nothing, and stops with a word where changes may be missing (I10). The servers come from scripts/setup --servers.
"""
import re
import time
import unittest

from support.audited import DUCK, SETUP, Load
from support.judges import judge_history
from support import program, standby, vitals, waiting, warehouse
from support.case import ServerCase, slow
from support.postgres import Cluster
from support.tcp_proxy import Proxy

POSTGRES_17 = program.ROOT / ".deps/postgres/17/bin"
AUDIT = "select op, old_id, new_id, v from audit order by seq"


class Mortal(Cluster):
    def drop_database(self, name):
        """Goes with the server, which may be dead by then."""


class Failover(ServerCase, vitals.Watching):
    settings = {"bin_folder": POSTGRES_17}

    @classmethod
    def setUpClass(cls):
        """Nothing is shared: every test kills its primary."""
        if not POSTGRES_17.exists():
            raise unittest.SkipTest(f"no {POSTGRES_17}: scripts/setup --servers")

    def setUp(self):
        self.cluster = Mortal(**self.settings).start()
        self.addCleanup(self.cluster.remove)
        self.standby = standby.of(self.cluster, sync_replication_slots="on")
        self.addCleanup(self.standby.remove)
        super().setUp()
        self.sql(SETUP)
        self.http = waiting.free_port()

    def both(self):
        return "database.hostname", f"127.0.0.1:{self.cluster.port},127.0.0.1:{self.standby.port}"

    def started(self, *more, failover="true"):
        config = self.pipeline(DUCK, common=f'http.listen = "127.0.0.1:{self.http}"',
                               source=f'table.include.list = ["public.stock", "public.loose"]\nslot.failover = {failover}')
        for key, value in more:
            config.write_text(re.sub(rf"(?m)^{re.escape(key)} = .*$", f'{key} = "{value}"', config.read_text()))
        child = self.streaming(self.start("run", config, env=vitals.ENVIRONMENT))
        self.sql("update stock set v = nextval('vs') where id = 1")
        self.wait_confirmed(child)
        return child

    def copied(self):
        """Waits until the standby has the slot for good. The slot is copied for good once its reader moves on."""
        def moved():
            self.sql("update stock set v = nextval('vs') where id = 2")
            self.cluster.sql("select pg_log_standby_snapshot()")
            return standby.slot_is_copied(self.standby, self.slot)
        waiting.until("the slot on the standby", moved, 120, step=0.5)

    def source_says(self):
        return self.status().get("source", {}).get("error", "")

    def under_load(self, seconds):
        load = [Load(self, number, 7) for number in range(3)]
        for writer in load:
            writer.start()
        time.sleep(seconds)
        return load

    def killed_under_load(self):
        self.cluster.sql("alter system set synchronized_standby_slots = %s", standby.PHYSICAL)
        self.cluster.reload()
        load = self.under_load(3)
        self.cluster.kill()
        for writer in load:  # what they had not been told was committed may be or not: the standby's audit says
            writer.ended.set()
            writer.join(30)

    def goes_on_at_the_standby(self, child):
        """Promotes it, and writes more there."""
        standby.promote(self.standby)
        self.cluster = self.standby  # for the helpers of ServerCase
        self.streaming(child, limit=60)
        load = self.under_load(2)
        for writer in load:
            writer.stop()

    def judge(self, child):
        """Compares with the standby's audit table."""
        self.assertEqual(child.stop(60), 0, child.stderr())
        audit = self.sql(AUDIT)
        self.assertGreater(len(audit), 1000, "hardly any load")
        path = self.folder / "w.duckdb"
        rows = warehouse.rows(path, "select lsn, seq, op, old_id, new_id, v from stock_history where op <> 'r'")
        self.assertEqual(judge_history(rows, audit), [])
        for table, columns in (("stock", "id, v, body"), ("loose", "v, body")):
            query = f"select {columns} from {table}"
            self.assertEqual(sorted(warehouse.rows(path, query)), sorted(self.sql(query)), table)

    @slow
    def test_goes_on_at_the_promoted_standby(self):
        child = self.started(self.both())
        self.copied()
        with self.leaks_nothing(child):
            self.killed_under_load()
            child.until("a word about the standby", lambda: "hot standby" in self.source_says(), 30)
            self.idles(child, 3)
            self.goes_on_at_the_standby(child)
        self.judge(child)

    @slow
    def test_one_address_that_leads_to_the_standby_before_it_is_promoted(self):
        with Proxy(self.cluster.port) as proxy:
            child = self.started(("database.port", proxy.port))
            self.copied()
            with self.leaks_nothing(child):
                self.killed_under_load()
                proxy.target = self.standby.port
                child.until("a word about the standby", lambda: "is a standby" in self.source_says(), 30)
                self.idles(child, 3)
                self.goes_on_at_the_standby(child)
            self.judge(child)

    @slow
    def test_a_standby_without_the_slot_is_a_gap(self):
        child = self.started(self.both(), failover="false")
        self.sql("update stock set v = nextval('vs') where id = 3")
        self.wait_confirmed(child)
        self.cluster.kill()
        standby.promote(self.standby)
        self.assertEqual(child.wait(60), 4, child.stderr())
        self.assertIn(f"replication slot {self.slot} does not exist", child.stderr())
        self.assertIn("snapshot.mode=when_needed", child.stderr())

    def lags(self):
        """The standby hears no more of the primary, from which changes are delivered; then it is promoted."""
        child = self.started(self.both())
        self.copied()
        self.standby.configure(primary_conninfo="")
        self.standby.reload()
        waiting.until("the standby alone", lambda: not self.cluster.value("select count(*) from pg_stat_replication where application_name = 'walreceiver'"))
        self.sql("update stock set v = nextval('vs') where id between 10 and 20")
        self.wait_confirmed(child)
        self.cluster.kill()
        standby.promote(self.standby)
        self.cluster = self.standby
        return child

    @slow
    def test_a_standby_that_lacks_delivered_changes_is_a_gap(self):
        child = self.lags()
        self.assertEqual(child.wait(60), 4, child.stderr())
        self.assertIn("timeline 2, which does not contain the progress on timeline 1", child.stderr())
        self.assertIn("snapshot.mode=when_needed", child.stderr())
        # The same after the new timeline's log has passed the place.
        self.sql("insert into stock(id, body) select g, repeat('z', 500) from generate_series(5000, 7000) g")
        again = self.start("run", self.folder / "pipeline.toml")
        self.assertEqual(again.wait(60), 4, again.stderr())
        self.assertIn("timeline 2", again.stderr())
        # The cure that it names.
        cured = self.streaming(self.start("run", self.folder / "pipeline.toml", "--set", "source.snapshot.mode=when_needed"))
        self.sql("update stock set v = nextval('vs') where id = 4")
        self.wait_confirmed(cured)
        self.assertEqual(cured.stop(), 0, cured.stderr())
        query = "select id, v, body from stock"
        self.assertEqual(sorted(warehouse.rows(self.folder / "w.duckdb", query)), sorted(self.sql(query)))
