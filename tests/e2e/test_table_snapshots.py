"""Snapshots by table: what comes later is read beside the stream, what is complete is not read again, what is another table is a new one."""
import re
import threading

from support import warehouse
from support.case import ServerCase
from support.tcp_proxy import Proxy

MIRROR = '[branch.mirror]\n[branch.mirror.sink]\ntype = "duckdb"\nduckdb.file = "$FOLDER/w.duckdb"\nduckdb.mode = "mirror"\n'
HISTORY = """
[branch.history]
sql = \"\"\"SELECT lsn, op, row.id AS id, row.n AS n FROM changes\"\"\"
[branch.history.sink]
type = "duckdb"
duckdb.file = "$FOLDER/w.duckdb"
duckdb.mode = "history"
duckdb.table = "${table}_history"
"""
LISTED = 'table.include.list = [{}]\ntable.refresh.interval.ms = 300\n'


def listed(*tables):
    return LISTED.format(", ".join(f'"public.{table}"' for table in tables))


class TableSnapshots(ServerCase):
    def setUp(self):
        super().setUp()
        self.make("one", 100)

    def make(self, table, rows):
        self.sql(f"create table {table}(id int primary key, n int not null); alter table {table} replica identity full")
        self.sql(f"insert into {table} select g, 0 from generate_series(1, %s) g", rows)

    def busy(self, *tables):
        """Changes in these tables until the returned function is called."""
        ended, connection = threading.Event(), self.cluster.connect(self.database)

        def work():
            with connection.cursor() as cursor:
                while not ended.wait(0.002):
                    for table in tables:
                        cursor.execute(f"update {table} set n = n + 1 where id = 1 + (random() * 50)::int; delete from {table} where id = 60 + (random() * 9)::int; "
                                       f"insert into {table} values (60 + (random() * 9)::int, 0) on conflict do nothing")
        worker = threading.Thread(target=work, daemon=True)
        worker.start()

        def end():
            ended.set()
            worker.join(30)
            connection.close()
        self.addCleanup(end)
        return end

    def equal(self, *tables):
        """The mirror has what the source has; call when the child has ended."""
        for table in tables:
            self.assertEqual(sorted(warehouse.rows(self.folder / "w.duckdb", f"select id, n from {table}")), sorted(self.sql(f"select id, n from {table}")), table)

    def adds_up(self, table):
        """The history gives the table when it is played from its snapshot on."""
        rows = warehouse.rows(self.folder / "w.duckdb", f"select op, id, n from {table}_history order by lsn")
        state = {id: n for op, id, n in rows if op == "r"}
        self.assertEqual(len(state), sum(op == "r" for op, _, _ in rows), "a row is in the snapshot twice")
        for op, id, n in rows:
            if op == "d":
                state.pop(id, None)
            elif op != "r":
                state[id] = n
        self.assertEqual(state, dict(self.sql(f"select id, n from {table}")), table)

    def end(self, child):
        self.wait_confirmed(child)
        self.assertEqual(child.stop(), 0, child.stderr())
        return child.stderr()

    def read(self, log):
        return re.findall(r'msg="table read" table=public\.(\w+)', log)

    def test_a_table_that_is_made_while_it_runs(self):
        child = self.streaming(self.start("run", self.pipeline(MIRROR + HISTORY, source=listed("one", "more.*"))))
        end = self.busy("one")
        self.make("more_of_it", 500)
        child.until("it is captured", lambda: "more_of_it" in child.stderr())
        more = self.busy("more_of_it")
        self.wait_confirmed(child)
        more()
        end()
        self.end(child)
        self.equal("one", "more_of_it")
        self.adds_up("one")
        self.adds_up("more_of_it")

    def test_a_new_table_is_read_also_when_the_first_attempt_fails(self):
        """At the second attempt the publication has the table already; the stream has not what was in it before."""
        child = self.streaming(self.start("run", self.pipeline(MIRROR, source=listed("one", "more.*"))))
        holder = self.cluster.connect(self.database, autocommit=False)
        self.addCleanup(holder.close)
        with holder.cursor() as cursor:
            cursor.execute("create table not_captured(id int)")  # a slot that is made waits for the end of this transaction
        self.make("more_of_it", 500)
        child.until("a slot is being made for its snapshot", lambda: self.cluster.value(
            "select count(pg_terminate_backend(pid)) from pg_stat_activity where query like 'CREATE_REPLICATION_SLOT%' and wait_event_type = 'Lock'"))
        child.until("the attempt has failed", lambda: "trying again" in child.stderr() or "connecting again" in child.stderr().split("brought up to date")[1])
        holder.rollback()
        child.until("it is read", lambda: "more_of_it" in self.read(child.stderr()), 30)
        self.sql("update more_of_it set n = 3 where id < 10")
        self.end(child)
        self.equal("one", "more_of_it")

    def test_a_new_table_waits_for_a_free_slot(self):
        child = self.streaming(self.start("run", self.pipeline(MIRROR, source=listed("one", "more.*"))))
        taken = []
        def give_back():
            while taken:
                self.cluster.sql("select pg_drop_replication_slot(%s)", taken.pop())
        self.addCleanup(give_back)
        while self.cluster.value("select count(*) < current_setting('max_replication_slots')::int from pg_replication_slots"):
            taken.append(f"taken{len(taken)}")
            self.cluster.sql("select pg_create_physical_replication_slot(%s)", taken[-1])
        self.make("more_of_it", 500)
        child.until("a word", lambda: "trying again" in child.stderr() and "max_replication_slots" in child.stderr())
        give_back()
        child.until("it is read", lambda: "more_of_it" in self.read(child.stderr()), 30)
        self.sql("update one set n = 7 where id = 7; update more_of_it set n = 3 where id < 10")
        self.end(child)
        self.equal("one", "more_of_it")

    def test_a_table_that_is_added_to_the_list_under_load(self):
        self.make("two", 3000)
        self.end(self.streaming(self.start("run", self.pipeline(MIRROR + HISTORY, source=listed("one")))))
        end = self.busy("one", "two")
        child = self.streaming(self.start("run", self.pipeline(MIRROR + HISTORY, source=listed("one", "two"))))
        child.until("it is read", lambda: "two" in self.read(child.stderr()))
        self.wait_confirmed(child)
        end()
        self.assertEqual(self.read(self.end(child)), ["two"])
        self.equal("one", "two")
        self.adds_up("one")
        self.adds_up("two")

    def test_two_tables_that_are_added_together_under_load(self):
        """The first is complete, and the stream goes on, while the second is being read."""
        self.make("large", 40_000)
        self.make("two", 40_000)
        self.end(self.streaming(self.start("run", self.pipeline(MIRROR + HISTORY, source=listed("one")))))
        end = self.busy("one", "large", "two")
        child = self.streaming(self.start("run", self.pipeline(MIRROR + HISTORY, source=listed("one", "large", "two"))))
        child.until("both are read", lambda: "two" in self.read(child.stderr()))
        self.wait_confirmed(child)
        end()
        self.assertEqual(self.read(self.end(child)), ["large", "two"])
        self.equal("one", "large", "two")
        for table in ("one", "large", "two"):
            self.adds_up(table)

    def test_a_branch_that_is_added_under_load(self):
        self.make("two", 3000)
        self.end(self.streaming(self.start("run", self.pipeline(HISTORY, source=listed("one", "two")))))
        end = self.busy("one", "two")
        child = self.streaming(self.start("run", self.pipeline(HISTORY + MIRROR, source=listed("one", "two"))))
        child.until("both are read", lambda: len(self.read(child.stderr())) == 2)
        self.wait_confirmed(child)
        end()
        self.end(child)
        self.equal("one", "two")
        self.adds_up("one")
        self.adds_up("two")

    def test_a_snapshot_that_is_interrupted_goes_on(self):
        self.make("two", 300_000)
        config = self.pipeline(MIRROR + HISTORY, source=listed("one", "two"))
        child = self.start("run", config)
        child.until("the first is durable", lambda: self.stored("one_history") and self.stored("one"))
        child.kill()
        self.assertEqual(self.read(child.stderr()), ["one"], "too late")
        end = self.busy("one", "two")
        child = self.streaming(self.start("run", config))
        child.until("the other is read", lambda: "two" in self.read(child.stderr()))
        self.wait_confirmed(child)
        end()
        self.assertEqual(self.read(self.end(child)), ["two"], "a table that was complete is read again")
        self.equal("one", "two")
        self.adds_up("one")
        self.adds_up("two")

    def test_a_table_that_takes_longer_than_the_server_allows_a_transaction(self):
        if int(self.cluster.value("show server_version_num")) < 170000:
            self.skipTest("transaction_timeout is PostgreSQL 17's")
        self.sql(f"alter database {self.database} set transaction_timeout = '1s'")
        self.sql("create table slow(body text); insert into slow select repeat('x', 200) from generate_series(1, 20000) g")
        with Proxy(self.cluster.port) as proxy:
            proxy.rate = 1_500_000
            child = self.streaming(self.start("run", self.pipeline(MIRROR, source=listed("one", "slow"), port=proxy.port, common='memory.max = "4MiB"\n')))
            log = self.end(child)
        self.assertEqual(self.read(log), ["one", "slow"])
        self.assertNotIn("again", log)

    def test_virtual_generated_columns_are_not_in_a_mirror(self):
        if int(self.cluster.value("show server_version_num")) < 180000:
            self.skipTest("virtual generated columns are PostgreSQL 18's")
        self.sql("create table doubled(id int primary key, n int, twice int generated always as (n * 2) virtual); insert into doubled values (1, 1), (2, 2)")
        child = self.streaming(self.start("run", self.pipeline(MIRROR, source=listed("doubled"))))
        self.sql("update doubled set n = 9 where id = 1; insert into doubled values (3, 3)")
        self.wait_confirmed(child)
        self.end(child)
        self.assertEqual(sorted(warehouse.rows(self.folder / "w.duckdb", "select * from doubled")), [(1, 9), (2, 2), (3, 3)])

    def stored(self, table):
        """Whether a running pipeline's history has this table, as it says itself."""
        out = self.run_to_end("query", self.folder / "pipeline.toml", f"select count(*) from {table}")
        return out.returncode == 0 and "100" in out.stdout

    def test_a_table_larger_than_memory_goes_at_the_pace_of_the_slowest_branch(self):
        self.make("two", 150_000)
        small = 'memory.max = "4MiB"\n'
        self.end(self.streaming(self.start("run", self.pipeline(MIRROR + HISTORY, source=listed("one"), common=small))))
        end = self.busy("one", "two")
        child = self.streaming(self.start("run", self.pipeline(MIRROR + HISTORY, source=listed("one", "two"), common=small)))
        child.until("it is read", lambda: "two" in self.read(child.stderr()), limit=120)
        self.wait_confirmed(child)
        end()
        log = self.end(child)
        self.assertEqual(self.read(log), ["two"], "a branch was left behind, and the table read again for it")
        self.equal("one", "two")
        self.adds_up("two")

    def test_a_table_that_is_taken_off_the_list_and_comes_back(self):
        self.make("two", 1000)
        both = self.pipeline(MIRROR, source=listed("one", "two"))
        self.end(self.streaming(self.start("run", both)))
        self.end(self.streaming(self.start("run", self.pipeline(MIRROR, source=listed("one")))))
        self.sql("update two set n = 7 where id < 10; delete from two where id > 990; update one set n = 8 where id = 1")
        child = self.streaming(self.start("run", self.pipeline(MIRROR, source=listed("one", "two"))))
        child.until("it is read", lambda: "two" in self.read(child.stderr()))
        self.assertEqual(self.read(self.end(child)), ["two"])
        self.equal("one", "two")

    def test_a_table_that_is_dropped_and_made_again(self):
        self.make("two", 1000)
        child = self.streaming(self.start("run", self.pipeline(MIRROR, source=listed("one", "two"))))
        self.wait_confirmed(child)
        self.sql("drop table two")
        self.make("two", 10)
        child.until("it is read again", lambda: self.read(child.stderr()).count("two") == 2)
        self.sql("update two set n = 5 where id = 5; update one set n = 5 where id = 5")
        self.end(child)
        self.equal("one", "two")
