"""Exit codes that no error of tip carries."""

INTERRUPTED = 130  # Ctrl-C
READER_GONE = 141  # whoever read standard output stopped reading
