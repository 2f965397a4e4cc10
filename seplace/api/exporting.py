"""The export of a network that a study, or `train` by another recipe, has trained."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from seplace.exporters import EXPORTERS, exporter_for
from seplace.exporters.folder import refuse_other_network
from seplace.exporters.trained import network_of_study
from seplace.files.atomic import safe_name
from seplace.models import holds_own_code
from seplace.results.trained import trained_frame, trained_set
from seplace.user_code import user_errors_if

if TYPE_CHECKING:
    from pathlib import Path

    from seplace.api.tables import ResultsTables


def export_network(
    results: ResultsTables,
    folder: Path | None,
    *,
    pick: str,
    flops_under: float | None,
    exporter: str | None,
    trained: str | None,
    overwrite: bool,
) -> Path:
    """Export a trained network and return its folder; see `Results.export`."""
    if trained is None:
        evaluation = results.pick(pick, flops_under=flops_under)
        config, placements = results.live_config, results.placements
        of_weights, source = results.both_splits.of_weights(evaluation), results.folder
    else:
        recipe = trained_set(results.folder, trained, results.metric)
        evaluation = recipe.first_of(results.placement_of(pick))
        config = replace(results.live_config, trained_on=recipe.trained_on)
        placements = trained_frame([recipe])
        of_weights, source = recipe.both_splits.of_weights(evaluation), recipe.folder
    results.refuse_other_code()
    backbone = results.live_config.search_space.backbone_of(evaluation.placement)
    write = EXPORTERS[exporter_for(backbone) if exporter is None else exporter]
    network = network_of_study(
        evaluation,
        config=config,
        metric=results.metric,
        placements=placements,
        of_weights=of_weights,
        images=results.images,
        folder=source,
    )
    name = safe_name("_".join(filter(None, [str(evaluation.placement), trained])))
    target = results.folder / "export" / name if folder is None else folder
    if folder is not None and not overwrite:
        refuse_other_network(folder, network)
    with user_errors_if(holds_own_code(backbone, evaluation.placement), f"{evaluation.placement} cannot be exported"):
        exported: Path = write(network, target)
    return exported
