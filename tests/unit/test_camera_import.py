from __future__ import annotations

import contextlib
import csv
import io
import json
import re
from dataclasses import replace
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from app.camera_import.check import check_entries
from app.camera_import.files import PARSERS, CameraFileError, Entry, parse_csv, parse_json, parse_yaml
from core.recognitions import RECOGNITIONS
from storage.camera import Camera, CameraRecognition

URL = "rtsp://admin:geheim@10.0.0.5/main"
PLATES = {"kind": "plates", "fps": 5.0}
GATE = Camera(3, "gate", URL, enabled=False, recognitions=(CameraRecognition("plates", 2.0, {}),), version=4)


def contents(entries: list[Entry]) -> list[Any]:
    return [e.content for e in entries]


def faults_of(*fields: Any, known: list[Camera] | None = None, only: bool = False) -> list[str]:
    entries = [Entry(f"camera {n}", content) for n, content in enumerate(fields, 1)]
    _, faults = check_entries(entries, known or [], only=only)
    return [str(fault) for fault in faults]


def cameras_of(*fields: Any, known: list[Camera] | None = None, **options: Any) -> list[Camera]:
    cameras, faults = check_entries([Entry("camera", content) for content in fields], known or [], **options)
    assert faults == []
    return cameras


@pytest.mark.parametrize(
    ("data", "wanted"),
    [
        pytest.param(b"url\nrtsp://h/1\n", [{"url": "rtsp://h/1"}], id="url alone"),
        pytest.param(b"\xef\xbb\xbfid,url\r\n1,rtsp://h/1\r\n", [{"id": 1, "url": "rtsp://h/1"}], id="BOM and CRLF"),
        pytest.param("url\nrtsp://h/ä\n".encode("utf-16"), [{"url": "rtsp://h/ä"}], id="UTF-16"),
        pytest.param(b"id;url\n1;rtsp://h/?a=1,2\n", [{"id": 1, "url": "rtsp://h/?a=1,2"}], id="semicolons"),
        pytest.param(b"id\turl\n1\trtsp://h/1\n", [{"id": 1, "url": "rtsp://h/1"}], id="tabs"),
        pytest.param(
            b'name,url\n"Gate, ""north""",rtsp://h/1\n', [{"name": 'Gate, "north"', "url": "rtsp://h/1"}], id="quotes"
        ),
        pytest.param(
            b"\n ID , Url ,\n\n 1 , rtsp://h/1 ,\n,,\n", [{"id": 1, "url": "rtsp://h/1"}], id="spaces and blank lines"
        ),
        pytest.param(b"url,name\nrtsp://h/1\n", [{"url": "rtsp://h/1"}], id="short line"),
        pytest.param(
            b"url,enabled,tls_verify,keep_fps\nrtsp://h/1,No,TRUE,0.5\n",
            [{"url": "rtsp://h/1", "enabled": False, "tls_verify": True, "keep_fps": 0.5}],
            id="flags and numbers",
        ),
        pytest.param(
            b"url,recognitions\nrtsp://h/1,plates:5; falls\n",
            [{"url": "rtsp://h/1", "recognitions": [PLATES, {"kind": "falls"}]}],
            id="recognitions",
        ),
        pytest.param(
            b"url,id,enabled,recognitions\nrtsp://h/1,1.5,maybe,plates:fast\n",
            [
                {
                    "url": "rtsp://h/1",
                    "id": "1.5",
                    "enabled": "maybe",
                    "recognitions": [{"kind": "plates", "fps": "fast"}],
                }
            ],
            id="what is no value stays text",
        ),
        pytest.param(b"url\n", [], id="header alone"),
    ],
)
def test_csv(data: bytes, wanted: list[dict[str, Any]]) -> None:
    assert contents(parse_csv(data)) == wanted


def test_csv_names_the_lines_of_the_file() -> None:
    entries = parse_csv(b'\nname,url\n\n"two\nlines",rtsp://h/1\nlast,rtsp://h/2\n')
    assert [e.place for e in entries] == ["line 4", "line 6"]


@pytest.mark.parametrize(
    ("parser", "data", "message"),
    [
        pytest.param("csv", b"", "nothing in it", id="empty CSV"),
        pytest.param("json", b" \n", "nothing in it", id="empty JSON"),
        pytest.param("csv", b"\x89PNG\r\n\x1a\n\xff", "UTF-8", id="picture"),
        pytest.param("csv", b"url\0\n", "NUL", id="NUL bytes"),
        pytest.param("csv", "url\nrtsp://h/ä".encode("latin-1"), "CSV UTF-8", id="Latin-1"),
        pytest.param("csv", b"1,gate,rtsp://u:geheim@h\n", "names the columns.* cell 1, 2, 3", id="no header"),
        pytest.param("csv", b"geheim\n", "cell 1 is none", id="something else"),
        pytest.param("csv", b"id,name\n1,gate\n", "got id, name", id="no url column"),
        pytest.param("csv", b"url,url\n", "each once", id="column twice"),
        pytest.param("csv", b"id,url\n1,rtsp://h/1\n2,rtsp://h/?a,b\n", "Line 3 has 3 cells", id="long line"),
        pytest.param("csv", b'url\n"rtsp://h/1\n', "line 2: unexpected end", id="open quote"),
        pytest.param("csv", b"url\n" + b"x" * 200_000, "field larger", id="endless cell"),
        pytest.param("json", b'[{"url": }]', "line 1, column 10", id="broken JSON"),
        pytest.param("json", b"[" * 100_000, "deeply nested", id="deep JSON"),
        pytest.param("json", b"[1" + b"0" * 5000 + b"]", "number too long", id="long number"),
        pytest.param("json", b'{"url": "rtsp://geheim@h"}', "object with other keys", id="one camera"),
        pytest.param("json", b'{"cameras": 5}', "got a int", id="no list"),
        pytest.param("yaml", b"- url: [", "line 2, column 1", id="broken YAML"),
        pytest.param("yaml", b"- \x07", "cannot be read", id="control character"),
        pytest.param("yaml", b"- &a [x, x]\n- [*a, *a]\n", "aliases", id="YAML aliases"),
        pytest.param("yaml", b"- !!python/name:os.system\n", "Not YAML", id="YAML objects"),
        pytest.param("yaml", b"- 2020-13-45\n", "cannot be read", id="YAML date"),
        pytest.param("yaml", b"just text", "got a str", id="text"),
    ],
)
def test_what_is_no_list_of_cameras(parser: str, data: bytes, message: str) -> None:
    with pytest.raises(CameraFileError, match=message) as caught:
        PARSERS[parser](data)
    assert "geheim" not in str(caught.value)


def test_json_and_yaml_have_the_shape_of_the_api() -> None:
    wanted = [{"id": 1, "url": URL, "recognitions": [PLATES]}, {"url": "rtsp://h/2", "enabled": False}]
    for document in (wanted, {"cameras": wanted}):
        assert contents(parse_json(json.dumps(document).encode())) == wanted
        assert contents(parse_yaml(yaml.safe_dump(document).encode())) == wanted
    assert [e.place for e in parse_json(json.dumps(wanted).encode())] == ["camera 1", "camera 2"]


@pytest.mark.parametrize(
    ("fields", "fault"),
    [
        pytest.param(5, ": Expected an object with url and more; got '5'", id="no object"),
        pytest.param({"name": "x"}, "url: Missing", id="no URL"),
        pytest.param({"url": None}, "url: Field may not be null", id="null"),
        pytest.param({"url": 5}, "url: Not a valid string", id="URL no text"),
        pytest.param({"url": "ftp://u:geheim@h/x"}, "url: .*got 'ftp'.* Got 'ftp://\\*\\*\\*@h/x'", id="scheme"),
        pytest.param({"url": "admin:geheim@h"}, "url: .* Got 14 characters", id="no scheme"),
        pytest.param({"url": "rtsp://u:geheim x@h/"}, "url: .*spaces.* Got 'rtsp://\\*\\*\\*@h/'", id="space in URL"),
        pytest.param(
            {"url": "rtsp://u:a?b=geheim@h/"}, "url: .*%3F.* Got 'rtsp://\\*\\*\\*@h/'", id="query in the password"
        ),
        pytest.param({"url": "file:///etc/passwd"}, "url: .*CAMREC_ALLOW_FILES", id="file"),
        pytest.param({"url": URL, "detect_url": "x"}, "detect_url: ", id="detect_url"),
        pytest.param({"url": URL, "id": 0}, "id: .*1 and .*2147483647. Got '0'", id="id too low"),
        pytest.param({"url": URL, "id": 2**31}, "id: .* Got '2147483648'", id="id too high"),
        pytest.param({"url": URL, "id": "x"}, "id: Not a valid integer. Got 'x'", id="id no number"),
        pytest.param({"url": URL, "id": 1.5}, "id: Not a valid integer", id="id a fraction"),
        pytest.param({"url": URL, "name": "x" * 129}, "name: .*128", id="long name"),
        pytest.param({"url": URL, "enabled": "maybe"}, "enabled: .* Got 'maybe'", id="flag"),
        pytest.param(
            {"url": URL, "recognitions": [{"kind": "x"}]}, r"recognitions\[0\].kind: Not one of: plates", id="kind"
        ),
        pytest.param({"url": URL, "recognitions": [{"fps": 5}]}, r"recognitions\[0\].kind: Missing", id="no kind"),
        pytest.param(
            {"url": URL, "recognitions": [PLATES | {"fps": 99}]}, r"recognitions\[0\].fps: .*at most 30", id="fps"
        ),
        pytest.param({"url": URL, "recognitions": [PLATES, PLATES]}, "recognitions: .*twice", id="kind twice"),
        pytest.param(
            {"url": URL, "recognitions": [5]}, r"recognitions\[0\]: Invalid input type. Got '5'", id="no recognition"
        ),
        pytest.param({"url": URL, "password": "geheim"}, "password: Unknown field.$", id="unknown field"),
        pytest.param({"url": URL, 5: 5}, r"\[5\]: Unknown field", id="key no text"),
        pytest.param({"url": [URL] * 50}, "url: Not a valid string", id="URLs in a list"),
    ],
)
def test_faults_say_place_field_and_what_came(fields: Any, fault: str) -> None:
    found = faults_of(fields)
    assert len(found) == 1
    assert re.match("camera 1, " + fault if not fault.startswith(":") else "camera 1" + fault, found[0]), found
    assert "geheim" not in found[0]


def test_all_faults_come_at_once() -> None:
    found = faults_of({"id": 0, "url": "ftp://h"}, {"url": "rtsp://h/2"}, {"id": "x"})
    assert [f.split(":")[0] for f in found] == ["camera 1, url", "camera 1, id", "camera 3, url", "camera 3, id"]


@pytest.mark.parametrize(
    ("fields", "only", "fault"),
    [
        pytest.param([{"id": 1}, {"id": 1}], False, "camera 2, id: .*camera 1 is in camera 1", id="id twice"),
        pytest.param([{"name": "a"}, {"name": " a"}], False, "camera 2, name: .*'a' is in camera 1", id="name twice"),
        pytest.param([{"id": 9}, {"name": "camera-9"}], False, "camera 2, name", id="name that another one gets"),
        pytest.param(
            [{"id": 3}, {"name": "gate"}], False, "camera 2, id: .*camera 3", id="one camera by id and by name"
        ),
        pytest.param(
            [{"id": 9, "name": "gate"}], False, "camera 1, name: 'gate' is the name of camera 3", id="name of another"
        ),
        pytest.param([{"id": 9, "name": "gate"}], True, None, id="name of one that goes"),
        pytest.param(
            [{"id": 9, "name": "gate"}, {"id": 3, "name": "x"}], False, None, id="name of one that is renamed"
        ),
        pytest.param([{}, {}], False, "camera 2, id", id="the camera of a URL twice"),
    ],
)
def test_each_camera_once(fields: list[dict[str, Any]], only: bool, fault: str | None) -> None:
    found = faults_of(*({"url": URL, **f} for f in fields), known=[GATE], only=only)
    assert len(found) == (fault is not None)
    if fault is not None:
        assert re.match(fault, found[0]), found


def test_new_cameras() -> None:
    reads = (CameraRecognition("plates", 2.0),)
    first, second = cameras_of(
        {"url": " rtsp://h/1 ", "name": " yard "},
        {"url": "rtsp://h/2", "id": 7, "recognitions": [{"kind": "plates"}]},
        recognitions=reads,
    )
    assert first == Camera(0, "yard", "rtsp://h/1", recognitions=reads)
    assert second == Camera(
        7, "", "rtsp://h/2", recognitions=(CameraRecognition("plates", RECOGNITIONS["plates"].default_fps),)
    )


@pytest.mark.parametrize(
    "fields",
    [
        pytest.param({"id": 3, "url": "rtsp://10.0.0.6/"}, id="by id"),
        pytest.param({"name": "gate", "url": "rtsp://10.0.0.6/"}, id="by name"),
        pytest.param({"url": "rtsp://admin:new@10.0.0.5/main"}, id="by URL, with a new password"),
    ],
)
def test_known_camera_keeps_what_is_not_given(fields: dict[str, Any]) -> None:
    (found,) = cameras_of(fields, known=[GATE], recognitions=(CameraRecognition("plates", 25.0),))
    assert found == replace(GATE, url=fields["url"])


def test_known_camera_takes_what_is_given() -> None:
    given = {"id": 3, "name": "new", "url": URL, "enabled": True, "recognitions": []}
    (found,) = cameras_of(given, known=[GATE])
    assert found == replace(GATE, name="new", enabled=True, recognitions=())


def test_files_where_allowed() -> None:
    (found,) = cameras_of({"url": "file:///videos/a.mp4"}, allow_files=True)
    assert found.url == "file:///videos/a.mp4"


cell = st.text(st.characters(exclude_categories=["C", "Z"]), min_size=1, max_size=20)


@given(
    rows=st.lists(st.tuples(st.integers(1, 10**6), cell), min_size=1),
    delimiter=st.sampled_from(",;\t"),
    ending=st.sampled_from(["\n", "\r\n", "\r"]),
    bom=st.booleans(),
)
def test_any_csv_that_is_written_is_read(rows: list[tuple[int, str]], delimiter: str, ending: str, bom: bool) -> None:
    out = io.StringIO(newline="")
    writer = csv.writer(out, delimiter=delimiter, lineterminator=ending)
    writer.writerows([("id", "name", "url"), *((i, name, URL) for i, name in rows)])
    found = parse_csv(out.getvalue().encode("utf-8-sig" if bom else "utf-8"))
    assert contents(found) == [{"id": i, "name": name, "url": URL} for i, name in rows]


plain = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.just(URL),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(["id", "name", "url", "enabled", "recognitions", "kind", "fps", "x"]), inner, max_size=5
        )
    ),
    max_leaves=12,
)


@given(document=st.lists(plain))
def test_any_list_gives_cameras_or_clear_faults(document: list[Any]) -> None:
    entries = parse_json(json.dumps(document).encode())
    cameras, faults = check_entries(entries, [GATE])
    assert faults or len(cameras) == len(document)
    assert not any("geheim" in str(fault) or "\n" in str(fault) for fault in faults)


@given(data=st.binary(max_size=200), parser=st.sampled_from(sorted(PARSERS)))
def test_any_bytes_give_entries_or_a_clear_error(data: bytes, parser: str) -> None:
    with contextlib.suppress(CameraFileError):
        check_entries(PARSERS[parser](data), [GATE])
