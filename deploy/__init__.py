"""Ways to run Millstream."""
