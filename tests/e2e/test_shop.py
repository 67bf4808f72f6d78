"""The shop of examples/shop end to end: history, mirror and mail from one slot, judged by DuckDB's client and an SMTP server."""
import json
import pathlib
import subprocess
import sys
import time

from support import program, waiting, warehouse
from support.case import ServerCase
from support.smtp import Mailbox

SHOP = pathlib.Path(__file__).resolve().parents[2] / "examples/shop"
# Every change of the stock, and every e-mail that is due, as triggers see them. Not captured.
WITNESS = """
create table witness(seq bigserial, op text, sku text, price float8, quantity int);
create table due(seq bigserial, email text, sku text, available int);
create function watch() returns trigger language plpgsql as $$
begin
  if tg_op = 'DELETE' then
    insert into witness(op, sku, price, quantity) values ('d', old.sku, old.price, old.available);
  else
    insert into witness(op, sku, price, quantity) values (lower(left(tg_op, 1)), new.sku, new.price, new.available);
    if tg_op = 'UPDATE' and old.available = 0 and new.available > 0 then
      insert into due(email, sku, available) select email, sku, new.available from subscriptions where sku = new.sku;
    end if;
  end if;
  return null;
end $$;
create trigger watch after insert or update or delete on inventory for each row execute function watch();
"""


class Shop(ServerCase):
    def setUp(self):
        super().setUp()
        self.cluster.new_database("inventory", (SHOP / "shop.sql").read_text() + WITNESS)
        self.addCleanup(self.cluster.drop_database, "inventory")
        self.database = "inventory"
        self.mailbox = Mailbox().start()
        self.addCleanup(self.mailbox.stop)
        self.http_port = waiting.free_port()
        self.env = {"SHOP_PG_PORT": str(self.cluster.port), "SHOP_SMTP_PORT": str(self.mailbox.port),
                    "SHOP_HTTP_PORT": str(self.http_port), "SHOP_FOLDER": str(self.folder)}
        self.file = self.folder / "shop.duckdb"

    @property
    def slot(self):
        return "shop"

    def shop(self, *args):
        return self.start("run", SHOP / "pipeline.toml", *args, env=self.env)

    def millrace(self, *args):
        return self.run_to_end(*args, env=self.env)

    def traffic(self, seconds, rate=200):
        dsn = f"host=127.0.0.1 port={self.cluster.port} user=postgres dbname=inventory"
        return subprocess.Popen([sys.executable, str(SHOP / "traffic.py"), dsn, "--seconds", str(seconds), "--rate", str(rate)], stdout=subprocess.PIPE)

    def back_in_stock(self, sku="SKU-0010", available=5):
        self.sql("update inventory set available = 0 where sku = %s", sku)
        self.sql("update inventory set available = %s where sku = %s", available, sku)

    def stop_well(self, child):
        self.wait_confirmed(child)
        self.assertEqual(child.stop(), 0, child.stderr())

    def test_check_finds_nothing_wrong(self):
        out = self.millrace("check", SHOP / "pipeline.toml", "--json")
        self.assertEqual([f for f in json.loads(out.stdout)["findings"] if f["severity"] == "error"], [])
        self.assertEqual(out.returncode, 0, out.stderr)

    def test_started_and_stopped_many_times_each_mail_comes_once(self):
        for number in range(4):
            child = self.streaming(self.shop())
            if number % 2 == 0:  # every other run is idle
                self.back_in_stock(available=5 + number)
            self.stop_well(child)
        self.assert_mirror()
        self.assert_history()
        self.assert_mails()

    def test_history_mirror_and_mail_hold_all_that_happened(self):
        child = self.streaming(self.shop())
        traffic = self.traffic(8)
        self.addCleanup(traffic.stdout.close)
        self.assertEqual(traffic.wait(60), 0)
        self.stop_well(child)
        self.assert_mirror()
        self.assert_history()
        self.assert_mails()

    def assert_mirror(self):
        for table in ("inventory", "products", "subscriptions"):
            columns = [row[0] for row in self.sql("select column_name::text from information_schema.columns where table_name = %s order by ordinal_position", table)]
            as_text = ", ".join(f"cast({c} as varchar)" for c in columns)
            if table == "products":  # the two write a timestamptz differently
                as_text = "cast(id as varchar), name, weight, epoch_us(created_at)"
                source = self.sql("select id::text, name, weight, (extract(epoch from created_at) * 1000000)::bigint from products")
            else:
                source = self.sql(f"select {', '.join(f'{c}::text' for c in columns)} from {table}")
                as_text = as_text.replace("cast(price as varchar)", "price")
                if "price" in columns:
                    source = self.sql(f"select {', '.join(c if c == 'price' else f'{c}::text' for c in columns)} from {table}")
            mirrored = warehouse.rows(self.file, f"select {as_text} from {table}")
            self.assertEqual(sorted(map(str, map(strip, mirrored))), sorted(map(str, map(strip, source))), table)

    def assert_history(self):
        rows = warehouse.rows(self.file, "select trim(sku), price, quantity, deleted from inventory_history")
        snapshot = self.sql("select 200")[0][0]
        witness = self.sql("select trim(sku), price, quantity, op = 'd' from witness")
        self.assertEqual(len(rows), snapshot + len(witness))
        left = {}
        for row in rows:
            left[row] = left.get(row, 0) + 1
        for row in witness:
            left[row] = left.get(row, 0) - 1
        self.assertEqual([row for row, n in left.items() if n < 0], [], "changes that the history lacks")
        columns = warehouse.rows(self.file, "select column_name from information_schema.columns where table_name = 'inventory_history' order by ordinal_position")
        self.assertEqual([c for c, in columns][:6], ["sku", "name", "price", "quantity", "timestamp", "deleted"])

    def assert_mails(self):
        due = sorted((email, sku.strip()) for email, sku in self.sql("select email, sku from due"))
        self.assertTrue(due, "the traffic made no e-mail due")
        # The article's name has the number of its sku.
        got = sorted((m.recipients[0], f"SKU-{int(m.header('Subject').split()[1]):04}") for m in self.mailbox.seen())
        self.assertEqual(got, due)
        self.assertEqual(len({m.header("Message-ID") for m in self.mailbox.seen()}), len(due))

    def test_mail_has_what_the_pipeline_says(self):
        child = self.streaming(self.shop())
        self.back_in_stock("SKU-0030", 7)
        child.until("the mail", self.mailbox.seen)
        mail = self.mailbox.seen()[0]
        self.assertEqual((mail.sender, mail.recipients), ("shop@example.com", ["edsger@example.com"]))
        self.assertEqual(mail.header("Subject"), "Article 30 is back")
        self.assertIn("7 pieces", mail.text())
        self.assertRegex(mail.header("Message-ID"), r"^<.+@example\.com>$")

    def test_a_new_subscriber_counts_at_once(self):
        child = self.streaming(self.shop())
        for number in range(5):
            self.sql("insert into subscriptions values (%s, 'SKU-0007')", f"late{number}@example.com")
            self.back_in_stock("SKU-0007")
            child.until("the mails", lambda n=number: len(self.mailbox.seen()) >= sum(range(1, n + 2)))
        self.stop_well(child)
        self.assertEqual(len(self.mailbox.seen()), 15)

    def test_the_mail_server_away_holds_nobody_up(self):
        child = self.streaming(self.shop())
        self.mailbox.stop()
        self.back_in_stock("SKU-0050")
        self.sql("insert into inventory (sku, name, price, available) values ('NEW', 'new', 1, 1)")

        def mirrored():
            return "1" in self.millrace("query", SHOP / "pipeline.toml", "SELECT count(*) FROM inventory WHERE sku LIKE 'NEW%'", "--format", "csv").stdout.splitlines()[-1:]
        child.until("the mirror goes on", mirrored)
        self.mailbox.restart()
        child.until("the mail", self.mailbox.seen, limit=60)
        self.stop_well(child)
        self.assertEqual(len(self.mailbox.seen()), 1)

    def test_refused_for_good_goes_to_the_dead_letters(self):
        self.mailbox.refuse["ada@example.com"] = "550 no such user"
        child = self.streaming(self.shop())
        self.back_in_stock("SKU-0010")
        self.stop_well(child)
        self.assertEqual([m.recipients for m in self.mailbox.seen()], [["grace@example.com"]])
        letters = [path for path in (self.folder / "state").rglob("*") if path.is_file() and "550" in path.read_text(errors="ignore")]
        self.assertTrue(letters, list((self.folder / "state").rglob("*")))

    def test_put_off_is_tried_again(self):
        self.mailbox.data_replies = ["451 later", "421 closing"]
        child = self.streaming(self.shop())
        self.back_in_stock("SKU-0050")
        child.until("the mail", self.mailbox.seen, limit=60)
        self.stop_well(child)
        self.assertEqual(len(self.mailbox.seen()), 1)

    def test_killed_between_mails_doubles_none(self):
        due = 0
        for _ in range(4):
            child = self.streaming(self.shop())
            self.back_in_stock("SKU-0020")
            due += 1
            child.until("the mail", lambda n=due: len(self.mailbox.seen()) >= n)
            waiting.time.sleep(0.5)
            child.kill()
        child = self.streaming(self.shop())
        self.stop_well(child)
        self.assertEqual(len(self.mailbox.seen()), due)

    def test_in_doubt_is_sent_again_with_the_same_message_id(self):
        self.mailbox.data_replies = ["take+close"]
        child = self.streaming(self.shop())
        self.back_in_stock("SKU-0050")
        child.until("both mails", lambda: len(self.mailbox.seen()) >= 2, limit=60)
        self.stop_well(child)
        ids = [m.header("Message-ID") for m in self.mailbox.seen()]
        self.assertEqual((len(ids), len(set(ids))), (2, 1))

    def test_in_doubt_is_skipped_when_told_so(self):
        self.mailbox.data_replies = ["take+close"]
        child = self.streaming(self.shop("--set", "branch.mail.sink.mail.on.doubt=skip"))
        self.back_in_stock("SKU-0050")
        child.until("the mail", self.mailbox.seen)
        self.stop_well(child)
        self.assertEqual(len(self.mailbox.seen()), 1)

    def test_query_while_it_is_written(self):
        child = self.streaming(self.shop())

        def counted():
            return self.millrace("query", SHOP / "pipeline.toml", "SELECT count(*) AS n FROM inventory", "--format", "csv").stdout.split() == ["n", "200"]
        child.until("the snapshot in the mirror", counted)
        out = self.millrace("query", SHOP / "pipeline.toml", "DELETE FROM inventory")
        self.assertNotEqual(out.returncode, 0, "query is read-only")
        out = self.millrace("query", SHOP / "pipeline.toml", "SELECT * FROM nothing_here")
        self.assertNotEqual(out.returncode, 0)
        self.assertIn("nothing_here", out.stderr)

    def test_a_long_query_does_not_hold_the_end_up(self):
        child = self.streaming(self.shop())
        self.wait_confirmed(child)
        with program.Millrace("query", SHOP / "pipeline.toml", "SELECT sum(i) FROM range(1000000000000) t(i)", env=self.env) as query:
            time.sleep(1)
            self.assertIsNone(query.ended(), query.stderr())
            self.assertEqual(child.stop(limit=20), 0, child.stderr())
            self.assertEqual(query.wait(limit=20), 4)
            self.assertIn("stopped", query.stderr())

    def test_verify_equal_running_and_stopped(self):
        child = self.streaming(self.shop())
        traffic = self.traffic(4)
        self.addCleanup(traffic.stdout.close)
        out = self.millrace("verify", SHOP / "pipeline.toml")
        self.assertEqual(out.returncode, 0, out.stdout + out.stderr)
        self.assertEqual(traffic.wait(60), 0)
        self.stop_well(child)
        out = self.millrace("verify", SHOP / "pipeline.toml")
        self.assertEqual(out.returncode, 0, out.stdout + out.stderr)

    def test_verify_finds_a_difference(self):
        import duckdb
        self.stop_well(self.streaming(self.shop()))
        connection = duckdb.connect(str(self.file))
        connection.execute("update products set weight = 99 where name = 'hammer'")
        connection.close()
        out = self.millrace("verify", SHOP / "pipeline.toml")
        self.assertEqual(out.returncode, 1, out.stdout + out.stderr)
        self.assertIn("products", out.stdout + out.stderr)


def strip(row):
    """char(n) is padded with spaces in some places and not in others; both are the same value."""
    return tuple(value.rstrip() if isinstance(value, str) else value for value in row)
