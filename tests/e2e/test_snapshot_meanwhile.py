"""What happens to a table while a snapshot has not come to it: no row is missed, and no table that was read is read again."""
import json
import re
import threading
import time

from support import waiting, warehouse
from support.case import ServerCase
from support.program import http_get
from support.tcp_proxy import Proxy

MIRROR = '[branch.mirror.sink]\ntype = "duckdb"\nduckdb.file = "$FOLDER/w.duckdb"\nduckdb.mode = "mirror"\n'
ROWS = 1000


class Meanwhile(ServerCase):
    """The snapshot reads a_big first, slowly, and then t."""

    def setUp(self):
        super().setUp()
        self.http = waiting.free_port()
        self.proxy = self.enterContext(Proxy(self.cluster.port))
        self.sql("create table a_big(body text); insert into a_big select repeat('x', 200) from generate_series(1, 30000) g")
        self.sql(f"create table t(id int primary key, s text not null); insert into t select g, 'row ' || g from generate_series(1, {ROWS}) g")

    def reading(self):
        """A child that has begun with a_big, and will be busy with it for seconds."""
        self.proxy.rate = 1_500_000
        config = self.pipeline(MIRROR, port=self.proxy.port, common=f'memory.max = "4MiB"\nhttp.listen = "127.0.0.1:{self.http}"')
        child = self.start("run", config)
        child.until("it reads", lambda: self.snapshot_rows() > 0)
        return child

    def snapshot_rows(self):
        code, text = http_get(self.http, "/status")
        return json.loads(text)["source"]["snapshot_rows"] if code == 200 else 0

    def end(self, child):
        self.assertEqual(self.read(child.stderr()), [], "too late")
        self.proxy.rate = 0
        self.streaming(child)
        self.wait_confirmed(child)
        self.assertEqual(child.stop(), 0, child.stderr())
        return child.stderr()

    def read(self, log):
        return re.findall(r'msg="table read" table=public\.(\w+)', log)

    def mirrored(self, table):
        return sorted(warehouse.rows(self.folder / "w.duckdb", f"select id, s from {table}"))

    def equal(self, table="t"):
        self.assertEqual(self.mirrored(table), sorted(self.sql(f"select id, s from {table}")), table)

    def test_another_table_takes_the_name(self):
        child = self.reading()
        self.sql("begin; alter table t rename to t_old; create table t(id int primary key, s text not null); insert into t values (1, 'new'); commit")
        log = self.end(child)
        self.assertIn("another table took the name public.t", log)
        self.equal("t")
        self.equal("t_old")

    def test_it_is_rewritten_with_the_same_types(self):
        child = self.reading()
        self.sql("alter table t alter s type text using upper(s)")
        self.end(child)
        self.equal()

    def test_a_partition_is_rewritten(self):
        self.sql("create table p(id int primary key, s text) partition by range (id); create table p1 partition of p for values from (0) to (500); "
                 "create table p2 partition of p for values from (500) to (5000); insert into p select * from t")
        child = self.reading()
        self.sql("alter table p detach partition p2; alter table p2 alter s type text using upper(s); alter table p attach partition p2 for values from (500) to (5000)")
        log = self.end(child)
        self.assertIn("public.p2", log)
        rows = self.sql("select id, s from p")
        self.assertEqual(sorted(self.mirrored("p") or self.mirrored("p1") + self.mirrored("p2")), sorted(rows))

    def test_it_is_emptied_and_filled_again_and_again(self):
        """TRUNCATE comes in the stream. It waits for the lock that who has read holds, and who asks for the table then waits behind it."""
        child, ended = self.reading(), threading.Event()
        connection = self.cluster.connect(self.database)
        self.addCleanup(connection.close)

        def work():
            with connection.cursor() as cursor:
                while not ended.wait(0.2):
                    cursor.execute("truncate t; insert into t values (7, 'after')")
        worker = threading.Thread(target=work, daemon=True)
        worker.start()
        time.sleep(1)
        self.proxy.rate = 0
        child.until("it is read", lambda: "t" in self.read(child.stderr()))
        ended.set()
        worker.join(30)
        self.streaming(child)
        self.wait_confirmed(child)
        self.assertEqual(child.stop(), 0, child.stderr())
        self.equal()

    def test_it_is_rewritten_in_place(self):
        """VACUUM FULL keeps what a snapshot sees: once is enough."""
        child = self.reading()
        self.sql("vacuum full t")
        self.assertEqual(self.read(self.end(child)), ["a_big", "t"])
        self.equal()

    def test_it_is_dropped(self):
        child = self.reading()
        self.sql("drop table t")
        self.assertEqual(self.read(self.end(child)), ["a_big"], "a table that was complete is read again")
        self.assertEqual(warehouse.rows(self.folder / "w.duckdb", "select count(*) from a_big"), [(30000,)])
