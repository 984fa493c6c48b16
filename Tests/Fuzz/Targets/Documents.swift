import JSON

// JSON, configurations, limits, and the state of containers.
@testable import Cgroups
@testable import DBus
@testable import OCI
@testable import Runtime

/// What is read can be written, and read again as the same.
func fuzzJSON(_ bytes: [UInt8]) {
    guard let root = try? JSONDocument(parsing: bytes).root else { return }
    let text = rewritten(root)
    guard let again = try? JSONDocument(parsing: text).root else { fatalError("cannot be read again") }
    require(rewritten(again) == text, "is not what was read")
    var places = 0
    describe(root, &places)
}

private func rewritten(_ node: JSONNode) -> [UInt8] {
    var writer = JSONWriter(.compact)
    write(node, to: &writer)
    return writer.bytes
}

private func write(_ node: JSONNode?, to writer: inout JSONWriter) {
    guard let node else { return writer.null() }
    switch node.kind {
    case .boolean: writer.boolean((try? node.boolean()) ?? false)
    case .integer:
        if let number: Int64 = try? node.integer() {
            writer.integer(number)
        } else if let number: UInt64 = try? node.integer() {
            writer.integer(number)
        } else {
            fatalError("an integer of neither kind")
        }
    case .fraction: writer.string(node.excerpt)
    case .string: writer.string((try? node.string()) ?? node.excerpt)
    case .array: writer.array { writer in for index in 0..<node.count { write(node[index], to: &writer) } }
    case .object:
        writer.object { writer in
            for member in node.members {
                writer.name(member.name)
                write(member.value, to: &writer)
            }
        }
    }
}

/// What messages ask for; finding a place takes a search, so not for all of them.
private func describe(_ node: JSONNode, _ places: inout Int) {
    guard places < 20 else { return }
    places += 1
    require(!node.excerpt.isEmpty, "a value without a text")
    _ = node.path
    for index in 0..<min(node.count, 20) { if let element = node[index] { describe(element, &places) } }
    for member in node.members.prefix(20) {
        _ = node.path(of: member.name)
        if let value = member.value { describe(value, &places) }
    }
}

/// A configuration, and what `check` says of it: both have to see the same.
func fuzzConfiguration(_ bytes: [UInt8]) {
    let inspected = Spec.inspect(bytes)
    do throws(SpecError) {
        let spec = try Spec.decode(bytes)
        require(inspected.spec != nil && inspected.problems.isEmpty, "check finds something, run does not")
        checkHooks(spec)
    } catch {
        require(!error.problems.isEmpty && !"\(error)".isEmpty, "refused without a reason")
        require(!inspected.problems.isEmpty, "run finds something, check does not")
    }
    // A later exec may read less strictly, but what it reads it has to survive.
    _ = try? Spec.decodeForExec(bytes)
}

private func checkHooks(_ spec: Spec) {
    var writer = JSONWriter(.compact)
    writer.object { writer in
        writer.name("hooks")
        spec.hooks.encode(to: &writer)
        writer.name("annotations")
        Annotation.encode(spec.annotations, to: &writer)
    }
    guard let root = try? JSONDocument(parsing: writer.bytes).root, let node = root["hooks"] else {
        fatalError("hooks cannot be read again")
    }
    require((try? Hooks.decode(node)) == spec.hooks, "hooks are not what was written")
    require(
        (try? Annotation.decode(member: "annotations", of: root))?.count == spec.annotations.count,
        "annotations are not what was written")
}

/// The state file: what is read is written as it was.
func fuzzState(_ bytes: [UInt8]) {
    guard let record = try? Record(decoding: bytes, path: "state.json") else { return }
    let written = record.encoded()
    guard let again = try? Record(decoding: written, path: "state.json") else {
        fatalError("a state that was written cannot be read")
    }
    require(again.encoded() == written, "the state is not what was written")
    let cgroup = Cgroup(restoring: record.cgroup)
    require(Cgroup(restoring: cgroup.stateText) == cgroup, "the cgroup is not what was written")
    _ = ResctrlGroup(restoring: record.resctrl)?.stateText
    _ = try? record.resources?.value()
}

/// Limits, as `update --resources` gets them, and everything that is computed from them.
func fuzzResources(_ bytes: [UInt8]) {
    guard let resources = try? Resources.decode(bytes) else { return }
    var writer = JSONWriter(.compact)
    resources.encode(to: &writer)
    guard let again = try? Resources.decode(writer.bytes) else { fatalError("limits cannot be read again") }
    var second = JSONWriter(.compact)
    again.encode(to: &second)
    require(second.bytes == writer.bytes, "limits are not what was written")
    let merged = Resources(pids: .init(limit: 7)).updated(with: resources).updated(with: again)
    if merged.contradictions().isEmpty {
        var writer = JSONWriter(.compact)
        merged.encode(to: &writer)
        require((try? Resources.decode(writer.bytes)) != nil, "limits after an update cannot be read again")
    }
    compileDevices(resources.devices)
    for context in contexts { send(LimitProperties.make(resources, context)) }
}

private var contexts: [LimitProperties.Context] {
    [
        LimitProperties.Context(version: 255),
        LimitProperties.Context(isUnified: false, version: 247),
        LimitProperties.Context(
            hasBFQ: true, isUser: true, version: 252, isNew: false, memoryLimit: .max, quota: .max, period: 1),
    ]
}

private func compileDevices(_ rules: [Resources.DeviceRule]) {
    let all = DeviceRules.complete(rules)
    let program = DeviceProgram.compile(all)
    require(DeviceMachine.isSound(program), "a device program that leads nowhere")
    var list = DeviceList()
    do throws(DeviceList.Inexpressible) {
        for rule in all { try list.apply(rule) }
    } catch {
        return
    }
    _ = list.decisive.changes(from: DeviceList())
    _ = DeviceList().changes(from: list)
    for rule in all.prefix(16) + all.suffix(16) { DeviceMachine.compare(program, list, rule) }
}

/// Puts properties into a message as they go to systemd. libdbus ends the process if it is given what it cannot carry.
func send(_ properties: [UnitProperty]) {
    _ = try? BusMessage(call("/a", [UnitProperty.encode(properties)]))
}
