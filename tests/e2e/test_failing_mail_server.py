"""Mail servers, and networks to them, that put off, refuse, break, hang and are away: every parcel is a mail, once, but where
the server left open whether it took it; millrace says what it waits for, neither spins nor leaks.
"""
import collections
import json

from e2e.test_failing_servers import FailingCase
from support.case import slow
from support.smtp import Mailbox
from support.tcp_proxy import Proxy

MAIL = """
[branch.mail]
tables = ["public.parcel"]
sql = "SELECT lsn, seq, after.email AS email, after.id AS id FROM changes WHERE op = 'c'"
[branch.mail.sink]
type = "email"
host = "127.0.0.1"
port = $PORT
mail.tls = "none"
mail.timeout.ms = 2000
mail.from = "shop@example.com"
mail.subject = "parcel ${id}"
mail.text = "on its way"
"""


class MailServer(FailingCase):
    """Every parcel is a mail: once, but where the server left open whether it took it (delivery.md)."""

    def setUp(self):
        super().setUp()
        self.sql("create table parcel(id int primary key, email text)")
        self.mailbox = Mailbox().start()
        self.addCleanup(self.mailbox.stop)
        self.proxy = Proxy(self.mailbox.port)
        self.enterContext(self.proxy)
        config = self.pipeline(MAIL.replace("$PORT", str(self.proxy.port)), source='table.include.list = ["public.parcel", "public.stock"]')
        self.child = self.started("run", config)
        self.parcels = 0

    def send(self, count):
        self.sql("insert into parcel select g, 'a' || g || '@example.com' from generate_series(%s, %s) g", self.parcels + 1, self.parcels + count)
        self.parcels += count

    def judge(self, refused=(), in_doubt=()):
        """refused, in_doubt: numbers of parcels; in_doubt None: as many as the log tells."""
        self.stop_well(self.child)
        got = collections.Counter(int(mail.recipients[0][1:].split("@")[0]) for mail in self.mailbox.seen())
        self.assertEqual(sorted(got), [n for n in range(1, self.parcels + 1) if n not in refused])
        doubled = {n for n, times in got.items() if times > 1}
        if in_doubt is None:
            self.assertLessEqual(len(doubled), self.child.stderr().count('msg="message in doubt is'))
        else:
            self.assertEqual(doubled, set(in_doubt))
        letters = self.folder / f"state/{self.name}.mail.dead-letters.jsonl"
        told = [json.loads(line) for line in letters.read_text().splitlines()] if letters.exists() else []
        self.assertEqual(len(told), len(refused), told)

    def test_replies_that_put_off_refuse_break_and_hang(self):
        with self.leaks_nothing(self.child):
            self.mailbox.data_replies = ["451 4.3.0 later", "550 5.7.1 never", "close", "take+close", "hang", "take+hang", "421 4.3.2 going down"]
            self.send(8)
            self.waits(self.child, "451|421|time|SMTP|mail server", branch="mail")
            self.child.until("every fault met", lambda: not self.mailbox.data_replies, 60)
        doubtful = [n for n, times in collections.Counter(m.recipients[0] for m in self.mailbox.seen()).items() if times > 1]
        self.assertLessEqual(len(doubtful), 2)
        self.judge(refused=[2], in_doubt=[int(address[1:].split("@")[0]) for address in doubtful])

    def test_a_mail_server_that_is_away(self):
        with self.leaks_nothing(self.child):
            self.send(3)
            self.child.until("three mails", lambda: len(self.mailbox.seen()) == 3)
            self.mailbox.stop()
            self.send(3)
            self.waits(self.child, "127.0.0.1", branch="mail")
            self.idles(self.child, 3)
            self.mailbox.restart()
            self.send(3)
        self.judge()

    @slow
    def test_a_recipient_that_is_put_off(self):
        self.mailbox.refuse["a2@example.com"] = "451 4.7.1 later"
        with self.leaks_nothing(self.child):
            self.send(3)
            self.waits(self.child, "451", branch="mail")
            self.child.until("the others' mails", lambda: len(self.mailbox.seen()) == 2)
            self.idles(self.child, 5)
            self.mailbox.refuse.clear()
        self.judge()

    def in_an_outage(self, begin, end, says, in_doubt=()):
        """Begins while no mail is under way, so that none is in doubt."""
        with self.leaks_nothing(self.child):
            self.send(3)
            self.child.until("three mails", lambda: len(self.mailbox.seen()) == 3)
            self.wait_confirmed(self.child)
            begin()
            self.send(3)
            self.waits(self.child, says, branch="mail")
            self.idles(self.child, 5)
            end()
            self.send(3)
        self.judge(in_doubt=in_doubt)

    @slow
    def test_a_network_that_is_gone_without_a_word(self):
        """An attempt that has waited for almost mail.timeout.ms when the network is back may be over between the server's taking the mail and its word."""
        self.in_an_outage(self.proxy.stall, self.proxy.resume, "127.0.0.1.*(has not answered|timed out|no answer)", in_doubt=None)

    @slow
    def test_a_network_that_is_cut(self):
        def begin():
            self.proxy.refuse()
            self.proxy.cut()
        self.in_an_outage(begin, lambda: self.proxy.refuse(False), "127.0.0.1")

    @slow
    def test_a_connection_that_is_half_open(self):
        """A new one is made, without a word in between that somebody could wait for."""
        with self.leaks_nothing(self.child):
            for _ in range(5):
                self.send(2)
                self.child.until("these mails", lambda: len(self.mailbox.seen()) == self.parcels)
                self.wait_confirmed(self.child)
                self.proxy.forget()
        self.judge()

    @slow
    def test_a_slow_network(self):
        self.proxy.delay = 0.05
        with self.leaks_nothing(self.child):
            self.send(20)
            self.child.until("half of the mails", lambda: len(self.mailbox.seen()) > 10)
            self.assertEqual([b["error"] for b in self.status()["branches"]], [""])
        self.judge()
