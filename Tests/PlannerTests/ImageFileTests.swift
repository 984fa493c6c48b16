import Foundation
import InitProtocol
import Planner
import Testing

/// How apus-init opens what an image has, run for real: it is looked at before it is opened.
@Suite struct ImageFileTests {
    private static let ownDescriptors = Step(
        .openPath(nil, path: "/proc/self/fd", flags: OpenFlags.directory, into: .ownDescriptors), .field("process"))

    private let scratch: Scratch

    init() throws { scratch = try Scratch() }

    /// A shell that ends with 7 if a condition holds.
    private func shell(_ condition: String, _ environment: [String] = []) -> [Step] {
        [
            Step(.findExecutable(name: "sh", path: "/bin"), .field("process.args")),
            Step(
                .execute(arguments: ["sh", "-c", "\(condition) && exit 7"], environment: environment),
                .field("process.args")),
        ]
    }

    private func run(
        _ operations: [Planner.Operation], then condition: String, _ environment: [String] = []
    ) throws -> Outcome {
        let steps = operations.map { Step($0, .field("process")) }
        return try InitProgram(answers: 0).run(Blob([Self.ownDescriptors] + steps + shell(condition, environment)))
    }

    // MARK: REOPEN

    private func hold(_ path: String) -> Planner.Operation {
        .openPath(nil, path: path, flags: OpenFlags.path, into: .target)
    }

    private func read(_ flags: UInt64) -> [Planner.Operation] {
        [.reopen(.target, flags: flags, into: .parent), .duplicate(.parent, number: 0)]
    }

    @Test func whatIsHeldAsAPlaceIsOpenedForReading() throws {
        let file = try scratch.write("hello\n", to: "file")
        let outcome = try run([hold(file)] + read(0), then: #"read line && [ "$line" = hello ]"#)
        #expect(outcome.executed(7), "\(outcome)")
    }

    @Test func whatIsHeldAsAPlaceIsOpenedForWriting() throws {
        let file = try scratch.write("", to: "file")
        let write: [Planner.Operation] = [.reopen(.target, flags: 1, into: .parent), .duplicate(.parent, number: 1)]
        let outcome = try run([hold(file)] + write, then: "echo written")
        #expect(outcome.executed(7), "\(outcome)")
        #expect(try String(contentsOfFile: file, encoding: .utf8) == "written\n")
    }

    /// Whatever its name leads to by now.
    @Test func heldFileIsOpenedAlsoWithoutItsName() throws {
        let file = try scratch.write("hello\n", to: "file")
        let directory = Planner.Operation.openPath(nil, path: scratch.path, flags: OpenFlags.directory, into: .root)
        let outcome = try run(
            [hold(file), directory, .remove(.root, name: "file"), .makeLink(.root, name: "file", target: "/dev/full")]
                + read(0), then: #"read line && [ "$line" = hello ]"#)
        #expect(outcome.executed(7), "\(outcome)")
    }

    /// The rights are those of the moment of opening, and nothing is there to open in an empty slot.
    @Test func whatCannotBeOpenedIsAnError() throws {
        let file = try scratch.write("", to: "file", mode: 0o444)
        let denied = try run([hold(file), .reopen(.target, flags: 1, into: .parent)], then: "true")
        #expect(denied.failed(at: 2, 13), "\(denied)")  // EACCES
        let empty = try run([.reopen(.target, flags: 0, into: .parent)], then: "true")
        #expect(empty.failed(at: 1, 2), "\(empty)")  // ENOENT
        let steps = [hold(file), .reopen(.target, flags: 0, into: .parent)].map { Step($0, .field("process")) }
        let nowhere = try InitProgram(answers: 0).run(Blob(steps))
        #expect(nowhere.failed(at: 1, 9), "\(nowhere)")  // EBADF
    }

    // MARK: FIND_HOME

    /// What HOME becomes where a file is what the process finds as /etc/passwd.
    private func home(_ file: String, uid: UInt32 = 1000, is home: String) throws -> Outcome {
        try run(
            [
                .unshare(flags: Self.ownMounts), .openTree(nil, path: file, flags: 1, into: .mount),
                .openPath(nil, path: "/etc/passwd", flags: OpenFlags.path, into: .target),
                .moveMount(.mount, to: .target), .findHome(uid: uid),
            ], then: #"[ "$HOME" = "$WANTED" ]"#, ["A=1", "WANTED=\(home)", "B=2"])
    }

    /// A user namespace and a mount namespace: CLONE_NEWUSER, CLONE_NEWNS.
    private static let ownMounts: UInt64 = 0x1000_0000 | 0x2_0000

    static let makesNamespaces: Bool = {
        let blob = Blob(.unshare(flags: ownMounts))
        return (try? InitProgram().run(blob))?.phase == .APUS_PHASE_RUNNING
    }()

    private static let entry = "user:x:1000:100:A User:/home/x:/bin/sh\n"

    @Test(
        .enabled(if: makesNamespaces, "nobody may make a user namespace on this host"),
        arguments: [
            (entry, "/home/x"), ("root:x:0:0::/root:\n" + entry, "/home/x"), ("user:x:1000:100::/home/y", "/home/y"),
            ("", "/"), ("root:x:0:0::/root:\n", "/"), ("1000:x:0:0::/root:\n", "/"), ("user:x:1000:100::\n", "/"),
            ("user:x:01000x:100::/home/x\n" + "user:x:10000:100::/a\n" + entry, "/home/x"),
        ])
    func homeIsThatOfTheNumber(passwd: String, home: String) throws {
        let outcome = try self.home(scratch.write(passwd, to: "passwd"), is: home)
        #expect(outcome.executed(7), "\(outcome)")
    }

    /// Opening one could wait for ever.
    @Test(.enabled(if: makesNamespaces, "nobody may make a user namespace on this host"))
    func fifoIsNotOpened() throws {
        let outcome = try home(scratch.makeFIFO("passwd"), is: "/")
        #expect(outcome.executed(7), "\(outcome)")
    }

    @Test(
        .enabled(if: makesNamespaces, "nobody may make a user namespace on this host"),
        arguments: ["/dev/zero", "/dev/full", "/proc/self/pagemap", "/proc/self/status", "/sys/kernel/uevent_seqnum"])
    func devicesAndFilesThatTheKernelMakesUpAreNotRead(file: String) throws {
        let outcome = try home(file, is: "/")
        #expect(outcome.executed(7), "\(outcome)")
    }

    @Test(
        .enabled(if: makesNamespaces, "nobody may make a user namespace on this host"),
        arguments: [(1 << 20, "/home/x"), (1 << 20 + 1, "/"), (400 << 20, "/")])
    func fileOfMoreThanOneMebibyteIsNone(size: Int, home: String) throws {
        let file = try scratch.write(Self.entry, to: "passwd")
        try scratch.extend("passwd", to: size)
        let outcome = try self.home(file, is: home)
        #expect(outcome.executed(7), "\(outcome)")
    }

    @Test(.enabled(if: makesNamespaces, "nobody may make a user namespace on this host"))
    func homeThatIsTooLongIsNone() throws {
        for (length, fits) in [(1018, true), (1019, false), (5000, false)] {
            let home = "/" + String(repeating: "h", count: length - 1)
            let file = try scratch.write("user:x:1000:100::\(home):/bin/sh\n", to: "passwd")
            let outcome = try self.home(file, is: fits ? home : "/")
            #expect(outcome.executed(7), "\(length): \(outcome)")
        }
    }

    // MARK: COPY_TREE

    /// Such a file may have no end, and reading it may act on the host. It is regular, and opening it would work.
    @Test(arguments: ["/proc/sys/kernel/random", "/sys/class/net/lo/statistics"])
    func treeThatTheKernelMakesUpIsNotCopied(directory: String) throws {
        try scratch.makeDirectory("to")
        let outcome = try run(
            [
                .openPath(nil, path: directory, flags: OpenFlags.directory, into: .target),
                .openPath(nil, path: scratch["to"], flags: OpenFlags.directory, into: .mount),
                .copyTree(from: .target, to: .mount),
            ], then: "true")
        #expect(outcome.failed(at: 3, 22), "\(outcome)")  // EINVAL
        #expect(try FileManager.default.contentsOfDirectory(atPath: scratch["to"]).isEmpty)
    }

    /// FIFOs would wait for a writer, and a link is copied as it is.
    @Test(.timeLimit(.minutes(1))) func treeIsCopiedWithoutOpeningWhatIsNoFile() throws {
        for name in ["from", "from/sub", "to"] { try scratch.makeDirectory(name) }
        try scratch.write("one", to: "from/file", mode: 0o640)
        try scratch.write("two", to: "from/sub/file")
        try scratch.makeFIFO("from/fifo")
        try scratch.makeLink("from/sub/link", to: "/dev/zero")
        let places: [Planner.Operation] = ["from", "to"].enumerated().map { index, name in
            .openPath(nil, path: scratch[name], flags: OpenFlags.directory, into: index == 0 ? .target : .mount)
        }
        let outcome = try run(places + [.copyTree(from: .target, to: .mount)], then: "true")
        #expect(outcome.executed(7), "\(outcome)")
        #expect(try String(contentsOfFile: scratch["to/file"], encoding: .utf8) == "one")
        #expect(try String(contentsOfFile: scratch["to/sub/file"], encoding: .utf8) == "two")
        #expect(try FileManager.default.destinationOfSymbolicLink(atPath: scratch["to/sub/link"]) == "/dev/zero")
        var status = stat()
        #expect(stat(scratch["to/file"], &status) == 0 && status.st_mode & 0o7777 == 0o640)
    }
}

/// Flags of openat2(2).
private enum OpenFlags {
    static let path: UInt64 = 0o10000000
    #if arch(arm64)
        static let directory: UInt64 = path | 0o40000
    #else
        static let directory: UInt64 = path | 0o200000
    #endif
}
