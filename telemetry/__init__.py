"""How operators watch a process: its logs, its metrics, its health."""
