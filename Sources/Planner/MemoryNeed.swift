/// How much memory of its cgroup the set-up of a container takes, from the first step in the cgroup to the program's
/// own first instruction.
///
/// Most of it is the kernel's: page tables and a stack, twice, since the program comes in while apus-init is still
/// there; a mount each time one is attached; the program's arguments and environment. Measured with falling limits on
/// Linux 6.18 (cgroup v1: a process that joins late) and 6.1 (cgroup v2: one that is cloned into its cgroup), x86-64: a
/// program of one system call started with 56 KiB in a container with two mounts, with 100 KiB in the usual one, and
/// with 160 KiB if it is cloned there; busybox took 60 KiB more, each further mount 3 KiB, and arguments their size.
public struct MemoryNeed: Sendable, Equatable {
    /// Below this not even the smallest program starts. Well below of what was measured: whatever may work is tried.
    public let atLeast: Int64
    /// What an ordinary small program needs to start.
    public let about: Int64
}

extension Plan {
    /// What the steps of this plan cost. Paths that are masked or read-only may be missing: they count for `about`
    /// alone.
    public var memoryNeed: MemoryNeed {
        var isCharged = !joinsLate
        var mounts: Int64 = 0
        var covers: Int64 = 0
        var texts: Int64 = 0
        var filter: Int64 = 0
        for step in steps {
            let operation = step.operation
            if case .meet(.cgroups, _, _, _) = operation { isCharged = true }
            if case .moveMount = operation, isCharged {
                if step.masksPath { covers += 1 } else { mounts += 1 }
            }
            if case .loadSeccomp(let program) = operation { filter += Int64(program.instructions.count) }
            if case .execute(let arguments, let environment) = operation {
                // Each with its zero and its pointer.
                texts += (arguments + environment).reduce(0) { $0 + Int64($1.utf8.count) + 9 }
            }
        }
        let page: Int64 = 4096
        let own = (texts + page - 1) / page * page
        return MemoryNeed(
            atLeast: 40 * 1024 + mounts * 1536 + own,
            about: 132 * 1024 + (mounts + covers) * 3072 + own + 2 * filter)
    }

    /// Whether the process joins its cgroups after its first steps (cgroup v1), and is not cloned into them.
    private var joinsLate: Bool {
        steps.contains { step in
            if case .meet(.cgroups, _, _, _) = step.operation { true } else { false }
        }
    }
}

extension Step {
    fileprivate var masksPath: Bool {
        origin.text.hasPrefix("linux.maskedPaths") || origin.text.hasPrefix("linux.readonlyPaths")
    }
}
