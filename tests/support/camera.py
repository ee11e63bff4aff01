#!/usr/bin/env python3
"""A camera with a clock in its picture: camera.py RTMP_URL SECONDS [WIDTH HEIGHT FPS GOP_S]

Each frame's top strip says when it was made, in cells of black and white that survive scaling and
coding (tests/node/glass.mjs reads them from a browser's canvas): white, black, 32 bits of the wall
clock in ms (modulo 2^32, the highest first), 6 bits of a checksum. Below it something moves, so that
the encoder has work. Frames are made in real time and encoded by ffmpeg without delay.
"""
import subprocess
import sys
import time

CELLS = 40
STRIP = 10  # the strip is a tenth of the height
WHITE, BLACK = 235, 16


def cells_of(ms):
    ms &= 0xFFFFFFFF
    check = sum(ms >> shift & 0xFF for shift in (0, 8, 16, 24)) & 0x3F
    bits = f"10{ms:032b}{check:06b}"
    return [WHITE if bit == "1" else BLACK for bit in bits]


class Painter:
    def __init__(self, width, height):
        self.width, self.height = width, height
        self.strip_height = height // STRIP
        ramp = bytes(16 + (x * 200 // width) for x in range(width))
        self.ramp = ramp + ramp
        self.chroma = bytes([110]) * (width * height // 4) + bytes([140]) * (width * height // 4)

    def frame(self, number, ms):
        cell = self.width // CELLS
        row = b"".join(bytes([value]) * cell for value in cells_of(ms)).ljust(self.width, b"\x10")
        rows = [row] * self.strip_height
        for y in range(self.strip_height, self.height):
            shift = (number * 3 + y) % self.width
            rows.append(self.ramp[shift:shift + self.width])
        return b"".join(rows) + self.chroma


def encoder(url, width, height, fps, gop_s):
    return ["ffmpeg", "-hide_banner", "-loglevel", "error", "-nostats", "-probesize", "32",
            "-f", "rawvideo", "-pix_fmt", "yuv420p", "-s", f"{width}x{height}", "-r", str(fps),
            "-i", "pipe:0", "-f", "lavfi", "-i", "sine=frequency=440:sample_rate=48000",
            "-map", "0:v", "-map", "1:a", "-c:v", "libx264", "-preset", "ultrafast",
            "-tune", "zerolatency", "-b:v", "1500k", "-g", str(round(fps * gop_s)),
            "-keyint_min", str(round(fps * gop_s)), "-sc_threshold", "0", "-c:a", "aac",
            "-b:a", "96k", "-flush_packets", "1", "-f", "flv", url]


def main(url, seconds, width=640, height=360, fps=30, gop_s=2):
    painter = Painter(width, height)
    process = subprocess.Popen(encoder(url, width, height, fps, gop_s), stdin=subprocess.PIPE)
    start = time.monotonic()
    try:
        for number in range(round(seconds * fps)):
            wait = start + number / fps - time.monotonic()
            if wait > 0:
                time.sleep(wait)
            process.stdin.write(painter.frame(number, int(time.time() * 1000)))
            process.stdin.flush()
        process.stdin.close()
    except BrokenPipeError:
        pass
    return process.wait()


if __name__ == "__main__":
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    sys.exit(main(sys.argv[1], float(sys.argv[2]), *(int(arg) for arg in sys.argv[3:])))
