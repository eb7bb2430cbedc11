"""What inputs hold: every image, in a fixed order, cut into the same chunks each time."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from scoring.chunks import MAX_INLINE_BYTES, Columns, Entry, TableRows, chunks_of
from scoring.errors import SourceError
from scoring.labels import Labels
from scoring.reading import read_image
from scoring.sources.source import Source
from scoring.sources.tables import TableReader
from tests.scoring.conftest import source_of, write, write_tar

FILES = {f"{folder}/{index}.jpg": f"{folder}{index}".encode() for folder in ("b", "a") for index in range(3)}
LABELS = Labels.of(["plane", "car"], ["airplane", "automobile"])


def entries(source: Source, *, size: int = 2) -> list[Entry]:
    """Every image of an input, whatever it is."""
    found, reader = list[Entry](), TableReader()
    for chunk in source.chunks(size=size):
        listed = chunk.entries
        of_chunk = list(reader.entries(listed, root=source.root)) if isinstance(listed, TableRows) else list(listed)
        assert 1 <= len(of_chunk) == chunk.images <= size
        found += of_chunk
    return found


def contents(found: list[Entry]) -> list[bytes]:
    return [read_image(entry.where, max_bytes=1000) for entry in found]


def test_a_folder_gives_every_image_below_it_in_the_order_of_names(tmp_path: Path) -> None:
    write(tmp_path, FILES | {".hidden/x.jpg": b"x", "a/.x.jpg": b"x", "a/notes.txt": b"x"})
    source = source_of(tmp_path)
    assert contents(entries(source)) == [b"a0", b"a1", b"a2", b"b0", b"b1", b"b2"]
    assert source.passed_over.files == 2


def test_the_folder_of_an_image_is_its_label_and_must_be_a_class(tmp_path: Path) -> None:
    write(tmp_path, {"car/0.jpg": b"", "airplane/0.jpg": b""})
    assert [entry.label for entry in entries(source_of(tmp_path, labels=LABELS))] == ["airplane", "car"]
    write(tmp_path, {"boat/0.jpg": b""})
    with pytest.raises(
        SourceError, match="'boat' is the label of an image, but no class of the model: expected one of"
    ):
        entries(source_of(tmp_path, labels=LABELS))


def test_a_glob_and_a_list_name_files_of_any_name(tmp_path: Path) -> None:
    write(tmp_path, FILES | {"a/upload": b"bare"})
    assert contents(entries(source_of(f"{tmp_path}/*/[u1]*"))) == [b"a1", b"bare", b"b1"]
    listed = tmp_path / "list.txt"
    listed.write_text("b/2.jpg\n\na/upload\r\n")
    assert contents(entries(Source(str(listed), root=tmp_path))) == [b"b2", b"bare"]


@pytest.mark.parametrize(("name", "mode"), [("x.tar", "w"), ("x.tar.gz", "w:gz")])
def test_a_tar_gives_its_images_with_the_label_beside_them(tmp_path: Path, name: str, mode: str) -> None:
    path = write_tar(tmp_path / name, {"0.jpg": b"zero", "0.cls": b"1\n", "d/1.a.jpg": b"one", "notes": b"x"}, mode)
    found = entries(source_of(path))
    assert contents(found) == [b"zero", b"one"]
    assert [(entry.key, entry.label) for entry in found] == [(f"{path}:0.jpg", "1"), (f"{path}:d/1.a.jpg", None)]


def test_a_cut_tar_is_said_after_the_images_before_the_cut(tmp_path: Path) -> None:
    path = write_tar(tmp_path / "x.tar", {f"{index}.jpg": bytes(3000) for index in range(9)})
    path.write_bytes(path.read_bytes()[:9000])
    chunks = source_of(path).chunks(size=1)
    assert next(chunks).images == 1
    with pytest.raises(SourceError, match=r"x\.tar cannot be read as a tar"):
        list(chunks)


def test_a_table_gives_bytes_paths_or_structs_by_row_group(tmp_path: Path) -> None:
    write(tmp_path, FILES)
    columns = {
        "bytes": pa.array([b"one", None, b"three"]),
        "path": ["a/0.jpg", "b/1.jpg", "a/2.jpg"],
        "image": [{"bytes": b"x", "path": None}, {"bytes": None, "path": "b/2.jpg"}, {"bytes": b"z", "path": "q"}],
        "id": [7, 8, 9],
        "kind": ["car", None, "plane"],
    }
    path = tmp_path / "t.parquet"
    pq.write_table(pa.table(columns), path, row_group_size=2)
    found = entries(source_of(path, columns=Columns(image="bytes", key="id", label="kind")))
    assert found == [Entry("7", b"one", "car"), Entry("8", b"", None), Entry("9", b"three", "plane")]
    by_path = entries(Source(str(path), Columns(image="path"), tmp_path))
    assert [entry.key for entry in by_path] == columns["path"]
    assert contents(by_path) == [b"a0", b"b1", b"a2"]
    structs = entries(Source(str(path), Columns(image="image"), tmp_path), size=1)
    assert contents(structs) == [b"x", b"b2", b"z"]
    assert [entry.key for entry in structs] == [f"{path}:0", "b/2.jpg", f"{path}:2"]


def test_the_runs_of_a_row_group_may_be_read_in_any_order(tmp_path: Path) -> None:
    path = tmp_path / "t.parquet"
    pq.write_table(pa.table({"image": [str(index).encode() for index in range(200)]}), path)
    runs = [chunk.entries for chunk in source_of(path, columns=Columns(image="image")).chunks(size=30)]
    reader = TableReader()
    for index in (0, 2, 1, 6, 6):
        run = runs[index]
        assert isinstance(run, TableRows)
        wanted = [str(number).encode() for number in range(200)][30 * index : 30 * index + 30]
        assert [entry.where for entry in reader.entries(run, root=None)] == wanted


@pytest.mark.parametrize(
    ("name", "content", "columns", "message"),
    [
        ("none", None, None, "there is no .*none; expected a folder"),
        ("no*e", None, None, "nothing matches"),
        ("x.tar", b"words", None, "cannot be read as a tar"),
        ("x.parquet", b"words", Columns(image="image"), "cannot be read as Parquet"),
        ("x.parquet", b"words", None, "name the column of its images"),
    ],
)
def test_an_input_that_is_none_is_one_sentence(tmp_path, name, content, columns, message) -> None:
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(SourceError, match=message):
        entries(source_of(tmp_path / name, columns=columns))


def test_a_column_that_is_missing_or_holds_no_images_is_named(tmp_path: Path) -> None:
    path = tmp_path / "t.parquet"
    pq.write_table(pa.table({"n": [1]}), path)
    with pytest.raises(SourceError, match="no column 'image'; it has n"):
        entries(source_of(path, columns=Columns(image="image")))
    with pytest.raises(SourceError, match="is of type int64; expected bytes, paths or structs"):
        entries(source_of(path, columns=Columns(image="n")))


def test_chunks_that_carry_images_end_at_a_number_of_bytes() -> None:
    large = [Entry(str(index), bytes(MAX_INLINE_BYTES // 2)) for index in range(5)]
    assert [chunk.images for chunk in chunks_of(large, size=100)] == [2, 2, 1]


def test_the_fingerprint_of_a_chunk_follows_its_keys() -> None:
    def fingerprint(*names: str) -> str:
        return next(chunks_of([Entry(name, name) for name in names], size=9)).fingerprint

    assert fingerprint("a", "b") == fingerprint("a", "b") != fingerprint("b", "a")
    assert fingerprint("\udcff") != fingerprint("a")
