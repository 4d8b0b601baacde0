"""The virtual clock: ranks as greenlets, messages as events, collectives as meetings."""
