"""Soft actor-critic in PyTorch in one file, as CleanRL has it: torch_sac.py MEASURE --variant plain|tuned|compiled ...

Written from the papers: Haarnoja et al. 2018 (arXiv:1812.05905) for continuous actions, Christodoulou 2019
(arXiv:1910.07207) for discrete ones, Zaheer et al. 2017 (arXiv:1703.06114) for the network that scores options. One update
is one step of both critics, the actor, the temperature and the targets.

Variants: `plain` is how such loops are usually written; `tuned` has fused Adam, one `foreach` call for the targets, no
gradients of critics in the actor's loss, and reuses Q(s) where actions are discrete; `compiled` is `tuned` with
`torch.compile` on both losses (inductor; it needs a C++ compiler).
"""

import copy
import math
import os

import measurement
import numpy
import torch
import torch.nn.functional as F
from torch import nn

LOG_STD_MIN, LOG_STD_MAX = -20.0, 2.0
# Of ln(choices); 0.98 in the paper, which leaves next to nothing to exploit. Ours has the same.
TARGET_ENTROPY_SCALE = 0.3


def mlp(inputs, hidden, outputs):
    sizes = [inputs, *hidden]
    layers = [layer for pair in zip(sizes, hidden) for layer in (nn.Linear(*pair), nn.ReLU())]
    return nn.Sequential(*layers, nn.Linear(sizes[-1], outputs))


class Scorer(nn.Module):
    """A score per option from shared weights: own features, global ones, and the mean of all embeddings."""

    def __init__(self, parts, hidden):
        super().__init__()
        (self.glob,), (self.options, self.features) = parts["global"], parts["options"][-2:]
        self.embed = nn.Linear(self.features + self.glob, hidden[0])
        self.pool, self.own = nn.Linear(hidden[0], hidden[1], bias=False), nn.Linear(hidden[0], hidden[1])
        self.score = nn.Linear(hidden[1], 1)
        nn.init.zeros_(self.score.weight)
        nn.init.zeros_(self.score.bias)

    def forward(self, observation):
        end = self.glob + self.options * self.features
        glob, prior = observation[:, : self.glob], observation[:, end:]
        options = observation[:, self.glob : end].view(-1, self.options, self.features)
        inputs = torch.cat([options, glob.unsqueeze(1).expand(-1, self.options, -1)], 2)
        embedding = F.relu(self.embed(inputs))
        hidden = F.relu(self.own(embedding) + self.pool(embedding.mean(1, keepdim=True)))
        return self.score(hidden).squeeze(2) + prior


class Sac:
    """Networks, optimisers and one update."""

    def __init__(self, given, observation, action, discrete, parts=None):
        self.given, self.discrete, self.action = given, discrete, action
        inputs, outputs = (observation, action) if discrete else (observation + action, 1)
        make = lambda inputs, outputs: mlp(inputs, given.hidden, outputs)
        if given.body == "scorer":
            make = lambda inputs, outputs: Scorer(parts, given.hidden)
        self.actor = make(observation, action if discrete else 2 * action).to(given.device)
        self.critics = nn.ModuleList([make(inputs, outputs) for _ in range(2)]).to(given.device)
        self.targets = copy.deepcopy(self.critics).requires_grad_(False)
        self.log_alpha = torch.zeros(1, device=given.device, requires_grad=True)
        self.target_entropy = TARGET_ENTROPY_SCALE * math.log(action) if discrete else -float(action)
        self.plain = given.variant == "plain"
        arguments = {"lr": given.lr} if self.plain else {"lr": given.lr, "fused": True}
        groups = [self.critics.parameters(), self.actor.parameters(), [self.log_alpha]]
        self.optimisers = [torch.optim.Adam(group, **arguments) for group in groups]
        self.critic_loss = self.discrete_critic_loss if discrete else self.continuous_critic_loss
        self.actor_loss = self.discrete_actor_loss if discrete else self.continuous_actor_loss
        if given.variant == "compiled":
            # On a GPU the launch of kernels is what costs: CUDA graphs.
            mode = "default" if given.device == "cpu" else "reduce-overhead"
            self.critic_loss = torch.compile(self.critic_loss, mode=mode)
            self.actor_loss = torch.compile(self.actor_loss, mode=mode)

    def sample(self, observation):
        """tanh(u), u ~ N(mean, std), and its log probability."""
        mean, log_std = self.actor(observation).chunk(2, 1)
        log_std = log_std.clamp(LOG_STD_MIN, LOG_STD_MAX)
        noise = torch.randn_like(mean)
        action = torch.tanh(mean + log_std.exp() * noise)
        log_prob = -0.5 * noise.square() - log_std - 0.5 * math.log(2 * math.pi)
        return action, (log_prob - torch.log(1 - action.square() + 1e-6)).sum(1, keepdim=True)

    def least(self, critics, *inputs):
        joined = inputs[0] if len(inputs) == 1 else torch.cat(inputs, 1)
        return torch.minimum(critics[0](joined), critics[1](joined))

    def continuous_critic_loss(self, observation, action, reward, next_observation, terminated, alpha):
        with torch.no_grad():
            next_action, next_log_prob = self.sample(next_observation)
            value = self.least(self.targets, next_observation, next_action) - alpha * next_log_prob
            target = reward + self.given.gamma * (1 - terminated) * value
        joined = torch.cat([observation, action], 1)
        return sum(F.mse_loss(critic(joined), target) for critic in self.critics), None

    def continuous_actor_loss(self, observation, alpha, _):
        action, log_prob = self.sample(observation)
        loss = (alpha * log_prob - self.least(self.critics, observation, action)).mean()
        return loss, -log_prob.detach().mean()

    def discrete_critic_loss(self, observation, action, reward, next_observation, terminated, alpha):
        with torch.no_grad():
            log_pi = F.log_softmax(self.actor(next_observation), 1)
            value = self.least(self.targets, next_observation) - alpha * log_pi
            value = (log_pi.exp() * value).sum(1, keepdim=True)
            target = reward + self.given.gamma * (1 - terminated) * value
        q = [critic(observation) for critic in self.critics]
        loss = sum(F.mse_loss(one.gather(1, action.long()), target) for one in q)
        return loss, torch.minimum(*q).detach()

    def discrete_actor_loss(self, observation, alpha, q):
        if self.plain:
            with torch.no_grad():
                q = self.least(self.critics, observation)
        log_pi = F.log_softmax(self.actor(observation), 1)
        entropy = -(log_pi.exp() * log_pi).sum(1, keepdim=True)
        loss = -((log_pi.exp() * q).sum(1, keepdim=True) + alpha * entropy).mean()
        return loss, entropy.detach().mean()

    def update(self, batch):
        if self.given.variant == "compiled" and self.given.device != "cpu":
            torch.compiler.cudagraph_mark_step_begin()
        of_critics, of_actor, of_alpha = self.optimisers
        alpha = self.log_alpha.detach().exp()
        loss, q = self.critic_loss(*batch, alpha)
        q = None if q is None else q.clone()
        step(of_critics, loss)
        self.critics.requires_grad_(self.plain)
        loss, entropy = self.actor_loss(batch[0], alpha, q)
        step(of_actor, loss)
        self.critics.requires_grad_(True)
        step(of_alpha, (self.log_alpha * (entropy - self.target_entropy)).sum())
        with torch.no_grad():
            if self.plain:
                for target, online in zip(self.targets.parameters(), self.critics.parameters()):
                    target.copy_(0.005 * online + 0.995 * target)
            else:
                torch._foreach_lerp_(list(self.targets.parameters()), list(self.critics.parameters()), 0.005)

    @torch.no_grad()
    def act(self, observation, explore):
        """The code of an action: the index of a choice, or entries in [-1, 1]."""
        rows = torch.as_tensor(observation, dtype=torch.float32, device=self.given.device).unsqueeze(0)
        output = self.actor(rows)
        if self.discrete:
            choice = torch.multinomial(F.softmax(output, 1), 1) if explore else output.argmax(1)
            return int(choice)
        return (self.sample(rows)[0] if explore else torch.tanh(output.chunk(2, 1)[0]))[0].cpu().numpy()


def step(optimiser, loss):
    optimiser.zero_grad()
    loss.backward()
    optimiser.step()


class Replay:
    """Columns of transitions on the device."""

    def __init__(self, capacity, observation, codes, device):
        sizes = [observation, codes, 1, observation, 1]
        self.columns = [torch.zeros(capacity, size, device=device) for size in sizes]
        self.capacity, self.added = capacity, 0

    def add(self, *row):
        at = self.added % self.capacity
        for column, value in zip(self.columns, row):
            column[at] = torch.as_tensor(value)
        self.added += 1

    def sample(self, batch):
        held = min(self.added, self.capacity)
        rows = torch.randint(held, (batch,), device=self.columns[0].device)
        return [column[rows] for column in self.columns]


def spaces(env):
    """Length of observations, entries or choices of actions, and whether they are choices."""
    discrete = hasattr(env.action_space, "n")
    return env.observation_space.shape[0], int(env.action_space.n) if discrete else env.action_space.shape[0], discrete


def finish(given):
    """Waits until the device has done all of it."""
    if given.device == "cuda":
        torch.cuda.synchronize()


def gradient(given):
    sizes, parts = (measurement.OBSERVATION, measurement.ACTION, False), None
    if given.problem != "sizes":
        env = measurement.environment(given)
        sizes, parts = spaces(env), getattr(env, "parts", None)
        env.close()
    observation, action, discrete = sizes
    learner = Sac(given, observation, action, discrete, parts)
    replay = Replay(100_000, observation, 1 if discrete else action, given.device)
    replay.added = measurement.EXPERIENCE
    for column in replay.columns[:4]:
        column[: replay.added].uniform_(-1, 1)
    if discrete:
        replay.columns[1].random_(0, action)
    clock, updates = measurement.Clock(), 0
    for _ in range(20):
        learner.update(replay.sample(given.batch))
    finish(given)
    clock.start()
    while clock.seconds() < given.seconds:
        for _ in range(10):
            learner.update(replay.sample(given.batch))
        finish(given)
        updates += 10
    clock.emit(updates)


class Loop:
    """Steps the environment and learns once per step."""

    def __init__(self, given):
        self.given, self.env = given, measurement.environment(given)
        observation, action, self.discrete = spaces(self.env)
        self.scale = 1.0 if self.discrete else self.env.action_space.high
        self.learner = Sac(given, observation, action, self.discrete, getattr(self.env, "parts", None))
        self.replay = Replay(100_000, observation, 1 if self.discrete else action, given.device)
        self.env.action_space.seed(given.seed)
        self.observation, _ = self.env.reset(seed=given.seed)
        self.steps = 0

    def act(self, observation):
        return self.learner.act(observation, False) * self.scale if not self.discrete else self.learner.act(observation, False)

    def step(self):
        learns = self.steps >= measurement.LEARNING_STARTS
        code = self.learner.act(self.observation, True) if learns else self.env.action_space.sample() / self.scale
        action = int(code) if self.discrete else code * self.scale
        following, reward, terminated, truncated, _ = self.env.step(action)
        self.replay.add(self.observation, code, float(reward), following, float(terminated))
        self.observation = self.env.reset()[0] if terminated or truncated else following
        self.steps += 1
        if learns:
            self.learner.update(self.replay.sample(self.given.batch))


def steps(given):
    loop, clock = Loop(given), measurement.Clock()
    while loop.steps < measurement.LEARNING_STARTS + measurement.WARM_UP:
        loop.step()
    finish(given)
    clock.start(loop.steps)
    while clock.seconds() < given.seconds:
        loop.step()
    finish(given)
    clock.emit(loop.steps)


def time_to_return(given):
    loop, clock, env = Loop(given), measurement.Clock(), measurement.environment(given)
    clock.start()
    while True:
        for _ in range(measurement.EVALUATE_EVERY):
            loop.step()
        found = clock.exclude(lambda: measurement.mean_return(loop.act, env, given.seed))
        if found >= given.wanted_return or loop.steps >= given.limit:
            return clock.emit(loop.steps, reached=bool(found >= given.wanted_return))


if __name__ == "__main__":
    given = measurement.options()
    torch.set_num_threads(given.threads)
    torch.manual_seed(given.seed)
    numpy.random.seed(given.seed)
    {"gradient": gradient, "steps": steps, "return": time_to_return}[given.measure](given)
    # Compilation workers need no farewell.
    os._exit(0)
