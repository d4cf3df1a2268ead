"""Everything a turn does outside its workflow: the streaming call, its clocks, its failures."""
