extension Action {
    /// The exit status when the command itself fails. That of `wait` is beyond what it passes on in good cases.
    public var failureStatus: Int32 {
        if case .wait = self { return 255 }
        return 1
    }
}

/// The exit statuses of `wait` that are not the container's.
public enum WaitStatus {
    /// The container has ended, and how is not known.
    public static let unknown: Int32 = 254
}
