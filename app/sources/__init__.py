"""Readers of market-data files: `detect` says what a file is, `read` yields its bars, checked, batch by batch."""
