"""Files: YAML with positions, values held against a schema, atomic writes, the shipped studies and spaces."""
