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

    /// Starts CRIU, which then waits for what it is to do.
    ///
    /// - Parameter complete: adds to how CRIU is started.
    init(
        _ operation: CriuFailure.Operation, _ settings: CriuSettings, interruption: Int32?,
        _ complete: (inout CriuClient.Start) -> Void = { _ in }
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
        complete(&start)
        do { client = try CriuClient(start) } catch { throw .system(error, field: operation.rawValue) }
        self.said = said
        self.operation = operation
        self.interruption = interruption
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
    /// - Parameter answer: what is to be done at an event. An error takes everything back.
    /// - Returns: CRIU's last word.
    borrowing func work(
        _ kind: RequestKind, _ options: CriuOptions,
        _ answer: (CriuEvent?, Int32?, consuming Descriptor?) throws(RuntimeError) -> Void
    ) throws(RuntimeError) -> CriuResponse {
        do { try client.send(.work(kind, options)) } catch { throw explain(error) }
        // Once somebody wants this to end, CRIU is refused what it asks for next, and takes everything back.
        var isGivenUp = false
        while true {
            var message: CriuAnswer
            do { message = try client.receive(unless: isGivenUp ? nil : interruption) } catch {
                guard case .interrupted = error else { throw explain(error) }
                giveUp(kind, options)
                isGivenUp = true
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

    /// A checkpoint that waits for who fetches its pages asks for nothing any more that could be refused.
    private borrowing func giveUp(_ kind: RequestKind, _ options: CriuOptions) {
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
        while let rest = try? client.receive(), rest.response.isNotification {
            try? client.send(.done(true))
        }
    }

    private borrowing func explain(_ error: CriuClientError) -> RuntimeError {
        let cause: String
        switch error {
        case .system(let error): return .system(error, field: operation.rawValue)
        case .interrupted: return .status("\(operation.rawValue): given up")
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
    consuming func end() {
        let client = client
        client.end()
    }
}
