from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from yumi_driver.messages import ArmState, Beat, Picture, Push, State
from yumi_driver.wire import HEADER, MOST_BYTES, Decoder, Kind, WireError, WireFrame, pack, unpack

frames = st.lists(st.builds(WireFrame, st.sampled_from(Kind), st.binary(max_size=200)), max_size=6)


def fed(decoder, pieces):
    return [frame for piece in pieces for frame in decoder.feed(piece)]


@given(frames=frames, data=st.data())
def test_frames_arrive_whole_however_they_are_cut(frames, data):
    stream = b"".join(frame.encode() for frame in frames)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=8)))
    pieces = [stream[a:b] for a, b in zip([0, *cuts], [*cuts, len(stream)], strict=True)]
    assert fed(Decoder(), pieces) == frames


@given(frames=frames.filter(bool), data=st.data())
def test_a_changed_byte_never_makes_another_frame(frames, data):
    stream = bytearray(b"".join(frame.encode() for frame in frames))
    place = data.draw(st.integers(0, len(stream) - 1))
    stream[place] ^= data.draw(st.integers(1, 255))
    found = []
    with suppress(WireError):
        found.extend(Decoder().feed(bytes(stream)))
    assert found == frames[: len(found)]
    assert len(found) < len(frames)


@given(st.binary(min_size=HEADER.size))
def test_garbage_is_no_frame(garbage):
    found = []
    with suppress(WireError):
        found = fed(Decoder(), [garbage])
    assert found == []


def test_nothing_longer_than_the_longest_is_sent():
    with pytest.raises(ValueError, match=f"allowed are {MOST_BYTES}"):
        WireFrame(Kind.PICTURE, bytes(MOST_BYTES + 1)).encode()


@given(
    st.builds(
        Push,
        number=st.integers(0, 2**40),
        arm=st.sampled_from(["left", "right"]),
        start=st.tuples(*[st.floats(allow_nan=False, allow_infinity=False)] * 2),
        yaw=st.floats(allow_nan=False, allow_infinity=False),
        travel=st.floats(0, 1),
        echo=st.integers(0, 2**40),
    )
)
def test_orders_arrive_to_the_last_bit(push):
    (frame,) = Decoder().feed(pack(Kind.PUSH, push))
    assert unpack(frame, Push) == push


def test_pictures_arrive_as_they_were_taken():
    picture = Picture("left", 2**40, b"\xff\xd8 some jpeg")
    (frame,) = Decoder().feed(picture.frame().encode())
    assert Picture.of(frame) == picture


@pytest.mark.parametrize(
    ("frame", "model", "says"),
    [
        (WireFrame(Kind.BEAT, b"{}"), Beat, "found in BEAT number: Field required"),
        (WireFrame(Kind.BEAT, b"\x00"), Beat, "found in BEAT the payload: Invalid JSON"),
        (WireFrame(Kind.BEAT, b'{"number": -1, "echo": 0}'), Beat, "found in BEAT number: Input should be greater"),
        (
            WireFrame(Kind.STATE, b'{"number": 1, "beat": 0, "arms": {}, "more": 1}'),
            State,
            "found in STATE more: Extra",
        ),
    ],
)
def test_what_is_no_message_is_told(frame, model, says):
    with pytest.raises(WireError) as refused:
        unpack(frame, model)
    assert str(refused.value).startswith(says)


def test_a_push_of_what_is_no_number_is_refused():
    text = b'{"number":1,"arm":"left","start":[NaN,0],"yaw":0,"travel":0.01,"echo":1}'
    with pytest.raises(WireError, match=r"start"):
        unpack(WireFrame(Kind.PUSH, text), Push)


@pytest.mark.parametrize("payload", [b"", b"\x04lef", b"\x02\xff\xff" + bytes(22)])
def test_what_is_no_picture_is_told(payload):
    with pytest.raises(WireError, match="found a picture"):
        Picture.of(WireFrame(Kind.PICTURE, payload))


def test_states_tell_what_is_not_known_yet():
    state = State(number=1, beat=0, arms={"left": ArmState(fault="", done=0, outcome="", joints_deg=None)})
    (frame,) = Decoder().feed(pack(Kind.STATE, state))
    assert unpack(frame, State).arms["left"].joints_deg is None
