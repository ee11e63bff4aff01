"""Threads of another process that hang, as one does in a codec that never returns."""
import ctypes
import errno
import os
import re
import time

_libc = ctypes.CDLL(None, use_errno=True)
_libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]
_libc.ptrace.restype = ctypes.c_long
_SEIZE, _INTERRUPT, _CONT, _DETACH = 0x4206, 0x4207, 7, 17
_WALL = 0x40000000
CODECS = r"/lib(?:x264|avcodec|swscale)\.so"


class NotPermitted(Exception):
    """This host does not let a process stop its child's threads."""


def _ptrace(request, tid):
    """False: there is no such thread any more."""
    if _libc.ptrace(request, tid, None, None) == 0:
        return True
    if ctypes.get_errno() == errno.ESRCH:
        return False
    raise NotPermitted(os.strerror(ctypes.get_errno()))


def threads(pid):
    return {int(tid) for tid in os.listdir(f"/proc/{pid}/task")}


def _codec_ranges(pid):
    with open(f"/proc/{pid}/maps") as f:
        return [(int(a, 16), int(b, 16)) for a, b in
                re.findall(rf"^(\w+)-(\w+) r-xp .*{CODECS}.*$", f.read(), re.M)]


def _place(pid, tid):
    """Where a stopped thread is about to go on."""
    with open(f"/proc/{pid}/task/{tid}/syscall") as f:
        return int(f.read().split()[-1], 16)


def hang_in_codec(pid, tid):
    """True: the thread is within a codec and stays there. False: it is not, or has ended. Only the
    calling thread can do more with it."""
    try:
        if not (_ptrace(_SEIZE, tid) if tid not in _seized else True):
            return False
        _seized.add(tid)
        if not _ptrace(_INTERRUPT, tid):
            return False
        _, status = os.waitpid(tid, _WALL)
        if not os.WIFSTOPPED(status):
            _seized.discard(tid)
            return False
        if any(a <= _place(pid, tid) < b for a, b in _codec_ranges(pid)):
            return True
        _ptrace(_CONT, tid)
    except (ChildProcessError, FileNotFoundError, ProcessLookupError):
        pass  # it has just ended
    return False


_seized = set()


def reap():
    """Those that have ended: their process cannot end before."""
    for tid in list(_seized):
        try:
            done, status = os.waitpid(tid, _WALL | os.WNOHANG)
            if done and not os.WIFSTOPPED(status):
                _seized.discard(tid)
        except ChildProcessError:
            _seized.discard(tid)


def let_go():
    """All of them go on, or are over."""
    for tid in list(_seized):
        if _ptrace(_DETACH, tid):
            _seized.discard(tid)
    reap()


def hang_one(pid, but, seconds):
    """Makes a thread hang in a codec that is none of these; its number."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        for tid in sorted(threads(pid) - but):
            if hang_in_codec(pid, tid):
                return tid
        reap()
        time.sleep(0.003)
    raise AssertionError("no thread was seen in a codec")
