"""Compiled inner loops: arrays in, arrays out. They raise, log and configure nothing."""
