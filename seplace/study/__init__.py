"""Studies: what a study file and a space file may say, and the frozen objects that they become."""
