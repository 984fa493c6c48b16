/// What the caller of `exec` asks for.
public struct ExecRequest: Sendable {
    public var id: String
    /// The program and its arguments.
    public var command: [String]
    /// A file with the whole process as JSON: all that is about the process comes from there then.
    public var processFile: String?
    public var terminal = false
    public var cwd: String?
    /// `NAME=value` each.
    public var environment: [String] = []
    /// `UID` or `UID:GID`.
    public var user: String?
    public var additionalGroups: [UInt32] = []
    /// Names of capabilities to add.
    public var capabilities: [String] = []
    public var selinuxLabel: String?
    public var apparmorProfile: String?
    /// nil: as the container's process has it.
    public var noNewPrivileges: Bool?
    /// Cgroups below the container's: `PATH` or `CONTROLLER,..:PATH`.
    public var cgroups: [String] = []
    public var ignoresPause = false
    public var detaches = false
    public var consoleSocket: String?
    public var pidFile: String?
    /// A socket that is sent a pidfd of the process.
    public var pidfdSocket: String?
    public var preservedDescriptors: Int32 = 0

    public init(id: String, command: [String]) {
        self.id = id
        self.command = command
    }
}
