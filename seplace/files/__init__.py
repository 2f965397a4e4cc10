"""Files: YAML with positions, values checked against a schema, atomic writes, the shipped studies and spaces."""
