"""SIGKILL under load, e-mail: one message for each event and recipient, but for the window that docs/delivery.md names."""
import collections
import json

from support.case import slow
from support.judges import judge_mails
from support.killer import LONG, SHORT, Held, KillCase
from support.smtp import Mailbox

# A sixteenth of the keys is mailed, with all their changes: a key that moves goes up by 1000 and stays among them.
BRANCH = """
[branch.mail]
[branch.mail.sql]
"public.(stock|freight)" = \"\"\"SELECT lsn, seq, 'k' || row.id || '@example.com' AS email, table_name AS tab, op, coalesce(before.id, 0) AS old_id,
  coalesce(after.id, 0) AS new_id, row.v AS v FROM changes WHERE row.id % 1000 % 16 = 0\"\"\"
"public.bulk.*" = \"\"\"SELECT lsn, seq, 'k' || row.id || '@example.com' AS email, table_name AS tab, op, 0 AS old_id,
  row.id AS new_id, row.id AS v FROM changes WHERE row.id % 400 = 0\"\"\"
[branch.mail.sink]
type = "email"
host = "127.0.0.1"
port = $PORT
mail.tls = "none"
mail.from = "shop@example.com"
mail.on.doubt = "$DOUBT"
mail.subject = "${tab} ${op} ${old_id} ${new_id} ${v}"
mail.text = "It has changed."
"""


class KillMail(KillCase):
    pause = 0.04  # an SMTP server takes some hundred messages a second
    sinks_keys = "mod(mod(new_id, 1000), 16) = 0"

    def setUp(self):
        super().setUp()
        self.mailbox = Mailbox().start()
        self.addCleanup(self.mailbox.stop)
        self.doubts, self.read, self.mails = 0, 0, collections.defaultdict(list)

    def start_it(self):
        return self.start("run", self.config)

    def killed(self, log):
        self.doubts += log.count('msg="message in doubt is')

    def delivered(self, _status):
        return len(self.mailbox.messages)

    def freight_beyond(self, v):
        found = [event[3] for _, event in self.read_mails()["freight"] if event[0] in "cu" and event[3] > v]
        return Held(len(set(found)), len(found), len(found))

    def read_mails(self):
        """What has come since the last time, into mails: by table (Message-ID, event), an event as its audit has it."""
        new = self.mailbox.seen()[self.read:]
        for mail in new:
            table, *event = mail.header("Subject").split()
            event = event_of(*event)
            self.assertEqual(mail.recipients, [f"k{event[2] or event[1]}@example.com"])
            self.mails[table].append((mail.header("Message-ID"), event))
        self.read += len(new)
        return self.mails

    def letters(self):
        """By table the events of the dead letters."""
        path, out = self.folder / f"state/{self.name}.mail.dead-letters.jsonl", collections.defaultdict(set)
        for letter in map(json.loads, path.read_text().splitlines() if path.exists() else ()):
            self.assertIn("mail.on.doubt is skip", letter["message"])
            row = letter["after"]
            out[row["tab"]].add(event_of(row["op"], row["old_id"], row["new_id"], row["v"]))
        return out

    def run_kills(self, kills, on_doubt):
        self.config = self.pipeline(BRANCH.replace("$PORT", str(self.mailbox.port)).replace("$DOUBT", on_doubt), common=f'http.listen = "127.0.0.1:{self.http}"',
                                    source='table.include.list = ["public.stock", "public.freight", "public.bulk.*"]\ntable.refresh.interval.ms = 200')
        audits = {table: [c for c in audit if is_mailed(c[2] or c[1])] for table, audit in self.kill_under_load(kills).items()}
        mails, letters = self.read_mails(), self.letters()
        for table, audit in audits.items():
            first = {key: v for key, v in self.first[table].items() if is_mailed(key)}
            self.assertEqual(judge_mails(mails[table], audit, first, letters[table])[:3], [], table)
        for number in range(self.bulks):
            self.assertEqual({event[2] for _, event in mails[f"bulk{number}"]}, set(range(400, self.bulk_rows + 1, 400)))
        ids = collections.Counter(message_id for of_table in mails.values() for message_id, _ in of_table)
        doubled, skipped = sum(times > 1 for times in ids.values()), sum(map(len, letters.values()))
        self.assertLessEqual(doubled, self.doubts if on_doubt == "resend" else 0)
        self.assertLessEqual(skipped, self.doubts if on_doubt == "skip" else 0)
        missing = sum(len(letters[table] - {event for _, event in mails[table]}) for table in letters)
        self.tell(audits, doubled=doubled, in_doubt=self.doubts, skipped_and_not_arrived=missing)

    def test_mail_resend(self):
        self.run_kills(SHORT // 2, "resend")

    def test_mail_skip(self):
        self.run_kills(SHORT // 2, "skip")

    @slow
    def test_mail_resend_long(self):
        self.run_kills(LONG // 2, "resend")

    @slow
    def test_mail_skip_long(self):
        self.run_kills(LONG // 2, "skip")


def event_of(op, old_id, new_id, v):
    return (op, int(old_id) or None, int(new_id) or None, int(v))


def is_mailed(key):
    return key % 1000 % 16 == 0
