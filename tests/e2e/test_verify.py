"""millrace verify: equal when it is, and every way of not being equal is found, whether millrace runs or not."""
import json
import threading

import duckdb

from support import program
from support.case import ServerCase

TABLES = """
create table keyed(id int primary key, name text, weight float8, price numeric(10,2), took interval, part bytea);
insert into keyed select n, 'name ' || n, case when n % 10 = 0 then float8 'NaN' else n / 3.0 end, n * 1.5,
  case when n % 7 > 0 then n * interval '1 hour' end, '\\x00ff' from generate_series(1, 300) n;
create table keyless(sku char(15), available int, weight float4);
alter table keyless replica identity full;
insert into keyless select 'S' || n, n % 20, case when n % 5 > 0 then float4 'NaN' end from generate_series(1, 100) n;
insert into keyless select 'twin', 1, null from generate_series(1, 3);
create table "Odd Name"("Key ""q" text primary key, "B" text);
insert into "Odd Name" values ('it''s \\ odd', 'x');
create table nothing(id int primary key);
"""

BRANCHES = """
[branch.mirror.sink]
type = "duckdb"
duckdb.file = "$FOLDER/w.duckdb"
duckdb.mode = "mirror"

[branch.history]
tables = ["public.keyless"]
sql = "SELECT row.sku, row.available AS quantity, ts AS timestamp, op = 'd' AS deleted FROM changes"

[branch.history.sink]
type = "duckdb"
duckdb.file = "$FOLDER/w.duckdb"
duckdb.mode = "history"

[branch.lines]
tables = ["public.keyed"]

[branch.lines.sink]
type = "file"
file.path = "$FOLDER/lines.jsonl"
"""


class Verify(ServerCase):
    def setUp(self):
        super().setUp()
        self.sql(TABLES)
        self.config = self.pipeline(BRANCHES)
        self.file = self.folder / "w.duckdb"

    def run_it(self):
        return self.streaming(self.start("run", self.config))

    def filled(self):
        """Runs until the warehouse has everything, and stops."""
        child = self.run_it()
        self.wait_confirmed(child)
        self.assertEqual(child.stop(), 0, child.stderr())

    def spoil(self, *statements):
        connection = duckdb.connect(str(self.file))
        for statement in statements:
            self.assertTrue(connection.execute(statement).fetchone()[0], f"changed nothing: {statement}")
        connection.close()

    def verify(self, *args, code):
        out = program.run("verify", self.config, *args, limit=120)
        self.assertEqual(out.returncode, code, out.stdout + out.stderr)
        return out.stdout if code < 2 else out.stderr

    def report(self, *args, code):
        report = json.loads(self.verify("--json", *args, code=code))
        self.assertEqual(report["equal"], code == 0)
        return report, {(table["branch"], table["source"]): table for table in report["tables"]}

    def counts(self, table):
        return table["missing"], table["too_many"], table["different"]

    def changes(self, *statements):
        """Changes rows as fast as it goes, until the function that it returns is called."""
        done = threading.Event()
        rounds = []

        def work():
            number = 0
            while not done.is_set():
                number += 1
                if statements:
                    self.sql(statements[number % len(statements)])
                else:
                    self.sql("update keyed set price = price + 1 where id %% 50 = %s", number % 50)
                    self.sql("update keyless set available = (available + 1 - 2 * (%s %% 2)) %% 20 where sku like %s", number, f"S%{number % 10}")
                rounds.append(number)
        thread = threading.Thread(target=work)
        thread.start()

        def end():
            done.set()
            thread.join()
            self.assertGreater(len(rounds), 3, "the changes ended early")
        self.addCleanup(end)
        return end

    def test_equal_while_running_and_while_not(self):
        child = self.run_it()
        out = self.verify(code=0)
        self.assertRegex(out, r"mirror +public.keyed +300 rows +equal")
        self.assertRegex(out, r"history +public.keyless +103 rows +equal")
        self.assertRegex(out, r"lines +not compared")
        self.assertEqual(out.splitlines()[-1], "equal")
        self.assertEqual(child.stop(), 0, child.stderr())
        out = self.verify(code=0)
        self.assertIn("nothing is running", out)

    def test_equal_under_changes(self):
        child = self.run_it()
        end = self.changes()
        for _ in range(3):
            self.verify(code=0)
        end()
        self.assertEqual(child.stop(), 0, child.stderr())

    def test_rows_that_have_the_same_values_again_and_again_are_no_differences(self):
        child = self.run_it()
        self.changes("update keyed set price = 1 - price where random() < 0.5; update keyless set available = floor(random() * 4) where random() < 0.5")
        for _ in range(2):
            self.verify(code=0)
        self.assertIsNone(child.ended(), child.stderr())

    def test_differences_of_a_table_with_a_key(self):
        self.filled()
        self.spoil("update keyed set weight = 99, name = null where id = 3", "delete from keyed where id in (5, 6)",
                   "insert into keyed (id) values (7777)", "insert into keyed select * from keyed where id = 8",
                   """update "Odd Name" set "B" = 'y'""")
        stopped, tables = self.report("--branch", "mirror", code=1)
        self.run_it()
        running, _ = self.report("--branch", "mirror", code=1)
        self.assertEqual(running["tables"], stopped["tables"])
        keyed = tables["mirror", "public.keyed"]
        self.assertEqual(self.counts(keyed), (2, 2, 1))
        found = {(row["kind"], row["row"]["id"]) for row in keyed["examples"]}
        self.assertEqual(found, {("different", "3"), ("missing", "5"), ("missing", "6"), ("too many", "7777"), ("too many", "8")})
        values = next(row["values"] for row in keyed["examples"] if row["kind"] == "different")
        self.assertEqual(values, [{"column": "name", "source": "name 3", "stored": None}, {"column": "weight", "source": "1.0", "stored": "99.0"}])
        odd = tables["mirror", "public.Odd Name"]
        self.assertEqual((self.counts(odd), odd["examples"][0]["row"]), ((0, 0, 1), {'Key "q': "it's \\ odd"}))
        self.assertTrue(tables["mirror", "public.keyless"]["equal"])

    def test_differences_of_a_table_without_a_key(self):
        self.filled()
        self.spoil("delete from keyless where sku like 'S1 %'", "delete from keyless where rowid = (select min(rowid) from keyless where sku like 'twin%')",
                   "insert into keyless values ('extra', null, 'NaN'), ('extra', null, 'NaN')")
        _, tables = self.report("--branch", "mirror", code=1)
        keyless = tables["mirror", "public.keyless"]
        self.assertEqual(self.counts(keyless), (2, 2, 0))
        found = {(row["kind"], row["count"], row["row"]["sku"].rstrip()) for row in keyless["examples"]}
        self.assertEqual(found, {("missing", 1, "S1"), ("missing", 1, "twin"), ("too many", 2, "extra")})

    def test_a_row_that_the_history_lacks(self):
        self.filled()
        self.spoil("delete from keyless_history where sku like 'S1 %'")
        _, tables = self.report("--branch", "history", code=1)
        self.assertEqual(self.counts(tables["history", "public.keyless"]), (1, 0, 0))

    def test_differences_are_told_from_changes(self):
        self.filled()
        self.spoil("update keyed set price = 1 where id = 3", "delete from keyed where id = 300", "insert into keyless values ('extra', null, null)",
                   """update "Odd Name" set "B" = 'y'""")
        self.sql("create function hold() returns trigger language plpgsql as 'begin return null; end'")
        self.sql("create trigger hold before update on keyed for each row when (old.id in (3, 300)) execute function hold()")
        self.run_it()
        self.changes()
        _, tables = self.report("--branch", "mirror", code=1)
        self.assertEqual(self.counts(tables["mirror", "public.keyed"]), (1, 0, 1))
        self.assertEqual(self.counts(tables["mirror", "public.keyless"]), (0, 1, 0))
        self.assertEqual(self.counts(tables["mirror", "public.Odd Name"]), (0, 0, 1))

    def test_a_column_that_the_mirror_lacks(self):
        self.filled()
        self.sql("alter table keyed add column colour text")
        _, tables = self.report("--branch", "mirror", code=1)
        self.assertEqual(tables["mirror", "public.keyed"]["lacking_columns"], ["colour"])

    def test_a_column_that_the_source_dropped_is_no_difference(self):
        self.filled()
        self.sql("alter table keyed drop column name")
        self.report("--branch", "mirror", code=0)

    def test_behind_while_nothing_runs(self):
        self.filled()
        self.sql("insert into keyed (id) values (1000)")
        self.assertRegex(self.verify(code=1), "nothing is running: branch mirror stands at .*, the source at .*millrace run")
        self.run_it()
        self.verify(code=0)

    def test_what_cannot_be_done_is_said(self):
        self.assertIn("no warehouse", self.verify(code=4))
        self.run_it()
        self.assertIn("no branch 'nope'", self.verify("--branch", "nope", code=4))
        self.assertEqual(self.verify("--branch", "lines", code=0).splitlines()[-1], "nothing was compared")
