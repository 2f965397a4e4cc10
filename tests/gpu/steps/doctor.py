"""What this machine is: `seplace doctor`."""

from seplace.cli.examine import examine
from tests.gpu.figures import Figure, Setting


def run(setting: Setting) -> None:
    for each in examine():
        setting.note(Figure(what=each.subject, value=each.state + (f"; {each.advice}" if each.advice else "")))
