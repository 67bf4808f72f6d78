"""Branches whose sinks are away: the others go on, and they catch up, on a copy of the slot or not, or are given up."""
import collections
import contextlib
import json
import os
import re
import threading
import time

from support import program, vitals, waiting, warehouse
from support.case import ServerCase
from support.disk import SmallDisk

MEMORY = 4 << 20
MEGABYTE = 1 << 20
FILE = '[branch.{0}]\n[branch.{0}.sink]\ntype = "file"\nfile.path = "$FOLDER/{0}/lines.jsonl"\nfile.format = "value"\n'
MIRROR = '[branch.mirror]\n[branch.mirror.sink]\ntype = "duckdb"\nduckdb.file = "$FOLDER/w.duckdb"\nduckdb.mode = "mirror"\n'
SETUP = """
create table stock(id int primary key, v bigint not null, body text not null);
insert into stock select g, 0, repeat('x', 100) from generate_series(1, 1000) g;
create sequence vs;
create table audit(seq bigserial, id int, v bigint);
create function audited() returns trigger language plpgsql as $$ begin insert into audit(id, v) select id, v from new_rows; return null; end $$;
create trigger audited after update on stock referencing new table as new_rows for each statement execute function audited();
"""
QUIET = {"ASAN_OPTIONS": os.environ.get("ASAN_OPTIONS", "detect_leaks=1") + ":quarantine_size_mb=8"}  # freed memory is no leak


class Load(threading.Thread):
    """Updates, in transactions of `rows` rows; no faster than a branch can follow."""

    def __init__(self, case):
        super().__init__(daemon=True)
        self.connection = case.cluster.connect(case.database)
        self.ended, self.rows, self.pause = threading.Event(), 500, 0.05

    def run(self):
        with self.connection.cursor() as cursor:
            while not self.ended.wait(self.pause):
                cursor.execute("update stock set v = nextval('vs') where id between 1 and %s", (self.rows,))

    def briskly(self):
        self.rows, self.pause = 500, 0.05

    def gently(self):
        self.rows, self.pause = 50, 0.05

    def stop(self):
        self.ended.set()
        self.join(30)
        self.connection.close()


class Watch(threading.Thread):
    """The longest time for which a branch made nothing durable while there was a load, and the resident memory over time."""

    def __init__(self, case, child, branches):
        super().__init__(daemon=True)
        self.case, self.child, self.branches = case, child, branches
        self.ended, self.pause, self.resident = threading.Event(), collections.Counter(), []

    def run(self):
        last = {}
        while not self.ended.wait(0.2):
            now, events = time.monotonic(), {b["name"]: b["events"] for b in self.case.status().get("branches", [])}
            for branch in self.branches:
                if events.get(branch) != last.get(branch, (None,))[0] and branch in events:
                    last[branch] = (events[branch], now)
                elif branch in last:
                    self.pause[branch] = max(self.pause[branch], now - last[branch][1])
            self.resident.append(vitals.of(self.child.process.pid).resident)

    def stop(self):
        self.ended.set()
        self.join(30)


class Parked(ServerCase):
    def setUp(self):
        super().setUp()
        self.sql(SETUP)
        self.http = waiting.free_port()

    def status(self):
        code, text = program.http_get(self.http, "/status")
        return json.loads(text) if code == 200 else {}

    def branch(self, name):
        return next((b for b in self.status().get("branches", []) if b["name"] == name), collections.defaultdict(lambda: None))

    def started(self, disk, branches, more=""):
        config = self.pipeline(branches, source='table.include.list = ["public.stock"]',
                               common=f'memory.max = {MEMORY}\nhttp.listen = "127.0.0.1:{self.http}"\nerrors.retry.delay.max.ms = 500\n' + more)
        return self.streaming(self.start("run", config, prefix=disk.prefix, env=QUIET))

    @contextlib.contextmanager
    def disks(self, *names):
        """A small disk for each of these branches; the last one's prefix sees all."""
        with contextlib.ExitStack() as stack:
            out = []
            for name in names:
                (self.folder / name).mkdir()
                out.append(stack.enter_context(SmallDisk(self.folder / name, megabytes=400, beside=out[-1] if out else None)))
            yield out

    @contextlib.contextmanager
    def load(self, child, branches, pause=5):
        load, watch = Load(self), Watch(self, child, branches)
        load.start()
        watch.start()
        try:
            yield load
        finally:
            load.stop()
            watch.stop()
        print(f"     longest pause {dict((b, round(watch.pause[b], 1)) for b in branches)} s, resident at most {max(watch.resident) >> 20} MiB", flush=True)
        for branch in branches:
            self.assertLess(watch.pause[branch], pause, f"{branch} was held up")
        early = max(watch.resident[:max(1, len(watch.resident) // 4)])
        self.assertLess(max(watch.resident), early + 64 * MEGABYTE * vitals.SHADOW, "memory grows while a branch is away")

    def lines(self, disk):
        return [json.loads(line) for line in disk.seen("lines.jsonl").read_text().splitlines()]

    def complete(self, disk):
        """Every change once, those of a key in order."""
        due, have = collections.defaultdict(list), collections.defaultdict(list)
        for id, v in self.sql("select id, v from audit order by seq"):
            due[id].append(v)
        for value in self.lines(disk):
            if value["op"] != "r":
                have[value["after"]["id"]].append(value["after"]["v"])
        self.assertEqual(have, due)

    def same_in_the_mirror(self):
        self.assertEqual(sorted(warehouse.rows(self.folder / "w.duckdb", "select id, v, body from stock")), sorted(self.sql("select id, v, body from stock")))

    def passes(self, child, disk, megabytes, limit=240):
        """Until a branch has had so much since now."""
        path = disk.seen("lines.jsonl")
        start = path.stat().st_size
        child.until(f"{megabytes} MB more", lambda: path.stat().st_size >= start + megabytes * MEGABYTE, limit)

    def away(self, child, disk, name):
        """Its disk is full until it is parked."""
        disk.fill()
        child.until(f"{name} is parked", lambda: self.branch(name)["parked"])

    def caught_up(self, child, name, limit=240):
        child.until(f"{name} has caught up", lambda: self.branch(name)["parked"] is False, limit)

    def end(self, child):
        self.wait_confirmed(child, limit=120)
        self.assertEqual(child.stop(60), 0, child.stderr())

    def test_a_branch_that_is_away_catches_up_on_a_copy_of_the_slot(self):
        with self.disks("away", "well") as (away, well):
            child = self.started(well, FILE.format("away") + FILE.format("well") + MIRROR)
            with self.load(child, ["well", "mirror"]) as load:
                self.away(child, away, "away")
                self.passes(child, well, 20 * MEMORY // MEGABYTE)
                self.assertIn("No space left", self.branch("away")["error"])
                self.assertGreater(self.branch("away")["retained_wal_bytes"], 5 * MEMORY)
                self.assertLess(self.branch("well")["retained_wal_bytes"], 4 * MEMORY)
                self.assertRegex(program.http_get(self.http, "/metrics")[1], r'millrace_branch_retained_wal_bytes{[^}]*branch="away"[^}]*} \d{8}')
                load.gently()
                away.free()
                child.until("it catches up", lambda: self.branch("away")["catching_up"])
                self.assertTrue(self.cluster.value("select count(*) from pg_replication_slots where temporary and slot_name like '%catch_up%'"))
                self.caught_up(child, "away")
                self.assertEqual(self.status()["reconnects"], 0)
            self.end(child)
            self.assertIn("branch has caught up", child.stderr())
            self.assertFalse(self.cluster.value("select count(*) from pg_replication_slots where temporary"))
            for disk in (away, well):
                self.complete(disk)
            self.same_in_the_mirror()

    def test_a_reconnect_while_one_is_away_sends_nobody_back(self):
        with self.disks("away", "well") as (away, well):
            child = self.started(well, FILE.format("away") + FILE.format("well"))
            with self.load(child, ["well"]) as load:
                self.away(child, away, "away")
                self.passes(child, well, 4 * MEMORY // MEGABYTE)
                had = self.branch("well")["durable_lsn"]
                self.sql("select pg_terminate_backend(active_pid) from pg_replication_slots where active")
                child.until("it streams again", lambda: child.stderr().count("msg=streaming") == 2)
                again = re.findall(r"msg=streaming slot=\S+ lsn=(\S+)", child.stderr())[-1]
                self.assertTrue(self.cluster.value("select %s::pg_lsn >= %s::pg_lsn", again, had), (again, had))
                self.assertTrue(self.branch("away")["parked"])
                self.passes(child, well, 1)
                load.gently()
                away.free()
                self.caught_up(child, "away")
            self.end(child)
            for disk in (away, well):
                self.complete(disk)

    def test_a_reconnect_while_one_catches_up(self):
        with self.disks("away", "well") as (away, well):
            child = self.started(well, FILE.format("away") + FILE.format("well"))
            with self.load(child, ["well"]) as load:
                self.away(child, away, "away")
                self.passes(child, well, 6 * MEMORY // MEGABYTE)
                away.free()
                for times in range(2, 5):  # each time it begins anew, before or after the others have got something
                    child.until("it catches up", lambda: self.branch("away")["catching_up"])
                    self.sql("select pg_terminate_backend(active_pid) from pg_replication_slots where active and not temporary")
                    child.until("it streams again", lambda n=times: child.stderr().count(f"msg=streaming slot={self.slot} ") == n)
                load.gently()
                self.caught_up(child, "away")
            self.end(child)
            for disk in (away, well):
                self.complete(disk)

    def test_without_a_free_slot_all_go_back_to_where_it_stands(self):
        with self.disks("away", "well") as (away, well):
            child = self.started(well, FILE.format("away") + FILE.format("well"))
            taken = []
            while self.cluster.value("select count(*) from pg_replication_slots") < int(self.cluster.value("show max_replication_slots")):
                taken.append(f"taken{len(taken)}")
                self.cluster.sql("select pg_create_physical_replication_slot(%s)", taken[-1])
            try:
                with self.load(child, ["well"], pause=30) as load:
                    self.away(child, away, "away")
                    self.passes(child, well, 4 * MEMORY // MEGABYTE)
                    load.gently()
                    away.free()
                    self.caught_up(child, "away")
                self.end(child)
            finally:
                for name in taken:
                    self.cluster.sql("select pg_drop_replication_slot(%s)", name)
            self.assertIn("no copy of the slot", child.stderr())
            for disk in (away, well):
                self.complete(disk)

    def test_two_that_are_away_at_different_times(self):
        with self.disks("one", "two", "well") as (one, two, well):
            child = self.started(well, FILE.format("one") + FILE.format("two") + FILE.format("well"))
            with self.load(child, ["well"]) as load:
                self.away(child, one, "one")
                self.passes(child, well, 2 * MEMORY // MEGABYTE)
                self.away(child, two, "two")
                self.passes(child, well, 2 * MEMORY // MEGABYTE)
                load.gently()
                one.free()
                self.caught_up(child, "one")
                self.assertTrue(self.branch("two")["parked"])
                two.free()
                self.caught_up(child, "two")
            self.end(child)
            for disk in (one, two, well):
                self.complete(disk)

    def test_killed_while_one_catches_up(self):
        with self.disks("away", "well") as (away, well):
            branches = FILE.format("away") + FILE.format("well")
            child = self.started(well, branches)
            load = Load(self)
            load.start()
            try:
                for _ in range(3):
                    load.briskly()
                    self.away(child, away, "away")
                    self.passes(child, well, 2 * MEMORY // MEGABYTE)
                    load.gently()
                    away.free()
                    child.until("it catches up", lambda c=child: self.branch("away")["catching_up"])
                    child.kill()
                    child = self.started(well, branches)
            finally:
                load.stop()
            self.end(child)
            for disk in (away, well):
                self.complete(disk)

    def given_up(self, kill):
        limit = 16 * MEGABYTE
        with self.disks("away", "well") as (away, well):
            branches, more = FILE.format("away") + FILE.format("well"), f"branch.lag.max.bytes = {limit}\n"
            child = self.started(well, branches, more)
            with self.load(child, ["well"]):
                self.away(child, away, "away")
                child.until("it is given up", lambda: self.branch("away")["given_up"], limit=240)
                self.assertEqual(self.branch("away")["state"], "failed")
                self.assertIn("branch.lag.max.bytes", self.branch("away")["error"])
                self.assertEqual(self.branch("away")["retained_wal_bytes"], 0)
                self.assertEqual(program.http_get(self.http, "/health")[0], 503)
                passed = self.cluster.value("select pg_current_wal_lsn()")
                child.until("the slot moves on", lambda: self.cluster.value(
                    "select confirmed_flush_lsn > %s::pg_lsn from pg_replication_slots where slot_name = %s", passed, self.slot))
                self.assertRegex(child.stderr(), r'level=error msg="branch is given up.*branch=away')
            if kill:
                child.kill()
                away.free()
                child = self.started(well, branches, more)
            else:
                away.free()
            child.until("it is back", lambda: self.branch("away")["parked"] is False and self.branch("away")["state"] == "running")
            self.sql("update stock set v = nextval('vs') where id < 10")
            self.end(child)
            self.complete(well)
            state = {}
            for value in self.lines(away):
                state[value["after"]["id"]] = value["after"]["v"]
            self.assertEqual(state, dict(self.sql("select id, v from stock")), "after its snapshot it has the table as it is")
            self.assertGreater(sum(value["op"] == "r" for value in self.lines(away)), 1000)

    def test_a_branch_that_holds_little_is_given_up_too(self):
        """The WAL that is kept for it is of a table that nobody captures."""
        self.sql("create table loud(t text); alter table loud alter t set storage external")
        with self.disks("away", "well") as (away, well):
            child = self.started(well, FILE.format("away") + FILE.format("well"), f"branch.lag.max.bytes = {8 * MEGABYTE}\n")
            self.wait_confirmed(child)
            away.fill()
            self.sql("update stock set v = nextval('vs') where id = 1")
            child.until("it waits", lambda: "No space left" in (self.branch("away")["error"] or ""))
            for _ in range(20):
                self.sql("insert into loud values (repeat('x', 1000000))")
            child.until("it is given up", lambda: self.branch("away")["given_up"])
            self.wait_confirmed(child)
            away.free()
            child.until("it is back", lambda: self.branch("away")["parked"] is False and self.branch("away")["state"] == "running")
            self.sql("update stock set v = nextval('vs') where id < 10")
            self.end(child)
            state = {value["after"]["id"]: value["after"]["v"] for value in self.lines(away)}
            self.assertEqual(state, dict(self.sql("select id, v from stock")))

    def test_a_branch_that_is_given_up_comes_back_with_a_snapshot(self):
        self.given_up(kill=False)

    def test_killed_while_one_is_given_up(self):
        self.given_up(kill=True)

    def test_the_only_branch_that_is_given_up_does_not_hold_the_slot(self):
        with self.disks("away") as (away,):
            child = self.started(away, FILE.format("away"), f"branch.lag.max.bytes = {8 * MEGABYTE}\n")
            load = Load(self)
            load.start()
            try:
                away.fill()
                child.until("it is given up", lambda: self.branch("away")["given_up"], limit=240)
                passed = self.cluster.value("select pg_current_wal_lsn()")
                child.until("the slot moves on", lambda: self.cluster.value(
                    "select confirmed_flush_lsn > %s::pg_lsn from pg_replication_slots where slot_name = %s", passed, self.slot))
            finally:
                load.stop()
            away.free()
            child.until("it is back", lambda: self.branch("away")["state"] == "running")
            self.sql("update stock set v = nextval('vs') where id < 10")
            self.end(child)
            state = {value["after"]["id"]: value["after"]["v"] for value in self.lines(away)}
            self.assertEqual(state, dict(self.sql("select id, v from stock")))
