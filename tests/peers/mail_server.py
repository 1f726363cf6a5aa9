"""What Postfix and Exim have in common for a test: SMTP on one side, a maildir on the other."""

from __future__ import annotations

from dataclasses import dataclass
from email.message import Message
from email.parser import BytesParser
from pathlib import Path

from peers.certificate import Certificate
from peers.process import Address, Peer


@dataclass(frozen=True)
class MailServer:
    """Where it listens, where the mail arrives, and what it shows after STARTTLS."""

    peer: Peer
    address: Address
    inbox: Path
    certificate: Certificate

    def delivered(self) -> list[Message]:
        """Every message that arrived so far, whoever it was for."""
        return [BytesParser().parsebytes(path.read_bytes()) for path in (self.inbox / "new").glob("*")]
