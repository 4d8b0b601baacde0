"""When things break: keep the state, go on without the dead, and say what was lost."""
