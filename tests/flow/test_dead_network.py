"""A network that is gone without a word, in a network namespace of its own: nobody is told by TCP that
the publisher will not come back."""
# usual time: 17 s
import os
import unittest

import harness
from harness import BIN, Process, TestCase, temp_dir

RTMP_PORT = 1935  # nobody else is in that namespace


def why_not():
    if os.getuid() != 0:
        return "only root can make a network"
    if harness.run(["unshare", "--net", "ip", "link", "set", "lo", "up"]).returncode != 0:
        return "root may not make network namespaces here"
    return ""


MISSING = why_not()


@unittest.skipIf(MISSING, MISSING)
class DeadNetwork(TestCase):
    def test_a_dead_publisher_is_noticed_long_before_it_is_idle(self):
        """Fact 26: the broadcaster asks a silent publisher; what TCP cannot deliver ends it."""
        net = self.enterContext(Process(
            ["unshare", "--net", "sh", "-c", "ip link set lo up && echo up && exec sleep 600"],
            temp_dir() / "net.log"))
        net.wait_log("up")
        inside = ["nsenter", "-t", net.pid, "-n"]
        folder = temp_dir()
        role = self.enterContext(Process(
            [*inside, BIN / "broadcaster", "-rtmpAddr", f"127.0.0.1:{RTMP_PORT}", "-httpAddr",
             "127.0.0.1:8935", "-cliAddr", "127.0.0.1:7935", "-orchAddr", "", "-datadir", folder,
             "-runDir", folder, "-idleTimeoutMs", "600000"], folder / "broadcaster.log"))
        role.wait_log("control listening")
        self.enterContext(Process(
            [*inside, BIN / "publish", "-test", "-size", "320x240",
             f"rtmp://127.0.0.1:{RTMP_PORT}/dead"], folder / "publish.log"))
        role.wait_log("ingest metadata")
        self.assertEqual(harness.run([*inside, "ip", "link", "set", "lo", "down"]).returncode, 0)
        role.wait_log('unpublish stream=dead .*reason="the connection broke"', timeout=60)
        self.assertNotIn("silent_ms", role.log())


if __name__ == "__main__":
    harness.main()
