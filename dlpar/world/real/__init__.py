"""Real processes: engines held by a keeper, and on each a communicator that keeps a log."""
