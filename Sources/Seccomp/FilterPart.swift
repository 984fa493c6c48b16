import OCI

/// The program for one architecture, and the newest call that the profile names there.
///
/// A profile that allows what it lists and refuses the rest with EPERM would refuse calls that are newer than itself.
/// Programs take EPERM for an answer, but ENOSYS for a reason to fall back to an older call. So calls above the newest
/// one named get ENOSYS where the default action would have refused them (opencontainers/runc#2750).
struct FilterPart {
    let architecture: Architecture
    /// nil: no call is too new.
    let newestCall: UInt32?
    let program: [UInt8]

    private var length: Int { program.count / Instruction.size }

    /// SECCOMP_RET_ERRNO with ENOSYS.
    private static let noSystemCall: UInt32 = 0x0005_0000 | 38
    /// SECCOMP_RET_KILL_THREAD.
    private static let killThread: UInt32 = 0

    /// One program: what chooses the part by the architecture of the call, then each part with its limit before it.
    ///
    /// Jumps of BPF count from where they are, so that parts may stand anywhere.
    static func join(_ parts: [FilterPart]) -> [UInt8] {
        // A part checks the architecture itself.
        if parts.count == 1, parts[0].newestCall == nil { return parts[0].program }
        let x32 = parts.first { $0.architecture.isX32 }
        let sections = parts.filter { !$0.architecture.isX32 }.map { part in
            Section(
                token: part.architecture.kernelToken,
                bytes: part.architecture.sharesWithX32 ? part.section(with: x32) : part.section())
        }
        var result: [UInt8] = []
        Instruction.load(.architecture).append(to: &result)
        var distance = 2 * sections.count + 1
        for section in sections {
            Instruction.nextIfEqual(section.token).append(to: &result)
            distance -= 2
            Instruction.skip(distance).append(to: &result)
            distance += section.bytes.count / Instruction.size
        }
        Instruction.end(killThread).append(to: &result)
        for section in sections { result += section.bytes }
        return result
    }

    /// What runs for one architecture of the kernel.
    private struct Section {
        let token: UInt32
        let bytes: [UInt8]
    }

    /// Limit and program; the limit looks at the number that is loaded.
    private func limited() -> [UInt8] {
        guard let newestCall else { return program }
        var result: [UInt8] = []
        Instruction.nextIfGreater(newestCall).append(to: &result)
        Instruction.end(Self.noSystemCall).append(to: &result)
        return result + program
    }

    private func section() -> [UInt8] {
        var result: [UInt8] = []
        Instruction.load(.number).append(to: &result)
        return result + limited()
    }

    /// x86-64, whose numbers end where those of x32 begin.
    ///
    /// With a part for x32 every number from there on goes to it. Without one, calls of x32 go to this part's program,
    /// past its limit: the program treats them as another architecture. (Numbers with bit 31 alone are neither's.)
    private func section(with x32: FilterPart?) -> [UInt8] {
        let own = limited()
        let test: Instruction = x32 == nil ? .nextIfSet(Architecture.x32Bit) : .nextIfAtLeast(Architecture.x32Bit)
        let skipped = x32 == nil ? own.count - program.count : own.count
        var result: [UInt8] = []
        Instruction.load(.number).append(to: &result)
        test.append(to: &result)
        Instruction.skip(skipped / Instruction.size).append(to: &result)
        return result + own + (x32?.limited() ?? [])
    }
}
