internal import Kernel

/// What the kernel needs to execute a file: a script (execve(2), "Interpreter scripts") or an ELF program (elf(5)).
struct ProgramFormat {
    let isScript: Bool
    /// The interpreter of a script, or the loader of a dynamic program; nil for a program that needs none.
    let interpreter: String?
    /// The machine of an ELF program, if this processor is not it.
    let foreignMachine: String?

    /// nil: neither of them.
    ///
    /// - Parameters:
    ///   - head: the first bytes of the file, 256 at least if it has as many.
    ///   - file: open for reading.
    init?(_ head: [UInt8], of file: borrowing Descriptor) {
        if head.starts(with: "#!".utf8) {
            guard let name = Self.interpreter(in: head.prefix(Self.longestLine)) else { return nil }
            isScript = true
            interpreter = name
            foreignMachine = nil
            return
        }
        guard let header = ELFHeader(head) else { return nil }
        isScript = false
        foreignMachine = header.foreignMachine
        interpreter = foreignMachine == nil ? header.loader(in: file) : nil
    }

    /// The kernel looks at so many bytes (BINPRM_BUF_SIZE, linux/binfmts.h).
    private static var longestLine: Int { 256 }

    /// The interpreter that the first line names, as load_script() of fs/binfmt_script.c reads it; nil: exec refuses it.
    private static func interpreter(in head: ArraySlice<UInt8>) -> String? {
        func isBlank(_ byte: UInt8) -> Bool { byte == 32 || byte == 9 }
        // Behind the end of a file are zeros, which end a line too.
        let line = head.dropFirst(2).prefix { $0 != 10 && $0 != 0 }
        let isWhole = line.endIndex < head.endIndex || head.count < longestLine
        let name = line.drop(while: isBlank).prefix { !isBlank($0) }
        // A name that reaches the last byte may be only the beginning of one.
        if name.isEmpty || (!isWhole && name.endIndex == head.endIndex) { return nil }
        return String(decoding: name, as: UTF8.self)
    }
}

/// The part of an ELF header that says who can execute the file.
private struct ELFHeader {
    private let machine: UInt16
    private let is64Bit: Bool
    private let isBigEndian: Bool
    private let tableOffset: Int
    private let entrySize: Int
    private let count: Int

    init?(_ bytes: [UInt8]) {
        guard bytes.count >= 52, bytes.starts(with: [0x7f, 0x45, 0x4c, 0x46]) else { return nil }
        is64Bit = bytes[4] == 2
        isBigEndian = bytes[5] == 2
        if is64Bit, bytes.count < 64 { return nil }
        let isReversed = isBigEndian
        func number(_ offset: Int, _ size: Int) -> Int { Self.number(bytes, offset, size, isReversed) }
        // ET_EXEC or ET_DYN: nothing else is executed.
        guard (2...3).contains(number(16, 2)) else { return nil }
        machine = UInt16(truncatingIfNeeded: number(18, 2))
        tableOffset = is64Bit ? number(32, 8) : number(28, 4)
        entrySize = number(is64Bit ? 54 : 42, 2)
        count = number(is64Bit ? 56 : 44, 2)
    }

    /// The machine, if this kernel's processor is not it. 32-bit programs of the same family are left to the kernel.
    var foreignMachine: String? {
        #if arch(x86_64)
            let own: [UInt16] = [62, 3]  // EM_X86_64, EM_386
        #else
            let own: [UInt16] = [183, 40]  // EM_AARCH64, EM_ARM
        #endif
        if own.contains(machine), !isBigEndian { return nil }
        guard let known = Self.machines.first(where: { $0.number == machine }) else { return "ELF machine \(machine)" }
        return switch (is64Bit, isBigEndian) {
        case (false, false): known.small
        case (false, true): known.smallBigEndian
        case (true, false): known.large
        case (true, true): known.largeBigEndian
        }
    }

    /// Architectures that Linux runs on (EM_* of linux/elf-em.h), as uname(1) and the names of packages have them.
    private struct Machine {
        let number: UInt16
        let small: String
        let smallBigEndian: String
        let large: String
        let largeBigEndian: String

        /// `bigEndian`: nil where the architecture has no other byte order.
        init(_ number: UInt16, _ small: String, _ large: String, bigEndian: (small: String, large: String)? = nil) {
            self.number = number
            self.small = small
            self.large = large
            smallBigEndian = bigEndian?.small ?? small
            largeBigEndian = bigEndian?.large ?? large
        }
    }

    private static var machines: [Machine] {
        [
            Machine(2, "sparc", "sparc"), Machine(3, "i386", "i386"), Machine(4, "m68k", "m68k"),
            Machine(8, "mipsel", "mips64el", bigEndian: ("mips", "mips64")),
            Machine(15, "hppa", "hppa64"), Machine(18, "sparc", "sparc"), Machine(20, "powerpc", "powerpc"),
            Machine(21, "ppc64le", "ppc64le", bigEndian: ("ppc64", "ppc64")),
            Machine(22, "s390", "s390x"), Machine(40, "arm", "arm", bigEndian: ("armeb", "armeb")),
            Machine(42, "sh4", "sh4", bigEndian: ("sh4eb", "sh4eb")), Machine(43, "sparc64", "sparc64"),
            Machine(50, "ia64", "ia64"), Machine(62, "x32", "x86_64"),
            Machine(94, "xtensa", "xtensa", bigEndian: ("xtensaeb", "xtensaeb")),
            Machine(183, "aarch64", "aarch64", bigEndian: ("aarch64_be", "aarch64_be")),
            Machine(189, "microblazeel", "microblazeel", bigEndian: ("microblaze", "microblaze")),
            Machine(195, "arc", "arc", bigEndian: ("arceb", "arceb")), Machine(243, "riscv32", "riscv64"),
            Machine(252, "csky", "csky"), Machine(258, "loongarch32", "loongarch64"), Machine(0x9026, "alpha", "alpha"),
        ]
    }

    /// The text of PT_INTERP, wherever in the file that is; nil for a static program, and for what the kernel would refuse.
    func loader(in file: borrowing Descriptor) -> String? {
        let size = is64Bit ? 56 : 32
        // The kernel takes no larger table (load_elf_phdrs() of fs/binfmt_elf.c).
        guard entrySize == size, count > 0, count * size <= 65_536, tableOffset > 0,
            let table = try? file.read(atMost: count * size, from: Int64(tableOffset))
        else { return nil }
        for start in stride(from: 0, to: table.count / size * size, by: size) {
            func number(_ offset: Int, _ size: Int) -> Int { Self.number(table, start + offset, size, isBigEndian) }
            guard number(0, 4) == 3 else { continue }  // PT_INTERP
            let offset = is64Bit ? number(8, 8) : number(4, 4)
            let length = is64Bit ? number(32, 8) : number(16, 4)
            guard offset >= 0, (2...4096).contains(length),
                let text = try? file.read(atMost: length, from: Int64(offset))
            else { return nil }
            return String(decoding: text.prefix { $0 != 0 }, as: UTF8.self)
        }
        return nil
    }

    private static func number(_ bytes: [UInt8], _ offset: Int, _ size: Int, _ isBigEndian: Bool) -> Int {
        let part = bytes[offset..<(offset + size)]
        func sum(_ digits: some Sequence<UInt8>) -> UInt64 { digits.reduce(0) { $0 << 8 | UInt64($1) } }
        return Int(truncatingIfNeeded: isBigEndian ? sum(part) : sum(part.reversed()))
    }
}
