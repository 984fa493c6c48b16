import OCI

// Names and paths, values in GVariant's form, and what the kernel says of mounts.
@testable import Cgroups
@testable import DBus

/// Lines: a path of a cgroup, the id of a container, and what else has a form.
func fuzzNames(_ bytes: [UInt8]) {
    let lines = bytes.split(separator: 10, maxSplits: 3, omittingEmptySubsequences: false)
        .map { String(decoding: $0, as: UTF8.self) }
    let path = lines[0]
    let id = lines.count > 1 && !lines[1].isEmpty ? lines[1] : "box"
    if let place = try? CgroupPath(path, id: id) {
        require(!place.text.isEmpty && !"/\(place.text)/".holds("/../"), "a cgroup that leads out")
        let hierarchy = Hierarchy(label: "", mountPoint: "/c", ownPath: "/own/x")
        require(place.directory(in: hierarchy).begins(with: "/c/"), "a cgroup outside of its hierarchy")
        require(place.directory(inUnified: hierarchy).begins(with: "/c/"), "a cgroup outside of its hierarchy")
    }
    for instance in [SystemdUnit.Instance.system, .user] { checkUnit(path, id, instance) }
    _ = try? SubCgroup(path)
    if let id = try? ContainerID(id) { require(!id.text.hasSlash, "an id that is a path") }
    let text = lines.count > 2 ? lines[2] : ""
    _ = SystemdUnit(restoring: text)
    _ = try? SystemdBus.checked(text, .system)
    let escaped = SystemdBus.escaped(text)
    require(escaped.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7f && $0 != 0x2c && $0 != 0x3b }, "an address in an address")
    _ = SystemdBus.isInitialMap(text)
    _ = SystemdBus.outer(1000, in: text)
    if let set = NumberSet.bytes(of: text) { require(set.count <= 1024, "more CPUs than there can be") }
    _ = IndexRanges(parsing: text)
    let sysctl = Sysctl(key: text, value: "")
    if let path = sysctl.path { require(!"/\(path)/".holds("/../"), "a parameter that leads out") }
    let clean = lexicallyClean("/\(path)")
    require(clean.isAbsolute && !"\(clean)/".holds("/../") && !clean.holds("//"), "not clean")
    let group = Cgroup(restoring: lines)
    require(Cgroup(restoring: group.stateText) == group, "the cgroup is not what was written")
}

private func checkUnit(_ path: String, _ id: String, _ instance: SystemdUnit.Instance) {
    guard let place = try? SystemdPlace(path, id: id, instance) else { return }
    require(place.unit.name.utf8.count <= 255 && !place.unit.name.hasSlash, "a unit that is a path")
    require(place.path.isAbsolute && !"\(place.path)/".holds("/../"), "a unit that leads out")
    require(SystemdUnit(restoring: place.unit.stateText) == place.unit, "the unit is not what was written")
}

/// A value in GVariant's text form becomes one that D-Bus carries, or is refused.
func fuzzVariant(_ bytes: [UInt8]) {
    let text = String(decoding: bytes, as: UTF8.self)
    if let value = try? VariantText.parse(text) { _ = try? BusMessage(call("/a", [.variant(value)])) }
    for name in ["TimeoutStopSec", "IOWeight"] {
        let annotation = Annotation(key: AnnotatedProperties.prefix + name, value: text)
        if let properties = try? AnnotatedProperties.read([annotation]) { send(properties) }
    }
    _ = try? AnnotatedProperties.read([Annotation(key: AnnotatedProperties.prefix + text, value: "1")])
}

/// /proc/self/cgroup, a zero byte, /proc/self/mountinfo. In one piece or in many, it says the same.
func fuzzLayout(_ bytes: [UInt8]) {
    let parts = bytes.split(separator: 0, maxSplits: 1, omittingEmptySubsequences: false).map { Array($0) }
    let mounts = parts.count > 1 ? parts[1] : []
    for hidden in [nil, "/sys/fs/cgroup"] {
        let whole = CgroupLayout.parse(mountinfo: mounts, cgroup: parts[0], hidden: hidden)
        var parser = LayoutParser(cgroup: parts[0], hidden: hidden)
        var start = 0
        var isDone = false
        while start < mounts.count, !isDone {
            let end = min(start + 61, mounts.count)
            isDone = parser.append(Array(mounts[start..<end]))
            start = end
        }
        if !isDone { parser.finish() }
        var single = LayoutParser(cgroup: parts[0], hidden: hidden)
        if !single.append(mounts) { single.finish() }
        require(
            parser.hierarchies == single.hierarchies && parser.unified == single.unified,
            "pieces differ from the whole")
        place(in: whole)
    }
}

private func place(in layout: CgroupLayout) {
    guard let path = try? CgroupPath("a/b", id: "box") else { return }
    _ = try? CgroupLocation(path, in: layout)
    _ = CgroupLocation(stayingIn: layout).view
}

extension String {
    /// Whether some bytes are somewhere in a text.
    fileprivate func holds(_ text: String) -> Bool {
        let bytes = Array(utf8)
        let wanted = Array(text.utf8)
        return bytes.indices.contains { bytes[$0...].starts(with: wanted) }
    }
}
