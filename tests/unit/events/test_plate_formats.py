from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import BadSettingError
from events.plate_formats import check_regions, fold, regions


@pytest.mark.parametrize(
    ("codes", "read", "expected"),
    [
        pytest.param(["SK"], "RK708A1", "RK708AI", id="1 at a letter's place"),
        pytest.param(["SK"], "RKO08AI", "RK008AI", id="O at a digit's place"),
        pytest.param(["SK"], "RK708AI", "RK708AI", id="a plate stays"),
        pytest.param(["DE"], "8MW1234", "BMW1234", id="variable length, one way only"),
        pytest.param(["TW"], "A8C1Z34", "ABC1234", id="Taiwan, several characters"),
        pytest.param(["TW"], "0BC1234", "DBC1234", id="Taiwan has no letter O"),
        pytest.param(["TW"], "12B4AB", "1284AB", id="Taiwan, older car"),
        pytest.param(["TW"], "MXY123", "MXY123", id="Taiwan, motorcycle"),
        pytest.param(["CN"], "苏E051712", "苏ED51712", id="China, D of an electric car"),
        pytest.param(["BR"], "ABC1O34", "ABC1O34", id="Mercosul with the letter O stays"),
        pytest.param(["BR"], "A8C1234", "ABC1234", id="Brazil, old"),
        pytest.param(["ES"], "1234BC0", "1234BCD", id="Spain has no letter O"),
        pytest.param(["UK"], "AB1ZCDE", "AB12CDE", id="United Kingdom"),
        pytest.param(["RO"], "812ABC", "B12ABC", id="Bucharest"),
        pytest.param(["US"], "ABC0123", "ABC0123", id="United States: nothing is corrected"),
        pytest.param(["SK", "US"], "RK708A1", "RK708A1", id="already a plate of one of the regions"),
        pytest.param(["FR"], "RK708", "RK708", id="wrong length"),
        pytest.param(["FR"], "XK70YAB", "XK70YAB", id="nothing alike"),
        pytest.param([], "RK708A1", "RK708A1", id="no regions"),
        pytest.param(["SK"], "", "", id="nothing"),
    ],
)
def test_fold(codes: list[str], read: str, expected: str) -> None:
    assert fold(read, codes) == expected


def test_where_two_plates_are_as_near_nothing_is_exchanged() -> None:
    # OB0808, 0808OB, 08OB08 and OB08OB: three exchanges each.
    assert fold("0B0B0B", ["PT"]) == "0B0B0B"


def test_regions_are_checked() -> None:
    assert check_regions(["SK", "CZ", "SK"]) == ("SK", "CZ")
    with pytest.raises(BadSettingError, match=r"No region 'XX'. Known: AT, BE, .*US-TX"):
        check_regions(["XX"])


def test_every_region_has_formats_that_a_plate_can_have() -> None:
    assert {"TW", "CN", "US", "BR", "JP", "DE", "SK", "CZ", "PL", "FR", "IT", "ES", "NL", "BE", "AT", "HU", "RO"} <= {
        *regions()
    }
    for region in regions().values():
        assert region.formats, region.code
        assert all(1 <= len(slots) <= 11 for slots in region.formats), region.code


CODES = st.lists(st.sampled_from(sorted(regions())), min_size=1, max_size=3)


@given(CODES, st.data())
def test_a_plate_of_the_region_is_left_alone(codes: list[str], data: st.DataObject) -> None:
    slots = data.draw(st.sampled_from(regions()[codes[0]].formats))
    text = "".join(data.draw(st.sampled_from(allowed)) for allowed in slots)
    assert fold(text, codes) == text


@given(CODES, st.text("0ODQ1IL2Z5S8B6G4A7TX苏", max_size=9))
def test_folding_keeps_the_length_and_settles(codes: list[str], text: str) -> None:
    folded = fold(text, codes)
    assert len(folded) == len(text)
    assert fold(folded, codes) == folded
