/// From the flags that were given to typed options: the only place that asks for a flag by its key.
extension LogOptions {
    /// Reads what can be read: a mistake elsewhere on the line is still to be logged where the caller looks for it.
    init(reading matches: [Match]) {
        if let text = matches.text(.log), let destination = LogDestination(text) { self.destination = destination }
        if matches.text(.logFormat) == "json" { format = .json }
        if let text = matches.text(.logLevel), let level = LogLevel(named: text) { self.level = level }
        if matches.isOn(.debug) { level = .debug }
    }
}

extension LogDestination {
    /// A path, or as in crun `file:PATH`, `journald:IDENTIFIER` and `syslog:IDENTIFIER`; nil: an identifier that cannot
    /// be one. Without an identifier it is the program's name.
    fileprivate init?(_ text: String) {
        for (prefix, isJournal) in [("journald:", true), ("syslog:", false)] where text.hasPrefix(prefix) {
            let given = String(text.dropFirst(prefix.utf8.count))
            let identifier = given.isEmpty ? programName : given
            guard identifier.utf8.count <= 64, identifier.utf8.allSatisfy({ 0x20 < $0 && $0 < 0x7f }) else {
                return nil
            }
            self = isJournal ? .journal(identifier: identifier) : .systemLog(identifier: identifier)
            return
        }
        let path = text.hasPrefix("file:") ? String(text.dropFirst(5)) : text
        self = path == "/dev/stderr" || path.isEmpty ? .standardError : .file(path)
    }
}

extension CgroupManagerChoice {
    /// `--cgroup-manager`, or `--systemd-cgroup`, which is the older way to say `systemd`.
    init(_ matches: [Match]) throws(UsageError) {
        // An unknown word is refused with all the others.
        let named = matches.text(.cgroupManager).flatMap { CgroupManagerChoice(rawValue: $0) }
        let isSystemd = matches.isOn(.systemdCgroup)
        if isSystemd, let named, named != .systemd {
            throw UsageError(.grammar, "--systemd-cgroup and --cgroup-manager=\(named.rawValue) contradict each other")
        }
        self = isSystemd ? .systemd : named ?? .cgroupfs
    }
}

extension [Match] {
    /// What `check` cannot see in the table.
    func checkGlobalPaths() throws(UsageError) {
        if let text = text(.log), LogDestination(text) == nil {
            throw UsageError(
                .grammar, "--log=\(text): an identifier has at most 64 letters, digits and signs, and no blanks")
        }
        // An empty root would make every directory below the current one a container.
        if last(where: { $0.flag.key == .root }) != nil, text(.root) == nil {
            throw UsageError(.grammar, "invalid value \"\" for flag -root: must not be empty")
        }
    }
}

extension CreateOptions {
    init(id: String, _ matches: [Match]) {
        self.init(id: id)
        bundle = matches.text(.bundle) ?? bundle
        config = matches.text(.config) ?? config
        consoleSocket = matches.text(.consoleSocket)
        pidFile = matches.text(.pidFile)
        pidfdSocket = matches.text(.pidfdSocket)
        preserveFds = matches.number(.preserveFds) ?? preserveFds
        noPivot = matches.isOn(.noPivot)
        noNewKeyring = matches.isOn(.noNewKeyring)
        noSubreaper = matches.isOn(.noSubreaper)
    }
}

extension RunOptions {
    init(id: String, _ matches: [Match]) {
        self.init(create: CreateOptions(id: id, matches))
        detach = matches.isOn(.detach)
        keep = matches.isOn(.keep)
    }
}

extension Target {
    init(_ scan: Scan) {
        let text = scan.positionals.first ?? ""
        self = scan.matches.isOn(.regex) ? .pattern(text) : .id(text)
    }
}

extension KillOptions {
    init(_ scan: Scan) throws(UsageError) {
        self.init(target: Target(scan))
        all = scan.matches.isOn(.all)
        // An empty signal is the default one, as in runc.
        if scan.positionals.count > 1, !scan.positionals[1].isEmpty {
            signal = try SignalTable.number(of: scan.positionals[1])
        }
    }
}

extension DeleteOptions {
    init(_ scan: Scan) {
        self.init(target: Target(scan))
        force = scan.matches.isOn(.force)
    }
}

extension ListOptions {
    init(_ matches: [Match]) {
        format = matches.text(.format) == "json" ? .json : .table
        quiet = matches.isOn(.quiet)
    }
}

extension SpecOptions {
    init(_ scan: Scan) throws(UsageError) {
        let matches = scan.matches
        let stray = scan.positionals.prefix(scan.countBeforeDashes ?? scan.positionals.count)
        if let word = stray.first {
            throw UsageError(
                .grammar,
                "\(programName): \"spec\" requires exactly 0 argument(s) before --; a command goes behind it, as in "
                    + "\(programName) spec -- \(word)", in: .spec)
        }
        bundle = matches.text(.bundle) ?? bundle
        file = matches.text(.file) ?? file
        rootless = matches.isOn(.rootless)
        hasTerminal = !matches.isOn(.noTerminal)
        rootfs = matches.text(.rootfs)
        imageConfig = matches.text(.fromImageConfig)
        command = scan.positionals
    }
}

extension CheckOptions {
    init(bundle: String, _ matches: [Match]) {
        self.bundle = bundle.isEmpty ? self.bundle : bundle
        config = matches.text(.config)
        format = matches.text(.format) == "json" ? .json : .text
    }
}

extension PlanOptions {
    init(bundle: String, _ matches: [Match]) throws(UsageError) {
        self.bundle = bundle.isEmpty ? self.bundle : bundle
        config = matches.text(.config)
        format = matches.text(.format) == "json" ? .json : .text
        summary = matches.isOn(.summary)
        if summary, format == .json {
            throw UsageError(
                .grammar, "--summary is for people; --format json alone has all that it says, and more", in: .plan)
        }
    }
}
