"""Everything that is shown: figures, tables and progress in a terminal, the files of a results folder."""
