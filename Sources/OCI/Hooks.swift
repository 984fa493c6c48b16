/// Programs to run at fixed points of a container's life (config.md, "POSIX-platform Hooks").
public struct Hooks: Sendable, Equatable {
    public var prestart: [Hook]
    public var createRuntime: [Hook]
    public var createContainer: [Hook]
    public var startContainer: [Hook]
    public var poststart: [Hook]
    public var poststop: [Hook]

    public init(
        prestart: [Hook] = [], createRuntime: [Hook] = [], createContainer: [Hook] = [],
        startContainer: [Hook] = [], poststart: [Hook] = [], poststop: [Hook] = []
    ) {
        self.prestart = prestart
        self.createRuntime = createRuntime
        self.createContainer = createContainer
        self.startContainer = startContainer
        self.poststart = poststart
        self.poststop = poststop
    }

    /// The hooks of one kind, in the order in which they run.
    public subscript(kind: HookKind) -> [Hook] {
        get {
            switch kind {
            case .prestart: prestart
            case .createRuntime: createRuntime
            case .createContainer: createContainer
            case .startContainer: startContainer
            case .poststart: poststart
            case .poststop: poststop
            }
        }
        set {
            switch kind {
            case .prestart: prestart = newValue
            case .createRuntime: createRuntime = newValue
            case .createContainer: createContainer = newValue
            case .startContainer: startContainer = newValue
            case .poststart: poststart = newValue
            case .poststop: poststop = newValue
            }
        }
    }

    /// Whether there is no hook of any kind.
    public var isEmpty: Bool {
        HookKind.allCases.allSatisfy { self[$0].isEmpty }
    }
}

/// The six points at which hooks run; the raw value is the name in `config.json`.
public enum HookKind: String, CaseIterable, Sendable {
    case prestart
    case createRuntime
    case createContainer
    case startContainer
    case poststart
    case poststop
}

/// One program of `hooks`.
public struct Hook: Sendable, Equatable {
    /// The program, absolute.
    public var path: String
    /// Its whole `argv`; empty means that `path` is the only argument.
    public var args: [String]
    /// Its whole environment, each `NAME=value`; `nil` if the configuration says nothing of it.
    public var env: [String]?
    /// Seconds after which the hook is killed, at least 1; `nil` waits for ever.
    public var timeout: UInt32?

    public init(path: String, args: [String] = [], env: [String]? = nil, timeout: UInt32? = nil) {
        self.path = path
        self.args = args
        self.env = env
        self.timeout = timeout
    }
}
