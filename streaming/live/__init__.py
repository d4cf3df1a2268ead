"""The live view: frames and state machines (pure), and the Redis publisher and subscriber."""
