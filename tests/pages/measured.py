"""The tables of committed results, from their CSV files."""

from __future__ import annotations

import json
import math
import textwrap

import pandas as pd

from tests.pages import ROOT, markdown_table

RESULTS = ROOT / "results"

_CHECKPOINTS = (12, 25, 50, 100, 200)


_REGIMES = {
    "pilot-16px-half-width": "16 pixels, 8,000 images x 10 epochs, gates at one",
    "pilot-16px-paper-start": "the same, gates at the papers' start",
    "pilot-32px": "32 pixels, 5,000 images x 8 epochs, gates at one",
    "cifar10-table": "the same, all 125 placements",
}


def _interval(row: pd.Series, name: str) -> str:
    """Return `+2.29 (+1.41 to +3.20)`, or nothing where it is not known."""
    value, lower, upper = row[name], row[f"{name}_lower"], row[f"{name}_upper"]
    return "" if math.isnan(value) else f"{value:+.2f} ({lower:+.2f} to {upper:+.2f})"


def _versions(folder: str) -> str:
    versions = json.loads((RESULTS / folder / "provenance.json").read_text())["versions"]
    return ", ".join(dict.fromkeys(each["seplace"] for each in versions))


def _runs(*folders: str) -> str:
    """Return one row a study: what was trained, where, and what the best placement of its front gains."""
    rows = []
    for folder in folders:
        provenance = json.loads((RESULTS / folder / "provenance.json").read_text())
        placements = pd.read_csv(RESULTS / folder / "placements.csv", keep_default_na=False, na_values=[""])
        own = placements[placements["on_front"] & (placements["extra_flops"] > 0)]
        best = own.loc[own["gain"].idxmax()]
        test = placements.loc[placements["extra_flops"] == 0, "test_accuracy"].iloc[0]
        tested = "" if math.isnan(best["test_accuracy"]) else f"{best['test_accuracy'] - test:+.2f}"
        rows.append(
            [
                f"[`{folder}`]({folder})",
                str(provenance["trainings"]),
                str(len(placements) - 1),
                str(len(provenance["seeds"])),
                f"`{best['placement']}` (n = {best['n']})",
                f"{best['extra_flops'] / (best['flops'] - best['extra_flops']):.2%}",
                _interval(best, "gain"),
                tested,
                f"{_interval(best, 'gain_vs_baseline')} vs {best['best_baseline']}",
                f"{provenance['training_seconds'] / 3600:.1f} h",
                _versions(folder),
            ]
        )
    heads = [
        "study",
        "trainings",
        "placements beside plain",
        "seeds",
        "best of the front",
        "extra FLOPs",
        "gain vs plain",
        "on the test split",
        "gain vs baseline",
        "training time",
        "seplace",
    ]
    return markdown_table(heads, rows)


def _placements(folder: str, *wanted: str) -> str:
    """Return one row for each of some placements of a study."""
    table = pd.read_csv(RESULTS / folder / "placements.csv", keep_default_na=False, na_values=[""])
    rows = []
    for _, row in table.set_index("placement", drop=False).loc[list(wanted)].iterrows():
        plain = row["flops"] - row["extra_flops"]
        spread = "" if pd.isna(row["observed_gain_se"]) else f" ± {row['observed_gain_se']:.2f}"
        pairs = f"{row['gain_pairs']:.0f} pair{'s' if row['gain_pairs'] > 1 else ''}"
        rows.append(
            [
                f"`{row['placement']}`",
                "" if pd.isna(row["baseline"]) else row["baseline"],
                str(row["n"]),
                f"{row['extra_flops'] / plain:.2%}",
                _interval(row, "gain"),
                f"{row['observed_gain']:+.2f}{spread} ({pairs})",
            ]
        )
    heads = ["placement", "baseline", "n", "extra FLOPs", "gain vs plain", "observed gain ± standard error"]
    return markdown_table(heads, rows)


def _noise() -> str:
    """Return how trainings split into placement, seed and noise, a row a study."""
    from seplace.api import Results
    from seplace.metric import ACCURACY
    from seplace.results.noise import noise_frame

    rows = []
    for folder, regime in _REGIMES.items():
        table = noise_frame(Results.load(RESULTS / folder).rows, ACCURACY)
        figures = table[table["score"] == "accuracy"].set_index("quantity")
        taus = [name for name in figures.index if name.startswith("tau between epoch") and name.endswith("same seed")]
        names = ["sd of placements", "sd of seeds", "sd of residuals", "reliability of one seed", *taus]
        n = f"{figures['placements'].iloc[0]} x {figures['seeds'].iloc[0]}"
        rows.append(
            [
                f"[`{folder}`]({folder}): {regime}",
                n,
                *(
                    f"{row['value']:.2f} [{row['value_lower']:.2f}, {row['value_upper']:.2f}]"
                    for row in (figures.loc[name] for name in names)
                ),
            ]
        )
    heads = ["study", "n", "sd of placements", "sd of seeds", "noise of a training", "reliability of one seed"]
    return markdown_table([*heads, "tau at a third", "tau at two thirds"], rows)


def _curves(folder: str) -> str:
    """Return the share of the true hypervolume, mean ± half its 95 % interval, a row a sampler and recommendation."""
    table = pd.read_csv(RESULTS / folder / "summary.csv")
    shown = [each for each in _CHECKPOINTS if each in set(table["trainings"])]
    rows = []
    for (problem, sampler, recommendation), part in table.groupby(["problem", "sampler", "recommendation"], sort=False):
        by_trainings = part.set_index("trainings")
        cells = []
        for trainings in shown:
            if trainings not in by_trainings.index:
                cells.append("")
                continue
            row = by_trainings.loc[trainings]
            cells.append(f"{row['hypervolume']:.3f} ± {row['hypervolume'] - row['hypervolume_lower']:.3f}")
        rows.append([f"`{problem}`", f"`{sampler}`", recommendation, str(part["repetitions"].iloc[0]), *cells])
    heads = ["problem", "sampler", "front", "n", *(f"{each} trainings" for each in shown)]
    return markdown_table(heads, rows)


def _differences(folder: str, other: str) -> str:
    """Return what `effects` has more than another sampler in the same repetition, mean ± half a 95 % interval."""
    curves = pd.read_csv(RESULTS / folder / "curves.csv")
    keys = ["problem", "recommendation", "trainings", "repetition"]
    values = {name: part.set_index(keys)["hypervolume"] for name, part in curves.groupby("sampler")}
    paired = (values["effects"] - values[other]).dropna().reset_index()
    shown = [each for each in _CHECKPOINTS if each in set(paired["trainings"])]
    rows = []
    for (problem, recommendation), part in paired.groupby(["problem", "recommendation"], sort=False):
        cells = []
        for trainings in shown:
            differences = part.loc[part["trainings"] == trainings, "hypervolume"]
            reach = 1.96 * differences.std() / math.sqrt(len(differences))
            cells.append(f"{differences.mean():+.3f} ± {reach:.3f}")
        n = str(part["repetition"].nunique())
        rows.append([f"`{problem}`", recommendation, n, *cells])
    return markdown_table(["problem", "front", "n", *(f"{each} trainings" for each in shown)], rows)


def _calibration(*folders: str) -> str:
    """Return how well intervals, biases, regrets and claims hold at the end, a row a problem and sampler."""
    rows = []
    for folder in folders:
        table = pd.read_csv(RESULTS / folder / "calibration.csv")
        table = table[table["sampler"] == "effects"]
        for (problem, sampler), part in table.groupby(["problem", "sampler"], sort=False):

            def mean(name: str, part: pd.DataFrame = part) -> str:
                values = part[name]
                return f"{values.mean():+.2f} ± {1.96 * values.std() / math.sqrt(len(values)):.2f}"

            gains = part["gains_covered"].sum() / _with_gains(part).sum()
            rows.append(
                [
                    f"`{problem}`",
                    f"`{sampler}`",
                    str(len(part)),
                    str(part["trained"].max()),
                    f"{part['covered'].sum() / part['front_points'].sum():.0%}",
                    f"{gains:.0%}",
                    mean("bias"),
                    mean("observed_bias"),
                    mean("gain_bias"),
                    mean("observed_gain_bias"),
                    f"{part['expected_regret'].mean():.1%}",
                    f"{part['regret'].mean():.1%}",
                    f"{(part['wrongly_claimed'] > 0).sum()}",
                ]
            )
    heads = [
        "problem",
        "sampler",
        "n",
        "trainings",
        "90 % intervals of accuracies that hold",
        "… of gains",
        "accuracy too high by",
        "… observed",
        "gain too high by",
        "… observed",
        "expected regret",
        "true regret",
        "searches with a wrong claim",
    ]
    return markdown_table(heads, rows)


_DESIGNS = {
    "25 x 1 seed": "25 placements, 1 seed",
    "25 x 1, best 3 x 4": "the same, plain and the best 3 again on 3 seeds",
    "9 x 4 seeds": "9 placements, 4 seeds",
}
_SPLITS = {"100": "V = 100", "500": "V = 500", "2000": "V = 2,000", "all": "all images"}


def _designs(file: str, before: str) -> str:
    """Return the shares of 90 % intervals of gains that hold, and before, a row a kind of landscape and design."""
    keys = ["kind", "design", "images"]
    tables = [pd.read_csv(RESULTS / each, dtype={"images": str}).set_index(keys) for each in (file, before)]
    rows = []
    for kind, design in dict.fromkeys(index[:2] for index in tables[0].index):
        now, earlier = (each.xs((kind, design), level=("kind", "design")) for each in tables)
        cells = [
            f"{now['held'][images]:.0f} ± {now['held_se'][images]:.0f} ({earlier['held'][images]:.0f})"
            for images in _SPLITS
        ]
        accuracies, wrong = (
            f"{now[name].agg(how):.0f} ({earlier[name].agg(how):.0f})"
            for name, how in (("accuracies_held", "mean"), ("wrong", "sum"))
        )
        rows.append([f"`{kind}`", _DESIGNS[design], *cells, accuracies, f"{wrong} of {now['n'].sum()}"])
    heads = ["landscape", "trainings", *_SPLITS.values(), "accuracies", "repetitions with a wrong claim"]
    return markdown_table(heads, rows)


def _new_images(folder: str) -> str:
    """Return how well the intervals of whole searches hold on new images, a row a kind of landscape, then a split."""
    table = pd.read_csv(RESULTS / folder / "calibration.csv")
    named = table["problem"].str.extract(r"([^\[]+)(?:\[images=(\d+)\])?").fillna("all")
    rows = []
    for names, order in ((named[0], dict.fromkeys(named[0])), (named[1], _SPLITS)):
        for name in order:
            part = table[names == name]
            cells = [
                _mean_share(part[f"{prefix}compared_{what}_covered"] / part[f"{prefix}compared"])
                for prefix, what in (("search_", "gains"), ("", "gains"), ("", "accuracies"))
            ]
            claims = [str((part[each] > 0).sum()) for each in ("claimed", "wrongly_claimed")]
            rows.append([_SPLITS.get(name, f"`{name}`"), str(len(part)), *cells, *claims])
    heads = [
        "searches",
        "n",
        "gains after the search",
        "… after the confirmation",
        "accuracies",
        "any claim",
        "a wrong one",
    ]
    return markdown_table(heads, rows)


def _mean_share(shares: pd.Series) -> str:
    return f"{100 * shares.mean():.0f} ± {100 * shares.std() / math.sqrt(len(shares)):.0f}"


def _with_gains(part: pd.DataFrame) -> pd.Series:
    """Return how many points of each front have a gain: all but the plain backbone, which is always on it."""
    return part["front_points"] - 1


def _verdict() -> str:
    """Return the first line that `seplace front results/cifar10-effects` prints, folded."""
    from seplace.api import Results

    lines = textwrap.wrap(Results.load(RESULTS / "cifar10-effects").verdict, 110)
    return "\n".join(["```text", *lines, "```"])


def _comparison(one: str, other: str) -> str:
    """Return what `seplace compare` prints of two studies: its sentences, and a row a placement."""
    from seplace.api import Results

    comparison = Results.load(RESULTS / one).compare_with(Results.load(RESULTS / other))
    lines = [line for sentence in comparison.sentences for line in textwrap.wrap(sentence, 110)]
    rows = []
    for row in comparison.table.to_dict("records"):
        gains = [
            _interval(pd.Series(row), name) if "plain" not in row["mark"].split(", ") else ""
            for name in ("gain_one", "gain_other")
        ]
        seeds = [str(row[name] or "–") for name in ("n_one", "n_other")]
        rows.append(
            [f"`{row['placement']}`", row["mark"], gains[0], seeds[0], gains[1], seeds[1], f"{row['extra_one']:+,}"]
        )
    heads = ["placement", f"A: {one}, B: {other}", "gain in A", "seeds", "gain in B", "seeds", "extra FLOPs"]
    return "\n".join(["```text", *lines, "```", "", markdown_table(heads, rows)])


SLOW = ("noise", "comparison")
"""Tables that take longer to make than a test of the short form may: the bootstrap of intervals, posterior samples."""

MAKERS = {
    "searches": lambda: _runs(
        "cifar10-effects",
        "cifar10-resnet8",
        "cifar10-resnet8-or-wider",
        "cifar10-table",
        "cifar10-table-search",
        "positive-control",
        "negative-control",
    ),
    "wider": lambda: _placements(
        "cifar10-resnet8-or-wider",
        "none-none-cbam16",
        "none-none-none@cifar_resnet8[width=1.02]",
        "none-none-none@cifar_resnet8[width=1.06]",
        "none-eca-cbam4@cifar_resnet8[width=1.06]",
    ),
    "usual": lambda: _curves("simulation-usual"),
    "usual against random": lambda: _differences("simulation-usual", "random"),
    "hard against random": lambda: _differences("simulation-hard", "random"),
    "real": lambda: _curves("simulation-cifar10-table"),
    "real against gp": lambda: _differences("simulation-cifar10-table", "gp"),
    "shrunken": lambda: _curves("simulation-cifar10-table-shrunken"),
    "calibration": lambda: _calibration(
        "simulation-usual", "simulation-hard", "simulation-nothing-helps", "simulation-cifar10-table"
    ),
    "new images": lambda: _new_images("simulation-new-images"),
    "new images by design": lambda: _designs("simulation-new-images/designs.csv", "simulation-new-images/before.csv"),
    "tabular": lambda: _placements(
        "cifar10-table",
        "eca-eca-cbam16",
        "none-eca-cbam16",
        "none-none-cbam16",
        "cbam8-cbam16-cbam16",
        "eca-eca-eca",
        "se8-se16-se16",
    ),
    "positive control": lambda: _placements(
        "positive-control", "none-none-eca", "none-none-cbam16", "none-none-se16", "eca-eca-eca", "se8-se16-se16"
    ),
    "noise": _noise,
    "comparison": lambda: _comparison("digits-segmentation", "digits-presence"),
    "verdict": _verdict,
}
