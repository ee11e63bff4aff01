"""A systemd of its own, started as process 1 of a container (systemd-nspawn) with its own network,
its own /etc and /var and this machine's /usr, to try units in the sandbox that they ask for.
Needs root and the package systemd-container; why_not() says what is missing."""
import os
import shutil
from pathlib import Path

import harness

TARGET = """[Unit]
Description=Where the tests begin
Requires=systemd-journald.service
After=systemd-journald.service
AllowIsolate=yes
"""


def why_not():
    """Why there can be no container here; "" when there can."""
    if os.getuid() != 0:
        return "only root can start a container"
    if not shutil.which("systemd-nspawn") or not shutil.which("nsenter"):
        return "systemd-nspawn is not installed"
    if not Path("/usr/lib/systemd/systemd").exists():
        return "systemd is not installed"
    if harness.run(["unshare", "--pid", "--fork", "--mount-proc", "mount", "-t", "tmpfs", "tmpfs",
                    "/run"]).returncode != 0:
        return "root may not make namespaces here"
    return ""


def _children(parent, name=None):
    """The pids of a process's children, or of those with this name, as /proc writes it."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            pid, its_name, _, its_parent = stat.read_text().split()[:4]
        except (OSError, ValueError):
            continue
        if int(its_parent) == parent and name in (None, its_name):
            found.append(int(pid))
    return found


class Container:
    """with Container({"/usr/local": folder}) as c: c.run("systemctl", "start", "x")

    binds: folders of ours that are seen, read-only, at other places inside.
    """

    def __init__(self, binds=None):
        self.root = harness.temp_dir()
        self.root.chmod(0o755)  # it is the / of everybody inside
        # Not the folder's own random letters: a machine's name may not end in a dash.
        self.name = f"sbe-test-{os.getpid()}-{os.urandom(3).hex()}"
        self._make_root()
        # A process namespace around it, so that all goes when the test goes, however it goes; and
        # a /run of its own, so that nothing is left in this machine's.
        around = ["unshare", "--pid", "--fork", "--kill-child", "--mount-proc", "sh", "-c",
                  'mount -t tmpfs tmpfs /run && exec "$@"', "sh"]
        command = [*around, "systemd-nspawn", "--quiet", "--register=no", "--keep-unit",
                   "--private-network",
                   # What a service may do on a real host, and a container by default may not.
                   "--system-call-filter=@memlock",
                   f"--directory={self.root}", f"--machine={self.name}", "--bind-ro=/usr"]
        command += [f"--bind-ro={there}:{here}" for here, there in (binds or {}).items()]
        self.process = harness.Process(
            [*command, "--boot", "systemd.unit=stage.target"],
            harness.temp_dir() / "container.log")
        self.leader = None

    def _make_root(self):
        for folder in ("etc/systemd/system", "var", "usr", "proc", "sys", "dev", "run", "tmp",
                       "root"):
            (self.root / folder).mkdir(parents=True)
        for folder in ("bin", "sbin", "lib", "lib64"):
            if Path("/usr", folder).exists():
                (self.root / folder).symlink_to(f"usr/{folder}")
        self.write("/etc/passwd", "root:x:0:0:root:/root:/bin/sh\n")
        self.write("/etc/group", "root:x:0:\n")
        self.write("/etc/nsswitch.conf", "passwd: files systemd\ngroup: files systemd\n")
        self.write("/etc/machine-id", os.urandom(16).hex() + "\n")
        self.write("/etc/os-release", "ID=debian\n")
        self.write("/etc/systemd/system/stage.target", TARGET)
        # Libraries in /usr are links to it.
        shutil.copytree("/etc/alternatives", self.root / "etc/alternatives", symlinks=True)
        # Only what the services themselves wait for.
        for unit in ("systemd-timesyncd", "systemd-networkd", "systemd-resolved", "systemd-logind"):
            (self.root / f"etc/systemd/system/{unit}.service").symlink_to("/dev/null")

    def write(self, path, text, mode=0o644):
        """A file as it is seen inside, in /etc or /var."""
        there = self.root / path.lstrip("/")
        there.parent.mkdir(parents=True, exist_ok=True)
        there.touch(mode)
        there.chmod(mode)
        there.write_text(text)

    def run(self, *args, timeout=60, check=True):
        """Runs a command inside; a CompletedProcess. With check a failure is an AssertionError."""
        done = harness.run(["nsenter", f"--target={self.leader}", "--mount", "--uts", "--ipc",
                            "--net", "--pid", "--root", "--wd", "--", *args], timeout=timeout)
        if check and done.returncode != 0:
            raise AssertionError(f"{' '.join(map(str, args))}: {done.stdout}{done.stderr}\n"
                                 f"{self.journal()[-3000:]}")
        return done

    def output(self, *args):
        return self.run(*args).stdout

    def show(self, unit, name):
        """A property of a unit."""
        return self.output("systemctl", "show", "--value", "-p", name, unit).strip()

    def journal(self, unit=None, after=None):
        """What was logged, by one unit or all; after: a journal_mark."""
        self.run("journalctl", "--sync", check=False)
        options = ["-u", unit] if unit else []
        options += [f"--after-cursor={after}"] if after else []
        return self.run("journalctl", "--no-pager", "-o", "cat", *options, check=False).stdout

    def journal_mark(self):
        self.run("journalctl", "--sync", check=False)
        text = self.output("journalctl", "--no-pager", "-n", "1", "--show-cursor", "-o", "cat")
        return text.rpartition("-- cursor: ")[2].strip()

    def get(self, url):
        """(status, text) of a GET from inside."""
        done = self.run("curl", "-s", "-m", "5", "-w", "\n%{http_code}", url, check=False)
        text, _, status = done.stdout.rpartition("\n")
        return int(status or 0), text

    def _find_leader(self):
        """The container's process 1 as it is seen from here, once it takes orders."""
        if not self.process.alive():
            raise RuntimeError(f"the container has ended\n{self.process.tail()}")
        for nspawn in _children(self.process.pid):
            for child in _children(nspawn, "(systemd)"):
                self.leader = child
                active = self.run("systemctl", "is-active", "stage.target", check=False)
                return active.stdout.strip() == "active"
        return False

    def __enter__(self):
        try:
            harness.wait_for(self._find_leader, 30, "the container's systemd takes orders")
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, kind, value, traceback):
        self.close()

    def close(self):
        """Ends all that runs inside, and waits until it is gone."""
        inside = _children(self.process.pid)
        self.process.kill()
        harness.wait_for(lambda: not any(Path(f"/proc/{p}").exists() for p in inside), 10,
                         "the container has ended")
