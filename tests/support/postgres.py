"""A throw-away PostgreSQL (PG_BIN, else Debian's 15): own data folder, free port, loopback only, no password, logical decoding on.

As root it runs as the user postgres (PostgreSQL refuses root), else as whoever runs the test.

    python3 -m support.postgres start FOLDER [PORT]     starts one by hand (or ./demo), prints its port
    python3 -m support.postgres stop FOLDER
"""
import contextlib
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile

import psycopg2

from support import waiting

BIN = pathlib.Path(os.environ.get("PG_BIN", "/usr/lib/postgresql/15/bin"))
SETTINGS = """
listen_addresses = '127.0.0.1'
unix_socket_directories = ''
wal_level = logical
max_wal_senders = 20
max_replication_slots = 40
max_prepared_transactions = 10
max_connections = 100
shared_buffers = 64MB
timezone = UTC
lc_monetary = C
fsync = off                     # a crash of the machine loses the test anyway; a crash of the server does not need it
log_line_prefix = '%m [%p] %q%a '
"""


def unprivileged():
    """Command prefix that makes a program run as a user PostgreSQL accepts."""
    if os.getuid() != 0:
        return []
    return ["setpriv", "--reuid=postgres", "--regid=postgres", "--init-groups", "--reset-env"]


def alive(pid):
    """False also for a dead process that nobody has waited for."""
    try:
        return pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


class Cluster:
    def __init__(self, folder=None, port=None, bin_folder=BIN, environment=None, **settings):
        """settings: more lines for postgresql.conf, e.g. wal_level='replica'; environment: of the server."""
        self.own_folder = folder is None
        self.bin_folder = pathlib.Path(bin_folder)
        self.folder = pathlib.Path(folder or tempfile.mkdtemp(prefix="millrace-pg-"))
        self.port = port or waiting.free_port()
        self.environment, self.settings = environment or {}, settings

    def create(self):
        self.new_folder()
        self.run(self.bin_folder / "initdb", "-D", self.data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync")
        with open(self.data / "postgresql.conf", "a", encoding="utf-8") as conf:
            conf.write(SETTINGS)
        self.configure(port=self.port, **self.settings)
        return self

    def new_folder(self):
        self.folder.mkdir(parents=True, exist_ok=True)
        if os.getuid() == 0:
            shutil.chown(self.folder, "postgres", "postgres")
        self.folder.chmod(0o755)
        return self.folder

    def configure(self, **settings):
        """More lines for postgresql.conf; they count from the next start, or reload()."""
        with open(self.data / "postgresql.conf", "a", encoding="utf-8") as conf:
            for name, value in settings.items():
                conf.write(f"{name} = '{value}'\n")

    @property
    def data(self):
        return self.folder / "data"

    def start(self):
        if not self.data.exists():
            self.create()
        self.run(self.bin_folder / "pg_ctl", "-w", "-t", "60", "-D", self.data, "-l", self.folder / "server.log", "start")
        return self

    def stop(self, mode="fast"):
        if self.pid():
            self.run(self.bin_folder / "pg_ctl", "-w", "-t", "60", "-D", self.data, "-m", mode, "stop")

    def pid(self):
        """Of the server that runs; None."""
        file = self.data / "postmaster.pid"
        pid = int(file.read_text().split()[0]) if file.exists() else 0
        return pid if pid and alive(pid) else None

    def kill(self):
        """As if the machine had lost its power: SIGKILL to the server and to every process of it."""
        first = self.pid()
        children = [int(pid) for pid in pathlib.Path(f"/proc/{first}/task/{first}/children").read_text().split()]
        for pid in (first, *children):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        for pid in (first, *children):
            waiting.until(f"process {pid} gone", lambda p=pid: not alive(p))
        (self.data / "postmaster.pid").unlink()  # the next start takes a process that is dead but not yet reaped for a server

    def reload(self):
        self.run(self.bin_folder / "pg_ctl", "-D", self.data, "reload")

    def restart(self, mode="fast"):
        self.stop(mode)
        self.start()

    def remove(self):
        self.stop("immediate")
        if self.own_folder:
            shutil.rmtree(self.folder, ignore_errors=True)

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        self.remove()

    def connect(self, database="postgres", user="postgres", autocommit=True, **more):
        connection = psycopg2.connect(host="127.0.0.1", port=self.port, user=user, dbname=database, **more)
        connection.autocommit = autocommit
        return connection

    def sql(self, text, *args, database="postgres", user="postgres"):
        """Runs it (one transaction), gives the rows, or None when it has none."""
        connection = self.connect(database, user)
        try:
            with connection.cursor() as cursor:
                cursor.execute(text, args or None)
                return cursor.fetchall() if cursor.description else None
        finally:
            connection.close()

    def value(self, text, *args, database="postgres", user="postgres"):
        return self.sql(text, *args, database=database, user=user)[0][0]

    def new_database(self, name, script=""):
        """Makes it anew; a slot of an older one of this name is dropped."""
        self.drop_database(name)
        self.sql(f'create database "{name}" template template0')
        if script:
            self.sql(script, database=name)
        return name

    def drop_database(self, name):
        def slots_gone():
            self.sql("select pg_terminate_backend(active_pid) from pg_replication_slots where database = %s and active", name)
            try:
                self.sql("select pg_drop_replication_slot(slot_name) from pg_replication_slots where database = %s", name)
                return True
            except psycopg2.Error:
                return False
        waiting.until(f"slots of {name} dropped", slots_gone)
        self.sql(f'drop database if exists "{name}" with (force)')

    def log(self):
        path = self.folder / "server.log"
        return path.read_text(errors="replace") if path.exists() else ""

    def run(self, program, *args):
        """A program to its end, as the user that the server runs as."""
        # cwd: the user postgres may not enter the caller's folder. Output goes to a file, for the server that pg_ctl
        # leaves behind would keep a pipe open.
        with tempfile.TemporaryFile("w+") as output:
            command = unprivileged() + ["env", *(f"{name}={value}" for name, value in self.environment.items()), str(program), *map(str, args)]
            run = subprocess.run(command, cwd="/", stdin=subprocess.DEVNULL, stdout=output, stderr=output, check=False)
            if run.returncode:
                output.seek(0)
                raise RuntimeError(f"{program} failed: {output.read()[-2000:]}\n{self.log()[-1000:]}")


def main(argv):
    if len(argv) < 2 or argv[0] not in ("start", "stop"):
        sys.exit(__doc__)
    if argv[0] == "stop":
        Cluster(argv[1], port=1).stop()
        return
    cluster = Cluster(argv[1], int(argv[2]) if len(argv) > 2 else None).start()
    print(cluster.port)


if __name__ == "__main__":
    main(sys.argv[1:])
