"""Viewers pay while the ledger's store does not work: locked by another program, on a full disk, or on
one that turns read-only while it is in use. They go on as far as their lease goes, then wait, and go on
when it is whole again; all is billed."""
# usual time: 7 s
import concurrent.futures
import json
import os
import sqlite3
from pathlib import Path

import harness
from harness import BIN, Process, Recipe, Role, free_port, main, run, temp_dir, wait_for
from test_ledger import can_mount
from test_paywall import PIECE, UNIT, Paying

FILM = bytes(range(250)) * 2000


class SmallDisk(Role):
    """An orchestrator that sees a file system of its own, of 600 KB, at `where`."""

    def __init__(self, flags, data_dir, where):
        self.role, self.data_dir, self.cli_port = "orchestrator", data_dir, free_port()
        around = ["unshare", "--mount", "sh", "-c",
                  'mount -t tmpfs -o size=600k tmpfs "$0" && exec "$@"', where]
        Process.__init__(self, [*around, BIN / "orchestrator", *flags, "-cliAddr",
                                f"127.0.0.1:{self.cli_port}", "-datadir", data_dir, "-runDir",
                                data_dir, "-v", 99], temp_dir() / "orchestrator.log")
        self.wait_healthy()
        self.inside = Path(f"/proc/{self.popen.pid}/root{where}")


class FailingDisk(Role):
    """An orchestrator for which `where` is read-only while there is a file of that name and ".ro"."""

    def __init__(self, flags, data_dir, where):
        self.role, self.data_dir, self.cli_port = "orchestrator", data_dir, free_port()
        library = temp_dir() / "read_only_disk.so"
        done = run(["cc", "-shared", "-fPIC", "-O1", "-o", library,
                    Path(__file__).with_name("read_only_disk.c"), "-ldl"])
        assert done.returncode == 0, done.stderr
        self.flag = Path(f"{where}.ro")
        Process.__init__(
            self, [BIN / "orchestrator", *flags, "-cliAddr", f"127.0.0.1:{self.cli_port}",
                   "-datadir", data_dir, "-runDir", data_dir, "-v", 99],
            temp_dir() / "orchestrator.log",
            env={"LD_PRELOAD": library, "READ_ONLY_WHILE": self.flag, "READ_ONLY_FOLDER": where,
                 "ASAN_OPTIONS": os.environ.get("ASAN_OPTIONS", "") + ":verify_asan_link_order=0"})
        self.wait_healthy()


class OnFailingDisk(Recipe):
    where = None

    def start_orchestrator(self, **more):
        self.orchestrator = FailingDisk(self.flags["O"], self.data_dir, self.where)
        return self.orchestrator


class OnSmallDisk(Recipe):
    where = None

    def start_orchestrator(self, **more):
        self.orchestrator = SmallDisk(self.flags["O"], self.data_dir, self.where)
        return self.orchestrator


class Store(Paying):
    def open(self, kind, where):
        media = temp_dir()
        (media / "film.bin").write_bytes(FILM)
        self.recipe = kind(
            transcoders=0, orchestrator_flags=["-payments", "-ledger", where / "ledger.db"],
            broadcaster_flags=["-payChunkBytes", str(PIECE), "-pricePerMB", "1", "-allowUserId",
                               "-mediaPath", media])
        self.recipe.where = where
        self.recipe.__enter__()
        self.addCleanup(self.recipe.__exit__, None, None, None)
        self.grant("stays", "2")
        self.part(0)  # and with it a lease

    def part(self, n):
        first = n * 10_000
        got = self.recipe.get("/media/film.bin?userId=stays",
                              headers={"Range": f"bytes={first}-{first + 9999}"})
        self.assertEqual(got.body, FILM[first:first + 10_000])

    def refuses(self):
        ledger = self.recipe.orchestrator.status()["ledger"]
        return ledger["store"] != "ok" and ledger["store"]

    def watch(self, mend, words):
        """From when the store refuses what is asked, until all is settled."""
        r = self.recipe
        self.part(1)  # within the lease; the ledger is told of it
        self.assertRegex(wait_for(self.refuses, 20, "the store refuses"), words)
        self.part(2)
        with concurrent.futures.ThreadPoolExecutor(2) as viewers:
            whole = viewers.submit(r.get, "/media/film.bin?userId=stays", timeout=120)
            wait_for(lambda: r.broadcaster.status()["paywall"]["waiting"], 20, "it waits")
            self.assertNotEqual(self.refuses(), False)
            told = r.get("/account.json?userId=new")  # somebody else is told so, in time
            self.assertIn(told.status, (200, 503))
            self.assertFalse(whole.done())
            mend()
            self.assertEqual(whole.result().body, FILM)
        wait_for(lambda: not self.refuses(), 20, "the store works again")
        r.broadcaster.stop()
        cost = (len(FILM) + 30_000) * 1000
        self.assertEqual(self.earned(), cost)
        self.assertEqual(self.balance("viewer:user-stays"), 2 * UNIT - cost)
        audit = json.loads(r.orchestrator.control("/auditAccounts").text)
        self.assertEqual((audit["faults"], audit["owed"], audit["held"]), (0, "0", "0"))

    def test_locked(self):
        where = temp_dir()
        self.open(Recipe, where)
        other = sqlite3.connect(where / "ledger.db", isolation_level=None)
        self.addCleanup(other.close)
        other.execute("BEGIN IMMEDIATE")
        self.watch(lambda: other.execute("ROLLBACK"), "locked")

    def test_read_only(self):
        self.open(OnFailingDisk, temp_dir())
        flag = self.recipe.orchestrator.flag
        flag.touch()
        self.watch(flag.unlink, "Read-only file system")

    def test_full(self):
        if not can_mount():
            self.skipTest("no file system can be mounted here")
        self.open(OnSmallDisk, temp_dir())
        fill = self.recipe.orchestrator.inside / "fill"
        with self.assertRaises(OSError), open(fill, "wb", buffering=0) as out:
            while True:
                out.write(bytes(1024))
        for n in range(500):  # what the file has of its own is used up first
            answer = self.recipe.orchestrator.control(f"/grant?account=viewer:{n}&amount=1",
                                                      method="POST", body=b"")
            if answer.status != 200:
                break
        self.assertEqual(answer.status, 503, answer.text)
        self.watch(fill.unlink, "full|disk")


if __name__ == "__main__":
    main()
