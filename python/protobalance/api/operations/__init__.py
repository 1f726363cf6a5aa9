"""One operation per file: its input, its handler, and `OPERATION`, which ties them to the answer's type."""
