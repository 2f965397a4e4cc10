"""Architecture benchmark: the costs of placements on backbones, beside published figures. Nothing is trained."""
