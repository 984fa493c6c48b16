import Testing

@testable import CommandLineInterface

/// The argument lists that container managers were seen to use.
@Suite struct EngineTests {
    private static let shim = "--root /run/runtime-runc/moby --log /b/log.json --log-format json "
    private static let conmon = "--log-format=json --log /b/oci-log "

    @Test(arguments: [
        (
            "create --bundle /b --pid-file /b/pid c",
            Action.create(create("c") { ($0.bundle, $0.pidFile) = ("/b", "/b/pid") })
        ),
        (
            "create --bundle /b --pid-file /b/pid --console-socket /s --no-pivot c",
            .create(
                create("c") {
                    ($0.bundle, $0.pidFile, $0.consoleSocket, $0.noPivot) = ("/b", "/b/pid", "/s", true)
                })
        ),
        ("start c", .start(StartOptions(id: "c"))),
        ("kill c 9", .kill(kill(.id("c")) { $0.signal = 9 })),
        ("kill --all c 9", .kill(kill(.id("c")) { ($0.signal, $0.all) = (9, true) })),
        ("state c", .state(StateOptions(id: "c"))),
        ("delete c", .delete(delete(.id("c")))),
        ("delete --force c", .delete(delete(.id("c"), force: true))),
    ])
    func shim(line: String, expected: Action) throws {
        let invocation = try Invocation(parsing: words(Self.shim + line))
        #expect(invocation.action == expected)
        #expect(invocation.options.root == "/run/runtime-runc/moby")
        #expect(invocation.options.log.destination == .file("/b/log.json"))
        #expect(invocation.options.log.format == .json)
    }

    @Test func conmonCreates() throws {
        let line = "create --bundle /b --pid-file /p --console-socket /s --preserve-fds 3 c"
        let invocation = try Invocation(parsing: words(Self.conmon + line))
        #expect(invocation.options.root == nil)
        #expect(invocation.options.log.destination == .file("/b/oci-log"))
        #expect(invocation.options.log.format == .json)
        let expected = create("c") {
            ($0.bundle, $0.pidFile, $0.consoleSocket, $0.preserveFds) = ("/b", "/p", "/s", 3)
        }
        #expect(invocation.action == .create(expected))
    }

    @Test func buildKitRuns() throws {
        #expect(
            try action("--log /l --log-format json run --bundle /b c") == .run(run("c") { $0.create.bundle = "/b" }))
    }

    @Test func buildahCreatesWithoutGlobalFlags() throws {
        let expected = create("c") { ($0.bundle, $0.pidFile, $0.noNewKeyring) = ("/b", "/p", true) }
        #expect(try action("create --bundle /b --pid-file /p --no-new-keyring c") == .create(expected))
    }

    @Test func everyoneAsksForTheVersion() throws {
        #expect(try action("--version") == .version)
        #expect(try action("features") == .features)
    }

    /// A refusal must reach the log that the manager reads.
    @Test func refusalGoesToTheManagersLog() {
        let error = mistake(Self.conmon + "checkpoint --bogus c")
        #expect(error?.log.destination == .file("/b/oci-log"))
        #expect(error?.log.format == .json)
    }

    /// containerd's shim, and conmon.
    @Test func exec() throws {
        var options = ExecOptions(id: "c")
        (options.process, options.detach, options.pidFile, options.consoleSocket) = ("/f", true, "/p", "/s")
        #expect(
            try action(Self.shim + "exec --process /f --console-socket /s --detach --pid-file /p c") == .exec(options))
        (options.preserveFds, options.terminal) = (1, true)
        #expect(
            try action(
                Self.conmon + "exec --pid-file /p --process /f --detach --preserve-fds 1 --tty --console-socket /s c")
                == .exec(options))
    }

    /// containerd's shim, with one dash as Go's flag package takes it.
    @Test func checkpointAndRestore() throws {
        var saving = CheckpointOptions(id: "c")
        (saving.images.imagePath, saving.images.workPath, saving.images.fileLocks) = ("/d", "/w", true)
        saving.leaveRunning = true
        let checkpoint = "checkpoint --image-path /d --work-path /w --leave-running --file-locks c"
        #expect(try action(Self.shim + checkpoint) == .checkpoint(saving))
        var restoring = RestoreOptions(
            create: create("c") { ($0.bundle, $0.pidFile, $0.noSubreaper) = ("/b", "/p", true) })
        (restoring.images.imagePath, restoring.images.workPath, restoring.detach) = ("/d", "/w", true)
        let restore = "restore --image-path /d --work-path /w --detach --pid-file /p -no-subreaper --bundle /b c"
        #expect(try action(Self.shim + restore) == .restore(restoring))
    }

    @Test func pageServers() throws {
        var expected = CheckpointOptions(id: "c")
        for (text, address, port) in [("h:1", "h", 1), ("[::1]:27", "::1", 27), ("::1:27", "::1", 27)] {
            expected.pageServer = .init(address: address, port: UInt16(port))
            #expect(try action("checkpoint --page-server \(text) c") == .checkpoint(expected))
        }
    }
}
