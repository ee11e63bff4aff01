"""SEI messages in elementary streams (Annex B) of H.264 and HEVC: put in front of their pictures, and
read back; and such streams as .ts files, to be pushed."""
import re
import subprocess

from caption import pair_of, payload

CAPTIONS, ORIENTATION = 4, 47
START_CODE = b"\0\0\0\1"
ENCODERS = {
    "h264": ["libx264", "-preset", "ultrafast", "-x264-params", "keyint=30:scenecut=0:bframes=0"],
    "hevc": ["libx265", "-preset", "ultrafast", "-x265-params",
             "log-level=none:keyint=30:min-keyint=30:scenecut=0:bframes=0:pools=1:frame-threads=1"],
}


def units(stream):
    """Its NAL units."""
    return [unit.rstrip(b"\0") for unit in stream.split(b"\0\0\1")[1:]]


def kind(unit, codec):
    return unit[0] >> 1 & 63 if codec == "hevc" else unit[0] & 31


def begins_picture(unit, codec):
    """Whether its first slice."""
    if codec == "hevc":
        return kind(unit, codec) < 32 and unit[2] & 0x80 != 0
    return 1 <= kind(unit, codec) <= 5 and unit[1] & 0x80 != 0


def orientation(codec, quarters):
    """A display orientation message (H.264, D.1.27; HEVC, D.2.17): so many quarters to the left."""
    bits = f"000{quarters * 0x4000:016b}" + ("1" if codec == "hevc" else "0100") + "1"
    bits += "0" * (-len(bits) % 8)
    return ORIENTATION, int(bits, 2).to_bytes(len(bits) // 8, "big")


def captions(picture):
    """CEA-608 as caption.py has it for this picture, and a whole packet of CEA-708 (CTA-708, 5): its
    number modulo 4, four bytes of service 1."""
    letters = bytes([0x41 + picture // 26 % 26, 0x41 + picture % 26])
    packet = bytes([picture % 4 << 6 | 2, 1 << 5 | 2]) + letters
    return CAPTIONS, payload(b"\xfc" + pair_of(picture), b"\xff" + packet[:2], b"\xfe" + packet[2:])


def message(codec, number, body):
    """A NAL unit."""
    body = bytes([number, len(body)]) + body + b"\x80"
    return (b"\x4e\1" if codec == "hevc" else b"\6") + re.sub(rb"\0\0(?=[\0-\3])", b"\0\0\3", body)


def insert(stream, codec, says):
    """With what says(picture) gives, a list of (number, body), in front of each of its pictures."""
    out, picture = [], 0
    for unit in units(stream):
        if begins_picture(unit, codec):
            out += [message(codec, *m) for m in says(picture)]
            picture += 1
        out.append(unit)
    return b"".join(START_CODE + unit for unit in out)


def find(stream, codec, number):
    """The bodies of its messages of that number, in the order of decoding."""
    found = []
    for unit in units(stream):
        if kind(unit, codec) != (39 if codec == "hevc" else 6):
            continue
        rest = unit[2 if codec == "hevc" else 1:].replace(b"\0\0\3", b"\0\0")
        while len(rest) > 2:
            sums = []
            for _ in range(2):  # bytes of 255 add up
                long = len(rest) - len(rest.lstrip(b"\xff"))
                sums.append(255 * long + rest[long])
                rest = rest[long + 1:]
            if sums[0] == number:
                found.append(rest[:sums[1]])
            rest = rest[sums[1]:]
    return found


def read(path, codec):
    """The elementary stream of a file."""
    return subprocess.run(["ffmpeg", "-nostdin", "-v", "error", "-i", path, "-map", "0:v", "-c",
                           "copy", "-f", codec, "-"], capture_output=True, check=True).stdout


def ts_files(folder, codec, picture, seconds, says, step=1):
    """picture, a filter of 30 pictures a second, as .ts files of `step` seconds."""
    made = subprocess.run(
        ["ffmpeg", "-nostdin", "-v", "error", "-f", "lavfi", "-i", f"{picture},format=yuv420p",
         "-threads", "1", "-t", str(seconds), "-c:v", *ENCODERS[codec], "-f", codec, "-"],
        capture_output=True, check=True)
    subprocess.run(
        ["ffmpeg", "-v", "error", "-fflags", "+genpts", "-framerate", "30", "-f", codec, "-i", "-",
         "-c", "copy", "-f", "segment", "-segment_time", str(step), "-segment_time_delta", "0.1",
         folder / f"{codec}-%d.ts"], input=insert(made.stdout, codec, says), check=True)
    return [folder / f"{codec}-{i}.ts" for i in range(seconds // step)]
