import CSeccomp
public import OCI

/// A system call filter as seccomp(2) takes it.
public struct SeccompFilter: Sendable, Equatable {
    /// An array of `struct sock_filter`, 8 bytes each.
    public let program: [UInt8]
    /// `SECCOMP_FILTER_FLAG_*`.
    public let flags: UInt32
    /// Whether loading it gives a descriptor that a supervisor has to be handed (`SECCOMP_FILTER_FLAG_NEW_LISTENER`).
    public let needsNotify: Bool

    public var instructionCount: Int { program.count / Instruction.size }

    /// What the kernel takes at most (BPF_MAXINSNS, linux/bpf_common.h).
    public static let mostInstructions = 4096

    /// Makes the filter of `profile`: the machine's own architecture always, others as the profile names them.
    ///
    /// As in runc, names that libseccomp does not know are left out, and so are rules whose action is the default
    /// action; a call of an architecture that the filter does not have kills the thread.
    public static func compile(_ profile: SeccompProfile) throws(SeccompError) -> SeccompFilter {
        let flags = try kernelFlags(of: profile)
        let architectures = try Architecture.all(of: profile)
        let rules = try LibraryRule.all(of: profile)
        // A tree costs a quarter more instructions, so a profile near the limit may only fit without one.
        var program = try assemble(profile, architectures, rules, as: rules.count > fewRules ? .tree : .list)
        if program.count > mostInstructions * Instruction.size, rules.count > fewRules {
            program = try assemble(profile, architectures, rules, as: .list)
        }
        guard program.count <= mostInstructions * Instruction.size else {
            throw SeccompError("linux.seccomp", .tooLong(program.count / Instruction.size))
        }
        return SeccompFilter(program: program, flags: flags, needsNotify: profile.notifies)
    }

    /// Up to so many rules a list of comparisons is no slower than a tree.
    private static let fewRules = 8

    static func assemble(
        _ profile: SeccompProfile, _ architectures: [Architecture], _ rules: [LibraryRule], as shape: FilterShape
    ) throws(SeccompError) -> [UInt8] {
        var parts: [FilterPart] = []
        for architecture in architectures {
            let context = try FilterContext.make(
                defaultAction: profile.defaultLibraryAction, architecture, shape)
            for rule in architecture.order(rules) { try context.add(rule) }
            let newestCall = profile.defaultAction.refuses ? architecture.newestCall(in: profile) : nil
            parts.append(
                FilterPart(architecture: architecture, newestCall: newestCall, program: try context.program()))
        }
        return FilterPart.join(parts)
    }

    /// The flags of seccomp(2) for a profile.
    ///
    /// - Without `flags` the speculative store bypass stays allowed, as in crun and in runc since 1.2
    ///   (opencontainers/runc#3588): the mitigation slows interpreters down, and the kernel itself no longer ties it to
    ///   filters (Linux 5.16). An empty list means no flag.
    /// - `TSYNC` is for processes with several threads. The one that loads this filter has one, and a failure
    ///   would come as a thread id instead of an error.
    static func kernelFlags(of profile: SeccompProfile) throws(SeccompError) -> UInt32 {
        let asked = profile.flags ?? SeccompFlags(rawValue: SeccompFlag.specAllow.rawValue)
        if asked.contains(.waitKillableRecv), !profile.notifies {
            throw SeccompError("linux.seccomp.flags", .flagWithoutNotify)
        }
        let flags = asked.rawValue & ~SeccompFlag.tsync.rawValue
        return profile.notifies ? flags | newListener : flags
    }

    /// SECCOMP_FILTER_FLAG_NEW_LISTENER (Linux 5.0).
    static let newListener: UInt32 = 0x08
}
