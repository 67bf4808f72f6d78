"""What a sink refuses waits in the dead letters: once, with its reason, and is delivered after the cure."""
import json
import re
import time

import duckdb
from confluent_kafka.admin import AlterConfigOpType, ConfigEntry, ConfigResource

from support import kafka, warehouse
from support.case import ServerCase
from support.disk import SmallDisk
from support.smtp import Mailbox

INCLUDE = 'table.include.list = ["public.article"]'
DUCK = '[branch.mirror.sink]\ntype = "duckdb"\nduckdb.file = "$FOLDER/w.duckdb"\nduckdb.mode = "mirror"\n'
EVENTS = '[branch.events.sink]\ntype = "file"\nfile.path = "$FOLDER/events.jsonl"\n'
TABLE = "create table article(id int primary key, price int, name text)"
CONSTRAINED = "create table article(id integer primary key, price integer check (price < 1000), name varchar)"
MAIL = """[branch.mail]
tables = ["public.person"]
after = "mirror"
sql = "SELECT c.lsn, c.seq, c.row.email AS email FROM changes c"
[branch.mail.sink]
type = "email"
host = "127.0.0.1"
port = {port}
mail.tls = "none"
mail.from = "shop@example.com"
mail.to = "email"
mail.subject = "Hello"
mail.text = "Hello"
"""


class DeadLetters(ServerCase):
    def command(self, *args):
        return self.run_to_end("dead-letters", self.config, *args)

    def letters(self):
        out = self.command("list", "--json")
        self.assertEqual(out.returncode, 0, out.stderr)
        return [json.loads(line) for line in out.stdout.splitlines()]

    def waiting_letters(self, child, count):
        child.until(f"{count} dead letters", lambda: len(self.letters()) >= count)
        letters = self.letters()
        self.assertEqual(len(letters), count, letters)
        return letters

    def replay(self, *args, code=0):
        out = self.command("replay", *(args or ("--all",)))
        self.assertEqual(out.returncode, code, out.stdout + out.stderr)
        return out.stdout

    def assert_tells(self, letter, table, key):
        change = letter["change"]
        self.assertTrue(change["message"])
        self.assertEqual(change["reason"], "data")
        self.assertEqual(change["table"], table)
        self.assertEqual(change["key"], key)
        self.assertRegex(change["lsn"], r"^[0-9A-F]+/[0-9A-F]+$")


class DuckDbDeadLetters(DeadLetters):
    """A table that the user has made in the warehouse, with a constraint."""

    def setUp(self):
        super().setUp()
        self.sql(TABLE)
        self.config = self.pipeline(DUCK, source=INCLUDE)
        duckdb.connect(str(self.folder / "w.duckdb")).execute(CONSTRAINED).close()

    def running(self, **options):
        return self.streaming(self.start("run", self.config, **options))

    def rows(self):
        return warehouse.rows(self.folder / "w.duckdb", "select id, price, name from article order by id")

    def mend(self):
        """The constraint taken away, as its owner does it. DuckDB cannot drop one: the table is made anew."""
        db = duckdb.connect(str(self.folder / "w.duckdb"))
        db.execute("create table keep as from article")
        db.execute("drop table article")
        db.execute(CONSTRAINED.replace("check (price < 1000)", ""))
        db.execute("insert into article from keep")
        db.execute("drop table keep")
        db.close()

    def test_others_arrive_and_after_the_cure_so_does_this_one(self):
        with self.running() as child:
            self.sql("insert into article values (1, 1, 'a'), (2, 5000, 'secret-name'), (3, 3, 'c')")
            self.wait_confirmed(child)
            letter, = self.waiting_letters(child, 1)
            self.assert_tells(letter, "public.article", {"id": "2"})
            self.assertEqual(letter["change"]["after"], {"id": "2", "price": "5000", "name": "secret-name"})
            self.assertIn("mirror/1 was refused again", self.replay("mirror/1", code=1))
            self.assertEqual(self.letters()[0]["state"], "refused again (1)")
            self.assertEqual(child.stop(), 0, child.stderr())
            self.assertNotIn("secret-name", child.stderr())
        self.assertEqual(self.rows(), [(1, 1, "a"), (3, 3, "c")])
        self.mend()
        self.assertIn("mirror/1 is delivered", self.replay())  # nobody runs
        self.assertEqual(self.rows(), [(1, 1, "a"), (2, 5000, "secret-name"), (3, 3, "c")])
        self.assertEqual(self.command().stdout, "no dead letters\n")

    def test_replayed_through_the_running_process(self):
        with self.running() as child:
            self.sql("insert into article values (1, 5000, 'a')")
            self.waiting_letters(child, 1)
            self.wait_confirmed(child)
            self.assertEqual(child.stop(), 0, child.stderr())
        self.mend()
        with self.running() as child:
            self.assertIn("1 delivered, 0 left", self.replay())
            self.sql("insert into article values (2, 2, 'b')")
            self.wait_confirmed(child)
            self.assertEqual(child.stop(), 0, child.stderr())
        self.assertEqual(self.rows(), [(1, 5000, "a"), (2, 2, "b")])

    def test_changes_that_only_together_are_refused(self):
        db = duckdb.connect(str(self.folder / "w.duckdb"))
        db.execute("drop table article; create table article(id integer primary key, price integer check (price < 1000), name varchar unique)")
        db.close()
        with self.running() as child:
            self.sql("insert into article values (1, 1, 'a'), (2, 2, 'b'), (3, 3, 'a'), (4, 5000, 'd'), (5, 5, 'b'), (6, 6, 'e')")
            self.wait_confirmed(child)
            letters = self.waiting_letters(child, 3)
            self.assertEqual(child.stop(), 0, child.stderr())
        self.assertEqual(sorted(letter["change"]["key"]["id"] for letter in letters), ["3", "4", "5"])
        self.assertEqual(self.rows(), [(1, 1, "a"), (2, 2, "b"), (6, 6, "e")])

    def test_killed_right_after_it_is_there_once(self):
        for round_ in range(3):
            child = self.streaming(self.start("run", self.config))
            self.sql("insert into article values (%s, 9999, 'x'), (%s, 1, 'y')", round_, round_ + 10)
            path = self.folder / f"state/{self.name}.mirror.dead-letters.jsonl"
            child.until("its line", lambda r=round_: path.exists() and f'"key":{{"id":"{r}"}}' in path.read_text())
            child.kill()
        with self.running() as child:
            self.wait_confirmed(child)
            self.assertEqual(child.stop(), 0, child.stderr())
        self.assertEqual(sorted(letter["change"]["key"]["id"] for letter in self.letters()), ["0", "1", "2"])
        self.assertEqual([row[0] for row in self.rows()], [10, 11, 12])

    def test_killed_in_its_snapshot_its_row_waits_once(self):
        self.sql("insert into article values (0, 9999, 'x'), (10, 1, 'y')")
        path = self.folder / f"state/{self.name}.mirror.dead-letters.jsonl"

        def size():
            return path.stat().st_size if path.exists() else 0

        for _ in range(3):
            before, end = size(), time.monotonic() + 2  # no line any more: the kill before came when the snapshot was over
            child = self.start("run", self.config)
            while size() == before and time.monotonic() < end:
                time.sleep(0.0005)
            child.kill()
        with self.running() as child:
            self.wait_confirmed(child)
            self.assertEqual(child.stop(), 0, child.stderr())
        self.assertGreater(len(self.letters()), 1, "no kill came after a letter and before the end of the snapshot")
        states = re.findall(r"^mirror/.* (waits|superseded)", self.command("list").stdout, re.MULTILINE)
        self.assertEqual(states, ["superseded"] * (len(self.letters()) - 1) + ["waits"])
        self.assertEqual([row[0] for row in self.rows()], [10])

    def test_no_change_is_lost_when_the_disk_of_the_letters_is_full(self):
        (self.folder / "state").mkdir()
        with SmallDisk(self.folder / "state", megabytes=1) as disk, self.running(prefix=disk.prefix) as child:
            self.sql("insert into article select g, 5000, 'refused' from generate_series(1, 200) g")
            self.wait_confirmed(child)
            disk.fill()
            self.sql("update article set price = 10, name = 'taken'")  # the letters are superseded: more lines
            child.until("it waits", lambda: "No space left" in child.stderr())
            disk.free()
            self.wait_confirmed(child)
            self.assertEqual(child.stop(), 0, child.stderr())
        self.assertEqual(self.rows(), [(id, 10, "taken") for id in range(1, 201)])

    def test_a_replay_does_not_set_a_row_back(self):
        with self.running() as child:
            self.sql("insert into article values (1, 5000, 'old'), (2, 5000, 'old')")
            self.waiting_letters(child, 2)
            self.sql("update article set price = 10, name = 'new' where id = 1")
            self.wait_confirmed(child)
            self.assertEqual(child.stop(), 0, child.stderr())
        self.mend()
        out = self.replay(code=1)
        self.assertIn("mirror/1 stays: its row has changed since", out)
        self.assertIn("mirror/2 is delivered", out)
        self.assertEqual(self.rows(), [(1, 10, "new"), (2, 5000, "old")])
        self.assertEqual(self.command("drop", "mirror/1").returncode, 0)
        self.assertEqual(self.letters(), [])

    def test_a_flood_ends_the_branch_with_a_clear_word(self):
        self.config = self.pipeline(DUCK, source=INCLUDE, common="dead.letter.max.count = 20")
        with self.running() as child:
            self.sql("insert into article select g, 5000, 'x' from generate_series(1, 10) g")
            self.wait_confirmed(child)
            self.sql("insert into article select g, 5000, 'x' from generate_series(11, 5000) g")
            self.assertEqual(child.wait(), 4, child.stderr())
            for word in ("flood", "dead.letter.max.count", "millrace dead-letters"):
                self.assertIn(word, child.stderr())
        letters = self.letters()
        self.assertEqual(len(letters), 20)
        last = letters[-1]["change"]["commit_lsn"]
        self.assertTrue(self.cluster.value("select confirmed_flush_lsn <= %s::pg_lsn from pg_replication_slots where slot_name = %s",
                                           last, self.slot), "the slot has passed changes that are neither delivered nor letters")
        self.mend()
        with self.running() as child:  # what was not a letter yet comes again, and is taken now
            self.wait_confirmed(child)
            self.assertEqual(child.stop(), 0, child.stderr())
        self.assertIn("20 delivered", self.replay())
        self.assertEqual([row[0] for row in self.rows()], list(range(1, 5001)))

    def test_nothing_but_refusals_ends_the_branch(self):
        self.config = self.pipeline(DUCK, source=INCLUDE, common="dead.letter.max.in.a.row = 50")
        with self.running() as child:
            self.sql("insert into article select g, 5000, 'x' from generate_series(1, 60) g")
            self.assertEqual(child.wait(), 4, child.stderr())
            self.assertIn("dead.letter.max.in.a.row", child.stderr())
        self.assertEqual(len(self.letters()), 60)

    def test_errors_tolerance_none_stops_at_the_first(self):
        self.config = self.pipeline(DUCK, source=INCLUDE, common='errors.tolerance = "none"')
        with self.running() as child:
            self.sql("insert into article values (1, 5000, 'x')")
            self.assertEqual(child.wait(), 4, child.stderr())
            self.assertIn("errors.tolerance", child.stderr())
        self.assertEqual(self.letters(), [])


class EventDeadLetters(DeadLetters):
    def test_a_change_that_cannot_be_an_event_is_one_after_the_cure(self):
        """NULL is all that an event can have for NaN in a precise numeric, and the column is NOT NULL."""
        self.sql("create table article(id int primary key, price numeric not null)")
        for handling in ("precise", "string"):
            self.config = self.pipeline(EVENTS, source=f'{INCLUDE}\ndecimal.handling.mode = "{handling}"\n')
            with self.streaming(self.start("run", self.config)) as child:
                if handling == "precise":
                    self.sql("insert into article values (1, 1), (2, 'NaN'), (3, 3)")
                    letter, = self.waiting_letters(child, 1)
                    self.wait_confirmed(child)
                    self.assert_tells(letter, "public.article", {"id": "2"})
                    self.assertIn("refused again", self.replay(code=1))
                else:
                    self.assertIn("events/1 is delivered", self.replay())
                self.assertEqual(child.stop(), 0, child.stderr())
        lines = [json.loads(line)["value"]["after"] for line in (self.folder / "events.jsonl").read_text().splitlines()]
        self.assertEqual([row["id"] for row in lines], [1, 3, 2])
        self.assertEqual(lines[-1]["price"], "NAN")  # as Debezium writes it


class MailDeadLetters(DeadLetters):
    def test_a_refused_recipient_gets_the_mail_after_the_cure(self):
        self.sql("create table person(id int primary key, email text)")
        with Mailbox() as mailbox:
            mailbox.refuse["bob@example.com"] = "550 no such user"
            self.config = self.pipeline(DUCK + MAIL.format(port=mailbox.port), source='table.include.list = ["public.person"]')
            with self.streaming(self.start("run", self.config)) as child:
                self.sql("insert into person values (1, 'ann@example.com'), (2, 'bob@example.com'), (3, 'cy@example.com')")
                letter, = self.waiting_letters(child, 1)
                self.wait_confirmed(child)
                self.assertIn("550", letter["change"]["message"])
                self.assertEqual(letter["change"]["after"]["email"], "bob@example.com")
                self.assertIn("refused again", self.replay(code=1))
                del mailbox.refuse["bob@example.com"]
                self.assertIn("mail/1 is delivered", self.replay())
                self.assertEqual(child.stop(), 0, child.stderr())
            got = [m.recipients for m in mailbox.seen()]
            self.assertEqual(sorted(got), [["ann@example.com"], ["bob@example.com"], ["cy@example.com"]])


class KafkaDeadLetters(DeadLetters):
    needs_kafka = True

    def test_a_record_too_large_is_sent_after_the_cure(self):
        topic = f"shop_{self.name}.public.article"
        kafka.create_topic(self.kafka, topic, **{"max.message.bytes": "4000"})
        self.sql(TABLE)
        self.config = self.connector(**{"table.include.list": "public.article", "topic.prefix": f"shop_{self.name}",
                                        "bootstrap.servers": self.kafka})
        with self.streaming(self.start("run", self.config, "--to", "kafka")) as child:
            self.sql("insert into article values (1, 1, 'a'), (2, 2, repeat('x', 20000)), (3, 3, 'c')")
            child.until("a letter", lambda: "letters" in child.stderr())
            self.wait_confirmed(child)
            out = self.command("list", "--json", "--to", "kafka")
            letter, = [json.loads(line) for line in out.stdout.splitlines()]
            self.assert_tells(letter, "public.article", {"id": "2"})
            self.assertEqual([json.loads(m.key())["payload"]["id"] for m in kafka.read(self.kafka, topic)], [1, 3])
            admin = kafka.admin(self.kafka)
            entry = ConfigEntry("max.message.bytes", "1000000", incremental_operation=AlterConfigOpType.SET)
            for done in admin.incremental_alter_configs([ConfigResource(ConfigResource.Type.TOPIC, topic, incremental_configs=[entry])]).values():
                done.result(30)
            child.until("the replay", lambda: self.command("replay", "--all", "--to", "kafka").returncode == 0)
            self.assertEqual(child.stop(), 0, child.stderr())
        messages = kafka.read(self.kafka, topic)
        self.assertEqual([json.loads(m.key())["payload"]["id"] for m in messages], [1, 3, 2])
        value = json.loads(messages[-1].value())["payload"]
        self.assertEqual((value["op"], value["after"]["name"]), ("c", "x" * 20000))
        self.assertEqual(value["source"]["lsn"], int.from_bytes(bytes.fromhex("".join(
            part.rjust(8, "0") for part in letter["change"]["lsn"].split("/"))), "big"))
