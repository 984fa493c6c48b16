internal import DBus
internal import OCI

/// Device rules as systemd's `DevicePolicy=` and `DeviceAllow=`, which know only devices that are allowed.
///
/// On cgroup v2 the container's own program is in charge, and what systemd allows must be neither more nor less: a list
/// that cannot be written down exactly is not given to it at all. On cgroup v1 systemd writes the same files as the
/// container's driver, so that it gets what can be written down.
enum DeviceProperty {
    /// The entries; nil if everything is allowed, or (`isExact`) if there are no such entries.
    static func allowed(_ rules: [Resources.DeviceRule], isExact: Bool) -> [BusValue]? {
        var list = DeviceList()
        for rule in DeviceRules.complete(rules) {
            // A list that cannot be written down for cgroup v1 either is an error there, of those who write the files.
            do { try list.apply(rule) } catch { return nil }
        }
        if list.allowsByDefault { return nil }
        var entries: [BusValue] = []
        for exception in list.decisive.exceptions {
            guard let name = name(of: exception) else {
                if isExact { return nil }
                continue
            }
            entries.append(.structure([.string(name), .string(exception.access.letters)]))
        }
        return entries
    }

    /// `/dev/char/1:3`, which systemd reads without looking for it, `char-136` for a whole major number, `char-*`.
    private static func name(of entry: DeviceList.Entry) -> String? {
        let kind = entry.kind == .block ? "block" : "char"
        switch (entry.major, entry.minor) {
        case (let major?, let minor?): return "/dev/\(kind)/\(major):\(minor)"
        case (let major?, nil): return "\(kind)-\(major)"
        case (nil, nil): return "\(kind)-*"
        case (nil, .some): return nil
        }
    }

    /// What a unit has that leaves devices alone.
    static var none: [UnitProperty] {
        [UnitProperty("DevicePolicy", .string("auto")), UnitProperty("DeviceAllow", .array(of: "(ss)", []))]
    }

    /// What allows these and no others. An empty list takes the former entries away; another one adds to them.
    static func strict(_ allowed: [BusValue], isNew: Bool) -> [UnitProperty] {
        var properties = [UnitProperty("DevicePolicy", .string("strict"))]
        if !isNew { properties.append(UnitProperty("DeviceAllow", .array(of: "(ss)", []))) }
        properties.append(UnitProperty("DeviceAllow", .array(of: "(ss)", allowed)))
        return properties
    }
}
