internal import CStartup
internal import CommandLineInterface
internal import Kernel
internal import Runtime

// Parses, dispatches, and turns what went wrong into one line and an exit code. One file per command.

// By itself the version needs no parsing.
if startup_is_version() {
    do { try Command.version() } catch { Output.exit(1) }
    Output.exit(0)
}

let invocation: Invocation
do {
    invocation = try Invocation(parsing: Array(CommandLine.arguments.dropFirst()))
} catch {
    let log = Log(error.log)
    log.write(.error, error.message)
    if let guidance = error.guidance, Terminal.isTerminal(2) { Output.standardError(guidance + "\n") }
    Output.exit(error.exitCode)
}

let log = Log(invocation.options.log)
do {
    Output.exit(try Command.perform(invocation, log))
} catch let error as RuntimeError {
    log.write(.error, "\(error)", error.details)
    Output.exit(1)
} catch {
    log.write(.error, "\(error)")
    Output.exit(1)
}
