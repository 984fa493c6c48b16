internal import Kernel
internal import Launch
internal import OCI
internal import Planner

/// A process that changes a container's mounts, or looks where its paths lead, until it is done.
///
/// It is not in the container's pid namespace, nor in its cgroups: the container neither sees it nor holds it up by
/// freezing.
struct MountWorker: ~Copyable {
    private var child: Child
    private let plan: Plan
    /// What it has sent: held until the end, so that it is the same that the process works with.
    private var received = DescriptorTable()
    private var isInside = false
    /// A borrowed descriptor that is readable when all this is to be given up; nil: nothing interrupts it.
    private let interruption: Int32?

    /// Inside, a look-up may ask a file system whose server is a process of the container.
    private static var patience: Int32 { 10_000 }
    private static var patienceWithEnd: Int32 { 1000 }

    /// - Parameter attached: borrowed mounts for the plan's provisions of these.
    static func start(
        _ plan: Plan, _ change: borrowing MountChange, _ spec: Spec, attached: [Int32] = [], interruption: Int32? = nil
    ) throws(RuntimeError) -> MountWorker {
        var table = DescriptorTable()
        var descriptors: [(Slot, Int32)] = []
        for provision in plan.provisions {
            let number: Int32
            do throws(SystemError) {
                switch provision.source {
                case .process: number = table.add(try change.target.descriptor.duplicate())
                case .attachedMount(let index): number = attached[index]
                case .tree(let source):
                    guard let tree = try Provider.tree(source) else { continue }
                    number = table.add(tree)
                case .mappedTree(let source, _): number = table.add(try Provider.detachedTree(source))
                // A new container has them, or a process that joins.
                case .namespace, .processRoot, .tasks, .gateListener, .devices, .notifyDirectory, .notifySocket:
                    continue
                }
            } catch {
                throw .system(error, field: provision.origin.text)
            }
            if case .mappedTree(_, let index) = provision.source, let mount = change.idMapped(spec, index, spec.linux) {
                try mount.map(number)
            }
            descriptors.append((provision.slot, number))
        }
        do {
            let child = try Child(
                running: plan, descriptors: descriptors, cgroup: nil, streams: StandardStreams(),
                keepsCapabilities: false)
            return MountWorker(child: child, plan: plan, interruption: interruption)
        } catch {
            throw .system(error, field: "process")
        }
    }

    private init(child: consuming Child, plan: Plan, interruption: Int32?) {
        self.child = child
        self.plan = plan
        self.interruption = interruption
    }

    var pid: Int32 { child.process.pid }

    /// The index in `mounts` of the entry that the process is at.
    var entry: Int? {
        let step = Int(child.currentReport().step)
        guard plan.steps.indices.contains(step), case .element(_, let index, _) = plan.steps[step].origin else {
            return nil
        }
        return index
    }

    /// Closes what has been received so far: for who only looks.
    mutating func forget() { received = DescriptorTable() }

    /// The next meeting, and the borrowed descriptor that came along.
    mutating func next() throws(RuntimeError) -> (meeting: Meeting, descriptor: Int32?) {
        var isThere = true
        let request: Request
        do {
            if isInside || interruption != nil {
                isThere = try child.hasRequest(within: isInside ? Self.patience : -1, unless: interruption)
            }
            request = isThere ? try child.nextRequest() : .ended
        } catch {
            throw RuntimeError(error, waitingFor: child)
        }
        if !isThere { throw .status(slowness) }
        guard case .meeting(let meeting, let descriptors) = request else { throw explainEnd() }
        for number in descriptors { received.add(Descriptor(owning: number)) }
        if meeting == .inside { isInside = true }
        return (meeting, descriptors.first)
    }

    private var slowness: String {
        let failure = child.failure(nil)
        return "\(failure.field): \(failure.step): no answer within \(Self.patience / 1000) s"
    }

    borrowing func reply() throws(RuntimeError) {
        do { try child.reply() } catch {
            throw error.isEndOfPeer ? explainEnd() : .system(error, field: "process")
        }
    }

    /// The process is at its last meeting, and ends by itself.
    borrowing func finish() {
        try? child.reply()  // It may be gone.
        end()
    }

    /// Lets go of the process, wherever it is.
    borrowing func end() { _ = child.kill(within: Self.patienceWithEnd) }

    private borrowing func explainEnd() -> RuntimeError {
        let exit = child.kill(within: Self.patienceWithEnd)
        let failure = child.failure(exit)
        // setns(2) of a process that is ending.
        if failure.errno == .noProcess, failure.field == "linux.namespaces" { return Container.notRunning }
        return .step(failure)
    }
}
