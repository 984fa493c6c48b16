"""What the binary is, as far as an attack on it would profit."""

import shutil
import subprocess

from arena import Arena, Table, Unable, expect

TABLE = Table()
SEGMENTS = "LOAD GNU_STACK GNU_RELRO NOTE PHDR INTERP DYNAMIC TLS GNU_EH_FRAME GNU_PROPERTY".split()


def readelf(arena: Arena, *flags: str) -> list[str]:
    if not shutil.which("readelf"):
        raise Unable("no readelf")
    result = subprocess.run(["readelf", "-W", *flags, arena.runtime.path], capture_output=True, text=True)
    return result.stdout.splitlines()


@TABLE.add("binary", "constants in a mapping that can be written to; pages that can be written to and executed")
def mappings(arena: Arena) -> None:
    segments, sections, numbering = {}, {}, 0
    for line in readelf(arena, "-l"):
        words = line.split()
        if words[:1] and words[0] in SEGMENTS:
            segments[numbering] = (words[0], "".join(words[6:-1]))
            numbering += 1
        elif words[:1] and words[0].isdigit() and len(words[0]) == 2:
            sections[int(words[0])] = words[1:]
    expect(any(kind == "LOAD" for kind, _ in segments.values()), "no segments were read")
    for number, (kind, flags) in segments.items():
        is_both = kind in ("LOAD", "GNU_STACK") and "W" in flags and "E" in flags
        expect(not is_both, f"{kind} can be written to and executed")
        writable = kind == "LOAD" and "W" in flags
        expect(not (writable and ".rodata" in sections.get(number, [])), ".rodata can be written to")
        expect(not (writable and ".text" in sections.get(number, [])), ".text can be written to")
    kinds = {kind for kind, _ in segments.values()}
    expect("GNU_RELRO" in kinds, "no RELRO")
    expect("GNU_STACK" in kinds, "says nothing about its stack")
