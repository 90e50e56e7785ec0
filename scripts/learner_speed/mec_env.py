"""The MEC environments as Gymnasium's, over the Rust example env_server: mec_env.py bare --problem mec-box ...

A step writes the codes of the action into the server's standard input and reads one row from its standard output, so its
cost is that of two pipes and a change of process; `bare` measures it, with random actions.
"""

import json
import struct
import subprocess

import gymnasium
import numpy


class MecEnv(gymnasium.Env):
    """The default scenario in one form: `task` (Discrete) or `box` (Box)."""

    def __init__(self, server, form):
        self.process = subprocess.Popen([server, form], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        head = json.loads(self.process.stdout.readline())
        bound = numpy.full(head["observation"], numpy.inf, dtype=numpy.float32)
        self.observation_space = gymnasium.spaces.Box(-bound, bound)
        if head["heads"]:
            self.action_space = gymnasium.spaces.Discrete(head["heads"][0])
        else:
            self.action_space = gymnasium.spaces.Box(-1.0, 1.0, (head["continuous"],))
        self.discrete, self.size = bool(head["heads"]), 8 + 4 * head["observation"]
        self.parts = head["parts"]

    def _answer(self, request):
        self.process.stdin.write(request)
        self.process.stdin.flush()
        answer = self.process.stdout.read(self.size)
        if len(answer) != self.size:
            raise RuntimeError(f"the environment server ended with code {self.process.wait()}")
        reward, terminated, truncated = struct.unpack_from("<f??", answer)
        return numpy.frombuffer(answer, dtype="<f4", offset=8).copy(), reward, terminated, truncated

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        request = b"r" if seed is None else b"R" + struct.pack("<Q", seed)
        return self._answer(request)[0], {}

    def step(self, action):
        codes = [float(action)] if self.discrete else action
        return *self._answer(b"s" + numpy.asarray(codes, dtype="<f4").tobytes()), {}

    def close(self):
        if self.process.stdin:
            self.process.stdin.close()
            self.process.wait()


def bare(given):
    import measurement

    env, clock = measurement.environment(given), measurement.Clock()
    env.action_space.seed(given.seed)
    actions = [env.action_space.sample() for _ in range(1_000)]
    env.reset(seed=given.seed)
    clock.start()
    steps = 0
    while clock.seconds() < given.seconds:
        for action in actions:
            _, _, terminated, truncated, _ = env.step(action)
            if terminated or truncated:
                env.reset()
        steps += len(actions)
    clock.emit(steps)


if __name__ == "__main__":
    import measurement

    bare(measurement.options())
