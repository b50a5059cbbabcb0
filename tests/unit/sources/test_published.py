"""A published split: file names to patch ids, and files that are not what they should be."""

import re
from pathlib import Path

import pytest

from groundsynth.errors import InputError
from groundsynth.sources.published import comparison, read_split_file

SAMPLES = Path(__file__).resolve().parents[4] / "shared" / "paper" / "samples"
HEAD = "filename,split,Tree,Shrub,text\n"


def write(folder: Path, text: str, encoding: str = "utf-8") -> Path:
    path = folder / "captions.csv"
    path.write_bytes(text.encode(encoding))
    return path


def test_file_names_become_patch_ids(tmp_path: Path) -> None:
    """Captions of several lines, quotes and commas in other columns; images that are no patches."""
    text = HEAD + (
        'N40E033_041_023.png,test,3,0,"A river, ""wide"",\nwith banks."\n'
        "train/images/N40E033_000_001.PNG,train,3,0,\n"
        "S01W001_000_001,val,3,0,x\n"
        "my.raster_000_001.tif,validation,3,0,x\n"
        "82094.png,synth,3,0,x\n"
        "82094.png,synth,3,0,x\n"
    )
    expected = {
        "N40E033_041_023": "test",
        "N40E033_000_001": "train",
        "S01W001_000_001": "validation",
        "my.raster_000_001": "validation",
    }
    for encoding in ("utf-8", "utf-8-sig"):
        assert read_split_file(write(tmp_path, text, encoding)) == expected
        assert read_split_file(write(tmp_path, text.replace("\n", "\r\n"), encoding)) == expected


def test_only_the_two_columns_are_decoded(tmp_path: Path) -> None:
    path = write(tmp_path, HEAD + "N40E033_041_023.png,test,3,0,Türkiye\n", "latin-1")
    assert read_split_file(path) == {"N40E033_041_023": "test"}


def test_a_file_of_many_megabytes_is_read_to_its_end(tmp_path: Path) -> None:
    path = tmp_path / "large.csv"
    caption = '"' + "All of it is grass,\n" * 100 + '"'
    with path.open("w", encoding="utf-8") as stream:
        stream.write(HEAD)
        stream.writelines(f"{n}.png,synth,0,0,{caption}\n" for n in range(20_000))
        stream.write(f"N36E030_000_000.png,train,0,0,{caption}\n")
    assert read_split_file(path) == {"N36E030_000_000": "train"}


@pytest.mark.parametrize(
    ("text", "encoding", "reason"),
    [
        (
            HEAD + "a_000_000.png,trian,1,1,x\n",
            "utf-8",
            "gives a_000_000.png the split 'trian', wh",
        ),
        (HEAD + "a_000_000.png,,1,1,x\n", "utf-8", "gives a_000_000.png the split '', which is"),
        (HEAD + ",test,1,1,x\n", "utf-8", "has a row without filename"),
        (HEAD + "a.png,test,1,1,x\nb/a.tif,train,1,1,x\n", "utf-8", "lists the patch a more than"),
        (
            HEAD + "a.png,test,1,1,x\na.png,test,1,1,x\n",
            "utf-8",
            "lists the patch a more than once",
        ),
        (HEAD + "1.png,synth,1,1,x\n", "utf-8", "lists no patch"),
        (HEAD, "utf-8", "lists no patch"),
        ("file,split\na.png,test\n", "utf-8", "lacks the column filename or split"),
        ("filename;split\na.png;test\n", "utf-8", "lacks the column filename or split"),
        ("filename,subset\na.png,test\n", "utf-8", "lacks the column filename or split"),
        (HEAD + "a.png,test\n", "utf-8", r"cannot be read as CSV in UTF-8 \(.*5 columns, got 2"),
        (HEAD + "ağaç.png,test,1,1,x\n", "iso-8859-9", "cannot be read as CSV in UTF-8"),
        (HEAD + "a.png,test,1,1,x\n", "utf-16", "is encoded in UTF-16; save it"),
        ("", "utf-8", "cannot be read as CSV in UTF-8"),
    ],
)
def test_other_files_are_refused_by_name(
    tmp_path: Path, text: str, encoding: str, reason: str
) -> None:
    with pytest.raises(InputError, match=f"captions.csv {reason}") as refused:
        read_split_file(write(tmp_path, text, encoding))
    assert len(re.findall(r"[.](?: [A-Z]|$)", str(refused.value))) == 1, "one sentence"


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"none.csv is missing; correct .*splits.file"):
        read_split_file(tmp_path / "none.csv")


def test_what_was_not_cut_is_counted() -> None:
    listed = {"a": "train", "b": "train", "c": "test", "d": "validation"}
    path = Path("captions.csv")
    assert comparison(path, listed, set("abcdxyz")) == (
        "All 4 patches that captions.csv lists were cut."
    )
    assert comparison(path, listed, {"a"}) == (
        "3 of the 4 patches that captions.csv lists were not cut (train 1, validation 1, test 1)."
    )
    with pytest.raises(InputError, match=r"None of the 4 patches that captions.csv lists was cut"):
        comparison(path, listed, {"x"})


@pytest.mark.skipif(not SAMPLES.is_dir(), reason="the paper's samples are not beside the checkout")
def test_the_published_samples() -> None:
    found = read_split_file(SAMPLES / "real_captions_head13.csv")
    assert len(found) == 13
    assert found["N40E033_041_023"] == "test"
    assert all(re.fullmatch(r"N\d\dE\d\d\d_\d\d\d_\d\d\d", patch_id) for patch_id in found)
    with pytest.raises(InputError, match="lists no patch"):
        read_split_file(SAMPLES / "synth_captions_head3.csv")
