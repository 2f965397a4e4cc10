"""The wheel, installed by itself and run from another folder, finds the search spaces and studies that it carries."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


@pytest.mark.slow
def test_the_wheel_finds_what_it_ships(tmp_path: Path) -> None:
    pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check"]
    wheels, site, elsewhere = (tmp_path / name for name in ("wheels", "site", "elsewhere"))
    elsewhere.mkdir()
    build = ["wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", wheels, ROOT]
    subprocess.run([*pip, *build], check=True, capture_output=True)
    wheel = next(wheels.iterdir())
    subprocess.run([*pip, "install", "--no-deps", "--target", site, wheel], check=True, capture_output=True)
    code = (
        "import seplace; from pathlib import Path; from seplace.study.config import load_study\n"
        "from seplace.files.shipped import shipped\n"
        f"assert Path(seplace.__file__).is_relative_to({str(site)!r})\n"
        "for name in shipped('studies'): print(name, len(load_study(name).search_space))\n"
        "print(*shipped('search_spaces'))\n"
        "from seplace.report import page\n"
        "print(*sorted(path.name for path in Path(page.__file__).parent.iterdir()))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=elsewhere,
        env=os.environ | {"PYTHONPATH": str(site)},
        capture_output=True,
        text=True,
        check=True,
    )
    for kind in ("studies", "search_spaces"):
        for file in (ROOT / kind).glob("*.yaml"):
            assert file.stem in done.stdout
    for pattern in ("*.html", "*.css", "*.js"):
        for file in (ROOT / "seplace/report/page").glob(pattern):
            assert file.name in done.stdout.split()
