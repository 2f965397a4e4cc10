"""Results: evaluations, the ledger that holds them, and the tables that are views of it."""
