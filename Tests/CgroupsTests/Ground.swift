import Glibc
import Kernel
import OCI
import Synchronization
import Testing

@testable import Cgroups

/// What the tests that make cgroups have in common. They need root and a cgroup file system; what a host lacks, v1 or
/// v2 or a controller, is said where a test is skipped.
enum Ground {
    static let isRoot = geteuid() == 0
    static let layout: CgroupLayout = (try? .gather()) ?? .none

    static var isUsable: Bool { isRoot && layout != .none }
    static var isV2: Bool { if case .v2 = layout { true } else { false } }
    static var isV1: Bool { if case .v1 = layout { true } else { false } }
    static var hasUnified: Bool { if case .v1(_, let unified) = layout { unified != nil } else { isV2 } }

    /// Whether a controller has a file here, looked for in a cgroup that is made for it.
    static func has(_ controller: String, v1 file: String, v2 other: String) -> Bool {
        guard isUsable, let cgroup = try? location("probe").create() else { return false }
        defer { cleanUp(cgroup) }
        let resources = Resources(unified: isV2 ? [Resources.Unified(file: other, value: "")] : [])
        _ = try? cgroup.apply(resources, .creation)
        if let directory = cgroup.v1(controller) { return Files.exists("\(directory)/\(file)") }
        return isV2 && Files.exists("\(cgroup.unified ?? "")/\(other)")
    }

    private static let count = Mutex(0)

    /// A path that nobody else uses.
    static func uniquePath(_ name: String = "c") -> String {
        let number = count.withLock { count in
            count += 1
            return count
        }
        return "/apus-cgroups-test-\(getpid())-\(number)/\(name)"
    }

    static func location(_ name: String = "c") throws(CgroupError) -> CgroupLocation {
        try CgroupLocation(CgroupPath(uniquePath(name), id: "i"), in: layout)
    }

    /// Makes a cgroup, lends it, and removes every trace of it.
    static func withCgroup(_ resources: Resources? = nil, _ body: (Cgroup) throws -> Void) throws {
        let cgroup = try location().create(resources)
        defer { cleanUp(cgroup) }
        try body(cgroup)
    }

    static func cleanUp(_ cgroup: Cgroup) {
        do {
            try cgroup.killAll()
            try cgroup.discard(within: 5000)
        } catch {
            Issue.record("cannot clean up: \(error)")
        }
    }

    /// The content of a file of the cgroup: that of a v1 controller if there is one, else of cgroup2.
    static func read(_ cgroup: Cgroup, _ controller: String, _ file: String, v2 other: String? = nil) -> String? {
        let path = cgroup.v1(controller).map { "\($0)/\(file)" } ?? "\(cgroup.unified ?? "")/\(other ?? file)"
        return try? Files.readText(path)
    }

    static func write(_ cgroup: Cgroup, _ controller: String, _ file: String, _ value: String, v2 other: String) throws {
        try Files.writeExisting(cgroup.v1(controller).map { "\($0)/\(file)" } ?? "\(cgroup.unified ?? "")/\(other)", value)
    }

    /// A shell that goes into the cgroup as a container's first process does, and then runs a script.
    static func shell(in cgroup: Cgroup, _ script: String, output: Int32? = nil) throws -> Kernel.Process {
        var table = DescriptorTable()
        var numbers: [Int32] = []
        for index in cgroup.directories.indices where !cgroup.directories[index].isUnified {
            numbers.append(table.add(try cgroup.openTasks(index)))
        }
        let moves = numbers.map { "echo 0 >&\($0); exec \($0)>&-; " }.joined()
        var spawn = Spawn(.path("/bin/busybox"), arguments: ["busybox", "sh", "-c", moves + script])
        spawn.environment = ["PATH=/bin:/usr/bin"]
        spawn.kept = numbers
        spawn.standardOutput = output
        if let unified = try cgroup.openUnified() { spawn.cgroup = table.add(unified) }
        let process = try spawn.start()
        _ = consume table
        return process
    }

    /// Runs a script in the cgroup to its end; its exit status and what it prints.
    static func run(in cgroup: Cgroup, _ script: String) throws -> (status: Int32, output: String) {
        let pipe = try Descriptor.pipe()
        let process = try shell(in: cgroup, script, output: pipe.second.number)
        // The reader sees the end only when nobody can write any more.
        let reader = try pipe.first.duplicate()
        _ = consume pipe
        let output = String(decoding: try reader.readAll(limit: 1 << 20), as: UTF8.self)
        return (try process.wait().shellStatus, output)
    }

    /// Waits for something that another process does.
    static func eventually(_ condition: () throws -> Bool) rethrows -> Bool {
        for _ in 0..<2000 {
            if try condition() { return true }
            usleep(1000)
        }
        return false
    }
}

extension Trait where Self == ConditionTrait {
    static var needsCgroups: Self { .enabled(if: Ground.isUsable, "needs root and a cgroup file system") }
    static var needsV1: Self { .enabled(if: Ground.isUsable && Ground.isV1, "this host has no cgroup v1") }
    static var needsV2: Self { .enabled(if: Ground.isUsable && Ground.isV2, "this host has not cgroup v2 alone") }
}
