"""SIGKILL under load, in three places that matter and anywhere else, by a plan that a seed gives; the same for every sink.

    in a snapshot             the process says that it reads a table, and its log has no word of that table's end
    in a large transaction    one of more than 10,000 changes, of which the sink has some and not all right after the kill
    early                     within 200 ms from the start of the process

What a kill was is found out after it: one that misses its place counts as 'elsewhere', and the plan makes up for it.
"""
import collections
import contextlib
import dataclasses
import json
import math
import os
import random
import time

from support import program, waiting
from support.audited import FREIGHT, LARGE_TRANSACTION, SETUP, Load
from support.case import ServerCase

SNAPSHOT, LARGE, EARLY, ELSEWHERE = "in a snapshot", "in a large transaction", "early", "elsewhere"
MUST = {SNAPSHOT: 0.20, LARGE: 0.20, EARLY: 0.10}     # the shares of all kills that are asserted
AIM = {SNAPSHOT: 0.25, LARGE: 0.25, EARLY: 0.15}      # and those that are planned
EARLY_SECONDS = 0.2
PATIENCE = 300  # seconds for what takes some of them on a machine that is idle
CAUGHT_UP_BYTES = 2 << 20  # some instants of the load
AUDITED = ("stock", "freight")
SHORT = int(os.environ.get("MILLRACE_KILLS", "10"))
LONG = int(os.environ.get("MILLRACE_KILLS_LONG", "260"))  # of each sink: of the four together more than 1,000


class Plan:
    """Which place is next: the more of its kills are still due, the likelier."""

    def __init__(self, kills, chance):
        self.kills, self.random, self.done = kills, chance, collections.Counter()

    def goes_on(self):
        """Until all are done; longer, where too many missed their place, but not without end."""
        total = self.done.total()
        return total < self.kills or (not self.has_shares() and total < 3 * self.kills)

    def has_shares(self):
        return all(self.done[place] >= share * self.done.total() for place, share in MUST.items())

    def next(self):
        kills = max(self.kills, self.done.total() + 1)
        due = {place: max(0, math.ceil(share * kills) - self.done[place]) for place, share in AIM.items()}
        due[ELSEWHERE] = max(0, kills - self.done.total() - sum(due.values()))
        return self.random.choices(list(due), list(due.values()))[0]

    def text(self):
        return f"{self.done.total()} kills: " + ", ".join(f"{self.done[place]} {place}" for place in (SNAPSHOT, LARGE, EARLY, ELSEWHERE))


@dataclasses.dataclass
class Held:
    """What a sink has of a large transaction: rows (each once), records, and how many of these it keeps at the next start."""
    rows: int
    records: int
    kept: int


class Large:
    """A large transaction: the highest v before it, the rows for the sink that it gave a new one, how many of these the sink lacked after the last kill."""

    def __init__(self, before, rows):
        self.before, self.rows, self.left, self.kept, self.tries = before, rows, rows, 0, 0

    def was_going_on(self, held):
        """Called after each kill: whether the process that was killed had delivered some of it, and not all was there."""
        delivers, self.kept = held.records > self.kept, held.kept
        self.left = self.rows - held.rows
        return delivers and 0 < self.left


class KillCase(ServerCase):
    """A test of one sink: says how millrace is started and what the sink has of a large transaction, and judges at the end."""

    pause = 0.01         # of a writer after a transaction, in seconds at most
    sinks_keys = "true"  # SQL on new_id: which changes of freight_audit the sink is to have

    def start_it(self):
        raise NotImplementedError

    def freight_beyond(self, v):
        """What the sink has (Held) of the rows of freight with a v above this one; asked while nothing runs."""
        raise NotImplementedError

    def delivered(self, status):
        """A number that grows as a process delivers, by which the kills inside a large transaction are timed."""
        return sum(branch["events"] for branch in status["branches"])

    def large_begins(self):
        """Called before a large transaction is made."""

    def may_be_killed(self):
        """False as long as a kill would meet a known window (docs/reliability.md)."""
        return True

    def killed(self, log):
        """Called after each kill with what the process had logged."""

    def setUp(self):
        super().setUp()
        self.seed = int(os.environ.get("MILLRACE_KILL_SEED", random.SystemRandom().randint(1, 999_999)))
        print(f"     seed {self.seed} ({self._testMethodName}); MILLRACE_KILL_SEED={self.seed} repeats the plan", flush=True)
        self.random, self.http, self.began = random.Random(self.seed), waiting.free_port(), time.monotonic()
        is_long = getattr(getattr(self, self._testMethodName), "slow", False)
        self.freight_rows = 20_000
        self.bulk_rows = 40_000 if is_long else 20_000  # of each table that is only there to be snapshotted
        self.sql(SETUP)
        self.sql(FREIGHT.format(rows=self.freight_rows))
        self.bulks = 0
        for _ in range(2):
            self.make_bulk()
        self.first = {table: dict(self.sql(f"select id, v from {table}")) for table in AUDITED}
        self.large = None

    def make_bulk(self):
        self.sql(f"create table bulk{self.bulks}(id int primary key, body text); "
                 f"insert into bulk{self.bulks} select g, repeat('b', 150) from generate_series(1, {self.bulk_rows}) g")
        self.bulks += 1

    def audit(self, table):
        return self.sql(f"select op, old_id, new_id, v from {'audit' if table == 'stock' else table + '_audit'} order by seq")

    # ---- killing

    def kill_under_load(self, kills):
        """Kills so often, from the first start on; then lets it catch up and stop in order."""
        plan = Plan(kills, self.random)
        self.load = [Load(self, number, self.seed, self.pause) for number in range(3)]
        for writer in self.load:
            writer.start()
        try:
            while plan.goes_on():
                plan.done[self.kill_once(plan.next())] += 1
        finally:
            for writer in self.load:
                writer.stop()
        child = self.start_it()
        self.status_when(child, "all snapshots are complete", lambda s: s["source"]["phase"] == "streaming")
        self.wait_confirmed(child, limit=PATIENCE)
        self.assertEqual(child.stop(60), 0, child.stderr())
        self.killed(child.stderr())
        print(f"     seed {self.seed}: {plan.text()}", flush=True)
        self.assertTrue(plan.has_shares(), plan.text())
        audits = {table: self.audit(table) for table in AUDITED}
        self.assertGreater(len(audits["stock"]), 20 * kills, "hardly any load")
        return audits

    def tell(self, audits, lost=0, **more):
        """The figures, once the judges have found nothing."""
        figures = {"changes audited": sum(map(len, audits.values())), "lost": lost, **{name.replace("_", " "): number for name, number in more.items()}}
        print(f"     seed {self.seed}: " + ", ".join(f"{number} {name}" for name, number in figures.items()) +
              f"; {time.monotonic() - self.began:.0f} s", flush=True)

    def kill_once(self, place):
        started = time.monotonic()
        child = self.start_it()
        if not self.may_be_killed():
            self.until("it may be killed", lambda: child.ended() or self.may_be_killed(), 60)
            place = SNAPSHOT
        proof = {SNAPSHOT: self.in_snapshot, LARGE: self.in_large, EARLY: self.early, ELSEWHERE: self.anywhere}[place](child)
        self.assertIsNone(child.ended())
        child.kill()
        took = time.monotonic() - started
        log = child.stderr()
        child.__exit__()
        self.killed(log)
        proved = self.is_proved(place, proof, log, took)
        return place if proved else ELSEWHERE

    def is_proved(self, place, proof, log, took):
        was_in_large = self.large and self.large.left and self.large.was_going_on(self.freight_beyond(self.large.before))
        if place == ELSEWHERE or not proof:
            return False
        if place == SNAPSHOT:
            return f'msg="table read" table={proof} ' not in log
        return was_in_large if place == LARGE else took < EARLY_SECONDS

    def early(self, _child):
        time.sleep(self.random.random() * (EARLY_SECONDS - 0.02))
        return True

    def anywhere(self, child):
        if self.random.random() < 0.5:
            self.status_when(child, "it streams", lambda s: s["source"]["phase"] == "streaming")
        time.sleep(self.random.choice((0.1, 0.4, 1.0)) * (0.5 + self.random.random()))
        return False

    def in_snapshot(self, child):
        """Waits until some way into the reading of a table: of those that are left, else of a new one. Gives its name."""
        deep = self.random.random() * 0.9 * self.bulk_rows
        status = self.status_when(child, "it streams or reads tables", lambda s: s["source"]["phase"] == "streaming" or self.is_reading(s))
        if not self.is_reading(status):
            self.make_bulk()
            with self.writers_rest():  # a sink that is behind holds the look for new tables up
                self.status_when(child, "the new table is read", lambda s: self.is_reading(s) or f"bulk{self.bulks - 1} rows" in child.stderr())
        status = self.status_when(child, "deep in a snapshot", lambda s: not self.is_reading(s) or s["source"]["snapshot_rows"] >= deep)
        return status["source"]["detail"] if self.is_reading(status) else None

    @contextlib.contextmanager
    def writers_rest(self):
        for writer in self.load:
            writer.rests.set()
        try:
            yield
        finally:
            for writer in self.load:
                writer.rests.clear()

    def is_reading(self, status):
        return status["source"]["phase"] == "snapshot" and status["source"]["detail"].startswith("public.")

    def in_large(self, child):
        """Waits until some way into the delivery of a large transaction: one that a kill has left half delivered, or a new one."""
        share = self.random.random()
        if not self.large or not self.large.left or self.large.tries == 4:
            with self.writers_rest():
                self.status_when(child, "the sink is in the stream", self.is_in_stream)
                child.until("nearly all is in the sink", lambda: self.lag() < CAUGHT_UP_BYTES, PATIENCE)  # so that the transaction comes next
            status = self.status_when(child, "an answer", bool)
            self.make_large()
        else:
            status = self.status_when(child, "it delivers", lambda s: self.is_in_stream(s) and self.delivered(s) > 0)
            self.large.tries += 1
        goal = self.delivered(status) + 1 + share * 0.7 * self.large.left
        end = time.monotonic() + 20
        self.status_when(child, "part of a large transaction", lambda s: self.delivered(s) >= goal or time.monotonic() > end)
        return True

    def is_in_stream(self, status):
        """Snapshots are read, and the first one is in the sink too."""
        return status["source"]["phase"] == "streaming" and all(branch["durable_lsn"] != "0/0" for branch in status["branches"])

    def lag(self):
        """Bytes of WAL that the slot holds back, by the server's word."""
        return self.slot_row("(pg_current_wal_insert_lsn() - coalesce(confirmed_flush_lsn, '0/0'))::bigint")[0]

    def make_large(self):
        self.large_begins()
        before = self.cluster.value("select coalesce(max(v), 0) from freight", database=self.database)
        self.sql(LARGE_TRANSACTION.format(rows=self.freight_rows, rest=self.random.randrange(5)))
        changes, rows = self.sql(f"select count(*), count(*) filter (where op <> 'd' and {self.sinks_keys}) from freight_audit where v > %s", before)[0]
        self.assertGreater(changes, 10_000)
        self.large = Large(before, rows)

    def status_when(self, child, what, is_so):
        """The first answer of /status that is so."""
        def asked():
            code, body = program.http_get(self.http, "/status")
            status = json.loads(body) if code == 200 else None
            return status if status and is_so(status) else None
        try:
            return waiting.until(what, asked, PATIENCE, step=0.004, alive=child.ended)
        except AssertionError as error:
            raise AssertionError(f"{error}\n{program.http_get(self.http, '/status')}\n{child.stderr()[-4000:]}") from None
