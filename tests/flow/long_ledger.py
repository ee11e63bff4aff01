"""The ledger, longer: killed again and again under load; a journal that is larger than memory should
ever be for reading it."""
# usual time: 60 s
import random
import sqlite3
import threading

import harness
import test_ledger
from harness import BIN, TestCase, main, run, temp_dir
from test_ledger import CLIENTS, Client, orchestrator, pay_file, post

KILLS = 25
ENTRIES = 200000
MEMORY_KB = 60000


class KilledAgainAndAgain(test_ledger.Killed):
    test_kill_9_in_the_middle = None  # is in the short one

    def test_many_kills(self):
        chance = random.Random(5)
        role = orchestrator("-payments")
        self.assertEqual(post(role.cli_port, "/grant", account="viewer:rich", amount=10**6)[0], 200)
        credited, spent, first = {}, set(), 1
        for _ in range(KILLS):
            seen = threading.Semaphore(0)
            clients = [Client(role.cli_port, i, first, seen) for i in range(CLIENTS)]
            for c in clients:
                c.start()
            for _ in range(chance.randrange(1, 500)):
                self.assertTrue(seen.acquire(timeout=30 * harness.TIME_SCALE))
            role.kill()
            for c in clients:
                c.join()
                credited[c.number] = max(credited.get(c.number, 0), c.credited)
                spent.update(c.spent)
            first += test_ledger.REQUESTS // CLIENTS + 1
            done = pay_file(role.data_dir, "audit")
            self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
            role = role.again()
        self.check(role, credited, spent)
        role.end()


def with_little_memory(*args):
    """What a command says that may have MEMORY_KB of data."""
    done = run(["sh", "-c", f'ulimit -d {MEMORY_KB} && exec "$@"', "sh", BIN / "pay", *args],
               timeout=120)
    assert done.returncode == 0, done.stderr
    return done.stdout


class Large(TestCase):
    def test_memory_does_not_grow_with_the_journal(self):
        where = temp_dir()
        with orchestrator("-ledger", where / "ledger.db") as role:
            self.assertEqual(role.stop(), 0)
        grants = ENTRIES // 2
        with sqlite3.connect(where / "ledger.db") as db:
            db.executemany("INSERT INTO accounts VALUES(?, ?, ?, 0, ?, 0)",
                           [(1, "world:grants", -2 * grants, ENTRIES),
                            (2, "viewer:a", 2 * grants, ENTRIES)])
            db.executemany("INSERT INTO entries VALUES(?, ?, 7, ?)",
                           ((n, 1700000000000 + n, f"key:{n}") for n in range(1, ENTRIES + 1)))
            db.executemany("INSERT INTO postings VALUES(?, ?, ?, 0, ?)",
                           ((n, a, v, n - 1) for n in range(1, ENTRIES + 1)
                            for a, v in ((1, -1), (2, 1))))
        db.close()
        self.assertIn(f"{ENTRIES} entries", with_little_memory("audit", "-file", where))
        lines = with_little_memory("export", "-json", "-file", where).splitlines()
        self.assertEqual(len(lines), ENTRIES)
        with orchestrator("-ledger", where / "ledger.db") as role:  # and by the API, page by page
            url = f"http://127.0.0.1:{role.cli_port}"
            self.assertEqual(len(with_little_memory("export", "-url", url).splitlines()),
                             2 * ENTRIES + 1)


if __name__ == "__main__":
    main()
