"""Readers of market-data files: `detect` says what a file is, `read` yields its rows, checked, batch by batch."""
