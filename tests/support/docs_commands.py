#!/usr/bin/env python3
"""Spelling of the documents' commands: each millrace command and option, each script and its options, each file exists.

Asks the program itself (the newer of build/release and build/dev) and the scripts for their --help. Prints 'N passed, N failed', a document
being one test. What the README shows is also run, by tests/e2e/test_readme.py.
"""
import os
import re
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from support import documents  # noqa: E402

ROOT = documents.ROOT
_help = {}


def program():
    named = os.environ.get("MILLRACE")
    candidates = [named] if named else [ROOT / "build" / preset / "millrace" for preset in ("release", "dev")]
    found = [path for path in candidates if os.access(path, os.X_OK)]
    return str(max(found, key=os.path.getmtime)) if found else None  # the other one may be of another day


def help_of(*command):
    if command not in _help:
        run = subprocess.run([*command, "--help"], capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL, cwd=ROOT, timeout=30)
        _help[command] = run.stdout if run.returncode == 0 else None
    return _help[command]


def wrong_with(parts):
    """What is wrong with this command, or None."""
    name = parts[0]
    if name.endswith("millrace"):
        if program() is None:
            return "no program is built: scripts/build"
        command = next((word for word in parts[1:] if not word.startswith("-")), None)
        text = help_of(program(), command) if command else help_of(program())
        if text is None:
            return f"millrace has no command {command}"
    elif name.startswith("scripts/") or name in ("./test", "./demo", "test", "demo"):
        if not os.access(ROOT / name, os.X_OK):
            return f"{name} does not exist"
        text = help_of(str(ROOT / name))
        if text is None:
            return f"{name} --help fails"
        wrong = [word for word in parts[1:] if re.fullmatch(r"[a-z]+", word) and name in ("./test",) and word not in text]
        if wrong:
            return f"{name} has no {wrong[0]}"
    else:
        return None
    for word in parts[1:]:
        option = re.match(r"--[a-z][a-z-]*", word)
        if option and option[0] not in text and option[0] != "--help":
            return f"{name} has no option {option[0]}"
    return None


def check(document):
    problems, shown = [], {block.file_name for block in documents.blocks(document)}
    for block in documents.blocks(document):
        if block.language != "sh":
            continue
        for command in block.commands():
            parts = documents.words(command)
            problem = wrong_with(parts) if parts else None
            for word in parts[1:]:
                if re.match(r"^(examples|docs|bench|tests|deploy)/[\w./-]+$", word) and not (ROOT / word).exists() and word not in shown:
                    problem = problem or f"{word} does not exist"
            if problem:
                problems.append(f"{block.where()}: {command}: {problem}")
    for found in re.finditer(r"\]\((?!https?:|#|mailto:)([^)#\s]+)", document.read_text()):
        if not (document.parent / found[1]).exists():
            problems.append(f"{document.relative_to(ROOT)}: link to {found[1]}, which does not exist")
    return problems


def main():
    found, failed = documents.documents(), 0
    for document in found:
        problems = check(document)
        failed += bool(problems)
        print(f"{'FAIL' if problems else 'ok  '} {document.relative_to(ROOT)}")
        for problem in problems:
            print("    " + problem)
    print(f"{len(found) - failed} passed, {failed} failed")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
