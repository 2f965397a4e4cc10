"""The classes of the backbones' networks, one family a file."""
