internal import Kernel

/// Tells when a cgroup runs out of memory. To be polled: it sleeps until then.
public struct OutOfMemoryWatch: ~Copyable {
    /// What to poll, and for which events; nil if no controller watches the memory of the cgroup.
    public var interest: (descriptor: Int32, events: Int16)? {
        switch source {
        case .notification: (file.number, Events.readable)
        case .counter: (file.number, Events.urgent)
        case .none: nil
        }
    }

    private enum Source {
        /// v1: an eventfd that `cgroup.event_control` writes to (memory.rst, "OOM Control").
        case notification(directory: String)
        /// v2: memory.events, and how many processes were killed when it was last read.
        case counter(UInt64)
        case none
    }

    private let file: Descriptor
    private var source: Source

    public static func start(_ cgroup: Cgroup) throws(CgroupError) -> OutOfMemoryWatch {
        do {
            if let directory = cgroup.v1("memory") {
                return OutOfMemoryWatch(file: try notification(directory), source: .notification(directory: directory))
            }
            if let unified = cgroup.unified, Files.exists("\(unified)/memory.events") {
                let file = try Descriptor.open("\(unified)/memory.events", [.readOnly])
                let source = Source.counter(try kills(file))
                return OutOfMemoryWatch(file: file, source: source)
            }
            // Never polled.
            return OutOfMemoryWatch(file: try Descriptor.eventCounter(), source: .none)
        } catch {
            throw .system(error, field: "", hint: "")
        }
    }

    private init(file: consuming Descriptor, source: Source) {
        self.file = file
        self.source = source
    }

    /// The kernel keeps a hold of what is registered until the eventfd is closed, or the cgroup removed.
    private static func notification(_ directory: String) throws(SystemError) -> Descriptor {
        let counter = try Descriptor.eventCounter()
        let control = try Descriptor.open("\(directory)/memory.oom_control", [.readOnly])
        try Files.writeExisting("\(directory)/cgroup.event_control", "\(counter.number) \(control.number)")
        return counter
    }

    /// Whether the cgroup ran out of memory since this was asked last.
    public mutating func hasOccurred() throws(CgroupError) -> Bool {
        do {
            switch source {
            case .notification(let directory):
                // v1 also tells of the end of the cgroup.
                return try hasNotice() && Files.exists(directory)
            case .counter(let former):
                let kills = try Self.kills(file)
                source = .counter(kills)
                return kills > former
            case .none: return false
            }
        } catch {
            if error.errno == .noDevice { return false }  // The cgroup is gone.
            throw .system(error, field: "", hint: "")
        }
    }

    private borrowing func hasNotice() throws(SystemError) -> Bool {
        do { return try !file.read(atMost: 8).isEmpty } catch {
            if error.errno == .tryAgain { return false }
            throw error
        }
    }

    private static func kills(_ file: borrowing Descriptor) throws(SystemError) -> UInt64 {
        for line in String(decoding: try file.reread(), as: UTF8.self).split(separator: "\n") {
            let words = line.split(separator: " ")
            if words.count == 2, words[0] == "oom_kill" { return UInt64(words[1]) ?? 0 }
        }
        return 0
    }
}
