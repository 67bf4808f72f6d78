"""What the end-to-end tests have in common: a server, a folder, a connector file."""
import json
import pathlib
import shutil
import tempfile
import unittest

from support import waiting
from support.postgres import Cluster
from support.program import Millrace, run



def slow(test):
    """Marks a test for ./test slow alone (tests/run.py --slow)."""
    test.slow = True
    return test


class ServerCase(unittest.TestCase):
    """One PostgreSQL a class, one database and one folder a test. needs_kafka: the runner's broker, as cls.kafka."""

    settings = {}  # more of postgresql.conf
    needs_kafka = False
    longMessage = True

    @classmethod
    def setUpClass(cls):
        cls.cluster = Cluster(**cls.settings).start()
        cls.addClassCleanup(cls.cluster.remove)
        if cls.needs_kafka:
            from support.kafka import Shared
            shared = Shared()
            cls.addClassCleanup(shared.remove)
            cls.kafka = shared.address

    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="millrace-test-"))
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)
        self.name = self._testMethodName.removeprefix("test_")[:40].lower()
        self.database = self.cluster.new_database("t_" + self.name)
        self.addCleanup(self.cluster.drop_database, self.database)

    def run_to_end(self, *args, **options):
        """A command that ends by itself, in the test's folder."""
        return run(*args, **{"cwd": self.folder, **options})

    def sql(self, text, *args):
        return self.cluster.sql(text, *args, database=self.database)

    def connector(self, file="connector.json", nested=False, **more):
        """Writes a connector file for this test's database; keys are given with '.' as in {"slot.name": …}. None: leave out."""
        config = {"connector.class": "io.debezium.connector.postgresql.PostgresConnector", "plugin.name": "pgoutput",
                  "database.hostname": "127.0.0.1", "database.port": str(self.cluster.port), "database.user": "postgres",
                  "database.password": "none", "database.dbname": self.database, "topic.prefix": "shop", "slot.name": self.slot,
                  "offset.storage.file.filename": str(self.folder / "offsets"), **more}
        config = {key: value for key, value in config.items() if value is not None}
        path = self.folder / file
        if file.endswith(".properties"):
            path.write_text("".join(f"{key}={value}\n" for key, value in {"name": self.name, **config}.items()))
        else:
            path.write_text(json.dumps({"name": self.name, "config": config} if nested else {"name": self.name, **config}, indent=1))
        return path

    def pipeline(self, branches, common="", source="", file="pipeline.toml", port=None):
        """Writes a .toml pipeline over this test's database. $FOLDER in the texts is the test's folder."""
        text = f"""name = "{self.name}"
state.folder = "{self.folder}/state"
{common}
[source]
database.hostname = "127.0.0.1"
database.port = {port or self.cluster.port}
database.user = "postgres"
database.dbname = "{self.database}"
topic.prefix = "shop"
slot.name = "{self.slot}"
publication.name = "{self.slot}"
{source}
{branches}
"""
        path = self.folder / file
        path.write_text(text.replace("$FOLDER", str(self.folder)))
        return path

    @property
    def slot(self):
        return f"s_{self.name}"

    def start(self, *args, **options):
        child = Millrace(*args, **{"cwd": self.folder, **options})  # ./millrace-state is the test's own
        self.addCleanup(child.__exit__)
        return child

    def to_stdout(self, config, *args, **options):
        return self.start("run", config, "--to", "stdout", *args, **options)

    def streaming(self, child, limit=60):
        child.until("streaming", lambda: self.cluster.value(
            "select count(*) from pg_stat_replication r join pg_replication_slots s on s.active_pid = r.pid "
            "where s.slot_name = %s and r.state = 'streaming'", self.slot), limit)
        return child

    def slot_row(self, columns):
        rows = self.cluster.sql(f"select {columns} from pg_replication_slots where slot_name = %s", self.slot)
        return rows[0] if rows else None

    def wait_confirmed(self, child, limit=60):
        """Until the slot has passed everything that is in the WAL now."""
        target = self.cluster.value("select pg_current_wal_insert_lsn()")
        child.until(f"the slot beyond {target}", lambda: self.cluster.value(
            "select coalesce(confirmed_flush_lsn >= %s::pg_lsn, false) from pg_replication_slots where slot_name = %s", target, self.slot), limit)

    def until(self, what, done, limit=30):
        return waiting.until(what, done, limit)


def payload(part):
    """A key or value without its schema envelope."""
    return part["payload"] if isinstance(part, dict) and set(part) == {"schema", "payload"} else part


def ops(records):
    """(op, after or before) of each event, 'tombstone' for a null value."""
    out = []
    for record in records:
        value = payload(record["value"])
        out.append(("tombstone", payload(record["key"])) if value is None else (value["op"], value["after"] or value["before"]))
    return out
