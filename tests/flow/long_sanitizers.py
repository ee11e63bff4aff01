"""The unit tests and the main flow tests, with everything built with the sanitizers."""
# time limit: 10800 s
import harness


class Sanitizers(harness.TestCase):
    def make(self, target):
        done = harness.run(["make", "-C", harness.ROOT, "--no-print-directory", target],
                           timeout=2700)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)

    def test_unit_tests_with_addresses_and_undefined_behaviour(self):
        self.make("asan-unit")

    def test_unit_tests_with_threads(self):
        self.make("tsan-unit")

    def test_flow_tests_with_addresses_and_undefined_behaviour(self):
        self.make("asan-flow")

    def test_flow_tests_with_threads(self):
        self.make("tsan-flow")


if __name__ == "__main__":
    harness.main()
