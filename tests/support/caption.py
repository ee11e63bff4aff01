#!/usr/bin/env python3
"""Puts captions into a stream: caption.py < in.flv > out.flv

H.264 without B-frames comes in (FLV), and goes out with CEA-608 captions as ATSC A/53 has them, in an
SEI message in front of each picture: once in TURN pictures a line that counts up, "Caption 1", popped
on; in the others the code's own padding.
"""
import struct
import sys

TURN = 30
POP_ON, ERASE, ROW, SHOW = (0x14, 0x20), (0x14, 0x2E), (0x14, 0x70), (0x14, 0x2F)
NOTHING = (0x00, 0x00)


def odd(byte):
    return byte | 0x80 if bin(byte).count("1") % 2 == 0 else byte


def codes(number):
    """Pairs of bytes, one for each picture; each control code comes twice."""
    text = f"Caption {number}"
    text += " " * (len(text) % 2)
    letters = [(ord(text[i]), ord(text[i + 1])) for i in range(0, len(text), 2)]
    return [POP_ON, POP_ON, ERASE, ERASE, ROW, ROW, *letters, SHOW, SHOW]


def pair_of(picture):
    """The bytes of CEA-608 for the picture of that number."""
    turn = codes(picture // TURN + 1)
    pair = turn[picture % TURN] if picture % TURN < len(turn) else NOTHING
    return bytes(map(odd, pair))


def payload(*triplets):
    """The SEI message's: cc_data as ATSC A/53 Part 4 (6.2.3) has it."""
    head = b"\xb5\x00\x31GA94\x03" + bytes([0xC0 | len(triplets), 0xFF])
    return head + b"".join(triplets) + b"\xff"


def message(pair):
    """A NAL unit with its length. Field 1; emulation prevention is not needed: no two zeros come
    together."""
    body = payload(b"\xfc" + pair)
    nal = bytes([6, 4, len(body)]) + body + b"\x80"
    return struct.pack(">I", len(nal)) + nal


def tags(stream):
    stream.read(13)
    while len(head := stream.read(11)) == 11:
        size = int.from_bytes(head[1:4], "big")
        yield head, stream.read(size)
        stream.read(4)


def main():
    out = sys.stdout.buffer
    out.write(b"FLV\x01\x05\x00\x00\x00\x09\x00\x00\x00\x00")
    picture = 0
    for head, body in tags(sys.stdin.buffer):
        if head[0] == 9 and body[1] == 1:
            body = body[:5] + message(pair_of(picture)) + body[5:]
            picture += 1
        head = head[:1] + len(body).to_bytes(3, "big") + head[4:]
        out.write(head + body + struct.pack(">I", len(head) + len(body)))
        out.flush()


if __name__ == "__main__":
    main()
