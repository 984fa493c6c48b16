internal import Cgroups
internal import CommandLineInterface
internal import Kernel
internal import Runtime

/// The commands; each has a file of its own.
enum Command {
    /// Does what the command line asks for, and returns the exit status.
    static func perform(_ invocation: Invocation, _ log: Log) throws(RuntimeError) -> Int32 {
        let options = invocation.options
        let manager = CgroupManager(options.cgroupManager)
        let lifecycle = Lifecycle(store: Store(root: options.root), rootless: RootlessMode(options.rootless)) {
            log.write(.warning, $0)
        }
        switch invocation.action {
        case .create(let options): try lifecycle.create(CreateRequest(options, manager))
        case .run(let options): return try run(options, manager, lifecycle)
        case .start(let options): try lifecycle.start(options.id)
        case .state(let options): try state(options, lifecycle)
        case .pause(let id): try pause(id, lifecycle)
        case .resume(let id): try resume(id, lifecycle)
        case .update(let options): try update(options, lifecycle, log)
        case .mounts(let options): try mounts(options, lifecycle)
        case .ps(let options): try ps(options, lifecycle)
        case .events(let options): try events(options, lifecycle)
        case .kill(let options): try kill(options, lifecycle)
        case .delete(let options): try delete(options, lifecycle)
        case .exec(let options): return exec(options, lifecycle, log)
        case .list(let options): try list(options, lifecycle)
        case .checkpoint(let options): try checkpoint(options, invocation.options.criu, lifecycle)
        case .restore(let options): return try restore(options, invocation.options.criu, manager, lifecycle)
        case .wait(let options): return try wait(options, lifecycle, log)
        case .check(let options): return try check(options, manager, RootlessMode(invocation.options.rootless))
        case .spec(let options): try spec(options, log)
        case .plan(let options): try plan(options, manager, lifecycle)
        case .features: try features()
        case .version: try version()
        case .help(let command): try help(command)
        case .completion(let shell): try Output.standard(Completion.script(for: shell))
        case .manual(let page): try Output.standard(page.text(version: Version.number))
        case .manualPages: try Output.standard(ManualPage.names)
        }
        return 0
    }
}

extension CgroupManager {
    init(_ choice: CgroupManagerChoice) {
        switch choice {
        case .cgroupfs: self = .cgroupfs
        case .systemd: self = .systemd
        case .disabled: self = .disabled
        }
    }
}
