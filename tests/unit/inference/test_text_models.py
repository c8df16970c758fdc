"""Text recognisers of every layout, beside their definitions, and a real one on real plates."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.cli.media_files import read_picture
from core.errors import CamrecError
from inference.catalogue import ModelStore
from inference.decoders import ctc
from inference.decoders.text import TEXTS
from inference.looking import look
from inference.own_models import add_own
from inference.proposal import propose
from inference.questions import Answers, UnansweredError
from inference.recognisers.plates import build_plate_recogniser
from inference.roles import role_of
from inference.session import ModelError, open_session
from inference.text.model import TextModel
from inference.text.reader import TextReader
from tests.support.tiny_onnx import write_constant

ABC = ("A", "B", "C")
SLOTS = ("A", "B", "C", "_")
LINE = [1, 3, 24, 94]
PP_OCR = "ppocr_en_number_mobile_v2.0_rec.onnx"


def one_hot(symbols: list[int], count: int, *, logits: bool = False) -> np.ndarray:
    """(1, steps, count): these symbols, each at 0.9 or with a logit of 5."""
    rows = np.full((len(symbols), count), 0.0 if logits else 0.1 / (count - 1), np.float32)
    rows[np.arange(len(symbols)), symbols] = 5.0 if logits else 0.9
    return rows[None]


def collapsed(symbols: list[int], blank: int, alphabet: tuple[str, ...]) -> str:
    """CTC's best path by its definition: runs to one, then no blanks."""
    text, last = "", None
    for symbol in symbols:
        if symbol not in (last, blank):
            text += alphabet[symbol if blank else symbol - 1]
        last = symbol
    return text


def read(decoder: str, output: np.ndarray, labels: tuple[str, ...]) -> str:
    known = TEXTS[decoder]
    (line,) = ctc.decode(known.decode(output, labels), known.characters(labels))
    return line.text


@given(symbols=st.lists(st.integers(0, 3), min_size=5, max_size=12), logits=st.booleans(), turned=st.booleans())
@pytest.mark.parametrize(("decoder", "blank"), [("ctc", 0), ("ctc_blank_last", 3)], ids=["blank first", "blank last"])
def test_ctc_reads_as_defined_in_every_layout(
    decoder: str, blank: int, symbols: list[int], logits: bool, turned: bool
) -> None:
    output = one_hot(symbols, 4, logits=logits)
    output = output.transpose(0, 2, 1) if turned else output
    assert read(decoder, output, ABC) == collapsed(symbols, blank, ABC)


@given(places=st.lists(st.integers(0, 3), min_size=1, max_size=9), flat=st.booleans())
def test_slots_read_place_by_place(places: list[int], flat: bool) -> None:
    output = one_hot(places, 4)
    output = output.reshape(1, -1) if flat else output
    assert read("slots", output, SLOTS) == "".join(SLOTS[place] for place in places if SLOTS[place] != "_")


def test_a_softmax_makes_chances_of_logits() -> None:
    logits = one_hot([1, 0, 2], 4, logits=True)
    steps = TEXTS["ctc"].decode(logits, ABC)
    np.testing.assert_allclose(steps, np.exp(logits) / np.exp(logits).sum(axis=2, keepdims=True), rtol=1e-6)


@pytest.mark.parametrize(
    ("decoder", "shape", "message"),
    [
        pytest.param("ctc", (1, 10, 7), r"expected an output \(N, steps, 4\)", id="another alphabet"),
        pytest.param("ctc", (1, 28), r"expected an output \(N, steps, 4\)", id="no steps"),
        pytest.param("slots", (1, 9, 5), r"\(N, slots, 4\) or \(N, slots \* 4\)", id="other slots"),
        pytest.param("slots", (1, 30), r"\(N, slots, 4\) or \(N, slots \* 4\)", id="slots that do not fill up"),
    ],
)
def test_an_output_that_does_not_fit_the_alphabet_is_refused(
    decoder: str, shape: tuple[int, ...], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        TEXTS[decoder].decode(np.zeros(shape, np.float32), SLOTS if decoder == "slots" else ABC)


@pytest.mark.parametrize(
    ("shape", "output", "answers", "decoder", "text"),
    [
        pytest.param(LINE, one_hot([0, 1, 0, 1, 3, 0], 4), Answers(labels=ABC), "ctc", "AAC", id="PP-OCR, steps first"),
        pytest.param(
            [1, 3, 48, "w"], one_hot([0, 2, 2, 0, 1, 0], 4), Answers(labels=("ABC",)), "ctc", "BA", id="any width"
        ),
        pytest.param(
            LINE,
            one_hot([3, 0, 3, 3, 2, 3], 4, logits=True).transpose(0, 2, 1).copy(),
            Answers(decoder="ctc_blank_last", labels=ABC),
            "ctc_blank_last",
            "AC",
            id="LPRNet, symbols first",
        ),
        pytest.param(
            LINE, one_hot([0, 1, 0, 3], 4), Answers(labels=("A", "B")), "ctc", "A ", id="PP-OCR without its space"
        ),
        pytest.param(
            [1, 64, 128, 1], one_hot([1, 1, 3, 3], 4), Answers(labels=("ABC_",)), "slots", "BB", id="slots of grey"
        ),
        pytest.param(
            [1, 64, 128, 3],
            one_hot([0, 2, 3], 4).reshape(1, -1),
            Answers(decoder="slots", labels=("ABC_",)),
            "slots",
            "AC",
            id="slots in one row",
        ),
    ],
)
def test_a_file_is_told_tried_and_read(
    tmp_path: Path, shape: list[int | str], output: np.ndarray, answers: Answers, decoder: str, text: str
) -> None:
    kind = np.uint8 if decoder == "slots" else np.float32
    path = write_constant(tmp_path / "m.onnx", shape, [output], input_type=kind)
    entry = propose(path, answers).entry
    assert (entry.task, entry.decoder) == ("text recognition", decoder)
    sight = look(open_session(path, gpu=None, threads=1), entry, np.zeros((40, 300, 3), np.uint8))
    assert [found.text for found in sight.detections] == [text]


def test_the_alphabet_in_the_file_is_taken(tmp_path: Path) -> None:
    path = write_constant(tmp_path / "m.onnx", LINE, [one_hot([0, 2, 0, 4], 5)], metadata={"character": "A\nB\nC"})
    entry = propose(path, Answers(decoder="ctc")).entry
    assert entry.labels == ()
    session = open_session(path, gpu=None, threads=1)
    assert TextModel(session, entry).read([np.zeros((24, 94, 3), np.uint8)])[0].text == "B "


@pytest.mark.parametrize(
    ("answers", "error", "message"),
    [
        pytest.param(Answers(decoder="ctc"), UnansweredError, "the 59 characters that it reads", id="none"),
        pytest.param(
            Answers(decoder="ctc", labels=("ABCDE",)),
            CamrecError,
            "59 characters, but the alphabet has 5: ABCDE",
            id="long",
        ),
        pytest.param(Answers(decoder="slots", labels=("ABCD",)), ModelError, "with one pad '_', got ABCD", id="no pad"),
    ],
)
def test_the_alphabet_must_fit(tmp_path: Path, answers: Answers, error: type[Exception], message: str) -> None:
    path = write_constant(tmp_path / "m.onnx", LINE, [one_hot([0, 1, 0], 4 if answers.decoder == "slots" else 60)])
    with pytest.raises(error, match=message):
        propose(path, answers)


def test_a_line_of_any_width_keeps_its_aspect_and_a_squeezed_one_does_not(tmp_path: Path) -> None:
    free = write_constant(tmp_path / "free.onnx", [1, 3, 48, "w"], [one_hot([0, 1, 0, 1], 4)])
    fixed = write_constant(tmp_path / "fixed.onnx", LINE, [one_hot([0, 1, 0, 1], 4)])
    shapes = [propose(path, Answers(decoder="ctc", labels=ABC)).entry.input for path in (free, fixed)]
    assert [(taken.resize, taken.shape) for taken in shapes] == [
        ("height", (1, 3, 48, None)),
        ("stretch", (1, 3, 24, 94)),
    ]


def test_plates_need_letters_and_digits(tmp_path: Path) -> None:
    path = write_constant(tmp_path / "m.onnx", LINE, [one_hot([0, 1, 0], 4)])
    entry = propose(path, Answers(decoder="ctc", labels=ABC)).entry
    with pytest.raises(ModelError, match="Model m cannot read plates: expected an alphabet with A-Z and 0-9"):
        TextReader(TextModel(open_session(path, gpu=None, threads=1), entry))


@pytest.mark.data
def test_a_real_recogniser_of_ones_own_reads_plates(tmp_path: Path, shared_data: Path) -> None:
    store = ModelStore(tmp_path)
    source = shared_data / "models" / PP_OCR
    labels = tuple((shared_data / "models" / "ppocr_en_dict.txt").read_text("utf-8").splitlines())
    entry = propose(source, Answers(name="mine", decoder="ctc", size=(320, 32), labels=labels)).entry
    assert len(entry.labels) == len(labels) + 1
    add_own(tmp_path, source, entry)
    store.choose(role_of("plates.text"), "mine")
    shutil.copy(shared_data / "models" / f"{role_of('plates.detector').default}.onnx", tmp_path)
    recogniser = build_plate_recogniser(store, None, 1)
    assert recogniser.model.endswith("+mine")
    right = 0
    for number in (2, 3, 4, 7):
        row = (shared_data / "plates" / "eu" / f"eu{number}.txt").read_text().split("\t")
        picture = read_picture(shared_data / "plates" / "eu" / row[0])
        right += row[5].strip() in {found.text for found in recogniser.recognise_still(picture)}
    assert right == 4
