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
    /// A path, `file:PATH` as in crun, or nil for crun's destinations that this version does not have.
    fileprivate init?(_ text: String) {
        if text.hasPrefix("journald:") || text.hasPrefix("syslog:") { return nil }
        let path = text.hasPrefix("file:") ? String(text.dropFirst(5)) : text
        self = path == "/dev/stderr" || path.isEmpty ? .standardError : .file(path)
    }
}

extension [Match] {
    /// What `check` cannot see in the table.
    func checkGlobalPaths() throws(UsageError) {
        if let text = text(.log), LogDestination(text) == nil {
            throw UsageError(
                .unavailable, "--log=\(text): journald and syslog are not available in this version; give a file")
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
        preserveFds = matches.number(.preserveFds) ?? preserveFds
        noPivot = matches.isOn(.noPivot)
        noNewKeyring = matches.isOn(.noNewKeyring)
    }
}

extension RunOptions {
    init(id: String, _ matches: [Match]) {
        self.init(create: CreateOptions(id: id, matches))
        detach = matches.isOn(.detach)
        keep = matches.isOn(.keep)
        noSubreaper = matches.isOn(.noSubreaper)
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
    init(_ matches: [Match]) {
        bundle = matches.text(.bundle) ?? bundle
        rootless = matches.isOn(.rootless)
    }
}

extension PlanOptions {
    init(bundle: String, _ matches: [Match]) {
        self.bundle = bundle.isEmpty ? self.bundle : bundle
        format = matches.text(.format) == "json" ? .json : .text
    }
}
