internal import CKernel

/// Size of a terminal, in characters and, where that is known, in pixels.
public struct WindowSize: Sendable, Equatable {
    public var rows: UInt16
    public var columns: UInt16
    /// 0: not known.
    public var width: UInt16
    public var height: UInt16

    public init(rows: UInt16, columns: UInt16, width: UInt16 = 0, height: UInt16 = 0) {
        self.rows = rows
        self.columns = columns
        self.width = width
        self.height = height
    }

    /// Of a terminal whose size nobody has set.
    public var isUnknown: Bool { rows == 0 && columns == 0 }
}

/// What a terminal does with what is typed and printed (termios(3)).
public struct TerminalMode: Sendable {
    private var mode = ck_terminal_mode()

    /// What the terminal does now; of a master, what the other side does.
    public init(of descriptor: Int32) throws(SystemError) {
        _ = try check(unsafe ck_terminal_mode_get(descriptor, &mode), "tcgetattr")
    }

    /// The mode in which every key and every byte goes through as it is.
    public var raw: TerminalMode {
        var raw = self
        unsafe ck_terminal_mode_raw(&raw.mode)
        return raw
    }

    /// The mode in which the end of a line is printed as it is, without a carriage return in front of it (ONLCR).
    public var plain: TerminalMode {
        var plain = self
        unsafe ck_terminal_mode_plain(&plain.mode)
        return plain
    }

    /// Makes it so, at once.
    public func apply(to descriptor: Int32) throws(SystemError) {
        var mode = mode
        _ = try check(unsafe ck_terminal_mode_set(descriptor, &mode), "tcsetattr")
    }

    public func equals(_ other: TerminalMode) -> Bool {
        var (one, two) = (mode, other.mode)
        return unsafe ck_terminal_mode_equals(&one, &two)
    }

    /// The character that whoever reads takes for the end of the input, Ctrl-D as a rule; nil: there is none.
    ///
    /// In lines the terminal itself knows it. Where single keys are read and not printed, a line editor does; where
    /// they are printed too, it would be a character like any other.
    public var endOfInput: UInt8? {
        var mode = mode
        guard unsafe ck_terminal_mode_takes_lines(&mode) || !ck_terminal_mode_echoes(&mode) else { return nil }
        let character = unsafe ck_terminal_mode_eof(&mode)
        return character == 0 ? nil : character
    }
}

/// Calls on terminals; the descriptors are borrowed.
public enum Terminal {
    public static func isTerminal(_ descriptor: Int32) -> Bool { ck_isatty(descriptor) == 1 }

    public static func windowSize(of descriptor: Int32) throws(SystemError) -> WindowSize {
        var window = ck_window()
        _ = try check(unsafe ck_window_get(descriptor, &window), "ioctl(TIOCGWINSZ)")
        return WindowSize(rows: window.rows, columns: window.columns, width: window.width, height: window.height)
    }

    public static func setWindowSize(_ size: WindowSize, of descriptor: Int32) throws(SystemError) {
        let window = ck_window(rows: size.rows, columns: size.columns, width: size.width, height: size.height)
        _ = try check(ck_window_set(descriptor, window), "ioctl(TIOCSWINSZ)")
    }

    /// Whether this process may change the terminal: it is in the foreground, or the terminal is not its own and so
    /// knows no background.
    public static func isInForeground(of descriptor: Int32) -> Bool { ck_terminal_is_foreground(descriptor) == 1 }

    /// SIGHUP to the foreground process group on the other side of a master, whose session leader the kernel tells when
    /// the master is closed.
    public static func hangUp(_ master: Int32) { _ = ck_terminal_hang_up(master) }

    /// In the background of the terminal: stops until a shell brings this process to the foreground, as SIGTTOU does,
    /// which must not be blocked. Where nobody could do that (an orphaned group, an ignored signal) it goes on at once.
    public static func awaitForeground(of descriptor: Int32) { _ = ck_terminal_await_foreground(descriptor) }
}

/// Signals of job control.
public enum JobControl {
    private static let stopsInBackground: [Int32] = [21, 22]  // SIGTTIN, SIGTTOU

    /// Whether the kernel may stop this process when it uses its terminal from the background.
    public static func allowsStops(_ isAllowed: Bool) {
        _ = unsafe ck_block_signals(stopsInBackground, stopsInBackground.count, !isAllowed)
    }

    /// Stops this process as Ctrl-Z does, and returns when somebody continues it.
    public static func stop() { _ = ck_stop() }
}

extension Descriptor {
    /// Whether reading and writing fail with EAGAIN instead of waiting. Everybody who has the open file shares this.
    public borrowing func setNonBlocking() throws(SystemError) {
        let flags = try check(ck_fcntl(number, F_GETFL, 0), "fcntl(F_GETFL)")
        _ = try check(ck_fcntl(number, F_SETFL, Int(flags | O_NONBLOCK)), "fcntl(F_SETFL)")
    }
}
