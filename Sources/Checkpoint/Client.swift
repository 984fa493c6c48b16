public import Kernel

/// Why CRIU gave no answer.
public enum CriuClientError: Error, Sendable {
    case system(SystemError)
    /// It ended instead of answering.
    case ended
    case malformed(WireError)
    /// Somebody wants this to end.
    case interrupted
    /// It says nothing.
    case silent
}

/// A CRIU that works for this process: `criu swrk`, which reads requests from a socket that it inherits.
public struct CriuClient: ~Copyable {
    public let process: Kernel.Process
    private let socket: Descriptor

    /// How CRIU is to be started.
    public struct Start {
        /// Its program, absolute.
        public var program: String
        /// Borrowed descriptors for its standard streams.
        public var input: Int32?
        public var output: Int32
        /// Borrowed descriptors that it keeps under their numbers.
        public var kept: [Int32] = []
        /// A borrowed cgroup2 directory to be born in.
        public var cgroup: Int32?
        /// Detached trees, borrowed, that are mounted for it, in a mount namespace of its own.
        public var attachments: [Attachment] = []
        /// Whether it leaves the caller's session and terminal, whose signals are not meant for it.
        public var newSession = true

        public init(_ program: String, input: Int32?, output: Int32) {
            self.program = program
            self.input = input
            self.output = output
        }
    }

    /// Nothing of the caller's environment decides what CRIU does; the programs that it calls are the system's.
    private static let environment = ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"]

    /// Mount namespaces: CLONE_NEWNS.
    private static let newMountNamespace: UInt64 = 0x2_0000

    public init(_ start: Start) throws(SystemError) {
        let pair = try Descriptor.socketPair()
        var spawn = Spawn(
            .path(start.program), arguments: [start.program, "swrk", "\(pair.second.number)"])
        spawn.environment = Self.environment
        spawn.standardInput = start.input
        spawn.standardOutput = start.output
        spawn.standardError = start.output
        spawn.kept = start.kept + [pair.second.number]
        spawn.cgroup = start.cgroup
        spawn.newSession = start.newSession
        spawn.attachments = start.attachments
        if !start.attachments.isEmpty { spawn.cloneFlags = Self.newMountNamespace }
        let near = try pair.first.duplicate()
        process = try spawn.start()
        socket = near
    }

    public borrowing func send(_ request: CriuRequest) throws(CriuClientError) {
        do { try socket.send(request.bytes) } catch {
            if error.isEndOfPeer { throw .ended }
            throw .system(error)
        }
    }

    /// Waits for the next message, with the descriptor that came along.
    ///
    /// - Parameters:
    ///   - interruption: a borrowed descriptor that is readable when somebody wants this to end.
    ///   - milliseconds: how long to wait; -1: as long as it takes.
    public borrowing func receive(
        unless interruption: Int32? = nil, within milliseconds: Int32 = -1
    ) throws(CriuClientError) -> CriuAnswer {
        let message: Message
        do throws(SystemError) {
            if interruption != nil || milliseconds >= 0 {
                let ready = try Wait.readable(socket.number, or: interruption, milliseconds: milliseconds)
                if !ready.first { throw SystemError("poll", "", ready.second ? .interrupted : .timedOut) }
            }
            message = try socket.receive(atMost: Self.largestMessage)
        } catch {
            if error.errno == .interrupted { throw .interrupted }
            if error.errno == .timedOut { throw .silent }
            if error.isEndOfPeer { throw .ended }
            throw .system(error)
        }
        let descriptor = message.descriptors.first.map { Descriptor(owning: $0) }
        for number in message.descriptors.dropFirst() { _ = Descriptor(owning: number) }
        if message.bytes.isEmpty { throw .ended }
        // Longer ones would be cut off; there is none.
        guard message.bytes.count < Self.largestMessage else { throw .malformed(.truncated) }
        do { return CriuAnswer(response: try CriuResponse(decoding: message.bytes), descriptor: descriptor) } catch {
            throw .malformed(error)
        }
    }

    private static let largestMessage = 65_536

    /// Lets CRIU go, and waits for its end.
    ///
    /// - Returns: how it ended; nil: nobody knows.
    @discardableResult
    public consuming func end() -> ExitStatus? {
        let socket = socket
        _ = consume socket
        return try? process.wait()
    }
}

/// A message of CRIU, and what came along with it.
public struct CriuAnswer: ~Copyable {
    public let response: CriuResponse
    public var descriptor: Descriptor?

    init(response: CriuResponse, descriptor: consuming Descriptor?) {
        self.response = response
        self.descriptor = descriptor
    }

    public mutating func takeDescriptor() -> Descriptor? {
        var taken: Descriptor?
        swap(&taken, &descriptor)
        return taken
    }
}
