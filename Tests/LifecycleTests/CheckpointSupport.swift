import Harness
import Testing

extension Bundle {
    /// A bundle whose process counts, with a number that is in its memory only.
    static func counting(_ change: (inout Value) throws -> Void = { _ in }) throws -> Bundle {
        let bundle = try Bundle.minimal {
            $0.run("/assert", "count", "/work/number")
            try change(&$0)
        }
        let directory = try bundle.hostDirectory("work", mode: 0o777)
        // A restore wants what was open, of the same size.
        try Files.write("0000000000\n", to: "\(directory)/number", mode: 0o666)
        bundle.config.mount("bind", at: "/work", source: directory, "bind", "rw")
        bundle.useCriu()
        return bundle
    }

    /// A bundle whose process says when it is ready.
    static func saved(_ change: (inout Value) throws -> Void) throws -> Bundle {
        let bundle = try Bundle.minimal(change)
        bundle.useCriu()
        return bundle
    }

    private func useCriu() { if let program = Criu.program { globalFlags += ["--criu", program] } }

    /// Starts it in the background, and waits for a sign of life.
    ///
    /// A shell that starts programs all the time is often in vfork(2), where CRIU cannot stop it.
    func startSaved() throws {
        try run("--detach").ok()
        try #require(eventually { self.isReady })
    }

    private var isReady: Bool { number ?? 0 > 5 || output.contains("ready") }

    /// Where the images are.
    var images: String { "\(workspace.directory)/images" }

    @discardableResult
    func checkpoint(_ flags: String...) throws -> Outcome {
        try command(["checkpoint", "--image-path", images] + flags + [id]).run()
    }

    /// `restore` in the background.
    @discardableResult
    func restore(_ flags: String...) throws -> Outcome {
        try creating(["restore", "--detach", "--image-path", images] + flags).run()
    }

    /// How far a counting process is.
    var number: Int? { Files.line("\(workspace.directory)/\(name)-work/number").flatMap { Int($0) } }

    /// Whether the process counts on from a number, and not from the beginning.
    func countsOn(from before: Int, sourceLocation: SourceLocation = #_sourceLocation) {
        let goesOn = eventually { (self.number ?? 0) > before + 3 }
        #expect(goesOn, "\(number ?? -1) after \(before)", sourceLocation: sourceLocation)
    }

    /// What CRIU wrote.
    func log(_ name: String) -> String { Files.read("\(images)/\(name).log") ?? "" }
}
