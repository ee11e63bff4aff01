"""The source itself: format, include directions, headers that compile alone, sizes."""
# time limit: 200 s
# usual time: 14 s
import re

from harness import ROOT, TestCase, main, run

ROOMS = ["common", "broadcaster", "orchestrator", "transcoder", "publisher-tools", "deploy"]
FUNCTION_LINES_MAX = 80
FILE_LINES_MAX = 800


class Source(TestCase):
    def make(self, target):
        done = run(["make", "--no-print-directory", target], timeout=180, cwd=ROOT)
        self.assertEqual(done.returncode, 0, done.stdout[-4000:] + done.stderr[-4000:])

    def test_format(self):
        self.make("check-format")

    def test_include_directions(self):
        self.make("lint-includes")

    def test_headers_compile_alone(self):
        self.make("lint-headers")

    def test_sizes(self):
        for room in [*ROOMS, "tests"]:
            for path in sorted((ROOT / room).rglob("*.c")):
                if "node_modules" in path.parts:
                    continue
                lines = path.read_text(encoding="utf-8").splitlines()
                self.assertLessEqual(len(lines), FILE_LINES_MAX, path)
                start = None
                for number, line in enumerate(lines, 1):
                    if line == "{":
                        start = number
                    elif line == "}" and start is not None:
                        self.assertLessEqual(number - start + 1, FUNCTION_LINES_MAX,
                                             f"{path}:{start}")
                        start = None

    def test_every_folder_says_what_it_is(self):
        for room in [*ROOMS, "tests"]:
            self.assertTrue((ROOT / room / "README.md").is_file(), room)

    def test_help_lists_every_target_that_is_written_about(self):
        listed = set(re.findall(r"[a-z-]+", "\n".join(
            re.findall(r"^  make (.*?)  ", run(["make", "help"], cwd=ROOT).stdout, re.M))))
        self.assertIn("run", listed)
        for path in ROOT.rglob("*.md"):
            if not {"build", "node_modules"} & set(path.relative_to(ROOT).parts):
                named = re.findall(r"`make ([a-z][a-z-]*)(?![\w/-])", path.read_text(encoding="utf-8"))
                self.assertEqual(set(named) - listed, set(), path)

    def test_the_facts_name_tests_that_there_are(self):
        """tests/ingest-facts.md"""
        there = {"unit", "flow"}
        for path in (ROOT / "tests").rglob("*.[cp]*"):
            if path.suffix in (".c", ".py") and "node_modules" not in path.parts:
                text = path.read_text(encoding="utf-8")
                there |= set(re.findall(r"(?:START_TEST\(|def test_|class )(\w+)", text))
        named = re.findall(r"`(\w+)`", (ROOT / "tests/ingest-facts.md").read_text(encoding="utf-8"))
        self.assertGreater(len(named), 100)
        self.assertEqual(sorted(set(named) - there), [])

    def test_no_place_of_one_machine(self):
        files = run(["git", "ls-files"], cwd=ROOT).stdout.split()
        for name in files:
            if name.endswith((".c", ".h", ".py", ".md", ".proto", "Makefile")):
                text = (ROOT / name).read_text(encoding="utf-8")
                self.assertIsNone(re.search(r"/(work|home/\w+)/\w", text), name)


if __name__ == "__main__":
    main()
