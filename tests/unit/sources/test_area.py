"""The tiles of a configured area: any vector file, any coordinate system, listed once."""

import json
import math
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import geopandas
import pytest
import shapely
from shapely.geometry import Point, box

from groundsynth.errors import ConfigurationError, InputError
from groundsynth.sources import area as area_module
from groundsynth.sources.area import digest_of_area, tiles_of_configured
from groundsynth.sources.vector_area import tiles_under

Save = Callable[..., Path]
TWO = [box(30.2, 36.5, 31.5, 36.9), box(33, 38, 34, 39)]
TILES_OF_TWO = ["N36E030", "N36E031", "N38E033"]


@pytest.fixture
def save(tmp_path: Path) -> Save:
    """Write shapes, given in degrees, to a vector file in a coordinate system."""

    def write(
        shapes: list[Any], name: str = "area.gpkg", crs: str | None = "EPSG:4326", **more: Any
    ) -> Path:
        series = geopandas.GeoSeries(shapes, crs="EPSG:4326")
        series = series.set_crs(None, allow_override=True) if crs is None else series.to_crs(crs)
        frame = geopandas.GeoDataFrame({"name": range(len(series))}, geometry=series)
        path = tmp_path / name
        if path.suffix == ".parquet":
            frame.to_parquet(path)
        else:
            frame.to_file(path, **more)
        return path

    return write


@pytest.mark.parametrize(
    ("name", "crs"),
    [
        ("area.gpkg", "EPSG:4326"),
        ("area.geojson", "EPSG:4326"),
        ("area.shp", "EPSG:3857"),
        ("area.gpkg", "EPSG:32636"),
        ("area.parquet", "EPSG:4258"),
        ("area of 'mine' {x}.gpkg", "EPSG:2320"),  # ED50 / TM30, metres
        ("area.fgb", "EPSG:2264"),  # North Carolina, US survey feet
    ],
)
def test_any_format_and_coordinate_system(save: Save, name: str, crs: str) -> None:
    inner = [shape.buffer(-0.1, join_style="mitre") for shape in TWO]
    assert tiles_under(save(inner, name, crs)) == TILES_OF_TWO


def test_tiles_that_are_only_touched_are_left_out(save: Save) -> None:
    """Edges of the second shape are those of its tile; also after a way through another system."""
    assert tiles_under(save(TWO)) == TILES_OF_TWO
    assert tiles_under(save(TWO, crs="EPSG:3857")) == TILES_OF_TWO
    corner = shapely.Polygon([(30.5, 36.5), (31, 37), (30.5, 36.9)])
    assert tiles_under(save([corner])) == ["N36E030"]
    beyond = shapely.Polygon([(30.5, 36.5), (31.001, 37.001), (30.5, 36.9)])
    assert len(tiles_under(save([beyond]))) > 1


def test_only_the_ground_that_is_covered_counts(save: Save) -> None:
    ring = box(30.5, 36.5, 32.5, 38.5) - box(31, 37, 32, 38)
    found = tiles_under(save([ring]))
    assert len(found) == 8
    assert "N37E031" not in found
    bow = shapely.Polygon([(30.1, 36.1), (30.9, 36.9), (30.9, 36.1), (30.1, 36.9)])
    mixed = shapely.GeometryCollection([bow, Point(40, 40), shapely.MultiPolygon(TWO)])
    assert tiles_under(save([mixed, shapely.Polygon(), None, Point(10, 10)])) == TILES_OF_TWO


def test_a_bow_tie_covers_both_its_halves(save: Save) -> None:
    """One whose halves are of equal size has no area before it is made valid."""
    bow = shapely.Polygon([(30.2, 36.2), (31.8, 36.8), (31.8, 36.2), (30.2, 36.8)])
    assert bow.area == pytest.approx(0, abs=1e-12)
    assert tiles_under(save([bow])) == ["N36E030", "N36E031"]
    assert tiles_under(save([*TWO[1:], bow])) == TILES_OF_TWO


def test_edges_of_projected_shapes_bend(save: Save) -> None:
    """The straight northern edge of a UTM rectangle reaches further north in its middle."""
    path, north = save([box(30, 36, 31, 37)]), 4_207_000
    rectangle = geopandas.GeoSeries([box(250_000, 4_120_000, 750_000, north)], crs="EPSG:32636")
    rectangle.to_file(path)
    assert rectangle.to_crs("EPSG:4326").total_bounds[3] < 38, "by its corners alone"
    edge = [Point(x, north) for x in range(250_000, 750_000, 1000)]
    places = geopandas.GeoSeries(edge, crs="EPSG:32636").to_crs("EPSG:4326")
    expected = {f"N38E{int(x):03d}" for x in places[places.y > 38].x}
    assert {tile for tile in tiles_under(path) if tile >= "N38"} == expected != set()


def test_all_hemispheres_and_the_antimeridian(save: Save) -> None:
    cross = box(-0.5, -0.5, 0.5, 0.5)
    assert tiles_under(save([cross])) == ["S01W001", "S01E000", "N00W001", "N00E000"]
    around = ["S18W180", "S18E179"]
    split = [box(179.5, -17.5, 180, -17.2), box(-180, -17.5, -179.5, -17.2)]
    assert tiles_under(save(split)) == around
    assert tiles_under(save([box(179.5, -17.5, 180.5, -17.2)])) == around
    assert tiles_under(save([box(-180.5, -17.5, -179.5, -17.2)])) == around
    fiji = geopandas.GeoSeries(split, crs=4326).to_crs("EPSG:3832").union_all().buffer(-1000)
    path = save(split)
    geopandas.GeoSeries([fiji.convex_hull], crs="EPSG:3832").to_file(path)  # Pacific Mercator
    assert tiles_under(path) == around


@pytest.mark.parametrize(
    ("shapes", "options", "reason"),
    [
        (TWO, {"crs": None}, "has no coordinate reference system; assign"),
        ([], {}, "holds no polygon; the area must be"),
        ([Point(30, 36), shapely.LineString([(30, 36), (31, 37)])], {}, "holds no polygon"),
        ([shapely.Polygon()], {}, "holds no polygon"),
        ([box(-179, 0, 179, 1)], {}, "polygon that is 358 degrees wide; cut it"),
        ([shapely.Polygon([(0, 0), (1, 1), (1, math.inf)])], {}, "coordinates that are no numbers"),
        ([box(450000, 4200000, 460000, 4210000)], {}, "coordinates beyond the earth; correct"),
    ],
)
def test_files_that_cannot_work_are_named(
    save: Save, shapes: list[Any], options: dict[str, Any], reason: str
) -> None:
    path = save(shapes, **options)
    with pytest.raises(InputError, match=rf"area.gpkg .*{reason}"):
        tiles_under(path)


def test_a_pole_needs_degrees(save: Save) -> None:
    path = save([box(0, 80, 1, 81)])
    geopandas.GeoSeries([Point(0, 0).buffer(1e5)], crs="EPSG:3995").to_file(path)
    with pytest.raises(InputError, match="degrees wide; cut it"):
        tiles_under(path)


def test_other_files_are_named(save: Save, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"none.gpkg is missing"):
        tiles_under(tmp_path / "none.gpkg")
    for name in ("text.gpkg", "text.parquet"):
        (tmp_path / name).write_text("no vector file", "utf-8")
        with pytest.raises(InputError, match=rf"{name} is no vector file.*GeoPackage"):
            tiles_under(tmp_path / name)
    (tmp_path / "table.csv").write_text("a,b\n1,2\n", "utf-8")
    with pytest.raises(InputError, match=r"table.csv holds no polygon"):
        tiles_under(tmp_path / "table.csv")
    path = save(TWO, layer="first")
    save(TWO, layer="second")
    with pytest.raises(InputError, match=r"has the layers first, second; save"):
        tiles_under(path)


# The list that a run keeps


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """Commands by which lists were made; they are carried out."""
    made: list[list[str]] = []
    run = subprocess.run

    def counted(command: list[str], **more: Any) -> Any:
        made.append(command)
        return run(command, **more)

    monkeypatch.setattr(area_module.subprocess, "run", counted)
    return made


def test_a_box_needs_no_list(tmp_path: Path, calls: list[list[str]]) -> None:
    edges = {"west": 30, "south": 36, "east": 31, "north": 37, "file": None}
    assert tiles_of_configured(edges, tmp_path / "area.json") == ["N36E030"]
    assert not calls
    assert not list(tmp_path.iterdir())


def test_a_file_is_listed_once_until_it_changes(
    save: Save, tmp_path: Path, calls: list[list[str]]
) -> None:
    listed = tmp_path / "run" / "area.json"
    area = {"west": 1, "south": 1, "east": 2, "north": 2, "file": str(save(TWO, "area.shp"))}
    assert tiles_of_configured(area, listed) == TILES_OF_TWO
    assert tiles_of_configured(area, listed) == TILES_OF_TWO
    assert len(calls) == 1
    assert json.loads(listed.read_text())["file"] == "area.shp", "no path of this machine"
    shutil.copy(tmp_path / "area.prj", tmp_path / "kept.prj")
    save(TWO, "other.shp", "EPSG:3857")
    shutil.copy(tmp_path / "other.prj", tmp_path / "area.prj")  # degrees taken for metres
    assert tiles_of_configured(area, listed) == ["N00E000"]
    (tmp_path / "area.prj").unlink()
    with pytest.raises(ConfigurationError, match=r"area.shp has no coordinate reference system"):
        tiles_of_configured(area, listed)
    shutil.copy(tmp_path / "kept.prj", tmp_path / "area.prj")
    assert tiles_of_configured(area, listed) == TILES_OF_TWO
    assert len(calls) == 4
    listed.write_text("[]", "utf-8")
    assert tiles_of_configured(area, listed) == TILES_OF_TWO
    record = json.loads(listed.read_text())
    listed.write_text(json.dumps(record | {"format": 0, "tiles": []}), "utf-8")
    assert tiles_of_configured(area, listed) == TILES_OF_TWO
    assert len(calls) == 6


def test_a_process_that_fails_otherwise_is_explained(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "sitecustomize.py").write_text("import sys; sys.modules['geopandas'] = None")
    (tmp_path / "area.gpkg").touch()
    monkeypatch.setattr(area_module, "PACKAGE_FOLDER", f"{tmp_path}:{area_module.PACKAGE_FOLDER}")
    with pytest.raises(ConfigurationError, match=r"area.gpkg could not .*geopandas.*as a box"):
        tiles_of_configured({"file": str(tmp_path / "area.gpkg")}, tmp_path / "area.json")


def test_all_parts_of_an_area_belong_to_its_digest(tmp_path: Path) -> None:
    shape, base = tmp_path / "a.shp", tmp_path / "b.gdb"
    (base / "inner").mkdir(parents=True)
    digests = set()
    for path in (shape, tmp_path / "a.DBF", tmp_path / "a.prj", tmp_path / "a.yaml"):
        path.write_text(path.name)
        digests.add(digest_of_area(shape))
    assert len(digests) == 3
    assert digest_of_area(shape) in digests
    (base / "inner" / "table").write_text("1")
    first = digest_of_area(base)
    (base / "inner" / "table").write_text("2")
    assert digest_of_area(base) != first
