/// What the kernel needs to execute a file, from the first bytes of it: a script (execve(2), "Interpreter scripts") or an
/// ELF program (elf(5)).
struct ProgramFormat {
    let isScript: Bool
    /// The interpreter of a script, or the loader of a dynamic program; nil for a program that needs none.
    let interpreter: String?
    /// The machine of an ELF program, if this processor is not it.
    let foreignMachine: UInt16?

    /// nil: neither of them.
    init?(_ head: [UInt8]) {
        if head.starts(with: "#!".utf8) {
            let line = head.dropFirst(2).prefix { $0 != 10 }.drop { $0 == 32 || $0 == 9 }
            let name = line.prefix { $0 != 32 && $0 != 9 && $0 != 0 }
            if name.isEmpty { return nil }
            isScript = true
            interpreter = String(decoding: name, as: UTF8.self)
            foreignMachine = nil
            return
        }
        guard let header = ELFHeader(head) else { return nil }
        isScript = false
        foreignMachine = header.foreignMachine
        interpreter = header.loader(in: head)
    }
}

/// The part of an ELF header that says who can execute the file; 64 bits, little-endian.
private struct ELFHeader {
    private let machine: UInt16
    private let is64Bit: Bool
    private let tableOffset: Int
    private let entrySize: Int
    private let count: Int

    init?(_ bytes: [UInt8]) {
        guard bytes.count >= 64, bytes.starts(with: [0x7f, 0x45, 0x4c, 0x46]) else { return nil }
        is64Bit = bytes[4] == 2 && bytes[5] == 1
        machine = UInt16(bytes[18]) | UInt16(bytes[19]) << 8
        tableOffset = Self.number(bytes, 32, 8)
        entrySize = Self.number(bytes, 54, 2)
        count = Self.number(bytes, 56, 2)
    }

    /// The machine, if this kernel's processor is not it. 32-bit programs of the same family are left to the kernel.
    var foreignMachine: UInt16? {
        #if arch(x86_64)
            let own: [UInt16] = [62, 3]  // EM_X86_64, EM_386
        #else
            let own: [UInt16] = [183, 40]  // EM_AARCH64, EM_ARM
        #endif
        return own.contains(machine) ? nil : machine
    }

    /// The text of PT_INTERP; nil for a static program, or if it is not among the bytes.
    func loader(in bytes: [UInt8]) -> String? {
        guard is64Bit, entrySize >= 56 else { return nil }
        for index in 0..<min(count, 64) {
            let (start, isOver) = tableOffset.addingReportingOverflow(index * entrySize)
            guard !isOver, start >= 0, start <= bytes.count - 56 else { return nil }
            guard Self.number(bytes, start, 4) == 3 else { continue }  // PT_INTERP
            let offset = Self.number(bytes, start + 8, 8)
            let size = Self.number(bytes, start + 32, 8)
            guard offset >= 0, size > 1, offset <= bytes.count, size <= bytes.count - offset else { return nil }
            return String(decoding: bytes[offset..<(offset + size)].prefix { $0 != 0 }, as: UTF8.self)
        }
        return nil
    }

    private static func number(_ bytes: [UInt8], _ offset: Int, _ size: Int) -> Int {
        Int(truncatingIfNeeded: bytes[offset..<(offset + size)].reversed().reduce(UInt64(0)) { $0 << 8 | UInt64($1) })
    }
}
