import Glibc

/// What this machine offers to tests.
public enum Host {
    public static var isRoot: Bool { geteuid() == 0 }

    public enum CgroupLayout: Sendable { case v1, hybrid, v2 }

    /// Where each cgroup hierarchy is mounted: v1 controllers and `name=` hierarchies by name, v2 as "unified".
    public static let hierarchies: [String: String] = {
        var found: [String: String] = [:]
        for line in (Files.read("/proc/self/mountinfo") ?? "").split(separator: "\n") {
            let words = line.split(separator: " ").map(String.init)
            guard let dash = words.firstIndex(of: "-"), words.count > dash + 3, words[3] == "/" else { continue }
            switch words[dash + 1] {
            case "cgroup2": found["unified"] = found["unified"] ?? words[4]
            case "cgroup":
                for option in words[dash + 3].split(separator: ",").map(String.init)
                where option != "rw" && option != "ro" && option != "xattr" { found[option] = words[4] }
            default: break
            }
        }
        return found
    }()

    public static let cgroupLayout: CgroupLayout =
        hierarchies["unified"] == "/sys/fs/cgroup" ? .v2 : hierarchies["unified"] == nil ? .v1 : .hybrid

    /// Whether cgroups here have a controller, by a v1 hierarchy of its own or in that of v2.
    public static func hasController(_ name: String) -> Bool {
        if hierarchies[name] != nil { return true }
        guard let unified = hierarchies["unified"] else { return false }
        return (Files.line("\(unified)/cgroup.controllers") ?? "").split(separator: " ").contains { $0 == name }
    }

    /// Each mounted hierarchy's directory once.
    static var cgroupRoots: [String] { Array(Set(hierarchies.values)).sorted() }

    /// Whether this process may raise hard limits; a container may not get what the tests lack.
    public static var capabilities: UInt64 {
        let status = Files.read("/proc/self/status") ?? ""
        let line = status.split(separator: "\n").first { $0.hasPrefix("CapEff:") }
        return line.flatMap { UInt64($0.split(separator: "\t").last ?? "", radix: 16) } ?? 0
    }

    /// Major and minor of the running kernel.
    public static let kernel: (major: Int, minor: Int) = {
        let numbers = (Files.line("/proc/sys/kernel/osrelease") ?? "").split { !$0.isNumber }.compactMap { Int($0) }
        return numbers.count > 1 ? (numbers[0], numbers[1]) : (0, 0)
    }()

    /// The inode of one of this process's namespaces, as the assert program reports its own.
    public static func namespace(_ kind: String, of process: String = "self") -> Value {
        var info = stat()
        return stat("/proc/\(process)/ns/\(kind)", &info) == 0 ? Value(Int(info.st_ino)) : .null
    }

    /// Where a program is, by PATH.
    public static func path(of program: String) -> String? {
        let search = getenv("PATH").map { String(cString: $0) } ?? ""
        return (search.split(separator: ":").map(String.init) + ["/usr/sbin", "/usr/bin", "/sbin", "/bin"])
            .map { "\($0)/\(program)" }.first(where: Files.isExecutable)
    }

    public static func has(_ program: String) -> Bool { path(of: program) != nil }

    /// The Python for which packages of the distribution are installed.
    public static var python: String? {
        Files.isExecutable("/usr/bin/python3") ? "/usr/bin/python3" : path(of: "python3")
    }

    public static func pythonHas(_ module: String) -> Bool {
        guard let python else { return false }
        let command = Command(
            arguments: [python, "-c", "import \(module)"], environment: ["PATH=/usr/bin:/bin"], directory: "/",
            output: "/dev/null", errors: "/dev/null")
        return (try? command.run().succeeded) == true
    }

    /// Orphans of the tests' runtimes become children of this process, so that it learns how they end.
    static func adoptOrphans(_ isWanted: Bool) throws {
        try HiddenGlibc.prctl(36 /* PR_SET_CHILD_SUBREAPER */, isWanted ? 1 : 0)
    }
}
