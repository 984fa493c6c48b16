import Testing

/// The executable that becomes every container's first process: freestanding, small, and in need of nobody.
@Suite struct ImageTests {
    private let image = ELF(InitProgram.image)

    @Test func isAStaticProgramFor64BitsThatCanLieAnywhere() {
        #expect(image.bytes.starts(with: [0x7f, 0x45, 0x4c, 0x46, 2, 1, 1]))
        #expect(image.number(16, 2) == 3)  // ET_DYN
    }

    @Test func isSmall() {
        #expect(image.bytes.count < 64 * 1024)
        #expect(image.bytes.count > 4 * 1024)
    }

    @Test func asksForNoInterpreterAndNoLibrary() {
        #expect(image.segments.contains { $0.kind == 1 })  // PT_LOAD
        #expect(!image.segments.contains { $0.kind == 3 })  // PT_INTERP
        #expect(!image.dynamicTags.contains(1))  // DT_NEEDED
    }

    @Test func hasNoUndefinedSymbolAndNothingToRelocate() {
        for kind in [4, 9, 19] { #expect(!image.sections.contains { $0.kind == kind }) }  // SHT_RELA, SHT_REL, SHT_RELR
        for tag in [7, 17, 23, 36] { #expect(!image.dynamicTags.contains(tag)) }  // DT_RELA, DT_REL, DT_JMPREL, DT_RELR
        let tables = image.sections.filter { $0.kind == 2 || $0.kind == 11 }  // SHT_SYMTAB, SHT_DYNSYM
        #expect(tables.flatMap(image.undefinedSymbols).isEmpty)
    }

    /// So there is nothing that could be made read-only after the start (RELRO).
    @Test func whatIsWritableIsZero() {
        let writable = image.segments.filter { $0.kind == 1 && $0.flags & 2 != 0 }
        #expect(writable.map(\.sizeInFile) == [0])
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
        let offset: Int
        let sizeInFile: Int
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
            return Segment(
                kind: number(header, 4), flags: number(header + 4, 4), offset: number(header + 8, 8),
                sizeInFile: number(header + 32, 8))
        }
    }

    /// What the table for a dynamic loader has entries for, up to its end.
    var dynamicTags: [Int] {
        segments.filter { $0.kind == 2 }.flatMap { table in
            stride(from: table.offset, to: table.offset + table.sizeInFile, by: 16).map { number($0, 8) }
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
