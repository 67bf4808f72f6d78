"""The command line itself: help, version, what it refuses. No server."""
import re
import tempfile
import unittest

from support import program


class CommandLine(unittest.TestCase):
    def test_version(self):
        out = program.run("--version")
        self.assertEqual(out.returncode, 0)
        self.assertRegex(out.stdout, r"\d+\.\d+\.\d+")

    def test_help_names_every_command(self):
        out = program.run("--help")
        self.assertEqual(out.returncode, 0)
        for command in ("run", "check", "verify", "query"):
            self.assertRegex(out.stdout, rf"\b{command}\b")

    def test_each_command_has_help(self):
        commands = re.findall(r"^\s+(run|check|verify|query|schema|connect)\b", program.run("--help").stdout, re.MULTILINE)
        self.assertIn("run", commands)
        for command in commands:
            with self.subTest(command=command):
                out = program.run(command, "--help")
                self.assertEqual(out.returncode, 0)
                self.assertGreater(len(out.stdout), 80)

    def test_help_documents_the_exit_codes(self):
        self.assertRegex(program.run("--help").stdout, r"(?s)[Ee]xit.*\b0\b.*\b1\b.*\b3\b")

    def test_unknown_command_is_misuse(self):
        out = program.run("rnu")
        self.assertEqual(out.returncode, 2)
        self.assertEqual(out.stdout, "")
        self.assertIn("rnu", out.stderr)
        self.assertIn("run", out.stderr.replace("rnu", ""))  # what was meant
        self.assertIn("--help", out.stderr)

    def test_a_file_that_is_not_there(self):
        for command in ("run", "check"):
            with self.subTest(command=command):
                out = program.run(command, "/nonexistent/pipeline.toml")
                self.assertEqual(out.returncode, 1)
                self.assertIn("/nonexistent/pipeline.toml", out.stderr + out.stdout)

    def test_a_form_that_nobody_knows(self):
        with tempfile.NamedTemporaryFile(suffix=".yaml") as file:
            out = program.run("check", file.name)
            self.assertEqual(out.returncode, 1)
            self.assertIn(".toml", out.stderr + out.stdout)
