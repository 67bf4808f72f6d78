"""A mirror and a history in DuckDB while the source's tables are altered: read by DuckDB's own client, compared with the source."""
import concurrent.futures
import json
import time

from support import program, warehouse
from support.case import ServerCase

BRANCHES = """
[branch.mirror.sink]
type = "duckdb"
duckdb.file = "$FOLDER/w.duckdb"
duckdb.mode = "mirror"

[branch.history.sink]
type = "duckdb"
duckdb.file = "$FOLDER/w.duckdb"
duckdb.mode = "history"
"""


class MirrorDdl(ServerCase):
    def setUp(self):
        super().setUp()
        self.file = self.folder / "w.duckdb"
        self.config = None

    def run_it(self, *args, source=""):
        self.config = self.config or self.pipeline(BRANCHES, source=source)
        return self.streaming(self.start("run", self.config, *args))

    def end(self, child):
        """Everything that was committed is in the warehouse, and nobody holds it."""
        self.wait_confirmed(child)
        self.assertEqual(child.stop(), 0, child.stderr())
        return child.stderr()

    def verify(self, code=0):
        out = program.run("verify", self.config, "--branch", "mirror", limit=120)
        self.assertEqual(out.returncode, code, out.stdout + out.stderr)

    def mirror(self, sql):
        return warehouse.rows(self.file, sql)

    def assert_same(self, table, columns):
        """The source's columns, and the mirror's of the same names, as texts."""
        source = self.sql("select " + ", ".join(f"{c}::text" for c in columns) + f" from {table}")
        held = self.mirror("select " + ", ".join(f"{c}::varchar" for c in columns) + f" from {table}")
        self.assertEqual(sorted(held, key=repr), sorted(source, key=repr))

    def types(self, table):
        return dict(self.mirror(f"select column_name, data_type from duckdb_columns() where table_name = '{table}'"))

    def warnings(self, log, words):
        return [line for line in log.splitlines() if "level=warn" in line and words in line]

    def test_an_added_column_has_the_value_that_older_rows_got(self):
        self.sql("create table t(id int primary key, a text); insert into t values (1, 'one'), (2, 'two')")
        self.sql("create table bag(a text); alter table bag replica identity full; insert into bag values ('x'), ('x'), ('y')")
        child = self.run_it()
        self.sql("insert into t values (3, 'three')")
        self.sql("alter table t add column n int default 5, add column d timestamptz default '0044-03-15 12:00:00+00 BC', "
                 "add column b bytea default '\\x00ff', add column plain int, add column i interval default '1 mon -3 days'")
        self.sql("alter table t alter column n set default 9")  # of rows to come
        self.sql("insert into t(id, a) values (4, 'four'); update t set a = 'TWO' where id = 2")
        self.sql("alter table bag add column n numeric(10,2) default 1.50")
        self.sql("insert into bag(a) values ('z'); delete from bag where ctid = (select min(ctid) from bag where a = 'x')")
        log = self.end(child)
        self.assert_same("t", ["id", "a", "n", "plain"])
        self.assert_same("bag", ["a", "n"])
        self.assertEqual(self.mirror("select b::varchar, d::varchar, i::varchar from t where id = 1"),
                         [("\\x00\\xFF", "0044-03-15 (BC) 12:00:00+00", "1 month -3 days")])
        self.assertEqual(self.warnings(log, "before a column was added"), [])
        self.verify()
        # History tells what a row was when it was written.
        self.assertEqual(self.mirror("select id, n from t_history order by lsn, seq, id"), [(1, None), (2, None), (3, None), (4, 9), (2, 5)])

    def test_values_that_the_server_wrote_into_each_row_are_missed_aloud(self):
        self.sql("create table t(id int primary key); insert into t values (1), (2)")
        child = self.run_it()
        self.sql("alter table t add column at timestamptz default clock_timestamp()")
        self.sql("insert into t values (3)")
        log = self.end(child)
        self.assertEqual(self.mirror('select id, "at" is null from t order by id'), [(1, True), (2, True), (3, False)])
        found = self.warnings(log, "before a column was added")
        self.assertEqual(len(found), 1, log)
        self.assertRegex(found[0], r"snapshot of the table.*table=public\.t column=at lsn=[0-9A-F]+/[0-9A-F]+")
        self.verify(code=1)
        # The cure that the message names, for this table alone.
        child = self.run_it("--set", "source.snapshot.mode=always", "--set", "source.snapshot.include.collection.list=public.t")
        self.end(child)
        self.verify()

    def test_a_dropped_column_is_kept_and_null_from_then(self):
        self.sql("create table t(id int primary key, a text default 'd', b int)")
        child = self.run_it()
        self.sql("insert into t values (1, 'x', 1)")
        self.sql("alter table t drop column a")
        self.sql("insert into t values (2, 2)")
        self.end(child)
        self.assertEqual(self.mirror("select id, a, b from t order by id"), [(1, "x", 1), (2, None, 2)])
        self.assertEqual(self.mirror("select id, a, b from t_history order by id"), [(1, "x", 1), (2, None, 2)])
        self.verify()

    def test_a_transaction_that_comes_before_the_catalogue_shows_it(self):
        """The server sends a transaction once its commit is on disk; others see it later, here when a standby has it."""
        self.sql("create table last(id int primary key, c text); insert into last values (1, 'old')")
        child = self.run_it()
        self.sql("alter system set synchronous_standby_names = 'nobody'")
        self.sql("select pg_reload_conf()")
        with concurrent.futures.ThreadPoolExecutor() as pool:
            altered = pool.submit(self.sql, "alter table last drop column c; alter table last add column c int default 7; "
                                            "insert into last values (2, 8)")
            time.sleep(2)  # millrace has it meanwhile
            self.assertFalse(altered.done())
            self.sql("alter system reset synchronous_standby_names")
            self.sql("select pg_reload_conf()")
            altered.result(30)
        self.end(child)
        self.assert_same("last", ["id", "c"])

    def test_a_column_dropped_and_made_again_is_another_one(self):
        self.sql("create table t(id int primary key, c text, z int); insert into t values (1, 'old', 1), (2, 'old', 2)")
        self.sql("create table last(id int primary key, c text); insert into last values (1, 'old')")
        child = self.run_it()
        self.sql("insert into t values (3, 'old', 3)")
        self.sql("alter table t drop column c; alter table t add column c text")
        self.sql("insert into t values (4, 4, 'new'); alter table last drop column c; alter table last add column c int default 7; insert into last values (2, 8)")
        self.end(child)
        self.assert_same("t", ["id", "c", "z"])
        self.assert_same("last", ["id", "c"])
        self.assertEqual(self.mirror("select id, c_dropped from t order by id"), [(1, "old"), (2, "old"), (3, "old"), (4, None)])
        self.verify()

    def test_made_again_while_nothing_runs(self):
        self.sql("create table t(id int primary key, c text, z int); insert into t values (1, 'old', 1), (2, 'old', 2)")
        self.end(self.run_it())
        self.sql("insert into t values (3, 'old', 3)")
        self.sql("update t set c = 'older' where id = 1")
        self.sql("alter table t drop column c; alter table t add column c text")
        self.sql("alter table t rename column z to y; insert into t values (4, 4, 'new')")
        self.end(self.run_it())
        self.assert_same("t", ["id", "c", "y"])
        self.assertEqual(self.mirror("select id, c_dropped from t order by id"), [(1, "older"), (2, "old"), (3, "old"), (4, None)])
        self.verify()

    def test_renamed_columns_are_followed(self):
        self.sql("create table t(id int primary key, a int, b int, c int); insert into t values (1, 1, 2, 3)")
        child = self.run_it()
        self.sql("insert into t values (2, 10, 20, 30)")
        self.sql("alter table t rename a to x; alter table t rename b to a; alter table t rename x to b; alter table t rename c to d; alter table t rename id to key")
        self.sql("insert into t(key, b, a, d) values (3, 100, 200, 300); update t set d = 4 where key = 1")
        self.end(child)
        self.assertEqual(sorted(self.types("t")), ["a", "b", "d", "key"])
        self.assert_same("t", ["key", "a", "b", "d"])
        self.verify()
        self.assertEqual(self.mirror("select coalesce(id, key), c, d from t_history order by lsn, seq"), [(1, 3, None), (2, 30, None), (3, None, 300), (1, None, 4)])

    def test_retyped_columns_are_widened_and_rows_still_found(self):
        self.sql("create table bag(i int, big bigint, f float4, fi int, day date, at timestamp, n numeric(8,2), s varchar(10), b boolean); alter table bag replica identity full")
        row = "(1, 2, 0.1, 3, '2024-02-29', '2024-02-29 10:00:00', 1.50, 'x', true)"
        self.sql(f"insert into bag values {row}, {row}, {row}, (null, null, 'NaN', null, 'infinity', null, null, null, null)")
        child = self.run_it()
        self.sql(f"insert into bag values {row}")
        self.sql("alter table bag alter i type bigint, alter f type float8, alter fi type float8, alter day type timestamp, alter at type timestamptz, "
                 "alter n type numeric(12,4), alter s type text, alter b type text, alter big type float8")
        self.sql("insert into bag values (5000000000, 1.5, 0.1, 1.5, '2024-01-01 01:00', '2024-01-01 01:00+00', 1.2345, 'y', 'true')")
        self.sql("delete from bag where ctid = (select min(ctid) from bag)")
        self.sql("delete from bag where f = 'NaN'")
        log = self.end(child)
        types = self.types("bag")
        self.assertEqual(types, {"i": "BIGINT", "big": "VARCHAR", "f": "DOUBLE", "fi": "DOUBLE", "day": "TIMESTAMP", "at": "TIMESTAMP WITH TIME ZONE",
                                 "n": "DECIMAL(12,4)", "s": "VARCHAR", "b": "VARCHAR"})
        self.assertEqual(self.mirror("select count(*), count(*) filter (f = 0.10000000149011612), count(*) filter (day = '2024-02-29') from bag"), [(4, 3, 3)])
        self.assertEqual(self.warnings(log, "does not have"), [])
        self.verify()
        self.assertEqual(self.types("bag_history")["fi"], "DOUBLE")
        self.assertEqual(self.mirror("select op, count(*) from bag_history group by op order by op"), [("c", 2), ("d", 2), ("r", 4)])

    def test_rewritten_rows_are_warned_of_and_a_mere_widening_is_not(self):
        self.sql("create table t(id int primary key, a int, s varchar(10)); insert into t values (1, 1, 'x'), (2, 2, 'y')")
        child = self.run_it()
        self.sql("insert into t values (3, 3, 'z')")
        self.wait_confirmed(child)
        self.sql("alter table t alter s type varchar(20)")
        self.sql("insert into t values (4, 4, 'longer than it was')")
        self.wait_confirmed(child)
        self.assertEqual(self.warnings(child.stderr(), "another type"), [])
        self.sql("alter table t alter a type bigint using a * 10")
        self.sql("insert into t values (5, 5, 'z')")
        log = self.end(child)
        found = self.warnings(log, "another type")
        self.assertRegex(found[0], r"snapshot of the table.*table=public\.t column=a lsn=[0-9A-F]+/[0-9A-F]+")
        self.assertEqual(self.mirror("select id, a from t order by id"), [(1, 1), (2, 2), (3, 3), (4, 4), (5, 5)])
        self.verify(code=1)

    def test_a_table_made_again_keeps_no_old_rows(self):
        self.sql("create table t(id int primary key, a text); insert into t values (1, 'old'), (2, 'old')")
        self.sql("create table other(id int primary key); insert into other values (1)")
        child = self.run_it(source='publication.autocreate.mode = "all_tables"')
        self.sql("insert into t values (3, 'old')")
        self.sql("begin; insert into t values (4, 'old'); drop table t; create table t(id int primary key, b int, a text); insert into t values (1, 5, 'new'); commit")
        self.sql("insert into t values (7, 6, 'new'); insert into other values (2)")
        log = self.end(child)
        self.assert_same("t", ["id", "a", "b"])
        self.assert_same("other", ["id"])
        self.assertEqual(len(self.warnings(log, "another table has the name now")), 1, log)
        self.assertEqual(self.mirror("select count(*) from t_history"), [(6,)])
        self.end(self.run_it())
        self.assert_same("t", ["id", "a", "b"])
        self.verify()

    def test_a_deferrable_key_may_be_two_rows_for_a_while(self):
        self.sql("create table t(id int primary key deferrable, a text); alter table t replica identity full; insert into t values (1, 'a'), (2, 'b'), (3, 'c')")
        child = self.run_it()
        self.sql("update t set id = id + 1")
        self.sql("begin; set constraints all deferred; insert into t values (2, 'new'); delete from t where a = 'a'; commit")
        self.end(child)
        self.assert_same("t", ["id", "a"])
        self.verify()

    def test_another_primary_key_than_the_changes_were_made_under(self):
        self.sql("create table t(a int primary key, b int not null unique, s text); insert into t values (1, 10, 'x'), (2, 20, 'y'), (3, 30, 'z')")
        self.end(self.run_it())
        self.sql("update t set b = 11 where a = 1; delete from t where a = 2; alter table t drop constraint t_pkey, add primary key (b); update t set s = 'new' where b = 30")
        self.end(self.run_it())
        self.assert_same("t", ["a", "b", "s"])
        self.verify()

    def test_two_tables_altered_in_one_transaction(self):
        self.sql("create table one(id int primary key, a int); create table two(id int primary key, a int); insert into one values (1, 1); insert into two values (1, 1)")
        child = self.run_it()
        self.sql("insert into one values (2, 2); insert into two values (2, 2)")
        self.sql("begin; insert into one values (3, 3); alter table one add column b int default 4; insert into two values (3, 3); update one set b = 5 where id = 1; "
                 "alter table two rename a to c; alter table two add column d text default 'd'; insert into two values (4, 4, 'e'); insert into one values (4, 4, 6); "
                 "alter table one drop column a; alter table one add column f int; insert into one values (5, 7, 8); delete from two where id = 2; commit")
        self.end(child)
        self.assert_same("one", ["id", "b", "f"])
        self.assert_same("two", ["id", "c", "d"])
        self.assertEqual(self.mirror("select count(*) from one_history")[0][0], 6)
        self.verify()

    def test_values_beyond_duckdbs_types(self):
        self.sql("create table t(id int primary key, wide numeric(50,10), free numeric, day date, at timestamp, n numeric(5,2))")
        child = self.run_it()
        wide = "1234567890123456789012345678901234567890.0123456789"
        self.sql(f"insert into t values (1, {wide}, {wide}, '0044-03-15 BC', 'infinity', 1.5), (2, 'NaN', 'NaN', '-infinity', '4713-01-01 00:00:00 BC', 2.5), "
                 "(3, 1, 1, '2024-01-01', '294276-12-31 23:59:59', 1), (4, 1, 1, '5874897-12-31', '2024-01-01', 'NaN')")
        self.end(child)
        self.assertEqual(self.mirror('select id, wide, free, day::varchar, "at"::varchar, n::varchar from t order by id'),
                         [(1, wide, wide, "0044-03-15 (BC)", "infinity", "1.50"), (2, "NaN", "NaN", "-infinity", "4713-01-01 (BC) 00:00:00", "2.50")])
        self.assertEqual(self.mirror('select id, wide, free, day::varchar, "at"::varchar, n::varchar from t_history order by id'),
                         self.mirror('select id, wide, free, day::varchar, "at"::varchar, n::varchar from t order by id'))
        for branch in ("mirror", "history"):
            letters = [json.loads(line) for path in (self.folder / "state").glob(f"*.{branch}.dead-letters.jsonl") for line in path.read_text().splitlines()]
            self.assertEqual(sorted(letter["key"]["id"] for letter in letters), ["3", "4"])

    def test_unchanged_toast_values(self):
        self.sql("create table t(id int primary key, n int, big text); alter table t alter big set storage external")
        self.sql("create table whole(id int primary key, n int, big text); alter table whole alter big set storage external; alter table whole replica identity full")
        child = self.run_it()
        for table in ("t", "whole"):
            self.sql(f"insert into {table} values (1, 1, repeat('x', 20000)), (2, 1, repeat('y', 20000))")
            self.sql(f"update {table} set n = 2 where id = 1; update {table} set id = 12 where id = 2; truncate {table}; insert into {table} values (1, 1, repeat('z', 20000))")
            self.sql(f"update {table} set n = 3, id = 9")
        self.end(child)
        for table in ("t", "whole"):
            self.assert_same(table, ["id", "n", "big"])
        self.verify()
        updates = "select id, length(big), unavailable::varchar from {} where op = 'u' order by lsn, seq"
        self.assertEqual(self.mirror(updates.format("t_history")), [(1, None, "[big]"), (12, None, "[big]"), (9, None, "[big]")])
        self.assertEqual(self.mirror(updates.format("whole_history")), [(1, 20000, "[]"), (12, 20000, "[]"), (9, 20000, "[]")])
        self.assertEqual(self.mirror("select count(*) from t_history where op = 't'"), [(1,)])

    def test_the_history_has_a_truncate_that_is_the_first_change(self):
        self.sql("create table t(id int primary key); insert into t values (1)")
        self.end(self.run_it())
        child = self.run_it()
        self.sql("truncate t")
        self.end(child)
        self.assertEqual(self.mirror("select op from t_history order by lsn"), [("r",), ("t",)])
        self.assertEqual(self.mirror("select * from t"), [])

    def test_names_that_differ_in_case_alone(self):
        self.sql('create table foo(id int primary key); create table "Foo"(id int primary key); insert into foo values (1); insert into "Foo" values (2)')
        self.config = self.pipeline(BRANCHES)
        child = self.start("run", self.config)
        child.until("the message", lambda: "does not tell upper from lower case" in child.stderr(), 60)
        self.assertIn("duckdb.schema", child.stderr())
