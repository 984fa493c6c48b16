internal import CommandLineInterface
internal import Runtime

extension Command {
    /// `mounts`: adds mounts to a running container, or removes them.
    static func mounts(_ options: MountsOptions, _ lifecycle: Lifecycle) throws(RuntimeError) {
        switch options.action {
        case .add: try lifecycle.addMounts(options.id, from: options.file)
        case .remove: try lifecycle.removeMounts(options.id, from: options.file)
        }
    }
}
