from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from yumi_driver.messages import ArmState, Heartbeat, Picture, Push, State
from yumi_driver.wire import HEADER, MAX_PAYLOAD_BYTES, Decoder, Kind, WireError, WireFrame, pack, unpack

frames = st.lists(st.builds(WireFrame, st.sampled_from(Kind), st.binary(max_size=200)), max_size=6)


def fed(decoder, pieces):
    return [frame for piece in pieces for frame in decoder.feed(piece)]


@given(frames=frames, data=st.data())
def test_frames_are_decoded_from_pieces_of_any_size(frames, data):
    stream = b"".join(frame.encode() for frame in frames)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=8)))
    pieces = [stream[a:b] for a, b in zip([0, *cuts], [*cuts, len(stream)], strict=True)]
    assert fed(Decoder(), pieces) == frames


@given(frames=frames.filter(bool), data=st.data())
def test_a_changed_byte_never_decodes_to_another_frame(frames, data):
    stream = bytearray(b"".join(frame.encode() for frame in frames))
    place = data.draw(st.integers(0, len(stream) - 1))
    stream[place] ^= data.draw(st.integers(1, 255))
    found = []
    with suppress(WireError):
        found.extend(Decoder().feed(bytes(stream)))
    assert found == frames[: len(found)]
    assert len(found) < len(frames)


@given(st.binary(min_size=HEADER.size))
def test_random_bytes_are_no_frame(garbage):
    found = []
    with suppress(WireError):
        found = fed(Decoder(), [garbage])
    assert found == []


def test_too_long_a_payload_is_refused():
    with pytest.raises(ValueError, match=f"expected at most {MAX_PAYLOAD_BYTES} bytes"):
        WireFrame(Kind.PICTURE, bytes(MAX_PAYLOAD_BYTES + 1)).encode()


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
def test_commands_are_decoded_exactly(push):
    (frame,) = Decoder().feed(pack(Kind.PUSH, push))
    assert unpack(frame, Push) == push


def test_pictures_are_decoded_unchanged():
    picture = Picture("left", 2**40, b"\xff\xd8 some jpeg")
    (frame,) = Decoder().feed(picture.frame().encode())
    assert Picture.of(frame) == picture


@pytest.mark.parametrize(
    ("frame", "model", "message"),
    [
        (WireFrame(Kind.HEARTBEAT, b"{}"), Heartbeat, "HEARTBEAT: number: Field required"),
        (WireFrame(Kind.HEARTBEAT, b"\x00"), Heartbeat, "HEARTBEAT: payload: Invalid JSON"),
        (
            WireFrame(Kind.HEARTBEAT, b'{"number": -1, "echo": 0}'),
            Heartbeat,
            "HEARTBEAT: number: Input should be greater",
        ),
        (
            WireFrame(Kind.STATE, b'{"number": 1, "heartbeat": 0, "arms": {}, "more": 1}'),
            State,
            "STATE: more: Extra",
        ),
    ],
)
def test_an_invalid_message_is_refused(frame, model, message):
    with pytest.raises(WireError) as refused:
        unpack(frame, model)
    assert str(refused.value).startswith(message)


def test_a_push_with_nan_is_refused():
    text = b'{"number":1,"arm":"left","start":[NaN,0],"yaw":0,"travel":0.01,"echo":1}'
    with pytest.raises(WireError, match=r"start"):
        unpack(WireFrame(Kind.PUSH, text), Push)


@pytest.mark.parametrize("payload", [b"", b"\x04lef", b"\x02\xff\xff" + bytes(22)])
def test_an_invalid_picture_is_refused(payload):
    with pytest.raises(WireError, match="PICTURE: expected"):
        Picture.of(WireFrame(Kind.PICTURE, payload))


def test_states_carry_unknown_joint_angles():
    state = State(number=1, heartbeat=0, arms={"left": ArmState(fault="", done=0, outcome="", joints_deg=None)})
    (frame,) = Decoder().feed(pack(Kind.STATE, state))
    assert unpack(frame, State).arms["left"].joints_deg is None
