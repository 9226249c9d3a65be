"""What a run tells: its history, its figures, its page."""
