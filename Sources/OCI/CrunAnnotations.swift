/// Annotations of a configuration that change how the container is made, as crun has them (crun(1), "Extensions to
/// OCI"). Engines write them: Podman for `--group-add keep-groups`, for one.
///
/// What is read from them has been checked when the configuration was read.
public struct CrunAnnotations: Sendable, Equatable {
    /// The first part of their names.
    public static let prefix = "run.oci."

    enum Key: String, CaseIterable {
        case delegatedCgroup = "run.oci.delegate-cgroup"
        case hookErrors = "run.oci.hooks.stderr"
        case hookOutput = "run.oci.hooks.stdout"
        case keepsGroups = "run.oci.keep_original_groups"
        case mountContext = "run.oci.mount_context_type"
        case pidfdReceiver = "run.oci.pidfd_receiver"
        case failsOnUnknownCalls = "run.oci.seccomp_fail_unknown_syscall"
        case seccompReceiver = "run.oci.seccomp.receiver"
        case subgroup = "run.oci.systemd.subgroup"
    }

    /// All of them.
    public static var names: [String] { Key.allCases.map { $0.rawValue } }

    /// The place of an annotation in a configuration.
    private static func field(_ key: Key) -> String { "annotations[\"\(key.rawValue)\"]" }

    private let annotations: [Annotation]

    public init(_ annotations: [Annotation]) {
        let isOurs = annotations.contains { $0.key.begins(with: Self.prefix) }
        self.annotations = isOurs ? annotations.filter { $0.key.begins(with: Self.prefix) } : []
    }

    /// The value of an annotation that is there and not empty.
    private func text(_ key: Key) -> String? {
        annotations.isEmpty ? nil : annotations.first { $0.key == key.rawValue && !$0.value.isEmpty }?.value
    }

    /// Whether one is switched on: it is there, and its value is neither empty nor `0` nor `false`.
    private func isOn(_ key: Key) -> Bool { text(key).map { $0 != "0" && $0 != "false" } ?? false }

    /// The process keeps its caller's supplementary groups, and gets no others.
    public var keepsGroups: Bool { isOn(.keepsGroups) }

    /// A system call in the filter that is not known is an error.
    public var failsOnUnknownCalls: Bool { isOn(.failsOnUnknownCalls) }

    /// Files to which the standard output and the standard error of all hooks are appended.
    public var hookOutput: String? { text(.hookOutput) }
    public var hookErrors: String? { text(.hookErrors) }
    public static var hookOutputField: String { field(.hookOutput) }
    public static var hookErrorsField: String { field(.hookErrors) }

    /// Whether what hooks write goes anywhere but into messages.
    public var redirectsHooks: Bool { hookOutput != nil || hookErrors != nil }

    /// A socket that is sent a pidfd of the container's process.
    public var pidfdReceiver: String? { text(.pidfdReceiver) }
    public static var pidfdReceiverField: String { field(.pidfdReceiver) }

    /// A cgroup below systemd's scope that is the container's, without slashes at its ends.
    public var subgroup: String? { text(.subgroup) }
    public static var subgroupField: String { field(.subgroup) }

    /// A cgroup below the container's, in which its processes are, and which it manages by itself.
    public var delegatedCgroup: String? { text(.delegatedCgroup) }
    public static var delegatedCgroupField: String { field(.delegatedCgroup) }

    /// The option that gives new file systems their SELinux label (mount(8)): `context` unless another one is named.
    public var mountContext: String { text(.mountContext) ?? Self.mountContexts[0] }
    static let mountContexts = ["context", "fscontext", "defcontext", "rootcontext"]

    /// Names the seccomp agent; read with the profile.
    static let seccompReceiver: StaticString = "run.oci.seccomp.receiver"

    // MARK: What can be wrong

    /// What is wrong with a value; nil if nothing is.
    static func problem(with annotation: Annotation) -> String? {
        guard annotation.key.begins(with: prefix), let key = Key(rawValue: annotation.key) else { return nil }
        switch key {
        case .subgroup, .delegatedCgroup:
            let names = annotation.value.utf8.split(separator: UInt8(ascii: "/"))
            let isBelow = names.allSatisfy { name in
                !name.elementsEqual("..".utf8) && !name.elementsEqual(".".utf8) && name.count <= 255
                    && !name.contains { $0 < 0x20 }
            }
            return isBelow && (annotation.value.isEmpty || !names.isEmpty)
                ? nil : "not the name of a cgroup below another one"
        case .mountContext:
            return annotation.value.isEmpty || mountContexts.contains(annotation.value)
                ? nil : "not one of \(mountContexts.joined(separator: ", "))"
        case .seccompReceiver:
            return annotation.value.isEmpty || annotation.value.isAbsolute ? nil : "not an absolute path"
        case .hookErrors, .hookOutput, .pidfdReceiver:
            return annotation.value.utf8.count > 4095 || annotation.value.utf8.contains(0) ? "not a path" : nil
        case .keepsGroups, .failsOnUnknownCalls: return nil
        }
    }

    /// Whether a name belongs to crun and has no effect in apus.
    static func isUnavailable(_ name: String) -> Bool {
        name.begins(with: prefix) && Key(rawValue: name) == nil
    }
}
