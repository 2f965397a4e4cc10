"""Architecture benchmark: what placements cost on backbones, beside what papers printed; nothing is trained."""
