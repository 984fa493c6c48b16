import Testing

/// The executable that becomes every container's first process: freestanding, small, and in need of nobody.
@Suite struct ImageTests {
    private let image = ELF(InitProgram.image)

    @Test func isAStaticProgramFor64Bits() {
        #expect(image.bytes.starts(with: [0x7f, 0x45, 0x4c, 0x46, 2, 1, 1]))
        #expect(image.number(16, 2) == 2)  // ET_EXEC: nothing has to be relocated.
    }

    @Test func isSmall() {
        #expect(image.bytes.count < 64 * 1024)
        #expect(image.bytes.count > 4 * 1024)
    }

    @Test func asksForNoInterpreterAndNoLibrary() {
        let kinds = image.segments.map(\.kind)
        #expect(kinds.contains(1))  // PT_LOAD
        #expect(!kinds.contains(3))  // PT_INTERP
        #expect(!kinds.contains(2))  // PT_DYNAMIC
    }

    @Test func hasNoUndefinedSymbolAndNothingToRelocate() {
        // SHT_RELA, SHT_DYNAMIC, SHT_REL, SHT_DYNSYM
        for kind in [4, 6, 9, 11] { #expect(!image.sections.contains { $0.kind == kind }, "section type \(kind)") }
        let undefined = image.sections.filter { $0.kind == 2 }.flatMap(image.undefinedSymbols)
        #expect(undefined.isEmpty)
    }

    @Test func nothingIsBothWritableAndExecutable() {
        for segment in image.segments where segment.kind == 1 || segment.kind == 0x6474_e551 {
            #expect(segment.flags & 3 != 3, "type \(segment.kind): flags \(segment.flags)")
        }
        #expect(image.segments.contains { $0.kind == 0x6474_e551 && $0.flags & 1 == 0 })  // PT_GNU_STACK, without X
    }
}

/// As much of elf(5) as there is to check.
private struct ELF {
    struct Segment {
        let kind: Int
        let flags: Int
    }

    struct Section {
        let kind: Int
        let offset: Int
        let size: Int
    }

    let bytes: [UInt8]

    init(_ bytes: [UInt8]) { self.bytes = bytes }

    func number(_ offset: Int, _ size: Int) -> Int {
        bytes[offset..<(offset + size)].reversed().reduce(0) { $0 << 8 | Int($1) }
    }

    var segments: [Segment] {
        (0..<number(56, 2)).map { index in
            let header = number(32, 8) + index * number(54, 2)
            return Segment(kind: number(header, 4), flags: number(header + 4, 4))
        }
    }

    var sections: [Section] {
        (0..<number(60, 2)).map { index in
            let header = number(40, 8) + index * number(58, 2)
            return Section(kind: number(header + 4, 4), offset: number(header + 24, 8), size: number(header + 32, 8))
        }
    }

    /// Indices of the symbols that no section defines; the first symbol of a table is none.
    func undefinedSymbols(of table: Section) -> [Int] {
        (1..<max(1, table.size / 24)).filter { number(table.offset + $0 * 24 + 6, 2) == 0 }
    }
}
