"""The search: what is trained next, and the record of it. Optuna is imported here and by the samplers only."""
