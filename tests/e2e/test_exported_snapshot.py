"""The snapshot that a slot exports has transactions that their backends have not yet marked as committed. Reading their rows would lose
them at the source: PostgreSQL would take them for rolled back, and note that in the rows."""
import pathlib
import shutil
import tempfile
import threading

from support import program, waiting
from support.case import ServerCase
from support.postgres import Cluster

LIBRARY = pathlib.Path(program.path()).resolve().parent / "held_commit.so"
MIRROR = """
[branch.mirror.sink]
type = "duckdb"
duckdb.file = "$FOLDER/w.duckdb"
duckdb.mode = "mirror"
"""


class ExportedSnapshot(ServerCase):
    @classmethod
    def setUpClass(cls):
        folder = pathlib.Path(tempfile.mkdtemp(prefix="millrace-held-"))
        cls.addClassCleanup(shutil.rmtree, folder, ignore_errors=True)
        folder.chmod(0o755)
        shutil.copy(LIBRARY, folder)
        cls.held = folder / "held"
        cls.cluster = Cluster(environment={"LD_PRELOAD": folder / LIBRARY.name, "HELD_COMMIT": cls.held}).start()
        cls.addClassCleanup(cls.cluster.remove)

    def begun(self):
        """A transaction with an xid."""
        connection = self.cluster.connect(self.database, autocommit=False)
        self.addCleanup(connection.close)
        cursor = connection.cursor()
        cursor.execute("select txid_current()")
        return connection, cursor.fetchone()[0]

    def until_waited_for(self, xid):
        waiting.until(f"making the slot waits for {xid}",
                      lambda: self.sql("select 1 from pg_locks where not granted and locktype = 'transactionid' and transactionid::text = %s", str(xid)))

    def has_asked_since(self, instant):
        """Whether somebody has asked if a transaction is in a snapshot."""
        return self.sql("select 1 from pg_stat_activity where query like '%%txid_visible_in_snapshot%%' and query_start > %s and pid <> pg_backend_pid()",
                        instant)

    def test_a_rollback_while_the_slot_is_made(self):
        """The snapshot then says that it begins behind its end ("742:741:"), which the server doesn't read again."""
        self.sql("create table t(id int primary key); insert into t values (1), (2)")
        first, first_xid = self.begun()
        config = self.pipeline(MIRROR)
        child = self.start("run", config)
        self.until_waited_for(first_xid)
        second, second_xid = self.begun()
        first.commit()
        self.until_waited_for(second_xid)
        third, _ = self.begun()
        second.rollback()
        self.wait_confirmed(self.streaming(child))
        third.rollback()
        self.assertEqual(program.run("verify", config, limit=60).returncode, 0)

    def test_a_commit_that_is_on_disk_and_not_yet_marked_is_not_lost_at_the_source(self):
        self.sql("create table t(id int primary key, v int); insert into t values (1, 0)")
        config = self.pipeline(MIRROR)
        child = self.streaming(self.start("run", config))
        self.sql("insert into t values (2, 0)")  # so that the stream asks the catalogue before the commit that is held
        self.wait_confirmed(child)
        first, first_xid = self.begun()
        answers = []
        verify = threading.Thread(target=lambda: answers.append(program.run("verify", config, limit=60)))
        verify.start()
        self.until_waited_for(first_xid)
        second, second_xid = self.begun()
        first.commit()
        self.until_waited_for(second_xid)
        held = self.cluster.connect(self.database)
        self.addCleanup(held.close)
        walsender = self.sql("select active_pid from pg_replication_slots where slot_name = %s", self.slot)[0][0]
        self.held.write_text(f"{held.info.backend_pid} {walsender}")
        self.held.chmod(0o666)
        self.addCleanup(self.held.unlink, missing_ok=True)
        update = threading.Thread(target=lambda: held.cursor().execute("update t set v = 1 where id = 1"))
        update.start()
        waiting.until("the commit is on disk", lambda: self.held.read_text().endswith("\n"))
        released = self.sql("select clock_timestamp()")[0][0]
        second.commit()
        waiting.until("verify asks whether the commit has ended", lambda: self.has_asked_since(released))
        verify.join(1)  # one that then does not wait has the time to read
        self.held.unlink()
        update.join()
        verify.join()
        self.assertEqual(self.sql("select v from t where id = 1"), [(1,)])
        self.assertEqual(answers[0].returncode, 0, answers[0].stdout + answers[0].stderr)
        self.assertIsNone(child.ended(), child.stderr())
