"""Tests of emitted hardware."""
