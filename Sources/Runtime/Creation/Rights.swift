internal import Kernel
internal import OCI
internal import Planner

/// `--rootless`: whether a container goes without a cgroup where the caller may not make one.
public enum RootlessMode: Sendable {
    /// If the caller is not root of the host.
    case auto
    case yes, no
}

/// What the caller may do on this host.
struct Rights: Sendable {
    let caller: HostFacts.Caller
    /// Cgroups that the caller may not make are left out; a limit that needs one is an error nevertheless.
    let goesWithoutCgroups: Bool

    init(_ mode: RootlessMode) {
        caller = Self.caller()
        goesWithoutCgroups =
            switch mode {
            case .auto: caller != .root
            case .yes: true
            case .no: false
            }
    }

    /// What root of the host may do.
    private init() {
        caller = .root
        goesWithoutCgroups = false
    }

    /// For who only looks at a plan: one without a user namespace is what root would have of it.
    func planning(_ spec: Spec) -> Rights {
        caller == .ordinaryUser && !spec.linux.separates(.user) ? Rights() : self
    }

    static func caller() -> HostFacts.Caller {
        if ThisProcess.effectiveUser != 0 { return .ordinaryUser }
        return isInUserNamespace ? .rootOfUserNamespace : .root
    }

    /// The host's own user namespace maps all ids to themselves (user_namespaces(7)). One that does so too is as good.
    private static var isInUserNamespace: Bool {
        // A kernel without user namespaces has no such file.
        guard let bytes = try? Files.readOnce("/proc/self/uid_map", atMost: 128) else { return false }
        return !bytes.elementsEqual("         0          0 4294967295\n".utf8)
    }

    /// Whether states are in `$XDG_RUNTIME_DIR` by default: not for root of the host, and not for a root of a user
    /// namespace who says that he is root and no other (`USER`), as in runc.
    static var usesRuntimeDirectory: Bool {
        switch caller() {
        case .root: false
        case .rootOfUserNamespace: ThisProcess.environment("USER") != "root"
        case .ordinaryUser: true
        }
    }

    /// An ordinary user can do nothing without a user namespace.
    func needsUserNamespace(_ spec: Spec) -> Bool { caller == .ordinaryUser && !spec.linux.separates(.user) }

    // MARK: Explanations

    static let scoreHint = "it takes CAP_SYS_RESOURCE to lower it below the caller's own"
    static let limitHint = "it takes CAP_SYS_RESOURCE to raise a hard limit above the caller's own"

    /// Why a process could not be cloned.
    ///
    /// - Parameter cgroup: the directory of cgroup2 that it was to be cloned into.
    static func explain(_ error: SystemError, cloning plan: Plan, cgroup: String?) -> RuntimeError {
        if let cgroup, error.errno == .accessDenied {
            return .system(
                error, field: "linux.cgroupsPath",
                hint: "the caller may not move a process from its own cgroup to \(cgroup)")
        }
        guard plan.cloneFlags & NamespaceKind.user.cloneFlag != 0 else {
            let isLimit = error.errno == .noSpace
            let hint = isLimit ? "a limit on namespaces in /proc/sys/user is reached" : ""
            return .system(error, field: "linux.namespaces", hint: hint)
        }
        let hint =
            switch error.errno {
            case .notPermitted, .accessDenied:
                "user namespaces are closed to this caller: see kernel.unprivileged_userns_clone,"
                    + " kernel.apparmor_restrict_unprivileged_userns, and seccomp filters around apus"
            case .noSpace: "user.max_user_namespaces, or another limit in /proc/sys/user, is reached"
            default: ""
            }
        return .system(error, field: "linux.namespaces", hint: hint)
    }
}
