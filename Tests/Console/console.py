#!/usr/bin/python3
"""Cases of a container on a terminal, driven through a real pseudo terminal.

Usage: console.py RUNTIME ROOT BUNDLE ID CASE

One case per call; exit status 0 if it holds, else the reason on standard output. The bundle is a busybox root; each case
writes what it runs into the config.json. With CONSOLE_EXEC=1 the command under test is `exec --tty` into a sleeping
container, else `run` of a container of its own.
"""
import fcntl
import hashlib
import json
import os
import re
import select
import shlex
import signal
import struct
import subprocess
import sys
import termios
import threading
import time

import pexpect

RUNTIME, ROOT, BUNDLE, ID, CASE = sys.argv[1:6]
EXEC = os.environ.get("CONSOLE_EXEC") == "1"
MEGABYTES = 50
cases = {}


def case(function):
    cases[function.__name__] = function
    return function


class Failure(Exception):
    pass


def check(truth, *what):
    if not truth:
        raise Failure(" ".join(str(part) for part in what))


# The container

def runtime(*words, **more):
    return subprocess.run([RUNTIME, "--root", ROOT, *words], capture_output=True, text=True, timeout=60, **more)


def command(script, size=None, program=None):
    """Words of the runtime that run a shell script on a terminal of the container."""
    arguments = program or ["/bin/sh", "-c", script]
    with open(f"{BUNDLE}/config.json") as file:
        config = json.load(file)
    process = config["process"]
    process["args"] = ["/bin/sleep", "1000"] if EXEC else arguments
    process["terminal"] = not EXEC
    process.pop("consoleSize", None)
    if size:
        process["consoleSize"] = {"height": size[0], "width": size[1]}
    with open(f"{BUNDLE}/config.json", "w") as file:
        json.dump(config, file)
    if not EXEC:
        return [RUNTIME, "--root", ROOT, "run", "--bundle", BUNDLE, ID]
    if runtime("state", ID).returncode != 0:
        # The container keeps its streams open: they must not be the pipes of this command.
        subprocess.run([RUNTIME, "--root", ROOT, "run", "--detach", "--bundle", BUNDLE, ID], check=True, timeout=60,
                       stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    return [RUNTIME, "--root", ROOT, "exec", "--tty", ID, *arguments]


def in_rootfs(name):
    return f"{BUNDLE}/rootfs/{name}"


# The terminal

def on_terminal(words, rows=24, columns=80):
    child = pexpect.spawn(words[0], words[1:], dimensions=(rows, columns), timeout=60, maxread=65536)
    child.delaybeforesend = 0
    return child


def mode(child):
    """What the terminal does with what is typed and printed."""
    return termios.tcgetattr(child.child_fd)


def is_raw(child):
    return mode(child)[3] & (termios.ICANON | termios.ECHO | termios.ISIG) == 0


def eventually(question, seconds=30):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if question():
            return True
        time.sleep(0.01)
    return bool(question())


def end_of(child, seconds=60):
    """Reads to the end; the exit status, or 128 and the signal."""
    child.expect(pexpect.EOF, timeout=seconds)
    child.wait()
    return child.exitstatus if child.exitstatus is not None else 128 + child.signalstatus


def leave(child):
    """Ends a session. Whoever was killed may take a while to go."""
    try:
        child.close(force=True)
    except pexpect.ExceptionPexpect:
        check(eventually(lambda: not child.isalive()), "it cannot be killed")


class Held:
    """A program on a terminal that outlives it, so that the terminal's mode can be seen after its end."""

    def __init__(self, words, rows=24, columns=80):
        self.master, slave = os.openpty()
        fcntl.ioctl(self.master, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        self.slave = slave
        self.before = termios.tcgetattr(slave)
        self.output = b""

        def lead():
            os.setsid()
            fcntl.ioctl(slave, termios.TIOCSCTTY, 0)

        self.process = subprocess.Popen(words, stdin=slave, stdout=slave, stderr=slave, preexec_fn=lead)

    def read(self, seconds):
        if select.select([self.master], [], [], seconds)[0]:
            self.output += os.read(self.master, 65536)
            return True
        return False

    def until(self, text, seconds=60):
        end = time.monotonic() + seconds
        while text not in self.output:
            check(time.monotonic() < end, "no", text, "in", self.output[-2000:])
            self.read(0.1)

    def wait(self, seconds=60):
        end = time.monotonic() + seconds
        while self.process.poll() is None:
            check(time.monotonic() < end, "it does not end; output:", self.output[-2000:])
            self.read(0.02)
        while self.read(0.05):
            pass
        return self.process.returncode if self.process.returncode >= 0 else 128 - self.process.returncode

    def is_raw(self):
        return termios.tcgetattr(self.slave)[3] & (termios.ICANON | termios.ECHO | termios.ISIG) == 0

    def expect_restored(self):
        after = termios.tcgetattr(self.slave)
        check(after == self.before, "the terminal is not what it was:", self.before, "now", after)


def ending(script, end, status):
    """A container that says when it is ready and is ended somehow: the terminal is then as it was."""
    held = Held(command(script))
    held.until(b"ready")
    check(eventually(held.is_raw), "not raw while it runs")
    end(held)
    got = held.wait()
    check(got == status, "status", got, "instead of", status, held.output[-500:])
    held.expect_restored()


WAITING = "for s in TERM INT HUP; do trap \"exit $((40 + $(kill -l $s)))\" $s; done; echo ready; while :; do sleep 0.05; done"


# Sizes

@case
def the_size_is_there_from_the_first_instruction_on():
    for _ in range(5):
        child = on_terminal(command("stty size"), rows=31, columns=101)
        child.expect_exact("31 101\r\n")
        check(end_of(child) == 0)


@case
def a_new_size_is_told_to_the_program():
    child = on_terminal(command("trap 'stty size' WINCH; echo ready; while :; do sleep 0.05; done"))
    child.expect_exact("ready")
    child.setwinsize(40, 99)
    child.expect_exact("40 99")
    child.setwinsize(50, 100)
    child.expect_exact("50 100")
    leave(child)


@case
def the_configured_size_holds_where_the_caller_has_no_terminal():
    done = subprocess.run(command("stty size", size=(33, 121)), stdin=subprocess.DEVNULL, capture_output=True, timeout=60)
    check(done.stdout == b"33 121\n", done)


@case
def the_size_of_the_callers_terminal_counts_more_than_the_configured_one():
    child = on_terminal(command("stty size", size=(33, 121)), rows=20, columns=70)
    child.expect_exact("20 70\r\n")
    check(end_of(child) == 0)


@case
def the_size_comes_from_standard_output_where_the_input_is_piped():
    words = " ".join(shlex.quote(word) for word in command("stty size < /dev/tty"))
    child = on_terminal(["/bin/sh", "-c", f"{words} < /dev/null"], rows=22, columns=66)
    child.expect_exact("22 66")
    check(end_of(child) == 0)


# Ways of ending

@case
def the_terminal_is_restored_after_a_normal_end():
    ending("echo ready; read line; exit 0", lambda held: os.write(held.master, b"\r"), 0)


@case
def the_terminal_is_restored_after_an_exit_status():
    ending("echo ready; read line; exit 7", lambda held: os.write(held.master, b"\r"), 7)


@case
def the_terminal_is_restored_when_the_container_is_killed():
    ending("echo ready; exec sleep 100", lambda held: kill_all(), 137)


@case
def the_terminal_is_restored_when_the_command_gets_TERM():
    ending(WAITING, lambda held: held.process.send_signal(signal.SIGTERM), 55)


@case
def the_terminal_is_restored_when_the_command_gets_INT():
    ending(WAITING, lambda held: held.process.send_signal(signal.SIGINT), 42)


@case
def the_terminal_is_restored_when_the_command_gets_HUP():
    ending(WAITING, lambda held: held.process.send_signal(signal.SIGHUP), 41)


@case
def the_terminal_is_restored_when_the_container_is_deleted_from_elsewhere():
    ending("echo ready; exec sleep 100", lambda held: check(runtime("delete", "--force", ID).returncode == 0), 137)


@case
def the_terminal_is_restored_when_the_program_cannot_be_started():
    held = Held(command("", program=["/absent/program"]))
    check(held.wait() != 0)
    held.expect_restored()
    check(b"/absent/program" in held.output, held.output)


def kill_all():
    if EXEC:
        done = runtime("exec", ID, "/bin/sh", "-c", "kill -9 -1")
    else:
        done = runtime("kill", ID, "KILL")
    check(done.returncode == 0, done)


# Keys

@case
def control_C_goes_to_the_container():
    child = on_terminal(command("trap 'echo interrupted; exit 5' INT; echo ready; while :; do sleep 0.05; done"))
    child.expect_exact("ready")
    check(eventually(lambda: is_raw(child)))
    child.send(b"\x03")
    child.expect_exact("interrupted")
    check(end_of(child) == 5)


@case
def control_Z_goes_to_the_container():
    child = on_terminal(command("trap 'echo stopped' TSTP; echo ready; until read line; do :; done; echo got $line"))
    child.expect_exact("ready")
    check(eventually(lambda: is_raw(child)))
    child.send(b"\x1a")
    child.expect_exact("stopped")
    check(state_of(child.pid) != "T", "the command itself was stopped")
    child.send(b"x\r")
    child.expect_exact("got x")
    check(end_of(child) == 0)


@case
def every_byte_goes_through_as_it_is():
    script = "stty raw -echo; echo ready; head -c 255 | od -An -v -tu1 | tr -s ' \\n' ' '"
    child = on_terminal(command(script))
    child.expect_exact("ready")
    check(eventually(lambda: is_raw(child)))
    child.send(bytes(range(1, 256)))
    child.expect_exact(" ".join(str(byte) for byte in range(1, 256)))
    check(end_of(child) == 0)


@case
def every_printed_byte_goes_through_as_it_is():
    child = on_terminal(command("stty raw; printf 'begin\\n\\n\\000\\377\\tend'"))
    child.expect_exact(b"begin\n\n\x00\xff\tend")
    check(end_of(child) == 0)


@case
def a_full_screen_program_draws_where_it_means_to():
    """In a terminal emulator: a line feed alone goes down and not to the left margin."""
    socket = f"{ID}-tmux"
    words = " ".join(shlex.quote(word) for word in command("stty raw; printf 'abc\\ndef'; sleep 100"))
    tmux = ["tmux", "-L", socket, "-f", "/dev/null"]
    subprocess.run([*tmux, "new-session", "-d", "-x", "60", "-y", "10", words], check=True, timeout=60)
    try:
        def screen():
            return subprocess.run([*tmux, "capture-pane", "-p"], capture_output=True, text=True, timeout=60).stdout
        check(eventually(lambda: "def" in screen()), "nothing on the screen:", screen())
        check(screen().split("\n")[:2] == ["abc", "   def"], repr(screen()))
        subprocess.run([*tmux, "resize-window", "-x", "50", "-y", "9"], check=True, timeout=60)
    finally:
        subprocess.run([*tmux, "kill-server"], timeout=60)


# Job control

def shell(rows=24, columns=80):
    child = on_terminal(["/bin/bash", "--norc", "--noprofile", "-i"], rows, columns)
    child.send(b"PS1='$'' '; unset HISTFILE PROMPT_COMMAND; bind 'set enable-bracketed-paste off'; echo set\\up\r")
    child.expect_exact("setup\r\n")
    child.expect_exact("$ ")
    return child


def line(words):
    return " ".join(shlex.quote(word) for word in words).encode()


def pid_of_command():
    for entry in os.listdir("/proc"):
        if not entry.isdigit():
            continue
        try:
            words = open(f"/proc/{entry}/cmdline").read().split("\0")
        except OSError:
            continue
        if words[0] == RUNTIME and ID in words and ("run" in words or "exec" in words):
            return int(entry)
    raise Failure("the command does not run")


def is_stopped():
    try:
        return state_of(pid_of_command()) == "T"
    except (Failure, OSError):
        return False  # not yet there


def state_of(pid):
    return open(f"/proc/{pid}/stat").read().rsplit(")", 1)[1].split()[0]


# The shell shows the command line too: what is waited for must not be in it.
ASKING = "trap 'echo size $(stty size)' WINCH; echo rea\"\"dy; while :; do read -t 1 line && echo got $line; [ \"$line\" = end ] && exit 3; done"


@case
def started_in_the_background_it_stops_until_it_is_brought_to_the_foreground():
    child = shell()
    child.send(line(command(ASKING)) + b" &\r")
    child.expect_exact("$ ")
    check(eventually(is_stopped), "it does not stop")
    child.send(b"sleep 0.5; jobs\r")
    child.expect("Stopped")
    child.expect_exact("$ ")
    # The shell still has its terminal.
    child.send(b"echo sti\\ll\r")
    child.expect_exact("still\r\n")
    child.send(b"fg\r")
    child.expect_exact("ready")
    check(eventually(lambda: is_raw(child)), "not raw in the foreground")
    child.send(b"hello\r")
    child.expect_exact("got hello")
    child.send(b"end\r")
    child.expect_exact("$ ")
    child.send(b"echo status $?\r")
    child.expect_exact("status 3\r\n")
    leave(child)


def stopped_and_continued(number):
    child = shell()
    child.send(line(command(ASKING)) + b"\r")
    child.expect_exact("ready")
    check(eventually(lambda: is_raw(child)))
    pid = pid_of_command()
    os.kill(pid, number)
    child.expect("Stopped")
    child.expect_exact("$ ")
    child.send(b"echo sti\\ll\r")
    child.expect_exact("still\r\n")
    child.expect_exact("$ ")
    child.setwinsize(41, 97)
    child.send(b"fg\r")
    child.expect_exact("size 41 97")
    check(eventually(lambda: is_raw(child)), "not raw after fg")
    child.send(b"again\r")
    child.expect_exact("got again")
    child.send(b"end\r")
    child.expect_exact("$ ")
    child.send(b"echo status $?\r")
    child.expect_exact("status 3\r\n")
    leave(child)


@case
def stopped_by_TSTP_and_continued_it_takes_the_terminal_again():
    stopped_and_continued(signal.SIGTSTP)


@case
def stopped_by_STOP_and_continued_it_takes_the_terminal_again():
    stopped_and_continued(signal.SIGSTOP)


@case
def continued_in_the_background_it_prints_and_stops_when_it_wants_the_terminal():
    child = shell()
    child.send(line(command(ASKING)) + b"\r")
    child.expect_exact("ready")
    check(eventually(lambda: is_raw(child)))
    pid = pid_of_command()
    os.kill(pid, signal.SIGTSTP)
    child.expect("Stopped")
    child.expect_exact("$ ")
    child.send(b"bg\r")
    child.expect_exact("$ ")
    check(eventually(lambda: state_of(pid) == "T"), "it took the terminal of its shell")
    child.send(b"echo sti\\ll\r")
    child.expect_exact("still\r\n")
    child.send(b"fg\r")
    check(eventually(lambda: is_raw(child)))
    child.send(b"end\r")
    child.expect_exact("got end")
    child.expect_exact("$ ")
    leave(child)


@case
def killed_while_stopped_it_leaves_the_shell_its_terminal():
    child = shell()
    child.send(line(command(ASKING)) + b"\r")
    child.expect_exact("ready")
    pid = pid_of_command()
    os.kill(pid, signal.SIGTSTP)
    child.expect("Stopped")
    child.expect_exact("$ ")
    kill_container()
    child.send(b"fg; echo status $?\r")
    child.expect_exact("status 137\r\n")
    child.send(b"stty -a\r")
    child.expect(" icanon ")
    leave(child)


def kill_container():
    # Processes that somebody outside waits for hold up the end of a whole pid namespace: here it is the stopped command.
    kill_all()


# Piped input

def piped(script, data, seconds=60):
    return subprocess.run(command(script), input=data, capture_output=True, timeout=seconds)


@case
def the_end_of_piped_input_reaches_the_program():
    done = piped("stty -echo; cat; echo the end", b"one\ntwo\n")
    check(done.returncode == 0 and done.stdout.endswith(b"one\ntwo\nthe end\n"), done)


@case
def the_end_of_piped_input_comes_after_an_unfinished_line_too():
    done = piped("stty -echo; cat; echo; echo the end", b"one\ntwo")
    check(done.returncode == 0 and done.stdout.endswith(b"one\ntwo\nthe end\n"), done)


@case
def an_interactive_shell_ends_with_its_piped_input():
    done = piped("exec sh -i", b"echo he''llo\nsleep 0.3\nexit_status() { return 6; }; exit_status\n")
    check(b"\nhello\n" in done.stdout and done.returncode == 6, done)


@case
def every_reader_finds_the_end_of_piped_input():
    done = piped("stty -echo; cat; cat; cat; echo the end", b"")
    check(done.returncode == 0 and done.stdout == b"the end\n", done)


@case
def output_after_the_end_of_piped_input_is_not_lost():
    done = piped("stty -echo; cat > /dev/null; sleep 0.5; seq 1 20000", b"one\n")
    # What is typed before stty has run comes back.
    check(done.stdout.split()[-20000:] == [str(n).encode() for n in range(1, 20001)], len(done.stdout), done.returncode)


@case
def input_from_the_null_device_is_at_its_end():
    done = subprocess.run(command("stty -echo; cat; echo the end"), stdin=subprocess.DEVNULL, capture_output=True, timeout=60)
    check(done.returncode == 0 and done.stdout == b"the end\n", done)


@case
def input_that_was_closed_is_at_its_end():
    words = " ".join(shlex.quote(word) for word in command("stty -echo; cat; echo the end"))
    done = subprocess.run(["/bin/sh", "-c", f"exec {words} <&-"], capture_output=True, timeout=60)
    check(done.returncode == 0 and done.stdout == b"the end\n", done)


@case
def output_may_be_a_file():
    path = f"{BUNDLE}/output"
    with open(path, "wb") as file:
        file.write(b"before\n")
        file.flush()
        done = subprocess.run(command("echo inside"), stdin=subprocess.DEVNULL, stdout=file, timeout=60)
    check(done.returncode == 0 and open(path, "rb").read() == b"before\ninside\n", open(path, "rb").read())


# Amounts

def big_file(name):
    data = os.urandom(1 << 20) * MEGABYTES
    with open(in_rootfs(name), "wb") as file:
        file.write(data)
    return data


@case
def large_output_arrives_whole_on_a_terminal():
    data = big_file("big")
    held = Held(command("stty raw; cat /big"))
    digest = hashlib.sha256()
    size = 0
    end = time.monotonic() + 200
    while size < len(data):
        check(time.monotonic() < end, "only", size, "bytes")
        if select.select([held.master], [], [], 1)[0]:
            part = os.read(held.master, 65536)
            digest.update(part)
            size += len(part)
        elif held.process.poll() is not None:
            break
    check(size == len(data) and digest.digest() == hashlib.sha256(data).digest(), size, "of", len(data))
    check(held.wait() == 0)
    held.expect_restored()


@case
def large_output_arrives_whole_at_a_slow_reader():
    data = big_file("big")[:4 << 20]
    process = subprocess.Popen(command(f"stty raw -echo; head -c {len(data)} /big"), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
    time.sleep(0.5)
    got = b""
    while True:
        part = process.stdout.read1(65536)
        if not part:
            break
        got += part
        if len(got) < 1 << 20:
            time.sleep(0.02)
    check(process.wait(60) == 0 and got == data, len(got), "of", len(data))


@case
def large_input_arrives_whole():
    data = big_file("unused")
    script = f"stty raw -echo; echo ready; head -c {len(data)} | sha256sum"
    process = subprocess.Popen(command(script), stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    check(process.stdout.readline() == b"ready\n")
    process.stdin.write(data)
    process.stdin.close()
    got = process.stdout.read()
    check(process.wait(60) == 0 and got.split()[0].decode() == hashlib.sha256(data).hexdigest(), got)


@case
def large_amounts_go_both_ways_at_once():
    data = big_file("unused")
    script = f"stty raw -echo; echo ready; head -c {len(data)}"
    process = subprocess.Popen(command(script), stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    check(process.stdout.readline() == b"ready\n")

    def feed():
        process.stdin.write(data)
        process.stdin.close()

    threading.Thread(target=feed, daemon=True).start()
    got = process.stdout.read()
    check(process.wait(60) == 0 and got == data, len(got), "of", len(data))


@case
def a_program_that_reads_nothing_and_echoes_everything_blocks_nobody():
    """Much input that nobody reads, on a terminal that echoes it: neither side may wait for the other."""
    process = subprocess.Popen(command("sleep 1; exit 8"), stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def feed():
        try:
            process.stdin.write(b"a line of input\n" * 100_000)
        except OSError:
            pass

    threading.Thread(target=feed, daemon=True).start()
    check(process.wait(60) == 8)


@case
def signals_are_passed_on_while_nobody_reads_the_output():
    script = "trap 'exit 9' TERM; echo ready; while :; do echo a line that nobody reads; done"
    process = subprocess.Popen(command(script), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
    check(process.stdout.readline() == b"ready\n")
    time.sleep(0.5)
    process.send_signal(signal.SIGTERM)
    time.sleep(0.5)
    threading.Thread(target=process.stdout.read, daemon=True).start()
    check(process.wait(60) == 9)


@case
def a_reader_that_never_reads_does_not_make_it_unkillable():
    process = subprocess.Popen(command("seq 1 100000"), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
    check(select.select([process.stdout], [], [], 60)[0], "no output")
    time.sleep(1)
    if not EXEC:
        runtime("kill", ID, "KILL")
    else:
        kill_all_but_first()
    time.sleep(0.3)
    process.send_signal(signal.SIGTERM)
    check(process.wait(60) is not None)


def kill_all_but_first():
    runtime("exec", ID, "/bin/sh", "-c", "kill -9 $(pidof seq)")


@case
def what_is_printed_right_before_the_end_is_not_lost():
    for round in range(30):
        done = subprocess.run(command("seq 1 3000; printf 'the last word'"), stdin=subprocess.DEVNULL, capture_output=True,
                              timeout=60)
        check(done.stdout.endswith(b"\n3000\nthe last word"), "round", round, done.stdout[-100:])


# The caller's descriptors

@case
def descriptors_that_wait_go_on_waiting_and_others_do_not():
    for blocking in (True, False):
        reading, writing = os.pipe()
        os.set_blocking(writing, blocking)
        data = big_file("big")[:2 << 20]
        process = subprocess.Popen(command(f"stty raw -echo; head -c {len(data)} /big"), stdin=subprocess.DEVNULL, stdout=writing)
        seen = set()
        got = b""
        while len(got) < len(data):
            check(select.select([reading], [], [], 60)[0], "only", len(got))
            got += os.read(reading, 65536)
            seen.add(os.get_blocking(writing))
            if len(got) < 1 << 19:
                time.sleep(0.01)
        check(got == data)
        check(process.wait(60) == 0)
        seen.add(os.get_blocking(writing))
        check(seen == {blocking}, "blocking:", blocking, "seen:", seen)
        os.close(reading)
        os.close(writing)


@case
def a_terminal_that_does_not_wait_is_left_so():
    for blocking in (True, False):
        master, slave = os.openpty()
        os.set_blocking(slave, blocking)
        process = subprocess.Popen(command("echo ready; read line; echo got $line"), stdin=slave, stdout=slave, stderr=slave)
        output = b""
        while b"ready" not in output:
            output += os.read(master, 1000)
        check(os.get_blocking(slave) == blocking)
        check(eventually(lambda: not termios.tcgetattr(slave)[3] & termios.ICANON))
        os.write(master, b"x\r")
        while b"got x" not in output:
            output += os.read(master, 1000)
        check(process.wait(60) == 0)
        check(os.get_blocking(slave) == blocking)
        os.close(master)
        os.close(slave)


# Ends of the other side

@case
def a_reader_that_goes_away_takes_the_terminal_with_it():
    """A writer finds out by its writes, as on every terminal that is gone, and ends."""
    process = subprocess.Popen(command("echo ready; while echo more 2>/dev/null; do :; done; exit 6"),
                               stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
    check(process.stdout.readline() == b"ready\n")
    process.stdout.close()
    check(process.wait(60) in (6, 129), process.returncode)


@case
def a_reader_that_goes_away_does_not_end_who_does_not_mind():
    marker = in_rootfs("marker")
    script = "trap '' HUP; echo ready; sleep 0.3; for i in 1 2 3; do echo more; sleep 0.1; done; touch /marker; exit 6"
    process = subprocess.Popen(command(script), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
    check(process.stdout.readline() == b"ready\n")
    process.stdout.close()
    check(process.wait(60) == 6)
    check(os.path.exists(marker), "it did not come to its end")


@case
def the_container_is_hung_up_on_with_the_callers_terminal():
    held = Held(command("trap 'touch /marker; exit 6' HUP; echo ready; while read line; do :; done; sleep 100"))
    held.until(b"ready")
    check(eventually(held.is_raw))
    os.close(held.slave)
    os.close(held.master)
    check(held.process.wait(60) == 6, held.process.returncode)
    check(os.path.exists(in_rootfs("marker")), "no SIGHUP in the container")


@case
def a_shell_ends_with_the_callers_terminal():
    held = Held(command("exec sh -i"))
    held.until(b"# ")
    check(eventually(held.is_raw))
    os.write(held.master, b"sleep 1000\r")
    time.sleep(0.3)
    os.close(held.slave)
    os.close(held.master)
    check(held.process.wait(60) is not None)


@case
def a_program_that_closes_its_terminal_costs_nothing_and_may_open_it_again():
    script = "t=$(tty); exec <&- >&- 2>&-; sleep 1; echo again > $t; exit 4"
    process = subprocess.Popen(command(script), stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    time.sleep(0.8)
    ticks = sum(int(number) for number in open(f"/proc/{process.pid}/stat").read().rsplit(")", 1)[1].split()[11:13])
    check(ticks < 15, "it was busy for", ticks, "ticks of 10 ms")
    output = process.stdout.read()
    check(process.wait(60) == 4 and b"again" in output, output, process.returncode)


@case
def processes_left_behind_do_not_keep_the_command_waiting():
    done = subprocess.run(command("sleep 1000 & echo started; exit 3"), stdin=subprocess.DEVNULL, capture_output=True, timeout=60)
    check(done.returncode == 3 and done.stdout == b"started\n", done)


def main():
    if CASE == "list":
        print("\n".join(cases))
        return 0
    try:
        cases[CASE]()
    except Failure as failure:
        print(f"{CASE}: {failure}")
        return 1
    except pexpect.ExceptionPexpect as failure:
        text = str(failure)
        seen = [line for line in text.split("\n") if line.startswith(("before", "    0: "))]
        print(f"{CASE}: {text.splitlines()[0]} {seen}")
        return 1
    return 0


sys.exit(main())
