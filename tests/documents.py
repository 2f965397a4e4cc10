"""YAML texts, read as the files of a user are."""

from pathlib import Path

from seplace.files.yaml_reader import Document, read_document


def read(folder: Path, content: str | bytes) -> tuple[Document | None, list[str]]:
    path = folder / "a.yaml"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    document, problems = read_document(path)
    return document, [str(each).replace(str(path), "a.yaml") for each in problems]
