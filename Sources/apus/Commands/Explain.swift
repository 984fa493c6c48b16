internal import Cgroups
internal import CommandLineInterface
internal import Runtime

extension Command {
    /// A command's error with what helps, looked for now that the command has failed.
    static func explained(_ error: RuntimeError, _ invocation: Invocation) -> RuntimeError {
        let options = invocation.options
        let lifecycle = Lifecycle(store: Store(root: options.root), rootless: RootlessMode(options.rootless)) { _ in }
        return lifecycle.explained(error, subject(of: invocation.action, CgroupManager(options.cgroupManager)))
    }

    private static func subject(of action: Action, _ manager: CgroupManager) -> Subject {
        switch action {
        case .create(let options): .creation(CreateRequest(options, manager))
        case .run(let options): .creation(CreateRequest(options.create, manager))
        case .start(let options): .start(options.id)
        case .state(let options): .container(options.id)
        case .pause(let id), .resume(let id): .container(id)
        case .update(let options): .container(options.id)
        case .ps(let options): .container(options.id)
        case .events(let options): .container(options.id)
        case .kill(let options): subject(of: options.target)
        case .delete(let options): subject(of: options.target)
        case .wait(let options): .container(options.id)
        default: .none
        }
    }

    private static func subject(of target: Target) -> Subject {
        switch target {
        case .id(let id): .container(id)
        case .pattern: .none
        }
    }
}
