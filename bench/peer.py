"""The side of a peer in bench/remote.hpp: requests as lines of JSON, answers in seconds or "none"."""
import functools
import json
import sys
import time


def serve(name, makers, element=None):
    """Answers until the input ends. makers[workload](**request) gives what one run calls; with "repeat": 0
    the answer is element(maker's result, row, column), for comparing values."""

    @functools.lru_cache(maxsize=2)
    def made(key):
        request = json.loads(key)
        return makers[request.pop("workload")](**request)

    print("ready", name, flush=True)
    for line in sys.stdin:
        request = json.loads(line)
        repeat = int(request.pop("repeat"))
        place = [int(request.pop(key, 0)) for key in ("row", "column")]
        try:
            run = made(json.dumps(request, sort_keys=True))
            if repeat == 0:
                print(element(run, *place), flush=True)
                continue
            begin = time.thread_time()
            for _ in range(repeat):
                run()
            print(time.thread_time() - begin, flush=True)
        except (ImportError, KeyError, TypeError, RuntimeError) as error:
            print(repr(error), file=sys.stderr)
            print("none", flush=True)


def release(version):
    """2.15 of 2.15.0+cpu."""
    return version.split("+")[0].rsplit(".", 1)[0]
