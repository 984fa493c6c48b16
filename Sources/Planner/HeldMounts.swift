internal import OCI

/// Mounts that something is done to after they were made: it is done through the descriptor that they were made with, and
/// not through their destination, which a neighbour may have exchanged by then.
extension PlanBuilder {
    mutating func noteRemounts() {
        for mount in spec.mounts where mount.isRemount { remounted.insert(Self.key(mount.destination)) }
        let late = spec.mounts.count { isLateReadOnly($0) }
        if late > Self.fewLate { noteParents() }
    }

    /// Notes every directory in which something is made later: a mount point, a device, the working directory.
    private mutating func noteParents() {
        let made = ["/dev/console", "/run/notify", spec.process?.cwd ?? "/"] + spec.linux.devices.map { $0.path }
        for path in made + spec.mounts.map({ $0.destination }) {
            let bytes = Self.key(path)
            for (index, byte) in bytes.enumerated() where byte == UInt8(ascii: "/") {
                filled.insert(index == 0 ? [byte] : Array(bytes[..<index]))
            }
        }
    }

    /// So many mounts can be held without a thought.
    private static let fewLate = 64

    /// Whether a mount becomes read-only only at the end: every one, unless they are so many that there are not enough
    /// slots for them; then those in which something is made, as far as the text of the paths tells.
    func staysWritable(_ mount: Mount) -> Bool {
        isLateReadOnly(mount) && (filled.isEmpty || filled.contains(Self.key(mount.destination)))
    }

    /// Where a mount is kept while it is made, and as long as something is to be done to it.
    mutating func slot(for mount: Mount) -> Slot {
        if mount.action == .new, lexicallyClean(mount.destination) == "/dev" { return .devices }
        return staysWritable(mount) || isRemounted(mount.destination) ? reserveSlot() : .mount
    }

    /// Remembers which mount is at a destination. What is below it cannot be seen any more.
    mutating func hold(_ slot: Slot, at destination: String) {
        let clean = lexicallyClean(destination)
        if clean == "/dev" || clean == "/" { holdsDev = slot == .devices }
        if remounted.isEmpty { return }
        let below = Array((clean == "/" ? clean : clean + "/").utf8)
        heldMounts = heldMounts.filter { !$0.key.starts(with: below) }
        if isRemounted(destination) { heldMounts[Self.key(destination)] = slot == .mount ? nil : slot }
    }

    /// All new mounts on /dev have one slot: one that is covered by the next is finished before.
    mutating func finishCovered(_ slot: Slot) {
        guard let index = lateReadOnly.firstIndex(where: { $0.slot == slot }) else { return }
        let covered = lateReadOnly.remove(at: index)
        add(.setMountAttributes(slot, set: MountAttributes.readOnly.rawValue), covered.origin)
    }

    /// A mount that an entry makes writable again does not become read-only at the end.
    mutating func forgetLateReadOnly(_ slot: Slot, _ mount: Mount) {
        if !mount.attributes.set.contains(.readOnly) { lateReadOnly.removeAll { $0.slot == slot } }
    }

    /// The mount that an entry changes: the one that the configuration has put there, or what is there in the image.
    mutating func findMount(_ destination: String, _ origin: Origin) -> Slot {
        if let slot = heldMounts[Self.key(destination)] { return slot }
        if lexicallyClean(destination) == "/" { return .root }
        add(.openPath(.root, path: destination, flags: OpenFlag.path, into: .target), origin)
        return .target
    }

    private func isRemounted(_ destination: String) -> Bool {
        !remounted.isEmpty && remounted.contains(Self.key(destination))
    }

    private static func key(_ destination: String) -> [UInt8] { Array(lexicallyClean(destination).utf8) }
}
