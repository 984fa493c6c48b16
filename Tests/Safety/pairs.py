"""Two commands on one container at the same time, and crowds of 64.

A pair is acceptable if it looks as if one command had come after the other, in either order; only what is done to a
container that is killed meanwhile may fail, or still succeed. Whatever came of it, `state` tells the truth, and
`delete --force` takes it all away.
"""

import random
import time
from collections.abc import Iterator

from herd import LIVING, NOT_THERE, Arena, Started, closing, complaint, in_crowds, judged
from ground import TIMEOUT, Outcome
from rows import Options, Row

STATES = (NOT_THERE, "created", "running", "paused", "stopped")
COMMANDS: dict[str, tuple[str, ...]] = {
    "create": ("create", "--bundle", "BUNDLE", "ID"),
    "start": ("start", "ID"),
    "run": ("run", "--detach", "--bundle", "BUNDLE", "ID"),
    "exec": ("exec", "ID", "/bin/true"),
    "kill KILL": ("kill", "ID", "KILL"),
    "kill TERM": ("kill", "ID", "TERM"),
    "pause": ("pause", "ID"),
    "resume": ("resume", "ID"),
    "update": ("update", "--pids-limit", "50", "ID"),
    "delete": ("delete", "ID"),
    "delete --force": ("delete", "--force", "ID"),
    "state": ("state", "ID"),
    "list": ("list",),
    "ps": ("ps", "--format", "json", "ID"),
    "events": ("events", "--stats", "ID"),
    "wait": ("wait", "ID"),
    "state --cgroup": ("state", "--cgroup", "ID"),
}
KILLERS = ("kill KILL", "kill TERM", "delete --force")
# Exit statuses that are those of the container's processes.
STATUSES = {"exec": range(137, 138), "wait": range(0, 255)}  # 254: nobody knows it any more
DELAYS = (0, 0, 0.001, 0.002, 0.004)
WIDTH = 32  # pairs at a time: 64 commands

PATIENCE = 10  # seconds, for who was killed
Result = tuple[bool, str]  # whether it succeeds, and the container's state afterwards
Pair = tuple[str, str, str, float]  # two commands, the container's state, the seconds between them


def words(command: str, name: str, bundle: str) -> list[str]:
    return [{"ID": name, "BUNDLE": bundle}.get(word, word) for word in COMMANDS[command]]


# ---- What may come of it


def results(command: str, state: str) -> set[Result]:
    """What a command alone may come to. "paused created" is a container that was paused before its start."""
    alive = state not in (NOT_THERE, "stopped")
    refused = {(False, state)}
    match command:
        case "create" | "run":
            return {(True, "created" if command == "create" else "running")} if state == NOT_THERE else refused
        case "start":
            return {(True, "running")} if state == "created" else refused
        case "exec":
            return {(True, state)} if state in ("created", "running") else refused
        case "kill KILL":
            return {(True, "stopped")} if alive else refused
        case "kill TERM":  # the program may not have come to its trap yet, and a first process ignores it without
            return {(True, state), (True, "stopped")} if alive else refused
        case "pause":
            paused = {"created": "paused created", "running": "paused"}
            return {(True, paused[state])} if state in paused else refused
        case "resume":
            resumed = {"paused created": "created", "paused": "running"}
            return {(True, resumed[state])} if state in resumed else refused
        case "update" | "events":
            return {(True, state)} if alive else refused
        case "delete":
            return {(True, NOT_THERE)} if state in ("created", "stopped") else refused
        case "delete --force":
            return {(True, NOT_THERE)}
        case "list":
            return {(True, state)}
        case "ps":
            return {(True, state), *refused} if state == "stopped" else {(alive, state)}
        case "state" | "state --cgroup":
            return {(state != NOT_THERE, state)}
        case "wait":
            return {(True, state), (False, state)}
    raise ValueError(command)


def outcomes(first: str, second: str, state: str) -> set[tuple[bool, bool, str]]:
    found = set()
    for early, late, swapped in ((first, second, False), (second, first, True)):
        for one, between in results(early, state):
            for two, final in results(late, between):
                found.add((two, one, final) if swapped else (one, two, final))
    for victim, killer, swapped in ((first, second, False), (second, first, True)):
        if killer in KILLERS:
            makes = victim in ("create", "run") and state == NOT_THERE
            for succeeded, final in results(killer, "created" if makes else state):
                final = NOT_THERE if makes else final
                found.add((succeeded, False, final) if swapped else (False, succeeded, final))
                # Who is killed is thawed, and does not end at once: what can be done to the living can still be done.
                living = (state, state.replace("paused created", "created").replace("paused", "running"))
                if succeeded and not makes and any(each for was in living for each, _ in results(victim, was)):
                    found.add((True, True, final))
            # `delete` waits for who is dying and takes it away; the other one finds nothing left to do.
            if victim == "delete" and killer == "delete --force" and state != NOT_THERE:
                found.add((True, True, NOT_THERE))
    return {(one, two, final.removesuffix(" created")) for one, two, final in found}


# ---- What comes of it


class Pairs:
    def __init__(self, arena: Arena):
        self.arena = arena

    def start(self, command: str, name: str) -> Started:
        return self.arena.start(*words(command, name, str(self.arena.sleeper.path)))

    def check(self, item: Pair) -> list[str]:
        """Two commands, the second one `delay` seconds after the first; complaints."""
        first, second, state, delay = item
        name = self.arena.make(state)
        started = [self.start(first, name)]
        if delay:
            time.sleep(delay)
        started.append(self.start(second, name))
        ends: list[Outcome | None] = [None, None]
        for index, command in enumerate((first, second)):
            if command == "exec":
                self.await_process(name, started[index])
            if command != "wait" and (command != "exec" or started[index].has_ended):
                ends[index] = started[index].finish()
        wrongs = self.explain(item, ends, name)
        wrongs += self.arena.remove(name)
        for index, command in enumerate((first, second)):
            outcome = ends[index] or started[index].finish()
            wrong = complaint(command, outcome, STATUSES.get(command, range(0)))
            wrongs += [wrong] * bool(wrong)
        return [f"{first} + {second} on {state}: {each}" for each in wrongs]

    def await_process(self, name: str, started: Started) -> None:
        """The end of an `exec`; one whose process is paused on its way has none."""
        deadline = time.monotonic() + TIMEOUT
        while not started.has_ended and time.monotonic() < deadline:
            if self.arena.is_frozen(name):
                return
            time.sleep(0.005)

    def explain(self, item: Pair, ends: list[Outcome | None], name: str) -> list[str]:
        """Whether there is an order of the commands that explains what was seen. Waits for who is dying."""
        pair = item[:2]
        finals = set()
        for *expected, state in outcomes(*item[:3]):
            if all(end is None or (end.status in (0, *STATUSES.get(command, ()))) == each
                   for command, end, each in zip(pair, ends, expected)):
                finals.add(state)
        deadline = time.monotonic() + PATIENCE
        while True:
            final, wrong = self.arena.settled(name)
            if wrong:
                return [wrong]
            if final in finals:
                return []
            if time.monotonic() > deadline or not finals:
                seen = ", ".join(f"{command}: {end.status} {end.err.strip()[-120:]}" if end else f"{command}: under way"
                                 for command, end in zip(pair, ends))
                return [f"no order explains that it is {final} in the end: {seen}"]
            time.sleep(0.01)

    def crowd(self, seed: int) -> list[str]:
        """64 commands at a time on one id."""
        chance = random.Random(seed)
        name = self.arena.make(chance.choice(STATES))
        weights = {"delete --force": 0.3, "delete": 0.5, "kill KILL": 0.5, "create": 2, "run": 2}
        names = chance.choices(list(COMMANDS), [weights.get(each, 1) for each in COMMANDS], k=64)
        started = [(command, self.start(command, name)) for command in names]
        ends = [(command, each.finish()) for command, each in started if command not in ("exec", "wait")]
        for command, each in started:
            if command == "exec":
                self.await_process(name, each)
        _, wrong = self.arena.settled(name)
        wrongs = [wrong] * bool(wrong) + self.arena.remove(name)
        ends += [(command, each.finish()) for command, each in started if command in ("exec", "wait")]
        for command, outcome in ends:
            wrong = complaint(command, outcome, STATUSES.get(command, range(0)))
            wrongs += [wrong] * bool(wrong)
        return [f"seed {seed}: {each}" for each in wrongs]


def rows(options: Options) -> Iterator[Row]:
    arena = Arena("pairs", options.apus)
    pairs = Pairs(arena)
    chance = random.Random(8)
    rounds = 1 if options.short else 4
    for state in STATES:
        items = [(first, second, state, chance.choice(DELAYS)) for first in COMMANDS for second in COMMANDS
                 for _ in range(rounds)]
        yield judged(f"pairs of commands, container {state}", f"{len(items):,} pairs, 64 commands at a time",
                     in_crowds(pairs.check, items, WIDTH))
    beside = [(*chance.sample(("pause", "kill KILL"), 2), state, chance.choice(DELAYS))
              for state in ("created", "running", "paused") for _ in range(50 * rounds)]
    yield judged("SIGKILL beside pause is not lost", f"{len(beside)} pairs", in_crowds(pairs.check, beside, WIDTH))
    rounds *= 10
    yield judged("64 commands at a time on one id", f"{rounds} crowds",
                 in_crowds(pairs.crowd, range(rounds), 1))
    yield from closing(arena, "pairs and crowds leave nothing")
