"""Chaos: many turns and viewers under random faults, by a seed, with real processes."""
