"""Deterministic orchestration of turns."""
