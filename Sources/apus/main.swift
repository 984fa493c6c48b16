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
    invocation = try Invocation(parsing: Array(Output.commandLine().dropFirst()))
} catch {
    let log = Log(error.log)
    log.write(.error, error.message)
    if let guidance = error.guidance, Terminal.isTerminal(2) { Output.standardError(guidance + "\n") }
    Output.exit(error.exitCode)
}

let log = Log(invocation.options.log)
do { try log.check() } catch {
    // There is no other log to tell it to.
    var options = invocation.options.log
    options.destination = .standardError
    Log(options).write(.error, "\(error)", error.details)
    Output.exit(invocation.action.failureStatus)
}
let timing: Timing
do { timing = try Timing(invocation.options.timing) } catch {
    log.write(.error, "\(error)", error.details)
    Output.exit(invocation.action.failureStatus)
}

log.follow(invocation.options)
let status: Int32
let whole = Timeline.begin("command")
do {
    status = try Command.perform(invocation, log)
    Timeline.end(whole)
} catch {
    log.tellUnfinished()
    let error = Command.explained(error, invocation)
    log.write(.error, "\(error)", error.details)
    status = error.exitStatus ?? invocation.action.failureStatus
}
do { try timing.write() } catch { log.write(.warning, "--timing: \(error)") }
if log.isOn(.debug) { log.write(.debug, "exit status \(status)") }
Output.exit(status)
