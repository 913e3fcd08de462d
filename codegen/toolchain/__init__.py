"""Emitted folder -> binaries, facts about them, and runs of them, on the host and emulated."""
