"""Shards: whole or absent, never half read, joined in order."""

import pickle
import threading
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from groundsynth.errors import InputError, OutputError
from groundsynth.shards import JoinedArrays, new_array, open_array, write_array

from .conftest import small_files

SHAPE = (5, 4, 4, 3)


def numbered(path: Path, rows: Sequence[int], size: int = 4) -> Path:
    """A shard whose rows hold their numbers."""
    values = np.asarray(rows, np.uint8).reshape(-1, 1, 1, 1)
    write_array(path, np.broadcast_to(values, (len(rows), size, size, 3)))
    return path


def test_a_new_array_is_there_when_its_block_ends(tmp_path: Path) -> None:
    path = tmp_path / "00000.images.npy"
    with new_array(path, SHAPE) as array:
        array[:] = 7
        assert not path.exists()
    found = open_array(path, 4)
    assert (found.shape, found.dtype, int(found.min()), int(found.max())) == (SHAPE, np.uint8, 7, 7)
    assert not found.flags.writeable
    assert list(tmp_path.iterdir()) == [path]


def test_an_error_in_the_block_leaves_the_old_file(tmp_path: Path) -> None:
    path = numbered(tmp_path / "a.npy", [1, 2])

    def write_half() -> None:
        with new_array(path, SHAPE) as array:
            array[:2] = 9
            raise RuntimeError("half way")

    with pytest.raises(RuntimeError, match="half way"):
        write_half()
    assert open_array(path)[:, 0, 0, 0].tolist() == [1, 2]
    assert list(tmp_path.iterdir()) == [path]


def test_a_new_array_takes_its_space_at_once(tmp_path: Path) -> None:
    with new_array(tmp_path / "a.npy", (1 << 20,)):
        (temporary,) = tmp_path.iterdir()
        assert temporary.stat().st_blocks * 512 >= 1 << 20


def test_a_full_disk_is_one_sentence_and_leaves_the_old_file(tmp_path: Path) -> None:
    path = numbered(tmp_path / "a.npy", [1])

    def write() -> None:
        with new_array(path, (1 << 20,)) as array:
            array[:] = 1

    for attempt in (write, lambda: write_array(path, np.ones(1 << 20, np.uint8))):
        with small_files(100_000), pytest.raises(OutputError, match=r"a\.npy cannot be written"):
            attempt()
    assert open_array(path)[0, 0, 0, 0] == 1
    assert list(tmp_path.iterdir()) == [path]


def test_a_mapped_shard_outlives_its_replacement(tmp_path: Path) -> None:
    path = numbered(tmp_path / "a.npy", [1])
    before = open_array(path)
    numbered(path, [2, 3])
    assert before[0, 0, 0, 0] == 1
    assert len(open_array(path)) == 2


def test_a_reader_never_sees_half_a_shard(tmp_path: Path) -> None:
    """Whatever moment a reader opens the file at, all its values are of one writing."""
    path = numbered(tmp_path / "a.npy", [0] * 50, size=16)
    stop = threading.Event()

    def write() -> None:
        number = 0
        while not stop.is_set():
            number = (number + 1) % 256
            numbered(path, [number] * 50, size=16)

    writer = threading.Thread(target=write)
    writer.start()
    seen = set()
    for _ in range(200):
        values = np.unique(open_array(path, 4))
        assert len(values) == 1
        seen.add(int(values[0]))
    stop.set()
    writer.join()
    assert len(seen) > 1


@pytest.mark.parametrize("shape", [(0, 4, 4, 3), (3, 0, 4, 3)])
def test_arrays_without_elements_come_back(tmp_path: Path, shape: tuple[int, ...]) -> None:
    with new_array(tmp_path / "a.npy", shape) as array:
        assert array.shape == shape
    found = open_array(tmp_path / "a.npy", 4)
    assert (found.shape, found.dtype) == (shape, np.uint8)


def test_the_number_of_axes_is_checked_of_empty_ones_too(tmp_path: Path) -> None:
    for rows in (0, 2):
        write_array(tmp_path / "masks.npy", np.zeros((rows, 4, 4), np.uint8))
        with pytest.raises(InputError, match=r"masks\.npy has 3 axes instead of 4"):
            open_array(tmp_path / "masks.npy", 4)


@pytest.mark.parametrize("keep", [0, 5, 60, 130, 200, -1])
def test_truncated_shards_are_refused(tmp_path: Path, keep: int) -> None:
    path = numbered(tmp_path / "a.npy", range(5))
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(InputError, match=r"a\.npy is truncated or no \.npy file"):
        open_array(path)


@pytest.mark.parametrize("content", [b"PK\x03\x04 a zip", b"\x80\x04K\x01.", b"text"])
def test_other_files_are_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.npy").write_bytes(content)
    with pytest.raises(InputError, match="truncated or no"):
        open_array(tmp_path / "a.npy")


def test_pickled_objects_are_refused(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.array([{}], object), allow_pickle=True)
    with pytest.raises(InputError, match="truncated or no"):
        open_array(tmp_path / "a.npy")


def test_a_missing_shard_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"a\.npy is missing"):
        open_array(tmp_path / "a.npy")


def test_rows_come_in_the_order_asked_for(tmp_path: Path) -> None:
    shards = [
        numbered(tmp_path / "0.npy", [0, 1, 2]),
        numbered(tmp_path / "1.npy", []),
        numbered(tmp_path / "2.npy", [3]),
        numbered(tmp_path / "3.npy", [4, 5]),
        numbered(tmp_path / "4.npy", []),
    ]
    joined = JoinedArrays(shards)
    assert (len(joined), joined.row_shape) == (6, (4, 4, 3))
    rows = [5, 0, 3, 3, 2, 0, 4]
    found = joined.gather(rows)
    assert found.shape == (7, 4, 4, 3)
    assert (found == np.array(rows, np.uint8).reshape(-1, 1, 1, 1)).all()
    found[:] = 0  # a copy: the shards stay as they are
    assert joined.gather([5])[0, 0, 0, 0] == 5


def test_random_rows_equal_those_of_one_long_array(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    arrays = [random.integers(0, 256, (n, 3, 2), np.uint8) for n in (4, 0, 9, 1)]
    for number, array in enumerate(arrays):
        write_array(tmp_path / f"{number}.npy", array)
    joined = JoinedArrays([tmp_path / f"{n}.npy" for n in range(4)])
    whole = np.concatenate(arrays)
    for _ in range(20):
        rows = random.integers(0, len(whole), 10)
        assert (joined.gather(rows) == whole[rows]).all()


def test_no_row_of_nothing(tmp_path: Path) -> None:
    joined = JoinedArrays([numbered(tmp_path / "0.npy", [])])
    assert (len(joined), joined.gather([]).shape) == (0, (0, 4, 4, 3))
    assert JoinedArrays([]).gather([]).shape == (0,)
    with pytest.raises(IndexError):
        joined.gather([0])


@pytest.mark.parametrize("row", [-1, 3])
def test_rows_outside_are_refused(tmp_path: Path, row: int) -> None:
    with pytest.raises(IndexError, match=r"0\.\.2"):
        JoinedArrays([numbered(tmp_path / "0.npy", [0, 1, 2])]).gather([0, row])


def test_shards_of_other_sizes_or_types_do_not_join(tmp_path: Path) -> None:
    first = numbered(tmp_path / "0.npy", [0])
    with pytest.raises(InputError, match=r"1\.npy holds uint8 rows of shape \(8, 8, 3\)"):
        JoinedArrays([first, numbered(tmp_path / "1.npy", [1], size=8)])
    write_array(tmp_path / "2.npy", np.zeros((1, 4, 4, 3), np.int16))
    with pytest.raises(InputError, match=r"2\.npy holds int16 rows"):
        JoinedArrays([first, tmp_path / "2.npy"])
    np.save(tmp_path / "3.npy", np.array(1, np.uint8))
    with pytest.raises(InputError, match=r"3\.npy holds a single value"):
        JoinedArrays([tmp_path / "3.npy"])


def test_a_sent_copy_maps_the_files_again(tmp_path: Path) -> None:
    joined = JoinedArrays([numbered(tmp_path / "0.npy", range(200), size=32)])
    sent = pickle.dumps(joined)
    assert len(sent) < 1000
    assert pickle.loads(sent).gather([7])[0, 0, 0, 0] == 7
