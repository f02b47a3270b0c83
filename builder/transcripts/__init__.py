"""Foreign transcripts -> rows: tag transcripts, ReAct, OpenAI messages, ShareGPT, ATIF."""

from .counts import FileCounts, counts_table
from .importing import Imported, Source, read_transcripts

__all__ = ["FileCounts", "Imported", "Source", "counts_table", "read_transcripts"]
