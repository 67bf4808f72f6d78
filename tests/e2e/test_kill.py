"""SIGKILL under load, at random instants, compared with an audit table that triggers write: nothing lost; in DuckDB nothing
doubled; in Kafka in order per key once repeated (lsn, op, key) are dropped.

MILLRACE_KILL_SEED=N repeats the instants of a run; its seed is printed. ./test slow kills more often.
"""
import collections
import json
import os
import random
import threading
import time
import unittest

from support import kafka, warehouse
from support.case import ServerCase, slow

SHORT = int(os.environ.get("MILLRACE_KILLS", "10"))
BULK = 40_000  # rows of each table that makes a snapshot long
# v is new with every change, so that each change can be told from every other.
SETUP = """
create sequence vs;
create table stock(id int primary key, v bigint not null default nextval('vs'), body text);
alter table stock replica identity full;
create table loose(v bigint not null default nextval('vs'), body text);
alter table loose replica identity full;
create table audit(seq bigserial primary key, op text, old_id int, new_id int, v bigint);
create function watch() returns trigger language plpgsql as $$
begin
  insert into audit(op, old_id, new_id, v) values (
    case tg_op when 'INSERT' then 'c' when 'UPDATE' then 'u' else 'd' end,
    case when tg_op <> 'INSERT' then old.id end, case when tg_op <> 'DELETE' then new.id end,
    case when tg_op = 'DELETE' then old.v else new.v end);
  return null;
end $$;
insert into stock(id, body) select g, 'first' from generate_series(1, 100) g;
create trigger watch after insert or update or delete on stock for each row execute function watch();
"""
DUCK = """
[branch.history]
tables = ["public.stock"]
sql = \"\"\"SELECT lsn, seq, op, before.id AS old_id, after.id AS new_id, row.v AS v FROM changes\"\"\"
[branch.history.sink]
type = "duckdb"
duckdb.file = "$FOLDER/w.duckdb"
duckdb.mode = "history"
duckdb.table = "stock_history"
[branch.mirror]
tables = ["public.stock", "public.loose"]
[branch.mirror.sink]
type = "duckdb"
duckdb.file = "$FOLDER/w.duckdb"
duckdb.mode = "mirror"
"""


class Load(threading.Thread):
    """Writers' work on a connection of its own until stop(): small and larger transactions, rollbacks, key changes."""

    def __init__(self, case, number, seed):
        super().__init__(daemon=True)
        self.connection = case.cluster.connect(case.database, autocommit=False)
        self.random, self.number, self.ended = random.Random(seed * 1000 + number), number, threading.Event()
        self.made, self.transactions, self.error = 0, 0, None

    def stop(self):
        self.ended.set()
        self.join(30)
        self.connection.close()
        if self.error:
            raise AssertionError(f"the load failed: {self.error}")

    def run(self):
        try:
            with self.connection.cursor() as cursor:
                while not self.ended.is_set():
                    for _ in range(self.random.choice((1, 1, 2, 5, 40))):
                        self.change(cursor)
                    self.connection.rollback() if self.random.random() < 0.1 else self.connection.commit()
                    self.transactions += 1
                    time.sleep(self.random.random() * 0.01)
        except Exception as error:  # told by stop()
            self.error = error

    def change(self, cursor):
        # Each writer has keys of its own above 1000 (no deadlocks) and updates in them.
        self.made += 1
        base, r = 1_000_000 * (self.number + 1), self.random
        act, key = r.random(), base + r.randint(1, 300)
        if act < 0.35:
            cursor.execute("insert into stock(id, body) values (%s, %s) on conflict (id) do update set v = nextval('vs')", (key, "x" * r.randint(1, 500)))
        elif act < 0.7:
            cursor.execute("update stock set v = nextval('vs'), body = %s where id = %s", ("y" * r.randint(1, 500), key))
        elif act < 0.8:
            cursor.execute("delete from stock where id = %s", (key,))
        elif act < 0.85:
            cursor.execute("update stock set id = %s, v = nextval('vs') where id = %s and not exists (select 1 from stock where id = %s)", (key + 1000, key, key + 1000))
        elif act < 0.95:
            cursor.execute("insert into loose(body) values (%s)", ("z" * r.randint(1, 100),))
        else:
            cursor.execute("delete from loose where v in (select v from loose where v %% 3 = %s order by v limit 1 for update skip locked)", (self.number % 3,))


# ---- the judges: pure functions, tested below with what they must find

def judge_history(rows, audit):
    """rows: (lsn, seq, op, old_id, new_id, v) of the history without the snapshot; audit: (op, old_id, new_id, v)."""
    problems, got, due = [], collections.Counter(row[2:] for row in rows), collections.Counter(audit)
    lost, more = due - got, got - due
    if lost:
        problems.append(f"{sum(lost.values())} changes lost, as {list(lost)[:3]}")
    if more:
        problems.append(f"{sum(more.values())} changes doubled or invented, as {list(more)[:3]}")
    # In (lsn, seq) order the changes of a key are in the audit's order.
    if not problems and per_key(row[2:] for row in sorted(rows)) != per_key(audit):
        problems.append("the changes of a key are not in order")
    return problems


def per_key(changes):
    order = collections.defaultdict(list)
    for change in changes:
        for key in {change[1], change[2]} - {None}:
            order[key].append(change)
    return order


def expected_of_key(audit):
    """What Kafka must hold for each key: (op, v) in order, None for a tombstone; a key change is delete and create."""
    out = collections.defaultdict(list)
    for op, old_id, new_id, v in audit:
        if op == "u" and old_id != new_id:
            out[old_id] += [("d", None), None]
            out[new_id].append(("c", v))
        elif op == "d":
            out[old_id] += [("d", v), None]
        else:
            out[new_id].append((op, v))
    return out


def judge_kafka(records, audit):
    """records: (key, lsn, op, v) in the order of the partition, op None for a tombstone, without the snapshot."""
    seen, got, last_lsn = set(), collections.defaultdict(list), {}
    for key, lsn, op, v in records:
        if op is None:
            lsn = last_lsn.get(key)  # a tombstone goes with the delete before it
        last_lsn[key] = lsn
        if (lsn, op, key) not in seen:
            seen.add((lsn, op, key))
            got[key].append(None if op is None else (op, v))
    problems, due = [], expected_of_key(audit)
    for key in sorted(set(due) | set(got)):
        # The old value of a key change is in the row before it; the audit has only the new one.
        mine = [("d", None) if g and e and g[0] == "d" and e == ("d", None) else g for g, e in zip(got[key], due[key])] + got[key][len(due[key]):]
        if mine != due[key]:
            kind = "lost" if len(mine) < len(due[key]) else "more" if len(mine) > len(due[key]) else "out of order"
            problems.append(f"key {key}: {kind}: {len(mine)} for {len(due[key])}")
    return problems


def judge_from_snapshot(reads, changes, due, first):
    """Of what began with a snapshot under load. By key: reads: the v of its snapshot rows; changes: (op, v) in order, v None where the
    row is gone then; due: all that ever were, alike; first: v before all of them. A key has its last changes without a gap, and its
    snapshot row is what it was at their beginning or between two of them (a snapshot that was killed and goes on)."""
    problems = []
    for key in sorted(set(reads) | set(changes) | set(due) | set(first)):
        got, all_of_it = changes.get(key, []), due.get(key, [])
        before = len(all_of_it) - len(got)
        if before < 0 or got != all_of_it[before:]:
            problems.append(f"key {key}: {len(got)} changes are not the last of {len(all_of_it)}: {got} of {all_of_it}")
            continue
        states = [first.get(key), *(v for _, v in all_of_it)][before:]
        seen = reads.get(key, [])
        if not set(seen) <= set(states) or (not seen and None not in states):
            problems.append(f"key {key}: snapshot rows {seen} for {states[:3]}")
    return problems


def by_key(changes):
    """For judge_from_snapshot, of (op, old_id, new_id, v)."""
    return {key: [(op, v) for op, v, _ in of_key] for key, of_key in moves(changes).items()}


def moves(audit):
    """By key: (op, v or None where the row is gone, whether the row came from another key or went to one)."""
    return {key: [("d" if new_id != key else op, None if new_id != key or op == "d" else v, op == "u" and old_id != new_id)
                  for op, old_id, new_id, v in of_key] for key, of_key in per_key(audit).items()}


class Judges(unittest.TestCase):
    AUDIT = [("c", None, 1, 10), ("u", 1, 1, 11), ("c", None, 2, 12), ("u", 1, 3, 13), ("d", 2, None, 12)]
    HISTORY = [(100 + n, 0, *change) for n, change in enumerate(AUDIT)]
    KAFKA = [(1, 1, "c", 10), (1, 2, "u", 11), (2, 3, "c", 12), (1, 4, "d", 11), (1, 4, None, None), (3, 4, "c", 13), (2, 5, "d", 12), (2, 5, None, None)]

    def test_all_is_well(self):
        self.assertEqual(judge_history(self.HISTORY, self.AUDIT), [])
        self.assertEqual(judge_kafka(self.KAFKA, self.AUDIT), [])

    def test_a_lost_change_is_found(self):
        for n in range(len(self.HISTORY)):
            self.assertTrue(judge_history(self.HISTORY[:n] + self.HISTORY[n + 1:], self.AUDIT), n)
        for n in range(len(self.KAFKA)):
            self.assertTrue(judge_kafka(self.KAFKA[:n] + self.KAFKA[n + 1:], self.AUDIT), n)

    def test_a_doubled_change_is_found_in_the_history(self):
        for row in self.HISTORY:
            self.assertTrue(judge_history(self.HISTORY + [row], self.AUDIT))

    def test_repeats_are_allowed_in_kafka(self):
        self.assertEqual(judge_kafka(self.KAFKA[:5] + self.KAFKA[1:], self.AUDIT), [])
        self.assertEqual(judge_kafka(self.KAFKA + self.KAFKA, self.AUDIT), [])

    def test_an_invented_change_is_found_in_kafka(self):
        self.assertTrue(judge_kafka(self.KAFKA + [(1, 9, "u", 99)], self.AUDIT))

    def test_wrong_order_is_found(self):
        swapped = [self.KAFKA[1], self.KAFKA[0], *self.KAFKA[2:]]
        self.assertTrue(judge_kafka(swapped, self.AUDIT))
        rows = [list(row) for row in self.HISTORY]
        rows[0][0], rows[1][0] = rows[1][0], rows[0][0]
        self.assertTrue(judge_history([tuple(row) for row in rows], self.AUDIT))


    def test_a_gap_behind_a_snapshot_is_found(self):
        due = by_key(self.AUDIT)
        self.assertEqual(judge_from_snapshot({}, due, due, {}), [])
        self.assertEqual(judge_from_snapshot({1: [11]}, {**due, 1: due[1][2:]}, due, {}), [])
        self.assertEqual(judge_from_snapshot({5: [4]}, due, due, {5: 4}), [])
        self.assertTrue(judge_from_snapshot({1: [10]}, {**due, 1: due[1][2:]}, due, {}), "an old row")
        self.assertTrue(judge_from_snapshot({}, {**due, 3: []}, due, {}), "no row")
        self.assertTrue(judge_from_snapshot({}, {**due, 1: due[1][:1] + due[1][2:]}, due, {}), "a gap")
        self.assertTrue(judge_from_snapshot({}, {**due, 1: due[1][:2]}, due, {}), "the end is missing")
        self.assertTrue(judge_from_snapshot({}, due, due, {5: 4}), "a row that never changed is missing")


class Kill(ServerCase):
    needs_kafka = True

    def setUp(self):
        super().setUp()
        self.seed = int(os.environ.get("MILLRACE_KILL_SEED", random.SystemRandom().randint(1, 999_999)))
        print(f"     seed {self.seed} ({self._testMethodName}); MILLRACE_KILL_SEED={self.seed} repeats it", flush=True)
        self.random = random.Random(self.seed)
        self.sql(SETUP)

    def kill_under_load(self, start, kills, in_snapshot=False):
        """Kills so often under load, then lets it catch up and stop in order. in_snapshot: the load is there from the start on."""
        child = None if in_snapshot else self.streaming(start())
        if child:
            self.sql("update stock set v = nextval('vs') where id = 1")
            self.wait_confirmed(child)
        load = [Load(self, number, self.seed) for number in range(3)]
        for writer in load:
            writer.start()
        child, early, has_streamed = child or start(), 0, False
        try:
            for kill in range(kills):
                if in_snapshot and kill < 0.4 * kills:
                    self.some_tables_read(child, self.random.choice((0, 1, 1, 2)))
                    time.sleep(self.random.random() * 0.1)
                else:
                    if in_snapshot and not has_streamed:
                        self.streaming(child)
                    # From the first instants of a start to well into the stream.
                    time.sleep(self.random.choice((0.05, 0.3, 0.8, 1.5, 2.5)) * (0.5 + self.random.random()))
                self.assertIsNone(child.ended())
                child.kill()
                has_streamed = has_streamed or "msg=streaming" in child.stderr()
                early += not has_streamed
                child = start()
            time.sleep(1)
        finally:
            for writer in load:
                writer.stop()
        self.streaming(child, limit=120)
        self.wait_confirmed(child, limit=180)
        self.assertEqual(child.stop(60), 0, child.stderr())
        audit = self.sql("select op, old_id, new_id, v from audit order by seq")
        self.assertGreater(len(audit), 100 * kills, "hardly any load")
        if in_snapshot:
            print(f"     {early} of {kills} kills in the first snapshot", flush=True)
            self.assertGreater(early, 0)
        return audit

    def audit_in_commit_order(self):
        return self.sql("select op, old_id, new_id, v from audit order by seq")

    def duckdb(self, kills):
        config = self.pipeline(DUCK, source='table.include.list = ["public.stock", "public.loose"]')
        audit = self.kill_under_load(lambda: self.start("run", config), kills)
        path = self.folder / "w.duckdb"
        rows = warehouse.rows(path, "select lsn, seq, op, old_id, new_id, v from stock_history")
        first = [row for row in rows if row[2] == "r"]
        self.assertEqual(len(first), 100, "the snapshot is in the history once")
        self.assertEqual(judge_history([row for row in rows if row[2] != "r"], audit), [])
        self.same_in_the_mirror(path)

    def same_in_the_mirror(self, path):
        self.assertEqual(sorted(warehouse.rows(path, "select id, v, body from stock")), sorted(self.sql("select id, v, body from stock")))
        self.assertEqual(sorted(warehouse.rows(path, "select v, body from loose")), sorted(self.sql("select v, body from loose")))

    def some_tables_read(self, child, number):
        """Until it has read so many tables, or has none to read."""
        child.until(f"{number} tables read", lambda: child.stderr().count('"table read"') >= number or "msg=streaming" in child.stderr())

    def from_the_snapshot(self, start, kills):
        """(audit, v of each key before the load): kills from the first instant on, while much is being read, beside the load."""
        for number in range(4):
            self.sql(f"create table bulk{number}(id int primary key, body text)")
            self.sql(f"insert into bulk{number} select g, repeat('b', 200) from generate_series(1, %s) g", BULK)
        first = dict(self.sql("select id, v from stock"))
        return self.kill_under_load(start, kills, in_snapshot=True), first

    def duckdb_from_the_snapshot(self, kills):
        more = "".join(f', "public.bulk{number}"' for number in range(4))
        config = self.pipeline(DUCK.replace('"public.loose"]', '"public.loose"' + more + "]"),
                               source=f'table.include.list = ["public.stock", "public.loose"{more}]')
        audit, first = self.from_the_snapshot(lambda: self.start("run", config), kills)
        path = self.folder / "w.duckdb"
        rows = sorted(warehouse.rows(path, "select lsn, seq, op, old_id, new_id, v from stock_history"))
        changes = [row[2:] for row in rows if row[2] != "r"]
        self.assertEqual([c for c, n in collections.Counter(changes).items() if n > 1], [], "doubled")
        reads = collections.Counter(row[4] for row in rows if row[2] == "r")
        self.assertEqual([key for key, n in reads.items() if n > 1], [], "in the snapshot twice")
        self.assertEqual(judge_from_snapshot({row[4]: [row[5]] for row in rows if row[2] == "r"}, by_key(changes), by_key(audit), first), [])
        self.same_in_the_mirror(path)
        for number in range(4):
            self.assertEqual(warehouse.rows(path, f"select count(*), count(distinct id) from bulk{number}"), [(BULK, BULK)])

    def kafka_from_the_snapshot(self, kills):
        prefix = f"kill{self.cluster.port}_{self.name}"
        kafka.create_topic(self.kafka, f"{prefix}.public.stock", 4)
        config = self.connector(**{"topic.prefix": prefix, "table.include.list": "public.stock,public.bulk.", "key.converter.schemas.enable": "false",
                                   "value.converter.schemas.enable": "false"})
        audit, first = self.from_the_snapshot(lambda: self.start("run", config, "--to", "kafka", "--set", f"bootstrap.servers={self.kafka}"), kills)
        reads, changes, seen = collections.defaultdict(list), collections.defaultdict(list), set()
        for message in kafka.read(self.kafka, f"{prefix}.public.stock"):
            if message.value() is None:
                continue
            key, value = json.loads(message.key())["id"], json.loads(message.value())
            op, event = value["op"], (value["source"]["lsn"], value["op"], json.loads(message.key())["id"])
            if op == "r":
                reads[key].append(value["after"]["v"])
            elif event not in seen:
                seen.add(event)
                changes[key].append((op, None if op == "d" else value["after"]["v"]))
        due = {key: [("c" if v is not None and op == "u" and moved else op, v) for op, v, moved in of_key] for key, of_key in moves(audit).items()}
        self.assertEqual(judge_from_snapshot(reads, changes, due, first)[:3], [])
        for number in range(4):
            self.assertEqual({json.loads(m.key())["id"] for m in kafka.read(self.kafka, f"{prefix}.public.bulk{number}")}, set(range(1, BULK + 1)))

    def kafka_run(self, kills):
        prefix = f"kill{self.cluster.port}_{self.name}"
        topic = f"{prefix}.public.stock"
        kafka.create_topic(self.kafka, topic, 4)
        config = self.connector(**{"topic.prefix": prefix, "table.include.list": "public.stock", "key.converter.schemas.enable": "false",
                                   "value.converter.schemas.enable": "false"})
        audit = self.kill_under_load(lambda: self.start("run", config, "--to", "kafka", "--set", f"bootstrap.servers={self.kafka}"), kills)
        records, partition_of = [], {}
        for message in kafka.read(self.kafka, topic):
            key, value = json.loads(message.key())["id"], json.loads(message.value()) if message.value() is not None else None
            self.assertEqual(partition_of.setdefault(key, message.partition()), message.partition(), "a key in two partitions")
            if value is None:
                records.append((key, None, None, None))
            elif value["op"] != "r":
                records.append((key, value["source"]["lsn"], value["op"], (value["after"] or value["before"])["v"]))
        self.assertEqual(judge_kafka(records, audit), [])

    def test_duckdb_history_and_mirror(self):
        self.duckdb(SHORT)

    def test_kafka(self):
        self.kafka_run(SHORT)

    def test_duckdb_from_the_snapshot_on(self):
        self.duckdb_from_the_snapshot(SHORT)

    def test_kafka_from_the_snapshot_on(self):
        self.kafka_from_the_snapshot(SHORT)

    @slow
    def test_many_kills_duckdb(self):
        self.duckdb(100)

    @slow
    def test_many_kills_kafka(self):
        self.kafka_run(100)

    @slow
    def test_many_kills_duckdb_from_the_snapshot_on(self):
        self.duckdb_from_the_snapshot(100)

    @slow
    def test_many_kills_kafka_from_the_snapshot_on(self):
        self.kafka_from_the_snapshot(100)
