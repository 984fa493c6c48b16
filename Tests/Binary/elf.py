"""As much of elf(5) as the checks look at: what lies where, and with which rights. 64-bit, little-endian."""

import struct
from dataclasses import dataclass
from pathlib import Path

EXEC, DYN = 2, 3
LOAD, DYNAMIC, INTERPRETER, STACK, RELRO = 1, 2, 3, 0x6474E551, 0x6474E552
X, W, R = 1, 2, 4
ALLOCATED, TLS = 0x2, 0x400  # SHF_ALLOC, SHF_TLS
NOBITS, RELOCATIONS = 8, {4: "RELA", 9: "REL", 19: "RELR"}


@dataclass
class Segment:
    kind: int
    flags: int
    address: int
    size: int

    def holds(self, address: int) -> bool:
        return self.address <= address < self.address + self.size

    @property
    def rights(self) -> str:
        return "".join(letter if self.flags & bit else "-" for letter, bit in (("r", R), ("w", W), ("x", X)))


@dataclass
class Section:
    name: str
    kind: int
    flags: int
    address: int
    offset: int
    size: int

    @property
    def is_loaded(self) -> bool:
        """Whether it has bytes in memory at its address; .tbss has not."""
        return bool(self.flags & ALLOCATED) and self.size > 0 and not (self.flags & TLS and self.kind == NOBITS)


class Elf:
    def __init__(self, image: bytes):
        if image[:7] != b"\x7fELF\x02\x01\x01":
            raise ValueError("no 64-bit little-endian ELF file")
        self.image = image
        self.kind, self.machine = struct.unpack_from("<HH", image, 16)
        segments, sections = struct.unpack_from("<QQ", image, 32)
        segment_size, segment_count, section_size, section_count, names = struct.unpack_from("<HHHHH", image, 54)
        self.segments = [self._segment(segments + i * segment_size) for i in range(segment_count)]
        raw = [struct.unpack_from("<IIQQQQ", image, sections + i * section_size) for i in range(section_count)]
        table = raw[names][4] if raw else 0
        self.sections = [Section(self._text(table + name), *rest) for name, *rest in raw]

    @classmethod
    def read(cls, path: str | Path) -> "Elf":
        return cls(Path(path).read_bytes())

    def symbols(self) -> set[str]:
        """The names in the table of symbols; none in a stripped file."""
        sections = {section.name: section for section in self.sections}
        if ".symtab" not in sections:
            return set()
        table, names = sections[".symtab"], sections[".strtab"].offset
        return {self._text(names + struct.unpack_from("<I", self.image, at)[0])
                for at in range(table.offset, table.offset + table.size, 24)}

    def _segment(self, at: int) -> Segment:
        kind, flags, _, address, _, _, size = struct.unpack_from("<IIQQQQQ", self.image, at)
        return Segment(kind, flags, address, size)

    def _text(self, at: int) -> str:
        return self.image[at:self.image.index(b"\0", at)].decode()

    def all(self, kind: int) -> list[Segment]:
        return [segment for segment in self.segments if segment.kind == kind]

    def segment_of(self, section: Section) -> Segment | None:
        """The loaded segment in which a section lies."""
        return next((segment for segment in self.all(LOAD) if segment.holds(section.address)), None)
