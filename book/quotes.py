"""Whether the sentences of RFCs that pages quote are in those RFCs, word for word.

A quotation is a block quote whose last line names its section: `> — [RFC 9293 §3.6.1](https://www.rfc-editor.org/rfc/rfc9293#section-3.6.1)`.
The texts are those of SOCKWRIGHT_RFC_DIR, as for the citations in the sources; without it nothing is said.
"""

import os
import re
from pathlib import Path

from pages import Page, named

QUOTED = re.compile(r"((?:^> ?.*\n)+?)> — \[RFC (\d+)[^\]]*\]\((\S+)\)", re.MULTILINE)
SECTION = re.compile(r"https://www\.rfc-editor\.org/rfc/rfc(\d+)(?:#section-[\d.]+)?$")


def wrong(pages: list[Page]) -> tuple[int, list[str]]:
    """How many quotations were compared, and a line for each that is not in its RFC."""
    texts = os.environ.get("SOCKWRIGHT_RFC_DIR")
    count, faults = 0, []
    for page in pages:
        for quoted, number, link in QUOTED.findall(page.path.read_text()):
            sentence = _plain(re.sub(r"^> ?", "", quoted, flags=re.MULTILINE))
            where = f"{named(page.path)}: {sentence[:60]}..."
            section = SECTION.match(link)
            if section is None or section[1] != number:
                faults.append(f"{where}: {link} is not RFC {number}")
            elif texts is not None:
                count += 1
                if sentence not in _plain((Path(texts) / f"rfc{number}.txt").read_text()):
                    faults.append(f"{where}: RFC {number} does not say so")
    return count, faults


def _plain(text: str) -> str:
    """A text without its line breaks; a hyphen at the end of a line is one inside of a word, as in `SYN-SENT`."""
    return " ".join(re.sub(r"-\n\s*", "-", text).split())
