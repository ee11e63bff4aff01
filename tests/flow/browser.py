"""A real browser for the flow tests: Debian's Chromium without a screen, by tests/node/browser.mjs.

    with Browser() as browser:
        page = browser.open()
        page.goto(recipe.url("/"))
        page.wait("() => document.title === 'Live now'")

Screenshots go to build/browser (BUILD), and stay there."""
import json
import os
import queue
import subprocess
import threading

from harness import ROOT, TIME_SCALE, Process, temp_dir

SHOTS = ROOT / os.environ.get("BUILD", "build") / "browser"
ANSWER_S = 180


class BrowserError(AssertionError):
    pass


class Browser:
    def __init__(self):
        SHOTS.mkdir(parents=True, exist_ok=True)
        self.process = Process(["node", ROOT / "tests/node/browser.mjs"],
                               temp_dir() / "browser.log", stdin=subprocess.PIPE,
                               stdout=subprocess.PIPE)
        self.answers = queue.Queue()
        self.opened = 0
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self):
        for line in self.process.popen.stdout:
            self.answers.put(line)
        self.answers.put(None)

    def call(self, name, **options):
        pipe = self.process.popen.stdin
        pipe.write(json.dumps({"call": name, **options}).encode() + b"\n")
        pipe.flush()
        try:
            line = self.answers.get(timeout=ANSWER_S * TIME_SCALE)
        except queue.Empty:
            raise BrowserError(f"{name}: no answer within {ANSWER_S} s") from None
        if line is None:
            raise BrowserError(f"{name}: the browser has ended\n{self.process.tail()}")
        answer = json.loads(line)
        if "error" in answer:
            raise BrowserError(f"{name} {options}: {answer['error']}")
        return answer["value"]

    def open(self, **options):
        """A page of its own, as in a private window. width, height, scheme ("dark"), touch;
        before: a script that runs ahead of the page's own."""
        self.opened += 1
        page = Page(self, f"page{self.opened}")
        self.call("open", page=page.name, **options)
        return page

    def close(self):
        """Ends it in order: Chromium's own processes go with it."""
        if self.process.alive():
            self.process.popen.stdin.close()
            self.process.wait()

    def __enter__(self):
        return self

    def __exit__(self, kind, value, traceback):
        self.close()


class Page:
    def __init__(self, browser, name):
        self.browser = browser
        self.name = name

    def _call(self, call, **options):
        return self.browser.call(call, page=self.name, **options)

    def goto(self, url):
        """The status."""
        return self._call("goto", url=url)

    def evaluate(self, code, argument=None):
        """code: a function in JavaScript."""
        return self._call("evaluate", code=code, argument=argument)

    def wait(self, code, timeout=15, argument=None):
        """Until the function gives something true; returns that."""
        try:
            return self._call("wait", code=code, argument=argument,
                              timeout=int(timeout * 1000 * TIME_SCALE))
        except BrowserError as e:
            raise BrowserError(f"{e}\non the page: {self.text()[:1500]}") from None

    def text(self):
        return self.evaluate("() => document.body.innerText")

    def click(self, selector, timeout=10):
        self._call("click", selector=selector, timeout=int(timeout * 1000 * TIME_SCALE))

    def fill(self, selector, text):
        self._call("fill", selector=selector, text=text)

    def choose(self, selector, value):
        """An option of a select."""
        self._call("choose", selector=selector, value=value)

    def press(self, key):
        self._call("press", key=key)

    def hover(self, selector):
        self._call("hover", selector=selector)

    def resize(self, width, height):
        self._call("resize", width=width, height=height)

    def shot(self, name, whole=False):
        self._call("shot", path=str(SHOTS / f"{name}.png"), whole=whole)

    def barriers(self):
        """What keeps people from using it who do not see well (tests/node/barriers.js)."""
        return self.evaluate((ROOT / "tests/node/barriers.js").read_text())

    def faults(self):
        """What the page itself complained about so far."""
        return self._call("faults")

    def requests(self):
        """The addresses of all that it asked for."""
        return self._call("requests")

    def close(self):
        self._call("close")
