internal import InitImage
internal import InitProtocol
public import Kernel
public import Planner

/// A plan cannot be launched, or a launch went wrong.
public enum LaunchError: Error, Sendable {
    /// The host's side failed.
    case system(SystemError)
    /// A step of the plan failed.
    case step(StepFailure)
}

/// What the process asks for at a meeting.
public enum Request: Sendable {
    /// `descriptors` came along; the host owns them now.
    case meeting(Meeting, descriptors: [Int32])
    /// The process has closed its end: it executes its program, or it is gone.
    case ended
}

/// Standard streams that are given to a process instead of the caller's own.
public struct StandardStreams: ~Copyable {
    /// By number of the stream; -1: the caller's own.
    private var numbers: [Int32] = [-1, -1, -1]
    private var table = DescriptorTable()

    public init() {}

    /// Takes over a descriptor for one of the streams 0 to 2.
    public mutating func set(_ number: Int32, _ descriptor: consuming Descriptor) {
        numbers[Int(number)] = table.add(descriptor)
    }

    /// The borrowed descriptor for a stream; nil: the caller's own.
    public func number(of stream: Int32) -> Int32? { self[Int(stream)] }

    subscript(_ number: Int) -> Int32? { numbers[number] < 0 ? nil : numbers[number] }
}

/// The first process of a container, from its clone to its exec.
public struct Child: ~Copyable {
    public private(set) var process: Process
    private var control: Descriptor
    private let report: MappedFile
    private let plan: Plan
    /// Whether the answer to the fork is there before the question.
    private var hasAnsweredFork = false
    /// Whether the process went on in another one already.
    private var hasForked = false
    /// Whether the process that is known here is the one that executes the program: it goes on in no other, or has
    /// presented the one in which it does.
    public var isFollowed: Bool { hasForked || !plan.forks }

    /// Clones the process and has it run the plan.
    ///
    /// - Parameters:
    ///   - plan: what the process does.
    ///   - descriptors: what the plan's provisions ask for, borrowed, by slot.
    ///   - cgroup: a borrowed directory of a cgroup2 group to clone into (CLONE_INTO_CGROUP, Linux 5.7).
    ///   - streams: borrowed standard streams; nil: the caller's own.
    ///   - keepsCapabilities: whether the clone makes a user namespace, in which nobody is mapped at first.
    public init(
        running plan: Plan, descriptors: [(Slot, Int32)], cgroup: Int32?, streams: borrowing StandardStreams,
        keepsCapabilities: Bool
    ) throws(SystemError) {
        let page = try Descriptor.memoryFile("apus-report")
        try page.truncate(to: Plan.reportSize)
        // A container may reach what it shares with this process: it can write nonsense there, and no more.
        try page.sealSize()
        let report = try MappedFile(page, size: Plan.reportSize)
        let sockets = try Descriptor.socketPair()
        let far = sockets.second.number
        let file = try Descriptor.memoryFile("apus-plan")
        try file.write(plan.encoded(control: far, report: page.number, descriptors: descriptors))
        try file.seal()
        let image = try Self.sealedImage()

        var spawn = Spawn(.descriptor(image.number), arguments: ["apus-init", "\(file.number)"])
        spawn.cloneFlags = plan.cloneFlags
        spawn.cgroup = cgroup
        spawn.kept = [file.number, page.number, far] + descriptors.map { $0.1 }
        spawn.keepsCapabilities = keepsCapabilities
        spawn.parentDeathSignal = 9
        spawn.standardInput = streams[0]
        spawn.standardOutput = streams[1]
        spawn.standardError = streams[2]
        process = try spawn.start()
        control = sockets.first
        self.report = report
        self.plan = plan
    }

    /// The only file that a container can reach by /proc/PID/exe: a copy of apus-init that nobody can write to
    /// (CVE-2019-5736).
    private static func sealedImage() throws(SystemError) -> Descriptor {
        let image = try Descriptor.memoryFile("apus-init", executable: true)
        try image.write(InitImage.words, size: InitImage.size)
        try image.seal()
        return image
    }

    /// Whether the next meeting, or the end, comes within the time.
    ///
    /// - Parameters:
    ///   - milliseconds: how long is waited; -1: for ever.
    ///   - interruption: a borrowed descriptor; that it is readable is an error (EINTR).
    public borrowing func hasRequest(
        within milliseconds: Int32, unless interruption: Int32? = nil
    ) throws(LaunchError) -> Bool {
        do throws(SystemError) {
            let ready = try Wait.readable(control.number, or: interruption, milliseconds: milliseconds)
            if ready.second { throw SystemError("poll", "", .interrupted) }
            return ready.first
        } catch {
            throw .system(error)
        }
    }

    /// Waits for the next meeting, or for the end of meetings.
    public mutating func nextRequest() throws(LaunchError) -> Request {
        while true {
            let message: Message
            do { message = try control.receive() } catch {
                // It died with an answer unread: the error comes once, and then what it said before, and the end.
                if error.errno == .connectionReset { continue }
                throw .system(error)
            }
            guard message.bytes.count == MemoryLayout<apus_message>.size else {
                Self.close(message.descriptors[...])
                return .ended
            }
            let raw = unsafe message.bytes.withUnsafeBytes { unsafe $0.loadUnaligned(as: apus_message.self) }
            if raw.meeting == apus_meeting.APUS_MEETING_FORKED.rawValue {
                try succeed(with: message.descriptors)
                continue
            }
            guard let meeting = Meeting(number: raw.meeting) else {
                Self.close(message.descriptors[...])
                return .ended
            }
            return .meeting(meeting, descriptors: message.descriptors)
        }
    }

    /// What came along uninvited.
    private static func close(_ descriptors: ArraySlice<Int32>) {
        for number in descriptors { _ = Descriptor(owning: number) }
    }

    /// The process went on in a sibling: that one is the container's from now on.
    ///
    /// The sibling may be in a pid namespace with others that trace it and speak in its name: what it says is no more
    /// than a claim, and it is heard once.
    private mutating func succeed(with descriptors: [Int32]) throws(LaunchError) {
        guard let number = descriptors.first else { return }
        let descriptor = Descriptor(owning: number)
        Self.close(descriptors.dropFirst())
        if hasForked { return }
        hasForked = true
        do {
            let sibling = try Process(child: descriptor)
            _ = try process.wait()
            process = sibling
            if !hasAnsweredFork { try reply() }
        } catch {
            throw .system(error)
        }
    }

    /// Lets the process that a fork makes go on at once, for who asks nothing of it before its program runs.
    public mutating func answerForkAhead() throws(SystemError) {
        try reply()
        hasAnsweredFork = true
    }

    /// Lets the process go on, with borrowed descriptors for it.
    public borrowing func reply(descriptors: [Int32] = []) throws(SystemError) {
        let message = apus_message(meeting: 0, value: 0)
        let bytes = unsafe withUnsafeBytes(of: message) { unsafe [UInt8]($0) }
        try control.send(bytes, descriptors: descriptors)
    }

    /// What the process has reported so far.
    public borrowing func currentReport() -> Report { Report(report) }

    /// The error that explains why the process ended, or did not come to its next meeting.
    public borrowing func failure(_ exit: ExitStatus?) -> StepFailure {
        plan.failure(Report(report), exit: exit)
    }

    /// Gives up, as ``kill()`` does, but waits for a time only: a process in a call that nobody answers (FUSE) cannot end.
    /// Who adopts it then reaps it; nil.
    public borrowing func kill(within milliseconds: Int32) -> ExitStatus? {
        try? process.signal(9)
        guard (try? process.hasEnded(within: milliseconds)) == true else { return nil }
        return try? process.wait()
    }

    /// Gives up: kills and reaps the process.
    public borrowing func kill() -> ExitStatus? {
        // It may have ended by itself; waiting tells.
        try? process.signal(9)
        return try? process.wait()
    }
}

extension Meeting {
    /// The meeting that a message names; nil for a number that is none. Not by apus_meeting: an enumeration of C takes any
    /// number for one of its own, and who speaks may be a container.
    init?(number: UInt32) {
        guard let meeting = Self.allCases.first(where: { $0.code == number }) else { return nil }
        self = meeting
    }
}
