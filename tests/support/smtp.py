"""A real SMTP server on the loopback (aiosmtpd) that keeps what it got and can misbehave.

    python3 -m support.smtp PORT FOLDER     for ./demo and by hand: each message as FOLDER/NNNN.eml, until SIGTERM
"""
import asyncio
import email
import email.policy
import pathlib
import signal
import sys
import threading

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP

from support import waiting


class Message:
    def __init__(self, envelope):
        self.sender, self.recipients, self.content = envelope.mail_from, list(envelope.rcpt_tos), envelope.content
        self.parsed = email.message_from_bytes(self.content, policy=email.policy.default)

    def header(self, name):
        return self.parsed[name]

    def text(self):
        return self.parsed.get_body(("plain",)).get_content()


class Mailbox:
    """Handler and store. Faults: refuse = reply to RCPT by address; data_replies = replies of the next DATAs,
    one each: '' takes it, 'close' and 'hang' do that instead of a reply, 'take+close' and 'take+hang' keep the message before."""

    def __init__(self, port=None, folder=None):
        self.port = port or waiting.free_port()
        self.folder = pathlib.Path(folder) if folder else None
        self.messages, self.refuse, self.data_replies = [], {}, []
        self.lock = threading.Lock()
        self.controller = Controller(self, hostname="127.0.0.1", port=self.port)

    async def handle_RCPT(self, server, session, envelope, address, options):
        if address in self.refuse:
            return self.refuse[address]
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session, envelope):
        with self.lock:
            fault = self.data_replies.pop(0) if self.data_replies else ""
            if not fault or fault.startswith("take+"):
                self.messages.append(Message(envelope))
                if self.folder:
                    (self.folder / f"{len(self.messages):04}.eml").write_bytes(envelope.content)
        if fault.endswith("close"):
            server.transport.abort()
        elif fault.endswith("hang"):
            await asyncio.sleep(3600)  # ends with the connection
        elif fault:
            return fault
        return "250 kept"

    def start(self):
        self.controller.start()
        return self

    def stop(self):
        if self.controller.server:
            self.controller.stop()

    def restart(self):
        self.controller = Controller(self, hostname="127.0.0.1", port=self.port)
        self.controller.start()

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        self.stop()

    def seen(self):
        with self.lock:
            return list(self.messages)


def main(argv):
    if len(argv) != 2:
        sys.exit(__doc__)
    folder = pathlib.Path(argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM, signal.SIGINT})
    with Mailbox(int(argv[0]), folder):
        signal.sigwait({signal.SIGTERM, signal.SIGINT})


if __name__ == "__main__":
    main(sys.argv[1:])
