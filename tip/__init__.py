"""tip: Transparent AI preserving Privacy."""
