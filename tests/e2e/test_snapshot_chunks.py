"""Snapshots by key chunks: killed in the middle of a table, one goes on with the chunks that it has not finished, and everything adds up with what triggers wrote down."""
import collections
import json
import random
import re
import threading

from support import waiting, warehouse
from support.case import ServerCase, payload
from support.program import http_get
from support.tcp_proxy import Proxy

ROWS = 40_000
RATE = 3_000_000  # bytes of a table a second until it is interrupted, for it to be in time: the table has 7 MB
# v is new with every change, so that each can be told from every other. The key: two columns, one of them text whose order is not that of its bytes.
SETUP = r"""
create sequence vs;
create table big(code text collate "en-x-icu", n int, v bigint not null default nextval('vs'), body text, primary key (code, n)) with (autovacuum_enabled = off);
create table audit(seq bigserial primary key, op text, old_key text, new_key text, v bigint);
insert into big(code, n, body) select (array['a', 'B', 'c', 'D', 'É', 'e', 'it''s "' || g %% 100, 'back\slash', E'tab\t' || g %% 50, E'line\n', ', (', ''])[1 + g %% 12], g, repeat('x', 150)
from generate_series(1, %s) g;
create function watch() returns trigger language plpgsql as $$
begin
  insert into audit(op, old_key, new_key, v) values (case tg_op when 'INSERT' then 'c' when 'UPDATE' then 'u' else 'd' end,
    case when tg_op <> 'INSERT' then old.code || '/' || old.n end, case when tg_op <> 'DELETE' then new.code || '/' || new.n end, case when tg_op = 'DELETE' then old.v else new.v end);
  return null;
end $$;
create trigger watch after insert or update or delete on big for each row execute function watch();
analyze big;
"""
BRANCHES = """
[branch.history]
tables = ["public.big"]
sql = \"\"\"SELECT lsn, seq, op, before.code || '/' || before.n AS old_key, after.code || '/' || after.n AS new_key, row.v AS v FROM changes\"\"\"
[branch.history.sink]
type = "duckdb"
duckdb.file = "$FOLDER/w.duckdb"
duckdb.mode = "history"
duckdb.table = "history"
duckdb.flush.ms = 20
[branch.mirror.sink]
type = "duckdb"
duckdb.file = "$FOLDER/w.duckdb"
duckdb.mode = "mirror"
duckdb.flush.ms = 20
[branch.rows.sink]
type = "file"
file.path = "$FOLDER/rows.jsonl"
"""


MIRROR = """
[branch.mirror.sink]
type = "duckdb"
duckdb.file = "$FOLDER/w.duckdb"
duckdb.mode = "mirror"
"""


class Fold:
    """Plays records in their order; what a key holds is unknown until something says so."""

    def __init__(self, case):
        self.case, self.rows, self.changes, self.snapshots = case, {}, [], collections.Counter()

    def play(self, op, old_key, new_key, v):
        if op == "r":
            self.snapshots[new_key] += 1
            self.case.assertEqual(self.rows.get(new_key, v), v, f"a row of a snapshot is older than what came before it: {new_key}")
            self.rows[new_key] = v
            return
        self.changes.append((op, old_key, new_key, v))
        if op == "c":
            self.case.assertIsNone(self.rows.get(new_key), f"made twice: {new_key}")
        else:
            held = self.rows.get(old_key, "unknown")
            self.case.assertIsNotNone(held, f"changed after it was deleted: {old_key}")
            if op == "d":
                self.case.assertIn(held, (v, "unknown"), f"not what was deleted: {old_key}")
            self.rows[old_key] = None
        if op != "d":
            self.rows[new_key] = v

    def made(self):
        return [(op, old or "" if op != "c" else "", new or "", v) for op, old, new, v in self.changes]

    def held(self):
        return {key: v for key, v in self.rows.items() if v is not None}


class Chunks(ServerCase):
    identity = "full"

    def setUp(self):
        super().setUp()
        self.http = waiting.free_port()
        self.proxy = Proxy(self.cluster.port)
        self.enterContext(self.proxy)
        self.sql(SETUP, ROWS)
        self.sql(f"alter table big replica identity {self.identity}")

    def config(self, threads, branches=BRANCHES, source="", tables='"public.big"'):
        return self.pipeline(branches, port=self.proxy.port, common=f'memory.max = "6MiB"\nhttp.listen = "127.0.0.1:{self.http}"',
                             source=f'table.include.list = [{tables}]\n"snapshot.max.threads" = {threads}\nsnapshot.chunk.bytes = "256KiB"\n{source}')

    def busy(self, seed):
        """Changes all over the table until the returned function is called."""
        ended, connection, chance, errors = threading.Event(), self.cluster.connect(self.database), random.Random(seed), []

        def work():
            with connection.cursor() as cursor:
                while not ended.wait(0.002):
                    n, act = chance.randint(1, ROWS), chance.random()
                    if act < 0.5:
                        cursor.execute("update big set v = nextval('vs') where n = %s", (n,))
                    elif act < 0.7:
                        cursor.execute("delete from big where n = %s", (n,))
                    elif act < 0.85:
                        cursor.execute("insert into big(code, n) values (%s, %s) on conflict do nothing", (chance.choice("aBcDéZ'\\"), n))
                    else:  # to another key, which may be in another chunk
                        one = "select code from big where n = %s order by code like 'to %%' desc limit 1"  # of those that an insert has added
                        cursor.execute(f"update big set code = 'to ' || n, v = nextval('vs') where n = %s and code = ({one}) and code <> 'to ' || n", (n, n))

        def run():
            try:
                work()
            except Exception as error:  # told by end()
                errors.append(error)
        self.sql("create index if not exists by_n on big(n)")
        worker = threading.Thread(target=run, daemon=True)
        worker.start()

        def end():
            ended.set()
            worker.join(30)
            connection.close()
            if errors:
                raise AssertionError(f"the load failed: {errors[0]}")
        return end

    def snapshot_rows(self):
        code, text = http_get(self.http, "/status")
        return json.loads(text)["source"]["snapshot_rows"] if code == 200 else 0

    def unread(self):
        """How many rows of the table the branch that has least of it has not stored as read."""
        offsets = [offset for (offset,) in warehouse.rows(self.folder / "w.duckdb", "select \"offset\" from _millrace.progress where stream like 'table:%'")]
        stored = json.loads((self.folder / "rows.jsonl.progress").read_text(encoding="utf-8"))
        offsets += [json.dumps(offset) for stream, offset in stored["streams"].items() if stream.startswith("table:")]
        self.assertEqual(len(offsets), 3, "not every branch has begun")
        return max(sum(self.rows_in(*ends) for ends in json.loads(offset)["unread"]["ranges"]) for offset in offsets)

    def rows_in(self, after, through):
        where = [f"(code, n) {sign} (%s, %s)" for sign, bound in ((">", after), ("<=", through)) if len(bound) > 1]
        return self.sql(f"select count(*) from big where {' and '.join(where) or 'true'}", *after[1:], *through[1:])[0][0]

    def begin(self, threads, rows, **options):
        """Killed once so many rows have been read, while changes are made; gives the function that ends them."""
        self.proxy.rate = RATE // threads
        child = self.start("run", self.config(threads, **options))
        child.until("it reads", lambda: self.snapshot_rows() > 0)
        end = self.busy(1)
        child.until(f"{rows} rows", lambda: self.snapshot_rows() >= rows)
        child.kill()
        self.assertNotIn("table read", child.stderr(), "too late")
        self.proxy.rate = 0
        return end

    def finish(self, threads, end, **options):
        child = self.streaming(self.start("run", self.config(threads, **options)))
        child.until("it is read", lambda: "table read" in child.stderr(), 120)
        self.wait_confirmed(child)
        end()
        self.wait_confirmed(child)
        self.assertEqual(child.stop(), 0, child.stderr())
        return child.stderr()

    def file(self):
        file = Fold(self)
        for line in (self.folder / "rows.jsonl").read_text(encoding="utf-8").splitlines():
            value = payload(json.loads(line)["value"])
            if value is None:
                continue
            before, after = ([f"{row['code']}/{row['n']}" if row else None for row in (value["before"], value["after"])])
            file.play(value["op"], before, after, (value["after"] or value["before"])["v"])
        return file

    def adds_up(self):
        table = dict(self.sql("select code || '/' || n, v from big"))
        self.assertEqual(dict(warehouse.rows(self.folder / "w.duckdb", "select code || '/' || n, v from big")), table, "the mirror")
        history = warehouse.rows(self.folder / "w.duckdb", "select op, coalesce(case when op <> 'c' then old_key end, ''), coalesce(new_key, ''), v from history order by rowid")
        snapshot = [key for op, _, key, _ in history if op == "r"]
        self.assertEqual(len(snapshot), len(set(snapshot)), "a row is in the snapshot twice")
        changes = [row for row in history if row[0] != "r"]
        held = {key: v for op, _, key, v in history if op == "r"}
        for op, old, new, v in changes:
            held.pop(old, None)
            if op != "d":
                held[new] = v
        self.assertEqual(held, table, "the history")
        file = self.file()
        self.assertEqual(file.held(), table, "the file")
        audit = self.sql("select op, coalesce(old_key, ''), coalesce(new_key, ''), v from audit")
        self.assertEqual(sorted(changes), sorted(audit), "the history: each change once")
        records = []  # a row that gets another key is a delete and a create
        for op, old, new, v in audit:
            records += [("d", old, "", 0), ("c", "", new, v)] if op == "u" and old != new else [(op, old, new, v if op != "d" else 0)]
        self.assertEqual(sorted((op, old, new, v if op != "d" else 0) for op, old, new, v in file.made()), sorted(records), "the file: each change once")

    def rows_read(self, log):
        return int(re.search(r'msg="table read" table=public\.big rows=(\d+)', log).group(1))

    def resumes(self, threads):
        end = self.begin(threads, ROWS * 6 // 10)
        left = self.unread()
        self.assertLess(left, ROWS * 7 // 10, "little of it was stored as read")
        log = self.finish(threads, end)
        self.assertLess(abs(self.rows_read(log) - left), ROWS // 20, "finished chunks were read again, or others were not")
        self.adds_up()
        verified = self.run_to_end("verify", self.folder / "pipeline.toml")
        self.assertEqual(verified.returncode, 0, verified.stdout + verified.stderr)

    def test_one_connection(self):
        self.resumes(1)

    def test_three_connections(self):
        self.resumes(3)

    def test_killed_twice(self):
        end = self.begin(2, ROWS * 3 // 10)
        self.proxy.rate = RATE // 2
        child = self.start("run", self.config(2))
        child.until("it goes on reading", lambda: self.snapshot_rows() > ROWS // 4)
        child.kill()
        self.assertNotIn("table read", child.stderr(), "too late")
        self.proxy.rate = 0
        left = self.unread()
        self.assertLess(left, ROWS * 7 // 10, "what was read before the first kill is to be read again")
        log = self.finish(3, end)
        self.assertLess(abs(self.rows_read(log) - left), ROWS // 20)
        self.adds_up()

    def test_a_connection_that_is_lost(self):
        self.proxy.rate = RATE // 3
        child = self.start("run", self.config(3))
        child.until("it reads", lambda: self.snapshot_rows() > 0)
        end = self.busy(1)
        child.until("half of it", lambda: self.snapshot_rows() >= ROWS // 2)
        end_one = "select pg_terminate_backend(pid) from pg_stat_activity where datname = %s and query like 'COPY (SELECT%%' limit 1"
        child.until("one that reads is ended", lambda: self.cluster.sql(end_one, self.database), 10)
        self.proxy.rate = 0
        child.until("it goes on", lambda: "the snapshot of a table goes on" in child.stderr())
        child.until("it is read", lambda: "table read" in child.stderr(), 120)
        self.wait_confirmed(child)
        end()
        self.wait_confirmed(child)
        self.assertEqual(child.stop(), 0, child.stderr())
        self.assertLess(self.rows_read(child.stderr()), ROWS * 7 // 10, "finished chunks were read again")
        self.adds_up()

    def test_where_keepalives_do_not_move_the_slot(self):
        """The stream comes to the new snapshot also when nothing is written."""
        options = {"branches": MIRROR, "source": 'lsn.flush.mode = "connector"'}
        self.begin(2, ROWS * 6 // 10, **options)()
        child = self.streaming(self.start("run", self.config(2, **options)))
        child.until("the stream goes back for it", lambda: child.stderr().count("msg=streaming") == 2, 30)
        self.assertEqual(child.stop(), 0, child.stderr())
        self.assertLess(self.rows_read(child.stderr()), ROWS * 7 // 10)
        child = self.streaming(self.start("run", self.config(2, **options)))
        self.sql("update big set v = nextval('vs') where n = 1")
        child.until("the change", lambda: '"events":0' not in http_get(self.http, "/status")[1].split('"branches"')[1])
        self.assertEqual(child.stop(), 0, child.stderr())
        self.assertNotIn("table read", child.stderr())
        self.assertEqual(dict(warehouse.rows(self.folder / "w.duckdb", "select code || '/' || n, v from big")), dict(self.sql("select code || '/' || n, v from big")))

    def test_from_a_connectors_offsets(self):
        """What Debezium keeps its offsets in holds the rest of a table too; what is printed is in order for each key, over both runs."""
        connector = self.connector(**{"table.include.list": "public.big", "snapshot.max.threads": "2", "snapshot.chunk.bytes": "262144", "offset.flush.interval.ms": "20",
                                      "memory.max": "4MiB", "database.port": str(self.proxy.port)})
        self.proxy.rate = RATE // 2
        child = self.to_stdout(connector)
        child.until("it reads", lambda: child.lines)
        end = self.busy(1)
        child.until("much of it", lambda: len(child.lines) >= ROWS // 2)
        child.kill()
        self.assertNotIn("table read", child.stderr(), "too late")
        self.proxy.rate = 0
        child.reader.join()
        printed = child.records()
        child = self.streaming(self.to_stdout(connector))
        child.until("it is read", lambda: "table read" in child.stderr(), 120)
        self.wait_confirmed(child)
        end()
        self.wait_confirmed(child)
        self.assertEqual(child.stop(), 0, child.stderr())
        child.reader.join()
        self.assertLess(self.rows_read(child.stderr()), ROWS * 9 // 10, "finished chunks were read again")
        fold = Fold(self)
        for record in printed + child.records():
            value = payload(record["value"])
            if value is not None:
                before, after = ([f"{row['code']}/{row['n']}" if row else None for row in (value["before"], value["after"])])
                fold.play(value["op"], before, after, (value["after"] or value["before"])["v"])
        self.assertEqual(fold.held(), dict(self.sql("select code || '/' || n, v from big")))

    def test_what_a_first_attempt_gave_and_is_gone_since(self):
        """Its offsets were older than what it had given; the second attempt is interrupted in the middle of the table, and the third knows of the second alone."""
        connector = self.connector(**{"table.include.list": "public.big", "snapshot.chunk.bytes": "262144", "offset.flush.interval.ms": "20", "memory.max": "4MiB",
                                      "snapshot.delay.ms": "500", "database.port": str(self.proxy.port)})
        self.proxy.rate = RATE
        offsets = self.folder / "offsets"
        child = self.to_stdout(connector)
        child.until("an offset before the first row", offsets.exists)
        early = offsets.read_bytes()
        self.assertFalse(child.lines)
        child.until("it reads", lambda: child.lines)
        child.kill()
        child.reader.join()
        printed = child.records()
        offsets.write_bytes(early)
        gone = payload(printed[0]["value"])["after"]
        self.sql("delete from big where code = %s and n = %s", gone["code"], gone["n"])
        child = self.to_stdout(connector)
        child.until("chunks of it", lambda: b"unread" in offsets.read_bytes())
        child.kill()
        self.assertNotIn("table read", child.stderr(), "too late")
        self.proxy.rate = 0
        child.reader.join()
        printed += child.records()
        child = self.to_stdout(connector)
        child.until("the stream goes back for it", lambda: child.stderr().count("msg=streaming") == 2, 120)
        self.wait_confirmed(child)
        self.assertEqual(child.stop(), 0, child.stderr())
        child.reader.join()
        of_key = [payload(record["value"])["op"] for record in printed + child.records()
                  if record["value"] and [payload(record["key"])[name] for name in ("code", "n")] == [gone["code"], gone["n"]]]
        self.assertEqual(of_key[-1], "d", of_key)

    def test_a_branch_that_is_new_gets_all_while_another_goes_on(self):
        alone = BRANCHES.split("[branch.rows.sink]")[0]
        end = self.begin(2, ROWS * 6 // 10, branches=alone)
        self.finish(2, end, branches=BRANCHES)
        table = dict(self.sql("select code || '/' || n, v from big"))
        self.assertEqual(dict(warehouse.rows(self.folder / "w.duckdb", "select code || '/' || n, v from big")), table, "the mirror")
        file = self.file()
        self.assertEqual(file.held(), table)
        self.assertEqual(max(file.snapshots.values()), 1)

    def test_a_table_that_was_altered_starts_over(self):
        end = self.begin(1, ROWS * 6 // 10)
        end()
        self.sql("alter table big add column more int not null default 7")
        self.sql("update big set v = nextval('vs') where n <= 100")
        log = self.finish(1, lambda: None)
        self.assertIn("was altered: its snapshot starts over", log)
        table = sorted(self.sql("select code || '/' || n, v, more from big"))
        self.assertEqual(sorted(warehouse.rows(self.folder / "w.duckdb", "select code || '/' || n, v, more from big")), table)

    def test_a_row_that_comes_to_a_finished_chunk_without_all_its_values(self):
        """Its old key is in a chunk that was not read, and the server does not send what the update has not changed."""
        self.sql("alter table big replica identity default; alter table big alter body set storage external")
        self.sql("update big set body = repeat('long ', 1000) where n % 1000 = 1")
        self.begin(1, ROWS * 6 // 10)()
        last = self.sql("select code, n from big where n % 1000 = 1 order by code desc, n desc limit 1")[0]
        self.sql("update big set code = '', n = -1 where code = %s and n = %s", *last)
        log = self.finish(1, lambda: None)
        self.assertIn("the snapshot of the table starts over", log)
        self.assertNotIn("are left out", log)
        table = sorted(self.sql("select code || '/' || n, v, md5(body) from big"))
        self.assertEqual(sorted(warehouse.rows(self.folder / "w.duckdb", "select code || '/' || n, v, md5(body) from big")), table)

    def test_a_mirror_of_a_table_with_another_message_key(self):
        options = {"branches": MIRROR, "source": 'message.key.columns = "public.big:v"'}
        end = self.begin(1, ROWS * 6 // 10, **options)
        self.finish(1, end, **options)
        self.assertEqual(sorted(warehouse.rows(self.folder / "w.duckdb", "select code || '/' || n, v from big")), sorted(self.sql("select code || '/' || n, v from big")))

    def test_a_key_whose_operators_the_role_does_not_search(self):
        """Of citext, bounds in its order and ranges in that of text would overlap; ltree has no other order."""
        self.sql("create schema ext; create extension citext schema ext; create extension ltree schema ext")
        self.sql("create table mail(address ext.citext primary key, body text); create table tree(path ext.ltree primary key, body text)")
        self.sql("insert into mail select chr((case when g %% 2 = 0 then 65 else 97 end) + g %% 26) || g, repeat('x', 150) from generate_series(1, %s) g", ROWS // 4)
        self.sql("insert into tree select ('top.' || chr(65 + g %% 26) || '.n' || g)::text::ext.ltree, repeat('x', 150) from generate_series(1, %s) g", ROWS // 4)
        self.sql("analyze mail; analyze tree")
        child = self.start("run", self.config(3, MIRROR, tables='"public.mail", "public.tree"'))
        self.streaming(child)
        self.wait_confirmed(child)
        self.assertEqual(child.stop(), 0, child.stderr())
        for table, key in (("mail", "address"), ("tree", "path")):
            self.assertEqual(warehouse.rows(self.folder / "w.duckdb", f"select count(*), count(distinct {key}) from {table}"), [(ROWS // 4, ROWS // 4)], table)

    def test_without_a_key_it_starts_over(self):
        self.sql("alter table big drop constraint big_pkey")
        end = self.begin(3, ROWS * 6 // 10, branches=MIRROR)
        end()
        log = self.finish(3, lambda: None, branches=MIRROR)
        self.assertEqual(self.rows_read(log), self.sql("select count(*) from big")[0][0])
        self.assertEqual(sorted(warehouse.rows(self.folder / "w.duckdb", "select code || '/' || n, v from big")), sorted(self.sql("select code || '/' || n, v from big")))

    def test_markers_with_several_connections(self):
        self.sql("create table a_small(id int primary key); insert into a_small select generate_series(1, 10); create table empty(id int primary key)")
        child = self.to_stdout(self.connector(**{"snapshot.max.threads": "3", "snapshot.chunk.bytes": "262144", "snapshot.mode": "initial_only"}))
        child.until("its end", lambda: not child.running())
        rows = [payload(record["value"])["source"] for record in child.records()]
        self.assertEqual(len(rows), ROWS + 10 + self.sql("select count(*) from audit")[0][0])
        markers = [row["snapshot"] for row in rows]
        self.assertEqual([at for at, marker in enumerate(markers) if marker == "last"], [len(rows) - 1])
        for table in ("a_small", "big"):
            of_table = [row["snapshot"] for row in rows if row["table"] == table]
            self.assertTrue(of_table[0].startswith("first"), of_table[0])
            self.assertTrue(of_table[-1].startswith("last"), of_table[-1])
            self.assertEqual(set(of_table[1:-1]), {"true"})
