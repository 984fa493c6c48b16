internal import Kernel
internal import Launch
internal import OCI
internal import Planner

/// Looks where paths lead in the root of a container that runs.
///
/// It takes a process of its own, which is given up when it takes too long: on the way may be a file system of the
/// container's, whose server never answers.
enum MountSearch {
    /// The mounts whose roots some paths lead to, by index in `mounts`.
    ///
    /// - Parameters:
    ///   - destinations: the paths, with their indices in `mounts`.
    ///   - container: has a mount namespace of its own, and runs or is paused.
    ///   - interruption: a borrowed descriptor that is readable when this is to be given up.
    static func find(
        _ destinations: [(index: Int, path: String)], in container: Container, interruption: Int32
    ) throws(RuntimeError) -> [(index: Int, mount: UInt64)] {
        if destinations.isEmpty { return [] }
        let change = try MountChange(container)
        let plan = Plan.findMounts(
            at: destinations, change.spec, on: change.host, options: change.options, entry: change.entry)
        var worker = try MountWorker.start(plan, change, change.spec, interruption: interruption)
        var found: [(index: Int, mount: UInt64)] = []
        do throws(RuntimeError) {
            while true {
                let (meeting, descriptor) = try worker.next()
                if meeting == .ready { break }
                if meeting == .target, let descriptor, let index = worker.entry {
                    let place = try attempt("mounts[\(index)].destination") { () throws(SystemError) in
                        try Tree.place(of: descriptor)
                    }
                    if place.isRoot { found.append((index, place.id)) }
                }
                try worker.reply()
                worker.forget()
            }
        } catch {
            worker.end()
            throw error
        }
        worker.finish()
        return found
    }
}
