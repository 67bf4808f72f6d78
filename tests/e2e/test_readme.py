"""The README's commands, run as they stand there: against a throw-away shop, with its ports in place of the usual ones.

`millrace run` is left running while the rest of its block runs, then stopped by SIGTERM. ./demo, ./test, scripts/ and
git are not run here (test_demo.py runs the demo; we are ./test): scripts/check looks at their spelling.
"""
import os
import pathlib
import re
import signal
import subprocess
import time

from support import documents, program, waiting
from support.case import ServerCase
from support.smtp import Mailbox

README = documents.ROOT / "README.md"
NOT_HERE = ("./demo", "./test", "git", "cd", "sudo", "apt-get", "docker")


class Readme(ServerCase):
    needs_kafka = True

    def setUp(self):
        super().setUp()
        self.cluster.new_database("inventory", (documents.ROOT / "examples/shop/shop.sql").read_text())
        self.addCleanup(self.cluster.drop_database, "inventory")
        self.mailbox = Mailbox().start()
        self.addCleanup(self.mailbox.stop)
        http_port = waiting.free_port()
        # The usual ports that a README names, and where the test's servers are.
        self.ports = {"5432": str(self.cluster.port), "9092": self.kafka.split(":")[1], "25": str(self.mailbox.port), "1025": str(self.mailbox.port),
                      "2525": str(self.mailbox.port), "8080": str(http_port), "9187": str(http_port)}
        self.work = self.folder / "work"
        self.work.mkdir()
        for name in ("examples", "docs", "scripts"):
            (self.work / name).symlink_to(documents.ROOT / name)
        (self.work / "build/release").mkdir(parents=True)
        (self.work / "build/release/millrace").symlink_to(program.path())
        (self.work / "bin").mkdir()
        (self.work / "bin/millrace").symlink_to(program.path())
        self.env = {**os.environ, "PATH": f"{self.work}/bin:{os.environ['PATH']}", "PGHOST": "127.0.0.1", "PGPORT": str(self.cluster.port),
                    "PGUSER": "postgres", "PGDATABASE": "inventory", "HOME": str(self.work), "SHOP_FOLDER": str(self.work)}
        self.running = None
        self.addCleanup(self.stop_running)

    def fit(self, text):
        """The text with this test's ports: host:5432, port = 5432, "…port": "5432", PORT=5432, -p 5432."""
        return re.sub(r"(?<![\w.])(" + "|".join(self.ports) + r")(?![\w.])", lambda found: self.ports[found[1]], text).replace("localhost", "127.0.0.1")

    def stop_running(self):
        if self.running and self.running.poll() is None:
            self.running.send_signal(signal.SIGTERM)
            self.running.wait(30)

    def run_command(self, command):
        parts = documents.words(command)
        if not parts or parts[0] in NOT_HERE or parts[0].startswith("scripts/"):
            return
        if command.startswith("export "):
            for name, value in re.findall(r"(\w+)=(\S+)", self.fit(command)):
                self.env[name] = os.path.expandvars(value) if name != "SHOP_FOLDER" else str(self.work)
            return
        if parts[0].endswith("millrace") and parts[1:2] == ["run"]:
            self.stop_running()
            log = open(self.folder / "run.log", "w+")
            self.addCleanup(log.close)
            self.running = subprocess.Popen(["bash", "-c", "exec " + self.fit(command)], cwd=self.work, env=self.env, stdin=subprocess.DEVNULL,
                                            stdout=subprocess.DEVNULL, stderr=log)
            time.sleep(4)
            self.assertIn(self.running.poll(), (None, 0), f"{command}: {pathlib.Path(log.name).read_text()[-2000:]}")
            return
        run = subprocess.run(["bash", "-c", self.fit(command)], cwd=self.work, env=self.env, stdin=subprocess.DEVNULL, capture_output=True, text=True,
                             timeout=120, check=False)
        self.assertEqual(run.returncode, 0, f"{command}\n{run.stdout}\n{run.stderr}")

    def test_every_command_works(self):
        ran = 0
        for block in documents.blocks(README):
            if block.file_name:
                path = self.work / block.file_name
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(self.fit(block.text) + "\n")
            elif block.language == "sh":
                for command in block.commands():
                    with self.subTest(command=command, place=block.where()):
                        self.run_command(command)
                        ran += 1
                if self.running:
                    self.stop_running()
                    with self.subTest(place=block.where(), what="SIGTERM"):
                        self.assertEqual(self.running.returncode, 0)
                    self.running = None
        self.assertGreater(ran, 4, "the README shows hardly any command")

    def test_the_two_commands_are_there(self):
        commands = [command for block in documents.blocks(README) if block.language == "sh" for command in block.commands()]
        self.assertIn("./demo", commands)
        self.assertIn("./test", commands)
