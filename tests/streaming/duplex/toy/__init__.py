"""A third realtime provider: its wire, and a server that plays the scripts of the fake providers on it."""
