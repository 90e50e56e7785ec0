"""Work done and the time that it took, as the example `simulator_speed` measures it."""

import json
import time


def take(seconds, work_of_round, **more):
    """Repeats a round, which returns the work that it did, for `seconds`; one round before is warm-up. Returns JSON."""
    work_of_round()
    work, rounds, elapsed = 0, 0, 0.0
    started = time.perf_counter()
    while elapsed < seconds:
        work += work_of_round()
        rounds += 1
        elapsed = time.perf_counter() - started
    return json.dumps({"rounds": rounds, "work": work, "seconds": elapsed, **more})
