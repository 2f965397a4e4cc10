"""Make the tables of the pages anew: `python -m tests.pages`."""

from tests.pages import PAGES, made_anew, makers

every = makers()
for name, path in PAGES.items():
    path.write_text(made_anew(name, every))
