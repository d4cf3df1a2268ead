"""Benchmarks over the real stack: see README.md here."""
