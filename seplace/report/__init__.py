"""Reports: everything that is shown: tables in a terminal, figures, progress."""
