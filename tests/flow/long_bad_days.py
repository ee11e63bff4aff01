"""Roles of the recipe on one host that are killed, beyond what test_bad_days.py has."""
from harness import Recipe, main
from test_bad_days import RUNG_PATH, Watched


class KilledRoles(Watched):
    def test_transcoder_killed_and_another_takes_over(self):
        with Recipe(transcoders=2) as r:
            def disturb(follower):
                loads = {t["name"]: t for t in r.orchestrator.status()["transcoders"]}
                self.assertEqual(len(loads), 2)
                r.transcoders[0].kill()
                return self.wait_until_behind(r, follower, 4)

            follower = self.watch_over(r, disturb)
            self.check(r, follower)
            self.assertFalse([s for s in follower.segments[r.url(RUNG_PATH)] if s.gap])

    def test_orchestrator_killed_and_back(self):
        with Recipe() as r:
            def disturb(follower):
                r.orchestrator.kill()
                last = self.wait_until_behind(r, follower, 6)
                r.orchestrator = r.orchestrator.again()
                return last

            follower = self.watch_over(r, disturb)
            self.check(r, follower)


if __name__ == "__main__":
    main()
