"""The commands that the documents show: which they are, and the files that they show beside them.

A command is a line of a ```sh block (a line that ends in \\ goes on; # begins a comment). A ```toml, ```json, ```properties
or ```sql block is a file when the last line of text before it names one in backticks, as in: Save this as `shop.toml`:
"""
import pathlib
import re
import shlex

ROOT = pathlib.Path(__file__).resolve().parents[2]
FILE_BLOCKS = ("toml", "json", "properties", "sql")


class Block:
    def __init__(self, document, line, language, text, before):
        self.document, self.line, self.language, self.text = document, line, language, text
        named = re.findall(rf"`([\w./-]+\.{re.escape(language)})`", before)
        self.file_name = named[-1] if named and language in FILE_BLOCKS else None

    def where(self):
        return f"{self.document.relative_to(ROOT)}:{self.line}"

    def commands(self):
        """Command lines of a sh block; heredocs and loops are one command."""
        text = re.sub(r"\\\n\s*", " ", self.text)
        return [line for line in (re.sub(r"(^|\s)#.*$", "", line).strip() for line in text.splitlines()) if line]


def documents():
    found = [ROOT / name for name in ("README.md", "CONTRIBUTING.md", "ARCHITECTURE.md")]
    return [path for path in [*found, *sorted((ROOT / "docs").rglob("*.md")), *sorted((ROOT / "examples").rglob("*.md"))] if path.exists()]


def blocks(document):
    out, before, lines = [], "", document.read_text().splitlines()
    number = 0
    while number < len(lines):
        opened = re.match(r"```(\w+)", lines[number].strip())
        if not opened:
            before = lines[number] if lines[number].strip() else before
            number += 1
            continue
        start, body = number, []
        number += 1
        while number < len(lines) and lines[number].strip() != "```":
            body.append(lines[number])
            number += 1
        out.append(Block(document, start + 1, opened[1], "\n".join(body), before))
        number += 1
    return out


def words(command):
    """The words of a command line without leading VAR=value, or [] when it is no simple command."""
    try:
        parts = shlex.split(command.split(" | ")[0].split(" && ")[0])
    except ValueError:
        return []
    while parts and re.match(r"^[A-Za-z_]\w*=", parts[0]):
        parts.pop(0)
    return parts
