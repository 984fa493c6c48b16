internal import Kernel
internal import OCI

/// The rules by which CRIU stops a container's network during a checkpoint (criu(8), "--network-lock"). One that was
/// killed has not removed them.
enum StoppedNetwork {
    /// Lets the network of a container go on. What fails, or is not there, is left as it is: nobody else knows better.
    ///
    /// - Parameter pid: the container's first process.
    static func release(of pid: Int32) {
        guard let namespace = try? Descriptor.open("/proc/\(pid)/ns/net", [.readOnly]),
            let its = try? namespace.status(), let own = try? Files.status("/proc/self/ns/net", follow: true)
        else { return }
        // A namespace that the host uses too was not stopped as a whole.
        if its.inode == own.inode { return }
        for program in ["iptables-restore", "ip6tables-restore"] {
            run(program, ["-w", "5", "--noflush"], input: rules, in: namespace)
        }
        for line in run("nft", ["list", "tables"], in: namespace).components(between: "\n") {
            guard let name = table(in: line) else { continue }
            run("nft", ["delete", "table", "inet", name], in: namespace)
        }
    }

    /// The table in a line such as "table inet CRIU-4a6f", with a number of that checkpoint. A container may have tables too,
    /// and nft(8) reads its arguments as a language: nothing else than such a name gets there.
    static func table(in line: String) -> String? {
        let start = "table inet CRIU-"
        guard line.begins(with: start) else { return nil }
        let number = line.utf8.dropFirst(start.utf8.count)
        let isName = number.allSatisfy { byte in
            switch byte {
            case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "-"): true
            default: false
            }
        }
        return isName && !number.isEmpty ? "CRIU-" + String(decoding: number, as: UTF8.self) : nil
    }

    /// For iptables-restore(8): what CRIU itself ends with.
    private static var rules: String {
        "*filter\n:CRIU - [0:0]\n-D INPUT -j CRIU\n-D OUTPUT -j CRIU\n-X CRIU\nCOMMIT\n"
    }

    /// Runs a program of the host's, and returns what it prints.
    @discardableResult
    private static func run(
        _ name: String, _ arguments: [String], input: String = "", in namespace: borrowing Descriptor
    ) -> String {
        let directories = ["/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin"]
        guard let path = directories.lazy.map({ "\($0)/\(name)" }).first(where: Files.isExecutable),
            let null = try? Descriptor.open("/dev/null", [.readWrite]),
            let output = try? Descriptor.memoryFile("output"),
            let file = try? Descriptor.memoryFile("input"), (try? file.write(Array(input.utf8))) != nil,
            let start = try? Descriptor.open("/proc/self/fd/\(file.number)", [.readOnly])
        else { return "" }
        var spawn = Spawn(.path(path), arguments: [name] + arguments)
        spawn.environment = ["PATH=\(directories.joined(separator: ":"))"]
        spawn.standardInput = start.number
        spawn.standardOutput = output.number
        spawn.standardError = null.number
        guard let process = try? spawn.start(inNetwork: namespace) else { return "" }
        if (try? process.hasEnded(within: 10_000)) != true { try? process.signal(9) }
        _ = try? process.wait()  // Whatever it says, there is no other way.
        return String(decoding: (try? output.read(atMost: 65_536, from: 0)) ?? [], as: UTF8.self)
    }
}
