"""A small RTMP publisher: every byte is sent when the caller says so, which no player's tool does.

    with RtmpPublisher("rtmp://127.0.0.1:1935/live/name") as p:
        for tag in flv_tags("clip.flv"):
            p.send(tag.type, tag.timestamp, tag.body)

Written from the RTMP specification 1.0: the simple handshake (5.2), chunks (5.3), AMF0 commands
(7.2). Refusals and closed connections are RtmpError. Python 3, standard library only.
"""
import collections
import socket
import struct
import threading
import urllib.parse

AUDIO, VIDEO, METADATA = 8, 9, 18
SET_CHUNK_SIZE, COMMAND = 1, 20
CHUNK_SIZE = 65536
HANDSHAKE_BYTES = 1536
MESSAGE_MAX = 1 << 20  # of what a server tells a publisher

Tag = collections.namedtuple("Tag", "type timestamp body")


class RtmpError(OSError):
    pass


# --- FLV ------------------------------------------------------------------------------------------


def flv_tags(path):
    """The audio and video tags of an FLV file, in order."""
    with open(path, "rb") as f:
        f.read(13)
        while len(head := f.read(11)) == 11:
            size = int.from_bytes(head[1:4], "big")
            timestamp = int.from_bytes(head[4:7], "big") | head[7] << 24
            body = f.read(size)
            f.read(4)
            if head[0] in (AUDIO, VIDEO):
                yield Tag(head[0], timestamp, body)


def is_key_frame(tag):
    """A coded H.264 key frame, not its header."""
    return tag.type == VIDEO and tag.body[:2] == b"\x17\x01"


# --- AMF0 -----------------------------------------------------------------------------------------


def amf0(value):
    """None, bool, number, str or dict as AMF0."""
    if value is None:
        return b"\x05"
    if isinstance(value, bool):
        return b"\x01" + bytes([value])
    if isinstance(value, (int, float)):
        return b"\x00" + struct.pack(">d", value)
    if isinstance(value, str):
        return b"\x02" + _text(value)
    members = b"".join(_text(k) + amf0(v) for k, v in value.items())
    return b"\x03" + members + b"\x00\x00\x09"


def _text(text):
    data = text.encode()
    return struct.pack(">H", len(data)) + data


def read_amf0(data):
    """All values of a command message."""
    values, at = [], 0
    while at < len(data):
        value, at = _read_value(data, at)
        values.append(value)
    return values


def _read_value(data, at):
    kind, at = data[at], at + 1
    if kind == 0:
        return struct.unpack_from(">d", data, at)[0], at + 8
    if kind == 1:
        return data[at] != 0, at + 1
    if kind == 2:
        size = struct.unpack_from(">H", data, at)[0]
        return data[at + 2:at + 2 + size].decode("utf-8", "replace"), at + 2 + size
    if kind in (3, 8):
        return _read_members(data, at + (4 if kind == 8 else 0))
    if kind in (5, 6):
        return None, at
    if kind == 10:
        count, at, found = struct.unpack_from(">I", data, at)[0], at + 4, []
        for _ in range(count):
            value, at = _read_value(data, at)
            found.append(value)
        return found, at
    raise RtmpError(f"AMF0 type {kind} is not read here")


def _read_members(data, at):
    found = {}
    while data[at:at + 3] != b"\x00\x00\x09":
        size = struct.unpack_from(">H", data, at)[0]
        key = data[at + 2:at + 2 + size].decode("utf-8", "replace")
        found[key], at = _read_value(data, at + 2 + size)
    return found, at + 3


# --- chunks ---------------------------------------------------------------------------------------


def chunks(stream, kind, message_stream, timestamp, body):
    """A message as chunks with whole headers (type 0), then type 3."""
    extended = timestamp >= 0xFFFFFF
    short = 0xFFFFFF if extended else timestamp
    more = struct.pack(">I", timestamp) if extended else b""
    out = [bytes([stream]), short.to_bytes(3, "big"), len(body).to_bytes(3, "big"), bytes([kind]),
           struct.pack("<I", message_stream), more, body[:CHUNK_SIZE]]
    for at in range(CHUNK_SIZE, len(body), CHUNK_SIZE):
        out += [bytes([0xC0 | stream]), more, body[at:at + CHUNK_SIZE]]
    return b"".join(out)


class _ChunkReader:
    """Messages from a server: (kind, body)."""

    def __init__(self, read):
        self.read = read
        self.chunk_size = 128
        self.streams = {}

    def message(self):
        while True:
            done = self._chunk()
            if done is None:
                continue
            if done[0] == SET_CHUNK_SIZE:
                self.chunk_size = struct.unpack(">I", done[1][:4])[0] & 0x7FFFFFFF
                continue
            return done

    def _chunk(self):
        first = self.read(1)[0]
        form, stream = first >> 6, first & 0x3F
        if stream < 2:
            stream = 64 + int.from_bytes(self.read(1 + stream), "little")
        state = self.streams.setdefault(stream, {"size": 0, "kind": 0, "body": b"", "long": False})
        if form < 3:
            head = self.read((11, 7, 3)[form])
            state["long"] = head[:3] == b"\xff\xff\xff"
            if form < 2:
                state["size"], state["kind"] = int.from_bytes(head[3:6], "big"), head[6]
        if state["long"]:
            self.read(4)
        if state["size"] > MESSAGE_MAX:
            raise RtmpError(f"the server sends a message of {state['size']} bytes")
        state["body"] += self.read(min(self.chunk_size, state["size"] - len(state["body"])))
        if len(state["body"]) < state["size"]:
            return None
        done, state["body"] = (state["kind"], state["body"]), b""
        return done


# --- the publisher --------------------------------------------------------------------------------


class RtmpPublisher:
    """Connected and accepted once constructed. send() blocks while the server does not read."""

    def __init__(self, url, timeout=10):
        parts = urllib.parse.urlsplit(url)
        app, _, name = parts.path.strip("/").rpartition("/")
        if parts.query:
            name += f"?{parts.query}"
        port = parts.port or 1935
        self.socket = socket.create_connection((parts.hostname, port), timeout)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.message_stream = 0
        try:
            self._handshake()
            self._reader = _ChunkReader(self._read)
            self._open(app, name, f"rtmp://{parts.netloc}/{app}")
        except BaseException:
            self.socket.close()
            raise
        # What the server says later is read and left: a full buffer would stop it.
        self.socket.settimeout(None)
        threading.Thread(target=self._drain, daemon=True).start()

    def _read(self, n):
        found = b""
        while len(found) < n:
            got = self.socket.recv(n - len(found))
            if not got:
                raise RtmpError("the server has closed the connection")
            found += got
        return found

    def _handshake(self):
        block = bytes(8) + bytes(i * 7 & 0xFF for i in range(HANDSHAKE_BYTES - 8))
        self.socket.sendall(b"\x03" + block)
        self._read(1)
        self.socket.sendall(self._read(HANDSHAKE_BYTES))
        self._read(HANDSHAKE_BYTES)

    def _command(self, message_stream, *values):
        body = b"".join(amf0(v) for v in values)
        self.socket.sendall(chunks(3, COMMAND, message_stream, 0, body))

    def _answer(self, *names):
        while True:
            kind, body = self._reader.message()
            if kind == COMMAND:
                values = read_amf0(body)
                if values[0] == "_error" or _level(values) == "error":
                    raise RtmpError(f"refused: {values[-1]}")
                if values[0] in names:
                    return values

    def _open(self, app, name, tc_url):
        size = struct.pack(">I", CHUNK_SIZE)
        self.socket.sendall(chunks(2, SET_CHUNK_SIZE, 0, 0, size))
        self._command(0, "connect", 1, {"app": app, "type": "nonprivate", "tcUrl": tc_url})
        self._answer("_result")
        self._command(0, "createStream", 2, None)
        self.message_stream = int(self._answer("_result")[3])
        self._command(self.message_stream, "publish", 3, None, name, "live")
        self._answer("onStatus")

    def _drain(self):
        try:
            while self.socket.recv(65536):
                pass
        except OSError:
            pass

    def send(self, kind, timestamp, body):
        """An audio, video or metadata message. When it returns the kernel has all of it."""
        stream = 6 if kind == VIDEO else 4
        self.socket.sendall(chunks(stream, kind, self.message_stream, timestamp, body))

    def cut(self):
        """Ends the connection at once, also for another thread that sends."""
        try:
            self.socket.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass

    def close(self):
        """Ends the publish in order."""
        try:
            self._command(0, "deleteStream", 4, None, self.message_stream)
            self.socket.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self.socket.close()

    def __enter__(self):
        return self

    def __exit__(self, *what):
        self.close()


def _level(values):
    return values[-1].get("level") if isinstance(values[-1], dict) else None
