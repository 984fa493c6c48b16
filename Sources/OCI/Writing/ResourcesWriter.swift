public import JSON

extension Resources {
    /// Writes the limits as an object, in the form of `linux.resources`; what is not given is left out.
    public func encode(to writer: inout JSONWriter) {
        writer.object { writer in
            writer.list("devices", devices) { $0.encode(to: &$1) }
            if let memory { writer.member("memory", object: { memory.encodeMembers(to: &$0) }) }
            if let cpu { writer.member("cpu", object: { cpu.encodeMembers(to: &$0) }) }
            if let limit = pids?.limit { writer.member("pids", object: { $0.member("limit", limit) }) }
            if let blockIO { writer.member("blockIO", object: { blockIO.encodeMembers(to: &$0) }) }
            writer.list("hugepageLimits", hugepageLimits) { limit, writer in
                writer.object { writer in
                    writer.member("pageSize", limit.pageSize)
                    writer.member("limit", limit.limit)
                }
            }
            if let network { writer.member("network", object: { network.encodeMembers(to: &$0) }) }
            encodeMaps(to: &writer)
        }
    }

    /// Objects whose names are data.
    private func encodeMaps(to writer: inout JSONWriter) {
        if !rdma.isEmpty {
            writer.member(
                "rdma",
                object: { writer in
                    for device in rdma {
                        writer.member(
                            device.device,
                            object: { writer in
                                writer.optional("hcaHandles", device.hcaHandles)
                                writer.optional("hcaObjects", device.hcaObjects)
                            })
                    }
                })
        }
        if !unified.isEmpty {
            writer.member(
                "unified",
                object: { writer in
                    for entry in unified { writer.member(entry.file, entry.value) }
                })
        }
    }
}

extension Resources.DeviceRule {
    fileprivate func encode(to writer: inout JSONWriter) {
        writer.object { writer in
            writer.member("allow", allow)
            if kind != .all { writer.member("type", kind.rawValue) }
            writer.optional("major", major)
            writer.optional("minor", minor)
            writer.member("access", access.letters)
        }
    }
}

extension Resources.Memory {
    fileprivate func encodeMembers(to writer: inout JSONWriter) {
        writer.optional("limit", limit)
        writer.optional("reservation", reservation)
        writer.optional("swap", swap)
        writer.optional("kernel", kernel)
        writer.optional("kernelTCP", kernelTCP)
        writer.optional("swappiness", swappiness)
        writer.optional("disableOOMKiller", disableOOMKiller)
        writer.optional("useHierarchy", useHierarchy)
        writer.optional("checkBeforeUpdate", checkBeforeUpdate)
    }
}

extension Resources.CPU {
    fileprivate func encodeMembers(to writer: inout JSONWriter) {
        writer.optional("shares", shares)
        writer.optional("quota", quota)
        writer.optional("burst", burst)
        writer.optional("period", period)
        writer.optional("realtimeRuntime", realtimeRuntime)
        writer.optional("realtimePeriod", realtimePeriod)
        if let cpus { writer.member("cpus", cpus) }
        if let mems { writer.member("mems", mems) }
        writer.optional("idle", idle)
    }
}

extension Resources.BlockIO {
    fileprivate func encodeMembers(to writer: inout JSONWriter) {
        writer.optional("weight", weight)
        writer.optional("leafWeight", leafWeight)
        writer.list("weightDevice", weightDevice) { device, writer in
            writer.object { writer in
                writer.member("major", device.major)
                writer.member("minor", device.minor)
                writer.optional("weight", device.weight)
                writer.optional("leafWeight", device.leafWeight)
            }
        }
        writer.list("throttleReadBpsDevice", throttleReadBpsDevice) { $0.encode(to: &$1) }
        writer.list("throttleWriteBpsDevice", throttleWriteBpsDevice) { $0.encode(to: &$1) }
        writer.list("throttleReadIOPSDevice", throttleReadIOPSDevice) { $0.encode(to: &$1) }
        writer.list("throttleWriteIOPSDevice", throttleWriteIOPSDevice) { $0.encode(to: &$1) }
    }
}

extension Resources.ThrottleDevice {
    fileprivate func encode(to writer: inout JSONWriter) {
        writer.object { writer in
            writer.member("major", major)
            writer.member("minor", minor)
            writer.member("rate", rate)
        }
    }
}

extension Resources.Network {
    fileprivate func encodeMembers(to writer: inout JSONWriter) {
        writer.optional("classID", classID)
        writer.list("priorities", priorities) { entry, writer in
            writer.object { writer in
                writer.member("name", entry.name)
                writer.member("priority", entry.priority)
            }
        }
    }
}

extension JSONWriter {
    /// A member that is left out when there is no value.
    fileprivate mutating func optional(_ name: String, _ value: (some FixedWidthInteger)?) {
        if let value { member(name, value) }
    }

    fileprivate mutating func optional(_ name: String, _ value: Bool?) {
        if let value { member(name, value) }
    }

    /// An array that is left out when it is empty.
    fileprivate mutating func list<Element>(
        _ name: String, _ elements: [Element], _ body: (Element, inout JSONWriter) -> Void
    ) {
        if elements.isEmpty { return }
        member(name, array: { writer in for element in elements { body(element, &writer) } })
    }
}
