"""The calls between the control process and the transfer process.

| call        | arguments                       | result                                           |
|-------------|---------------------------------|--------------------------------------------------|
| CONFIGURE   | settings (`transfers.settings`) |                                                  |
| FILLED      |                                 | none: every zone was sent, so images are whole   |
| LINK        | and one descriptor              |                                                  |
| APPLIED     |                                 | none: all deltas before it are applied           |
| NOTIFY      | zone (its origin), or none      |                                                  |
| REPORT      |                                 | counts, and the zones with their serials         |
| RETIRE      |                                 | none: files are closed, and the process will end |

The transfer process calls the control process, too:

| call        | arguments                       | result                                           |
|-------------|---------------------------------|--------------------------------------------------|
| UPDATE      | message (base64), key, host     | what `transfers.updating` makes a reply of       |
| SECONDARIES | secondaries: what is known of   |                                                  |
|             | each secondary and zone         |                                                  |

Deltas travel between the calls as they do to answering processes (`workers.frames`), in the order
in which they were published.
"""

from __future__ import annotations

import enum


class Call(enum.StrEnum):
    """The names of the calls to the transfer process."""

    CONFIGURE = "configure"
    FILLED = "filled"
    LINK = "link"
    APPLIED = "applied"
    NOTIFY = "notify"
    REPORT = "report"
    RETIRE = "retire"


class CallBack(enum.StrEnum):
    """The names of the calls of the transfer process to the control process."""

    UPDATE = "update"
    SECONDARIES = "secondaries"
