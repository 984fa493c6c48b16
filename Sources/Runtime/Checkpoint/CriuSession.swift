internal import Checkpoint
internal import Kernel
internal import OCI

/// A CRIU that works on one container.
struct CriuSession: ~Copyable {
    let client: CriuClient
    private let operation: CriuFailure.Operation
    /// What CRIU writes to its standard streams; usually nothing.
    private let said: Descriptor
    /// A borrowed descriptor that is readable when somebody wants this to end.
    private let interruption: Int32?
    /// A borrowed descriptor of the connection over which CRIU sends pages.
    private let pageConnection: Int32?

    /// Starts CRIU, which then waits for what it is to do.
    ///
    /// - Parameters:
    ///   - operation: what it is to do.
    ///   - settings: what the caller asks for.
    ///   - interruption: a borrowed descriptor that is readable when somebody wants this to end.
    ///   - pageConnection: a borrowed descriptor over which it is to send pages.
    ///   - complete: adds to how CRIU is started.
    init(
        _ operation: CriuFailure.Operation, _ settings: CriuSettings, interruption: Int32?,
        pageConnection: Int32? = nil, _ complete: (inout CriuClient.Start) -> Void = { _ in }
    ) throws(RuntimeError) {
        let program = try CriuProgram.find(settings.program, for: operation)
        let null = try attempt(operation.rawValue) { () throws(SystemError) in
            try Descriptor.open("/dev/null", [.readWrite])
        }
        let said = try attempt(operation.rawValue) { () throws(SystemError) in try Descriptor.memoryFile("criu") }
        // CRIU takes its own standard input for the caller's terminal.
        let sharesTerminal = settings.shellJob && Terminal.isTerminal(0)
        var start = CriuClient.Start(program, input: sharesTerminal ? nil : null.number, output: said.number)
        start.newSession = !settings.shellJob
        if let pageConnection { start.kept.append(pageConnection) }
        complete(&start)
        do { client = try CriuClient(start) } catch { throw .system(error, field: operation.rawValue) }
        self.said = said
        self.operation = operation
        self.interruption = interruption
        self.pageConnection = pageConnection
    }

    /// Asks for the version and what else is to be known before CRIU gets its work.
    borrowing func require(_ features: CriuFeatures) throws(RuntimeError) {
        let version = try ask(.version).version ?? CriuVersion(0, 0)
        try CriuProgram.require(version, for: operation)
        if features == CriuFeatures() { return }
        let found = try ask(.features(features)).features ?? CriuFeatures()
        if features.tracksMemory, !found.tracksMemory {
            throw CriuFailure.unusable(
                operation, "the kernel does not track which memory is written to (CONFIG_MEM_SOFT_DIRTY)",
                hint: "without --pre-dump and --parent-path all memory is saved at once")
        }
        if features.lazyPages, !found.lazyPages {
            throw CriuFailure.unusable(
                operation, "the kernel cannot fill in memory pages later (userfaultfd)",
                hint: "is vm.unprivileged_userfaultfd or CONFIG_USERFAULTFD missing?")
        }
    }

    /// A question that CRIU answers at once.
    private borrowing func ask(_ question: CriuRequest) throws(RuntimeError) -> CriuResponse {
        do {
            try client.send(question)
            return try client.receive(unless: interruption).response
        } catch {
            throw explain(error)
        }
    }

    /// Gives CRIU its work, and answers what it asks meanwhile.
    ///
    /// - Parameters:
    ///   - kind: what it is to do.
    ///   - options: how.
    ///   - letGo: ends what CRIU may be waiting for, once somebody wants this to end.
    ///   - answer: what is to be done at an event. An error takes everything back.
    /// - Returns: CRIU's last word.
    borrowing func work(
        _ kind: RequestKind, _ options: CriuOptions, givingUp letGo: () -> Void = {},
        _ answer: (CriuEvent?, Int32?, consuming Descriptor?) throws(RuntimeError) -> Void
    ) throws(RuntimeError) -> CriuResponse {
        do { try client.send(.work(kind, options)) } catch { throw explain(error) }
        // Once somebody wants this to end, CRIU is refused what it asks for next, and takes everything back.
        var isGivenUp = false
        while true {
            var message: CriuAnswer
            do { message = try next(kind, isGivenUp: isGivenUp) } catch {
                switch error {
                case .interrupted:
                    giveUp(kind, options)
                    letGo()
                    isGivenUp = true
                case .silent: try? client.process.signal(9)
                case .system, .ended, .malformed: throw explain(isGivenUp ? .interrupted : error)
                }
                continue
            }
            let response = message.response
            guard response.isNotification else {
                if isGivenUp, !response.isSuccess { throw explain(.interrupted) }
                return response
            }
            let descriptor = message.takeDescriptor()
            do throws(RuntimeError) {
                if isGivenUp, response.event != .preResume { throw explain(.interrupted) }
                try answer(response.event, response.pid, descriptor)
            } catch {
                refuse(at: response.event)
                throw error
            }
            do { try client.send(.done(true)) } catch { throw explain(error) }
        }
    }

    /// Waits for CRIU's next word. At a restore it may wait for ever for a file or a server; whoever it holds then belongs
    /// to nobody yet. At a checkpoint it holds the container, which would be damaged by its end.
    private borrowing func next(_ kind: RequestKind, isGivenUp: Bool) throws(CriuClientError) -> CriuAnswer {
        guard isGivenUp else { return try client.receive(unless: interruption) }
        return try client.receive(within: kind == .restore ? Self.patience : -1)
    }

    /// Milliseconds in which CRIU has to say something when it is to give up.
    private static var patience: Int32 { 10_000 }

    /// Ends what CRIU may be waiting for, without asking for anything that could be refused: a server of pages that does
    /// not answer, or who fetches lazy pages.
    private borrowing func giveUp(_ kind: RequestKind, _ options: CriuOptions) {
        if let pageConnection { try? Descriptor.shutDown(pageConnection) }
        guard kind == .dump, options.present.contains(.lazyPages) else { return }
        try? client.process.signal(15)
    }

    /// Says no, and waits until CRIU has taken back what it has done. It may ask for more on the way.
    private borrowing func refuse(at event: CriuEvent?) {
        // It takes back nothing any more. Whoever it holds is killed by now; it would wait for them, and they for it.
        if event == .preResume {
            try? client.process.signal(9)
            return
        }
        try? client.send(.done(false))
        let patience = operation == .restore ? Self.patience : -1
        while let rest = try? client.receive(within: patience) {
            guard rest.response.isNotification else { return }
            try? client.send(.done(true))
        }
        // It says nothing more.
        if operation == .restore { try? client.process.signal(9) }
    }

    private borrowing func explain(_ error: CriuClientError) -> RuntimeError {
        let cause: String
        switch error {
        case .system(let error): return .system(error, field: operation.rawValue)
        case .interrupted, .silent: return .status("\(operation.rawValue): given up")
        case .malformed: cause = "CRIU gives an answer that is none"
        case .ended: cause = "CRIU has ended without an answer"
        }
        let words = String(decoding: output.prefix(300), as: UTF8.self).components(between: "\n").joined(
            separator: "; ")
        return CriuFailure.unusable(operation, cause + (words.isEmpty ? "" : ": \(words)"), hint: "")
    }

    /// What CRIU has written to its standard streams.
    var output: [UInt8] {
        (try? said.read(atMost: 65_536, from: 0)) ?? []  // Without it a message has less to say.
    }

    /// Lets CRIU go and waits for its end.
    ///
    /// - Returns: whether it was killed, and has taken nothing back.
    @discardableResult
    consuming func end() -> Bool {
        let client = client
        if case .killed = client.end() { return true }
        return false
    }
}
