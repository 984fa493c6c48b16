import CommandLineInterface

/// Splits a command line at blanks; `''` is an empty argument.
func words(_ line: String) -> [String] { line.split(separator: " ").map { $0 == "''" ? "" : String($0) } }

/// The action of a command line that must be understood.
func action(_ line: String) throws -> Action { try Invocation(parsing: words(line)).action }

/// The mistake in a command line; nil if it is understood.
func mistake(_ line: String) -> UsageError? {
    do throws(UsageError) {
        _ = try Invocation(parsing: words(line))
        return nil
    } catch {
        return error
    }
}

func create(_ id: String, _ change: (inout CreateOptions) -> Void = { _ in }) -> CreateOptions {
    var options = CreateOptions(id: id)
    change(&options)
    return options
}

func run(_ id: String, _ change: (inout RunOptions) -> Void = { _ in }) -> RunOptions {
    var options = RunOptions(create: CreateOptions(id: id))
    change(&options)
    return options
}

func exec(_ id: String, _ command: [String], _ change: (inout ExecOptions) -> Void = { _ in }) -> ExecOptions {
    var options = ExecOptions(id: id, command: command)
    change(&options)
    return options
}

func kill(_ target: Target, _ change: (inout KillOptions) -> Void = { _ in }) -> KillOptions {
    var options = KillOptions(target: target)
    change(&options)
    return options
}

func delete(_ target: Target, force: Bool = false) -> DeleteOptions {
    var options = DeleteOptions(target: target)
    options.force = force
    return options
}

func list(_ format: ListOptions.Format = .table, quiet: Bool = false) -> ListOptions {
    var options = ListOptions()
    options.format = format
    options.quiet = quiet
    return options
}
