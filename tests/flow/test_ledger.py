"""The ledger of a running orchestrator: killed in the middle of many payments, on a full, read-only
or locked disk, and as bin/pay shows it."""
# usual time: 4 s
import csv
import http.client
import io
import json
import shutil
import sqlite3
import threading
import urllib.parse
from pathlib import Path

import harness
from harness import BIN, Process, Role, TestCase, free_port, main, run, temp_dir, wait_for
from openapi import OpenApi

API = OpenApi()

CLIENTS = 12  # the control server takes 16 at once
REQUESTS = 1000
SCALE = 10**9


def orchestrator(*flags, **more):
    return Role("orchestrator", ["-serviceAddr", f"127.0.0.1:{free_port()}", *flags],
                separate=True, **more)


def pay(role, *words):
    return run([BIN / "pay", *words, "-url", f"http://127.0.0.1:{role.cli_port}"])


def pay_file(path, *words):
    return run([BIN / "pay", *words, "-file", path])


def post(port, path, **form):
    """A document, or what was said instead with its status; None: no answer."""
    c = http.client.HTTPConnection("127.0.0.1", port, timeout=20 * harness.TIME_SCALE)
    try:
        c.request("POST", path, urllib.parse.urlencode(form),
                  {"Content-Type": "application/x-www-form-urlencoded"})
        answer = c.getresponse()
        text = answer.read().decode()
        return (answer.status, json.loads(text) if answer.status == 200 else text)
    except (OSError, http.client.HTTPException):
        return None
    finally:
        c.close()


def journal(path):
    """Every entry, from the file."""
    done = pay_file(path, "export", "-json")
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


class Client(threading.Thread):
    """Asks for credits and spends, one after the other, until it gets no answer."""

    def __init__(self, port, number, first, seen):
        super().__init__(daemon=True)
        self.port, self.number, self.first, self.seen = port, number, first, seen
        self.credited, self.spent = 0, []

    def run(self):
        for n in range(self.first, self.first + REQUESTS // CLIENTS + 1):
            if n % 3:
                answer = post(self.port, "/credit", account=f"viewer:{self.number}",
                              source=f"source:{self.number}", total=10 * n)
            else:
                answer = post(self.port, "/spend", account="viewer:rich", to="broadcaster:b",
                              amount=1, key=f"spend:{self.number}:{n}")
            if answer is None:
                return
            assert answer[0] == 200, answer
            if n % 3:
                self.credited = 10 * n
            else:
                self.spent.append(f"spend:{self.number}:{n}")
            self.seen.release()


class Killed(TestCase):
    def test_kill_9_in_the_middle(self):
        role = orchestrator("-payments")
        self.assertEqual(post(role.cli_port, "/grant", account="viewer:rich", amount=10**6)[0], 200)
        credited, spent, first = {}, set(), 1
        for after in (150, 400, 1):
            seen = threading.Semaphore(0)
            clients = [Client(role.cli_port, i, first, seen) for i in range(CLIENTS)]
            for c in clients:
                c.start()
            for _ in range(after):
                self.assertTrue(seen.acquire(timeout=30 * harness.TIME_SCALE))
            role.kill()
            for c in clients:
                c.join()
                credited[c.number] = max(credited.get(c.number, 0), c.credited)
                spent.update(c.spent)
            first += REQUESTS // CLIENTS + 1
            done = pay_file(role.data_dir, "audit")  # while nobody runs
            self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
            role = role.again()
            done = pay(role, "audit")
            self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
            self.check(role, credited, spent)
        role.end()

    def check(self, role, credited, spent):
        """Everything that was acknowledged is there, and once."""
        keys = [e["key"] for e in journal(role.data_dir) if e["kind"] == "spend"]
        self.assertEqual(len(keys), len(set(keys)))
        self.assertLessEqual(spent, set(keys))
        for number, total in credited.items():
            shown = json.loads(pay(role, "show", f"viewer:{number}", "-json").stdout)
            self.assertGreaterEqual(int(shown["balance"]), total)
        for key in sorted(spent)[:20]:
            answer = post(role.cli_port, "/spend", account="viewer:rich", to="broadcaster:b",
                          amount=1, key=key)
            self.assertTrue(answer[1]["again"], key)
        rich = json.loads(pay(role, "show", "viewer:rich", "-json").stdout)
        self.assertEqual(int(rich["balance"]), 10**6 - len(keys))


class SmallDisk(Role):
    """An orchestrator whose data directory is a file system of its own, of 600 KB."""

    def __init__(self, *flags):
        self.role, self.cli_port = "orchestrator", free_port()
        self.data_dir = temp_dir()
        around = ["unshare", "--mount", "sh", "-c",
                  'mount -t tmpfs -o size=600k tmpfs "$0" && exec "$@"', self.data_dir]
        Process.__init__(self, [*around, BIN / "orchestrator", "-serviceAddr",
                                f"127.0.0.1:{free_port()}", "-cliAddr",
                                f"127.0.0.1:{self.cli_port}", "-datadir", self.data_dir, "-runDir",
                                self.data_dir, "-v", 99, *flags], temp_dir() / "orchestrator.log")
        self.wait_healthy()
        self.inside = Path(f"/proc/{self.popen.pid}/root{self.data_dir}")


def can_mount():
    return run(["unshare", "--mount", "mount", "-t", "tmpfs", "tmpfs", temp_dir()]).returncode == 0


class Acknowledged(TestCase):
    """What was acknowledged is there; what was refused never was."""

    def start(self, role):
        self.role = role
        self.addCleanup(role.kill)
        self.total = 0
        self.credit(200)

    def credit(self, status):
        """More from one source: the same again after a refusal, as a sender does."""
        wanted = self.total + 1
        answer = post(self.role.cli_port, "/credit", account="viewer:a", source="s", total=wanted)
        self.assertEqual(answer[0], status, answer)
        if status == 200:
            self.assertEqual(answer[1]["balance"], str(wanted))
            self.total = wanted
        else:
            self.assertIn("does not take it", answer[1])
        return answer

    def check(self):
        self.credit(200)
        self.assertEqual(self.role.status()["ledger"]["store"], "ok")
        done = pay(self.role, "audit")
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        shown = json.loads(pay(self.role, "show", "viewer:a", "-json", "-entries", 1000).stdout)
        self.assertEqual((shown["balance"], len(shown["entries"])), (str(self.total), self.total))
        self.assertEqual(self.role.stop(), 0)


class Full(Acknowledged):
    def test_full(self):
        if not can_mount():
            self.skipTest("no file system can be mounted here")
        self.start(SmallDisk("-payments"))
        fill = self.role.inside / "fill"
        with self.assertRaises(OSError), open(fill, "wb", buffering=0) as out:
            while True:
                out.write(bytes(1024))
        for n in range(300):  # what is there of the file's own pages is used up first
            answer = post(self.role.cli_port, "/grant", account=f"viewer:{n}", amount=1)
            if answer[0] != 200:
                break
        self.assertEqual(answer[0], 503, answer)
        self.credit(503)
        self.assertRegex(self.role.status()["ledger"]["store"], "full|disk")
        self.assertEqual(self.role.metrics()["sbe_ledger_up"], 0)
        self.assertGreater(self.role.metrics()["sbe_ledger_failed_commits_total"], 0)
        fill.unlink()
        self.check()


class Locked(Acknowledged):
    def test_locked(self):
        self.start(orchestrator("-payments"))
        other = sqlite3.connect(self.role.data_dir / "ledger.db", isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        self.credit(503)
        self.assertIn("locked", self.role.status()["ledger"]["store"])
        shown = pay(self.role, "show", "viewer:a")  # can be read all the while
        self.assertEqual(shown.returncode, 0, shown.stderr)
        other.execute("ROLLBACK")
        other.close()
        self.check()

    def test_moved_away_and_brought_back(self):
        self.start(orchestrator("-payments"))
        path = self.role.data_dir / "ledger.db"
        path.rename(path.with_suffix(".away"))
        self.credit(503)
        self.assertIn("moved", self.role.status()["ledger"]["store"])
        path.with_suffix(".away").rename(path)
        self.check()


class ReadOnly(TestCase):
    def test_a_file_that_cannot_be_written_is_refused_and_can_be_audited(self):
        if not can_mount():
            self.skipTest("no file system can be mounted here")
        where = temp_dir()
        with orchestrator("-ledger", where / "mine.db") as role:
            self.assertEqual(pay(role, "grant", "a", "1").returncode, 0)
            self.assertEqual(role.stop(), 0)
        around = ["unshare", "--mount", "sh", "-c",
                  'mount --bind "$0" "$0" && mount -o remount,ro,bind "$0" && exec "$@"', where]
        done = run([*around, BIN / "orchestrator", "-serviceAddr", f"127.0.0.1:{free_port()}",
                    "-cliAddr", f"127.0.0.1:{free_port()}", "-datadir", temp_dir(), "-ledger",
                    where / "mine.db"])
        self.assertEqual(done.returncode, 1, done.stderr)
        self.assertIn("Read-only file system", done.stderr)
        done = run([*around, BIN / "pay", "audit", "-file", where / "mine.db"])
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)


class Tool(TestCase):
    def test_the_commands(self):
        with orchestrator("-payments", "-ledgerAsset", "XRP") as role:
            self.assertEqual(pay(role, "list").stdout.split(), ["ACCOUNT", "XRP", "HELD", "STATE"])
            done = pay(role, "grant", "viewer:Zoë", "1.5", "-key", "first")
            self.assertEqual((done.returncode, done.stdout), (0, "viewer:Zoë: 1.50 XRP\n"))
            self.assertIn("viewer:Zoë is a new account", done.stderr)
            again = pay(role, "grant", "viewer:Zoë", "1.50", "-key", "first")
            self.assertEqual(again.stderr, "")
            self.assertIn("was done before", again.stdout)
            other = pay(role, "grant", "viewer:Zoë", "2", "-key", "first")
            self.assertEqual((other.returncode, other.stdout), (1, ""))
            self.assertIn("something else", other.stderr)
            for _ in range(2):
                self.assertEqual(pay(role, "grant", "b,\"q\"", "0.000000001").returncode, 0)
            self.assertEqual(pay(role, "credit", "viewer:Zoë", "wire:77", "0.25").returncode, 0)
            self.assertEqual(pay(role, "spend", "viewer:Zoë", "b,\"q\"", "0.75").returncode, 0)
            poor = pay(role, "spend", "viewer:Zoë", "c", "99")
            self.assertEqual(poor.returncode, 1)
            self.assertIn("too small", poor.stderr)
            self.assertEqual(pay(role, "freeze", "viewer:Zoë").returncode, 0)
            self.assertIn("frozen", pay(role, "list").stdout)
            self.assertIn("frozen", pay(role, "spend", "viewer:Zoë", "c", "0.01").stderr)
            self.assertEqual(pay(role, "thaw", "viewer:Zoë").returncode, 0)
            self.compare(role)
            self.wrong_usage(role)
            path = role.data_dir / "ledger.db"
            self.assertEqual(role.stop(), 0)
        self.offline(path)

    def compare(self, role):
        """By the API and from the file, as text and as JSON: the same."""
        for words in (["list"], ["list", "-json"], ["show", "viewer:Zoë"], ["audit"], ["export"],
                      ["show", "viewer:Zoë", "-json"], ["audit", "-json"], ["export", "-json"],
                      ["list", "-csv"], ["show", "viewer:Zoë", "-csv"]):
            by_api, by_file = pay(role, *words), pay_file(role.data_dir, *words)
            self.assertEqual(by_api.returncode, 0, by_api.stderr)
            self.assertEqual(by_api.stdout, by_file.stdout, words)
        shown = pay(role, "show", "viewer:Zoë", "-entries", 2).stdout.splitlines()
        self.assertEqual(shown[0], "viewer:Zoë: 1.00 XRP, held 0.00")
        self.assertEqual([line.split()[2:6] for line in shown[2:]],
                         [["spend", "-0.75", "0.00", "1.00"], ["credit", "0.25", "0.00", "1.75"]])
        rows = list(csv.DictReader(io.StringIO(pay(role, "export").stdout, newline="")))
        sums = {}
        for row in rows:
            units = round(float(row["balance_change"]) * SCALE)
            sums[row["account"]] = sums.get(row["account"], 0) + units
        self.assertEqual(sums, {"viewer:Zoë": SCALE, "b,\"q\"": 750000002,
                                "world:grants": -1500000002, "world:api": -250000000})

    def wrong_usage(self, role):
        for words in ([], ["lst"], ["show"], ["list", "-json", "-csv"], ["list", "x"], ["grant", "a", "1.0000000001"],
                      ["grant", "a", "1e3"], ["grant", "a", "99999999999"], ["-nonsense"]):
            done = pay(role, *words)
            self.assertEqual(done.returncode, 2, words)
            self.assertIn("pay: ", done.stderr)
        self.assertIn("up to 9223372036.854775807", pay(role, "grant", "a", "99999999999").stderr)
        self.assertEqual(pay(role, "show", "nobody").returncode, 1)
        self.assertEqual(pay(role, "freeze", "nobody").returncode, 1)

    def offline(self, path):
        done = pay_file(path, "audit")
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.assertIn("every balance is what the journal says", done.stdout)
        self.assertIn("only read", pay_file(path, "freeze", "viewer:Zoë").stderr)
        self.assertEqual(pay_file(path.parent / "nothing", "list").returncode, 1)
        copy = temp_dir() / "copy.db"
        shutil.copy(path, copy)
        with sqlite3.connect(copy) as db:
            db.execute("UPDATE accounts SET free = free + 1 WHERE name = 'viewer:Zoë'")
        db.close()
        done = pay_file(copy, "audit")
        self.assertEqual(done.returncode, 3, done.stdout + done.stderr)
        self.assertIn("fault: ", done.stdout)
        away = run([BIN / "pay", "list", "-url", f"http://127.0.0.1:{free_port()}"])
        self.assertEqual(away.returncode, 1)
        self.assertIn("-cliAddr", away.stderr)

    def test_many_accounts_come_page_by_page(self):
        with orchestrator("-payments") as role:
            names = [f"viewer:{n:04d}" for n in range(230)]
            for name in names:
                self.assertEqual(post(role.cli_port, "/grant", account=name, amount=3)[0], 200)
            listed = [json.loads(x) for x in pay(role, "list", "-json").stdout.splitlines()]
            self.assertEqual([a["account"] for a in listed], [*names, "world:grants"])
            entries = [json.loads(x) for x in pay(role, "export", "-json").stdout.splitlines()]
            self.assertEqual([e["entry"] for e in entries], list(range(1, 231)))

    def test_with_a_token(self):
        token = temp_dir() / "token"
        token.write_text("correct-horse-battery-staple\n")
        token.chmod(0o600)
        with Role("orchestrator", ["-serviceAddr", f"127.0.0.1:{free_port()}", "-payments",
                                   "-cliToken", token], separate=True) as role:
            self.assertEqual(pay(role, "list").returncode, 1)
            self.assertEqual(pay(role, "list", "-token", token).returncode, 0)


class Sheets(TestCase):
    """The API's CSV, by curl."""

    def get(self, role, path, *pairs):
        """The type, the text and the lines of a page."""
        query = [word for pair in pairs for word in ("--data-urlencode", pair)]
        out = temp_dir() / "page"
        done = run(["curl", "-sS", "-G", *query, "-o", out, "-w", "%{http_code} %{content_type}",
                    f"http://127.0.0.1:{role.cli_port}{path}"])
        status, kind = done.stdout.split(" ", 1)
        text = out.read_bytes().decode()
        rows = list(csv.reader(io.StringIO(text, newline=""), strict=True))
        return (int(status), kind), text, rows

    def page(self, role, path, *pairs):
        what, text, rows = self.get(role, path, "format=csv", *pairs)
        self.assertEqual(what, (200, "text/csv; charset=utf-8"), text)
        API.judge("GET", path, harness.Answer(200, {"content-type": what[1]}, text.encode(),
                                                 0, path))
        return text, rows

    def test_the_same_as_bin_pay_writes(self):
        names = ["viewer:Zoë", 'b,"q"', "=1+1", "+1", "-1", "@a", "'tis", "=cmd|' /C calc'!A0"]
        with orchestrator("-payments") as role:
            for n, name in enumerate(names):
                self.assertEqual(post(role.cli_port, "/grant", account=name, amount=n + 1,
                                      key=f"={n}")[0], 200)
            for path, words, pairs in (("/accounts", ["list", "-csv"], []),
                                       ("/journal", ["export"], []),
                                       ("/account", ["show", names[1], "-csv"],
                                        [f"account={names[1]}"])):
                text, rows = self.page(role, path, *pairs)
                self.assertEqual(text.count("\n"), text.count("\r\n"))
                self.assertEqual(text.replace("\r\n", "\n"), pay(role, *words).stdout, path)
                self.assertEqual({len(row) for row in rows}, {len(rows[0])})
                for cell in (c for row in rows for c in row):  # a sheet runs none of them
                    self.assertRegex(cell, r"^([^=+@-]|-\d+\.\d+$|$)")
            self.pages(role, names)
            self.refused(role)

    def pages(self, role, names):
        """Page by page until the line of names comes alone: everything once."""
        for path, last, expected in (
                ("/accounts", lambda row: plain(row[0]), {*names, "world:grants"}),
                ("/journal", lambda row: row[0], {str(n + 1) for n in range(len(names))})):
            seen, pairs = [], []
            while True:
                _, rows = self.page(role, path, "limit=3", *pairs)
                if len(rows) == 1:
                    break
                seen += dict.fromkeys(last(row) for row in rows[1:])
                pairs = [f"after={seen[-1]}"]
            self.assertEqual(len(seen), len(set(seen)), path)
            self.assertEqual(set(seen), expected)

    def refused(self, role):
        for pairs in (["format=xml"], ["format="], ["format=csv", "limit=1001"]):
            what, text, _ = self.get(role, "/journal", *pairs)
            self.assertEqual(what, (400, "text/plain; charset=utf-8"), text)
        self.assertIn("csv", self.get(role, "/journal", "format=xml")[1])
        self.assertEqual(self.get(role, "/account", "format=csv", "account=nobody")[0][0], 404)
        self.assertEqual(self.get(role, "/accounts", "format=json")[0], (200, "application/json"))


def plain(cell):
    """A text as it was before it was made fit for a sheet."""
    return cell[1:] if cell.startswith("'") else cell


class Settings(TestCase):
    def test_none_unless_it_is_needed(self):
        with orchestrator() as role:
            self.assertFalse((role.data_dir / "ledger.db").exists())
            self.assertNotIn("ledger", role.status())
            answer = role.control("/accounts")
            self.assertEqual(answer.status, 409)
            self.assertIn("-payments", answer.text)
        with orchestrator("-pricePerUnit", 1) as role:
            wait_for(lambda: role.status()["ledger"]["store"] == "ok", 10, "the ledger is open")
            self.assertTrue((role.data_dir / "ledger.db").exists())

    def test_what_cannot_work_is_said(self):
        where = temp_dir()
        with orchestrator("-ledger", where / "mine.db") as role:
            self.assertEqual(pay_file(where / "mine.db", "audit").returncode, 0)
            role.stop()
        (where / "letter").write_text("a letter to somebody\n" * 100)
        for flags, word in ((["-payments", "-ledger", "off"], "-ledger off"),
                            (["-ledger", where / "mine.db", "-ledgerScale", 6], "-ledgerScale"),
                            (["-ledger", where / "no" / "mine.db"], "No such file"),
                            (["-ledger", where / "letter"], "no ledger")):
            role = orchestrator(*flags, wait=False)
            self.assertEqual(role.wait(), 1, flags)
            self.assertIn(word, role.tail())


if __name__ == "__main__":
    main()
