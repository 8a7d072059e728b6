"""What requests are, by what they cost the control process."""

from __future__ import annotations

from enum import Enum


class Work(Enum):
    """Changes (all that does not only read), reads of something, and reads of everything."""

    CHANGES = "changes"
    READS = "short reads"
    LONG_READS = "long reads"
