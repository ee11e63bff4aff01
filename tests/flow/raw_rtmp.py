"""An RTMP client that says exactly what it is told to, for publishers that no encoder would be.

    with Raw(port) as p:
        p.publish("name")
        p.send(p.config())
        p.send(p.picture(0, key=True))

Every message is one chunk with a full header, so that what is sent is plain to see."""
import os
import socket
import struct
import time

import harness

AUDIO, VIDEO, AGGREGATE = 8, 9, 22
CHUNK_SIZE = 0xFFFFFF


def number(v):
    return b"\0" + struct.pack(">d", v)


def text(s):
    return b"\2" + struct.pack(">H", len(s)) + s.encode()


def message(kind, body, timestamp=0, stream=1, chunk_stream=6):
    extended = struct.pack(">I", timestamp) if timestamp >= 0xFFFFFF else b""
    head = struct.pack(">B", chunk_stream) + struct.pack(">I", min(timestamp, 0xFFFFFF))[1:]
    head += struct.pack(">I", len(body))[1:] + bytes([kind]) + struct.pack("<I", stream)
    return head + extended + body


def _bits(*fields):
    """Unsigned Exp-Golomb codes for integers, plain bits for strings."""
    out = ""
    for f in fields:
        if isinstance(f, str):
            out += f
        else:
            code = bin(f + 1)[2:]
            out += "0" * (len(code) - 1) + code
    out += "1"
    out += "0" * (-len(out) % 8)
    return bytes(int(out[i:i + 8], 2) for i in range(0, len(out), 8))


def sps(width=640, height=480):
    """A baseline sequence parameter set of that size (multiples of 16)."""
    return b"\x67\x42\xc0\x1e" + _bits(0, 0, 2, 1, "0", width // 16 - 1, height // 16 - 1, "1100")


PPS = b"\x68" + _bits(0, 0, "00", 0, 0, 0, "000", 0, 0, 0, "000")


def video_config(width=640, height=480):
    """The message with the codec header."""
    s = sps(width, height)
    record = b"\1" + s[1:4] + b"\xff\xe1" + struct.pack(">H", len(s)) + s
    record += b"\1" + struct.pack(">H", len(PPS)) + PPS
    return message(VIDEO, b"\x17\0\0\0\0" + record)


def audio_config(asc=b"\x12\x10"):
    return message(AUDIO, b"\xaf\0" + asc, chunk_stream=4)


def picture(ms, key=False, size=400, nal_length=None, composition=0, payload=None):
    """One access unit of one NAL unit. It has the form of a slice, not the content."""
    nal = (b"\x65" if key else b"\x41") + os.urandom(max(size - 1, 0))
    if payload is None:
        payload = struct.pack(">I", len(nal) if nal_length is None else nal_length) + nal
    head = (b"\x17\1" if key else b"\x27\1") + struct.pack(">i", composition)[1:]
    return message(VIDEO, head + payload, ms & 0xFFFFFFFF)


def sound(ms, size=100):
    return message(AUDIO, b"\xaf\1" + os.urandom(size), ms & 0xFFFFFFFF, chunk_stream=4)


def handshake_bytes():
    return b"\3" + b"\0" * 8 + os.urandom(1528)


class Raw:
    """One connection. Its socket is .s; what the server says is read only when asked for."""

    def __init__(self, port, timeout=10, receive_buffer=None):
        self.s = socket.socket()
        if receive_buffer:
            self.s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.s.settimeout(timeout * harness.TIME_SCALE)
        try:
            self.s.connect(("127.0.0.1", port))
        except OSError:
            self.s.close()
            raise

    def receive(self, n):
        data = b""
        while len(data) < n:
            got = self.s.recv(n - len(data))
            if not got:
                raise ConnectionError("closed by the server")
            data += got
        return data

    def connect(self, app="", more=b""):
        """more: further members of connect's object, as they go over the wire."""
        self.send(handshake_bytes())
        answer = self.receive(1 + 2 * 1536)
        self.send(answer[1:1 + 1536])
        self.send(message(1, struct.pack(">I", CHUNK_SIZE), stream=0, chunk_stream=2))
        members = b"".join(struct.pack(">H", len(k)) + k.encode() + text(v)
                           for k, v in (("app", app), ("tcUrl", "rtmp://127.0.0.1/" + app)))
        self.send(message(20, text("connect") + number(1) + b"\3" + members + more + b"\0\0\x09",
                          stream=0, chunk_stream=3))
        return self

    def publish(self, name, more=b""):
        """The whole way to NetStream.Publish.Start."""
        self.connect(more=more)
        self.send(message(20, text("createStream") + number(2) + b"\5", stream=0, chunk_stream=3))
        self.send(message(20, text("publish") + number(3) + b"\5" + text(name) + text("live"),
                          chunk_stream=8))
        seen = b""
        while b"NetStream.Publish." not in seen:
            seen += self.receive(1)
        if self.receive(5) != b"Start":
            raise ConnectionError("refused")
        return self

    def send(self, *messages):
        self.s.sendall(b"".join(messages))

    def wait_closed(self, timeout=10):
        """What the server still says until it closes; AssertionError when it does not."""
        said, deadline = b"", time.monotonic() + timeout * harness.TIME_SCALE
        try:
            while True:
                self.s.settimeout(max(0.01, deadline - time.monotonic()))
                got = self.s.recv(65536)
                if not got:
                    return said
                said += got
        except socket.timeout:
            raise AssertionError(f"not closed within {timeout} s") from None
        except ConnectionError:
            return said

    def close(self):
        self.s.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
