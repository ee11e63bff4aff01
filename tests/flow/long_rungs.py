"""Every rung that has a name: its size, its rate, and as many pictures as there should be."""
import harness
import test_publishers


class EveryRung(test_publishers.Rungs):
    NAMES = tuple(test_publishers.RUNGS)


if __name__ == "__main__":
    harness.main()
